"""`BatchCharger`: works through a run, many charges at once, and can be stopped or killed at any moment."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Literal, TypeAlias, get_args
from uuid import uuid4

import anyio
from anyio import create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectSendStream

from nexi_async.batch.bulk_crew import BulkCrew
from nexi_async.batch.crew import Crew
from nexi_async.batch.ledger import Ledger
from nexi_async.batch.ledger_work import Run, Scope
from nexi_async.batch.outbox import Done, Outbox
from nexi_async.batch.pacing import Breaker, Pace, RateCap
from nexi_async.batch.progress import Progress, ProgressMeter
from nexi_async.batch.results import JobResult
from nexi_async.client import AsyncCheckout
from nexi_async.errors import InvalidRequest
from nexi_async.resources.pages import Poll

__all__ = ["BatchCharger", "Strategy"]

Strategy: TypeAlias = Literal["individual", "bulk"]
Results: TypeAlias = MemoryObjectSendStream[list[JobResult]]

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
        strategy: Strategy = "individual",
        poll: Poll | None = None,
        scope: Scope | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Get ready; nothing is sent.

        Args:
            checkout: the client; have its `max_connections` at least as large as `concurrency`.
            ledger: where the run was planned.
            run: the run's name.
            concurrency: how many charges are under way at once, at most; fewer while the API is slow or overloaded.
            rate: how many charges may begin in a second, at most.
            strategy: "individual" charges one by one, "bulk" has Nexi charge bundles. A run keeps the one it was
                begun with. With "bulk" concurrency and rate do not count, a stop waits for the bundles under way, and
                whatever the API refuses of a bundle it refuses for all its jobs.
            poll: how patiently to wait for a bundle.
            scope: a part of the run, with strategy "individual"; all of it when left out.
            on_progress: told where the run stands, whenever results were written.
            now: seconds from any fixed point.
            sleep: waits so many seconds.

        Raises:
            InvalidRequest: a limit is not possible.
        """
        _check_limits(concurrency, rate, strategy, scope)
        self._ledger = ledger
        self._run_name = run
        self._scope = scope or Scope()
        self._on_progress = on_progress
        self._now = now
        self._sleep = sleep
        self._owner = uuid4().hex
        self._breaker = Breaker()
        self._rate = RateCap(rate)
        self._strategy = strategy
        self._crew = (
            Crew(checkout, ledger, self._breaker, pace=Pace(concurrency), rate=self._rate, now=now, sleep=sleep)
            if strategy == "individual"
            else BulkCrew(checkout, ledger, self._breaker, poll=poll or Poll())
        )
        self._left_open = 0

    @property
    def stopped_because(self) -> str | None:
        """Why the run was ended before its end."""
        return self._breaker.reason

    def set_rate(self, rate: float | None) -> None:
        """How many charges may begin in a second from now on; None for no limit."""
        self._rate.per_second = rate

    def stop(self) -> None:
        """End gracefully: what is under way is finished and written, nothing more is begun."""
        self._breaker.open("it was asked to stop")

    async def __aiter__(self) -> AsyncGenerator[JobResult, None]:
        """Charge, and hand out what became of each job once that is on disk.

        Raises:
            InvalidRequest: the run is not planned.
            NexiError: the API refuses the key; what was begun is finished, and the run can be gone on with.
        """
        run = await self._ledger.bind(self._run_name, self._strategy)
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

    async def _charge_all(self, run: Run, results: Results) -> None:
        """Go through the run; what is left open then is tried again a little later."""
        async with results:
            left = await self._ledger.count_open(run, self._scope)
            total = run.jobs if self._scope == Scope() else left
            meter = ProgressMeter(total, total - left, self._now())
            write = functools.partial(self._write, meter, results)
            for number in range(ROUNDS):
                self._left_open = 0
                await self._go_through(run, Outbox(write, sleep=self._sleep))
                if self._breaker.is_open() or not self._left_open:
                    return
                await self._sleep(PAUSE_SECONDS * 2**number)

    async def _go_through(self, run: Run, outbox: Outbox) -> None:
        async with create_task_group() as tasks:
            tasks.start_soon(outbox.empty)
            await self._crew.go_through(run, self._scope, self._owner, outbox)
            outbox.close()

    async def _write(self, meter: ProgressMeter, results: Results, group: list[Done]) -> None:
        """Write results, then hand them out."""
        await self._ledger.record(group, self._owner)
        self._left_open += sum(not ending.state.is_final for _, ending in group)
        if self._on_progress is not None:
            self._on_progress(meter.note([ending.state for _, ending in group], self._now()))
        await _hand_out(results, [job.result(ending) for job, ending in group])


async def _hand_out(results: Results, group: list[JobResult]) -> None:
    """Give results to whoever iterates; nobody may be there any more."""
    with contextlib.suppress(anyio.BrokenResourceError):
        await results.send(group)


def _check_limits(concurrency: int, rate: float | None, strategy: str, scope: Scope | None) -> None:
    faults = []
    if strategy not in get_args(Strategy):
        faults.append(("strategy", "must be individual or bulk"))
    if strategy == "bulk" and scope is not None:
        faults.append(("scope", "needs the strategy individual"))
    if concurrency < 1:
        faults.append(("concurrency", "must be at least 1"))
    if rate is not None and not 0 < rate < math.inf:
        faults.append(("rate", "must be more than 0 charges a second"))
    if faults:
        raise InvalidRequest(faults)
