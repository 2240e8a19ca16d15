"""`BatchCharger`: works through a run, many charges at once, and can be stopped or killed at any moment."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

import anyio
from anyio import CapacityLimiter, create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from nexi_async.batch.individual import charge_one
from nexi_async.batch.ledger import Ledger
from nexi_async.batch.ledger_work import Assignment, Run, Scope
from nexi_async.batch.pacing import Breaker, Pace, RateCap
from nexi_async.batch.progress import Progress, ProgressMeter
from nexi_async.batch.results import Ending, JobResult
from nexi_async.client import AsyncCheckout
from nexi_async.errors import InvalidRequest

__all__ = ["BatchCharger"]

Done: TypeAlias = tuple[Assignment, Ending]
Results: TypeAlias = MemoryObjectSendStream[list[JobResult]]

LARGEST_CHUNK = 500
"""How many jobs are taken at once; after a crash so many at most are asked for that were never sent."""
LARGEST_GROUP = 500
"""How many results one commit takes."""
GATHERING_SECONDS = 0.02
"""How long results wait for others, so that a commit is shared; after a crash what waited is asked for."""
ROUNDS = 3
"""How often a run is gone through for what was left open."""
PAUSE_SECONDS = 2.0
"""Before another round; twice as long before the next."""


class BatchCharger:
    """Charges every job of a run that is still open: `async for result in BatchCharger(checkout, ledger, run=...):`.

    It may be killed at any moment and begun again, here or elsewhere: whatever may have been sent is asked for first
    and then sent with the same key, so nobody is charged twice and nobody is forgotten. A result is handed out once it
    is on disk. To leave the loop early have the iterator closed (`contextlib.aclosing`), or call `stop`.
    """

    def __init__(
        self,
        checkout: AsyncCheckout,
        ledger: Ledger,
        *,
        run: str,
        concurrency: int = 200,
        rate: float | None = None,
        scope: Scope | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        now: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Get ready; nothing is sent.

        Args:
            checkout: the client; have its `max_connections` at least as large as `concurrency`.
            ledger: where the run was planned.
            run: the run's name.
            concurrency: how many charges are under way at once, at most; fewer while the API is slow or overloaded.
            rate: how many charges may begin in a second, at most.
            scope: a part of the run; all of it when left out.
            on_progress: told where the run stands, whenever results were written.
            now: seconds from any fixed point.
            sleep: waits so many seconds.

        Raises:
            InvalidRequest: a limit is not possible.
        """
        _check_limits(concurrency, rate)
        self._checkout = checkout
        self._ledger = ledger
        self._run_name = run
        self._concurrency = concurrency
        self._scope = scope or Scope()
        self._on_progress = on_progress
        self._now = now
        self._sleep = sleep
        self._owner = uuid4().hex
        self._pace = Pace(concurrency)
        self._rate = RateCap(rate)
        self._breaker = Breaker()
        self._taken: deque[Assignment] = deque()
        self._last_number = 0
        self._turn = anyio.Lock()
        self._slots = CapacityLimiter(self._pace.limit)
        self._chunk = min(LARGEST_CHUNK, 2 * concurrency)
        self._is_stopping = self._is_at_end = False
        self._left_open = 0

    @property
    def stopped_because(self) -> str | None:
        """Why the run was ended before its end."""
        return self._breaker.reason or ("it was asked to stop" if self._is_stopping else None)

    def stop(self) -> None:
        """End gracefully: what is under way is finished and written, nothing more is begun."""
        self._is_stopping = True

    async def __aiter__(self) -> AsyncGenerator[JobResult, None]:
        """Charge, and hand out what became of each job once that is on disk.

        Raises:
            InvalidRequest: the run is not planned.
            NexiError: the API refuses the key; what was begun is finished, and the run can be gone on with.
        """
        run = await self._ledger.bind(self._run_name, "individual")
        results, handed_out = create_memory_object_stream[list[JobResult]](0)
        async with create_task_group() as tasks:
            tasks.start_soon(self._charge_all, run, results)
            try:
                async with handed_out:
                    async for group in handed_out:
                        for result in group:
                            yield result
            except GeneratorExit:  # a task group would wrap it
                tasks.cancel_scope.cancel()
        if self._breaker.error is not None:
            raise self._breaker.error

    # --- a run ---------------------------------------------------------------------------------------------------

    async def _charge_all(self, run: Run, results: Results) -> None:
        """Go through the run; what is left open then is tried again a little later."""
        async with results:
            left = await self._ledger.count_open(run, self._scope)
            total = run.jobs if self._scope == Scope() else left
            meter = ProgressMeter(total, total - left, self._now())
            for number in range(ROUNDS):
                if number:
                    await self._sleep(PAUSE_SECONDS * 2 ** (number - 1))
                await self._go_through(run, meter, results)
                if self._is_over() or not self._left_open:
                    return

    async def _go_through(self, run: Run, meter: ProgressMeter, results: Results) -> None:
        self._left_open, self._last_number, self._is_at_end = 0, self._scope.first - 1, False
        done, to_record = create_memory_object_stream[Done](LARGEST_GROUP)
        async with create_task_group() as tasks:
            tasks.start_soon(self._record, to_record, meter, results)
            async with done, create_task_group() as workers:
                for _ in range(self._concurrency):
                    workers.start_soon(self._work, run, done)
        await self._ledger.release(self._taken, self._owner)
        self._taken.clear()

    def _is_over(self) -> bool:
        """Whether no more charges are to be begun."""
        return self._is_stopping or self._breaker.is_open

    # --- a worker ------------------------------------------------------------------------------------------------

    async def _work(self, run: Run, done: MemoryObjectSendStream[Done]) -> None:
        while True:
            async with self._slots:
                job = await self._next(run)
                if job is None:
                    return
                end = await self._charge(job)
            await done.send(end)

    async def _next(self, run: Run) -> Assignment | None:
        """The next job, when its turn has come; None if there is none or no more are to be begun."""
        if not self._taken:
            await self._take(run)
        if self._is_over() or not self._taken:
            return None
        job = self._taken.popleft()
        delay = self._rate.delay(self._now())
        if delay:
            await self._sleep(delay)
            if self._is_over():
                self._taken.append(job)
                return None
        return job

    async def _take(self, run: Run) -> None:
        """Take more from the ledger, where they are marked as sending from now on."""
        async with self._turn:
            if self._taken or self._is_at_end or self._is_over():
                return
            chunk = await self._ledger.claim(
                run, scope=self._scope, after=self._last_number, most=self._chunk, owner=self._owner
            )
            self._taken.extend(chunk)
            if chunk:
                self._last_number = chunk[-1].number
            else:
                self._is_at_end = True

    async def _charge(self, job: Assignment) -> Done:
        """Charge one job, and learn from how it went."""
        began = self._now()
        job, ending = await charge_one(self._checkout, self._ledger, job)
        self._pace.note(self._now() - began, in_trouble=ending.in_trouble)
        if self._slots.total_tokens != self._pace.limit:
            self._slots.total_tokens = self._pace.limit
        self._breaker.note(ending.refused_for_all, in_trouble=ending.in_trouble, error=ending.error)
        return job, ending

    # --- writing -------------------------------------------------------------------------------------------------

    async def _record(self, done: MemoryObjectReceiveStream[Done], meter: ProgressMeter, results: Results) -> None:
        """Write what has come together, then hand it out."""
        async with done:
            async for first in done:
                await self._sleep(GATHERING_SECONDS)
                group = [first, *_ready(done)]
                await self._ledger.record(group, self._owner)
                self._left_open += sum(not ending.state.is_final for _, ending in group)
                if self._on_progress is not None:
                    self._on_progress(meter.note([ending.state for _, ending in group], self._now()))
                await _hand_out(results, [job.result(ending) for job, ending in group])


def _ready(done: MemoryObjectReceiveStream[Done]) -> list[Done]:
    """What waits to be written."""
    return [done.receive_nowait() for _ in range(done.statistics().current_buffer_used)]


async def _hand_out(results: Results, group: list[JobResult]) -> None:
    """Give results to whoever iterates; nobody may be there any more."""
    with contextlib.suppress(anyio.BrokenResourceError):
        await results.send(group)


def _check_limits(concurrency: int, rate: float | None) -> None:
    faults = []
    if concurrency < 1:
        faults.append(("concurrency", "must be at least 1"))
    if rate is not None and not 0 < rate < math.inf:
        faults.append(("rate", "must be more than 0 charges a second"))
    if faults:
        raise InvalidRequest(faults)
