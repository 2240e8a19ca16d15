"""`BatchCharger`: charges the open jobs of a run concurrently, and can be stopped, left or killed at any time.

Of the two ways to iterate, neither leaves a task behind. In the block of `async with`, charges run beside
the loop, in a task group that the block owns. Python does not notify an iterator when its loop is left, so a plain
`async for` charges in rounds, each within one step of the iteration: while the body of the loop runs, nothing is under
way and every result is on disk. https://peps.python.org/pep-0789/ explains why a generator may not do that by a task
group around its `yield`.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, get_args

import anyio
from anyio import create_memory_object_stream, create_task_group
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from nexi_async._client import AsyncCheckout
from nexi_async._errors import InvalidRequest
from nexi_async._resources.pages import Poll
from nexi_async.batch._bulk_worker_pool import MAX_JOBS_UNDER_WAY, BulkWorkerPool
from nexi_async.batch._flow_control import CircuitBreaker, ConcurrencyLimiter, RateLimiter
from nexi_async.batch._job import Strategy
from nexi_async.batch._ledger.ledger import Ledger, job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._progress import Progress
from nexi_async.batch._results import JobResult
from nexi_async.batch._run_execution import MAX_PASSES, RunExecution
from nexi_async.batch._stop_signal import StopSignal
from nexi_async.batch._worker_pool import WorkerPool

EXIT_TIMEOUT_SECONDS = 30.0
"""How many seconds a block that is left early waits for charges under way before it cancels them."""
MIN_ROUND_SECONDS, MAX_ROUND_SECONDS = 1.0, 60.0
"""For how many seconds a round of a plain `async for` begins charges."""
ROUND_TO_DRAIN_RATIO = 10
"""A round lasts so many times as long as the last one waited for its last charges."""


class BatchCharger:
    """Charges every job of a run that is still open.

    For long runs, where charges continue while results are processed:

        async with BatchCharger(checkout, ledger, run="2026-10") as results:
            async for result in results: ...

    Leaving that block early, by `break` or an exception, waits up to 30 seconds for charges under way, and releases
    the other jobs; a cancellation cancels charges under way. No charge begins once it is left.

    A plain `async for result in BatchCharger(...):` charges in rounds of one to sixty seconds, about ten times as long
    as charges take, and yields their results in between. It may be left in any way: while the body of the loop runs,
    nothing is under way. It is a few percent slower, and no charge runs while the body does.

    Either may be killed at any time and started again, here or elsewhere: a charge that may have been sent is looked up
    first and then sent with the same key, so no job is charged twice and none is lost. A result is yielded once it is
    on disk; results on disk that were not yielded are read with `Ledger.results`.

    Raises, where results are read, after the results before it:

    - `InvalidRequest`: the run is not planned.
    - `NexiError`: the API refuses the secret key; charges under way are finished, and the run can be continued.
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
        """Prepare to charge; nothing is sent.

        Args:
            checkout: the client; have its `max_connections` at least as large as `concurrency`.
            ledger: where the run was planned.
            run: the run's name.
            concurrency: how many charges are under way at once, at most; fewer while the API is slow or overloaded.
            rate: how many charges may begin in a second, at most: never more than rate x seconds + 1 in any
                interval. It holds for this charger, however often it is iterated; others have rates of their own.
            strategy: "individual" charges by one call a job, "bulk" by Nexi's bulk charges. A run keeps the one it was
                begun with. With "bulk", concurrency and rate have no effect, a stop waits for the bulks under way, and
                an error of a bulk is the outcome of all its jobs.
            poll: intervals and timeout of polling a bulk.
            scope: a part of the run, with strategy "individual"; all of it when left out.
            on_progress: called with the progress, whenever results were written.
            now: seconds since any fixed point.
            sleep: waits so many seconds.

        Raises:
            InvalidRequest: a limit is not possible.
        """
        _check_limits(concurrency, rate, strategy, scope)
        self._queue = job_queue_of(ledger)
        self._run_name = run
        self._scope = scope or Scope()
        self._on_progress = on_progress
        self._now = now
        self._sleep = sleep
        self._stop_signal = StopSignal(sleep)
        under_way = concurrency if strategy == "individual" else MAX_JOBS_UNDER_WAY
        self._breaker = CircuitBreaker(self._stop_signal.set, concurrency=under_way, now=now)
        self._rate = RateLimiter(rate)
        self._strategy = strategy
        self._workers = (
            WorkerPool(
                checkout,
                self._queue,
                self._breaker,
                self._stop_signal,
                limiter=ConcurrencyLimiter(concurrency),
                rate=self._rate,
                now=now,
            )
            if strategy == "individual"
            else BulkWorkerPool(checkout, self._queue, self._breaker, self._stop_signal, poll=poll or Poll())
        )
        self._block: AbstractAsyncContextManager[AsyncIterator[JobResult]] | None = None

    @property
    def stop_reason(self) -> str | None:
        """Why the run was stopped before its end; None if it was not."""
        return self._breaker.reason

    def set_rate(self, rate: float | None) -> None:
        """How many charges may begin in a second from now on; None for no limit."""
        self._rate.per_second = rate

    def stop(self) -> None:
        """Stop gracefully: charges under way are finished and recorded, no more begin."""
        self._breaker.open("it was stopped by request")

    def part(self, scope: Scope) -> AbstractAsyncContextManager[AsyncIterator[JobResult]]:
        """Charge another part of the run in one pass, with this charger's limits and circuit breaker: `async with`.

        Parts are charged one after the other.
        """
        return _charging(self._begin(scope, max_passes=1))

    def __aiter__(self) -> AsyncIterator[JobResult]:
        """Charge in rounds."""
        return _Rounds(self._begin(self._scope))

    async def __aenter__(self) -> AsyncIterator[JobResult]:
        """Charge beside the loop that reads the results, until the end of the block."""
        if self._block is not None:
            raise RuntimeError("this charger is in use already")
        self._block = _charging(self._begin(self._scope))
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        block, self._block = self._block, None
        return None if block is None else await block.__aexit__(kind, error, traceback)

    def _begin(self, scope: Scope, *, max_passes: int = MAX_PASSES) -> RunExecution:
        return RunExecution(
            queue=self._queue,
            workers=self._workers,
            stop_signal=self._stop_signal,
            breaker=self._breaker,
            run_name=self._run_name,
            strategy=self._strategy,
            scope=scope,
            max_passes=max_passes,
            on_progress=self._on_progress,
            now=self._now,
            sleep=self._sleep,
        )


# --- in rounds -----------------------------------------------------------------------------------------------------


class _Rounds:
    """The results of charges that are made only while the next result is awaited."""

    def __init__(self, execution: RunExecution) -> None:
        self._execution = execution
        self._results: deque[JobResult] = deque()
        self._seconds = MIN_ROUND_SECONDS
        self._is_over = False
        self._error: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobResult:
        await checkpoint()
        while not self._results and not self._is_over:
            await self._charge_a_round()
        if self._results:
            return self._results.popleft()
        error, self._error = self._error, None
        raise error or StopAsyncIteration

    async def aclose(self) -> None:
        """Begin no more charges; none is under way."""
        self._is_over = True
        self._results.clear()

    async def _charge_a_round(self) -> None:
        self._execution.resume()
        try:
            await self._execution.pause()
            self._is_over = not await self._work()
            self._error = self._execution.error
        except Exception as error:  # noqa: BLE001 - raised once the results before it are handed out
            self._is_over, self._error = True, _first_of(error)

    async def _work(self) -> bool:
        """Charge until the round is over, and set the length of the next."""
        ends = anyio.current_time() + self._seconds
        async with create_task_group() as tasks:
            tasks.start_soon(self._stop_after, self._seconds)
            has_more = await self._execution.work(self._hand_out)
            tasks.cancel_scope.cancel()
        drained = max(0.0, anyio.current_time() - ends)
        self._seconds = min(MAX_ROUND_SECONDS, max(MIN_ROUND_SECONDS, ROUND_TO_DRAIN_RATIO * drained))
        return has_more

    async def _stop_after(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        self._execution.stop()

    async def _hand_out(self, group: list[JobResult]) -> None:
        self._results.extend(group)


# --- in a block ----------------------------------------------------------------------------------------------------


class _Results:
    """The results of charges that run beside their reader."""

    def __init__(self, received: MemoryObjectReceiveStream[list[JobResult]]) -> None:
        self._received = received
        self._results: deque[JobResult] = deque()
        self.error: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobResult:
        while not self._results:
            try:
                self._results.extend(await self._received.receive())
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                raise self.take_error() or StopAsyncIteration from None
        return self._results.popleft()

    def take_error(self) -> Exception | None:
        """The error that ended the charges; returned once."""
        error, self.error = self.error, None
        return error


@asynccontextmanager
async def _charging(execution: RunExecution) -> AsyncGenerator[AsyncIterator[JobResult], None]:
    """Charge until the end of the block. An exception of the block is raised as it is, not in a group."""
    sent, received = create_memory_object_stream[list[JobResult]](0)
    results, is_over = _Results(received), anyio.Event()
    raised: BaseException | None = None
    execution.resume()
    async with create_task_group() as tasks:
        tasks.start_soon(_charge, execution, sent, results, is_over)
        try:
            yield results
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - raised below
            raised = error
        finally:
            received.close()
            execution.stop()
        with anyio.move_on_after(EXIT_TIMEOUT_SECONDS):
            await is_over.wait()
        tasks.cancel_scope.cancel()
    failure = raised or results.take_error()
    if failure is not None:
        raise failure


async def _charge(
    execution: RunExecution,
    sent: MemoryObjectSendStream[list[JobResult]],
    results: _Results,
    is_over: anyio.Event,
) -> None:
    async def hand_out(group: list[JobResult]) -> None:
        with contextlib.suppress(anyio.BrokenResourceError):  # the block was left
            await sent.send(group)

    try:
        while await execution.work(hand_out) and not execution.is_stopped:
            await execution.pause()
        results.error = execution.error
    except Exception as error:  # noqa: BLE001 - raised where results are read
        results.error = _first_of(error)
    finally:
        sent.close()
        is_over.set()


def _first_of(error: Exception) -> Exception:
    """The first exception in the groups that task groups have wrapped it in."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


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
