"""The worker pool of the strategy "individual": each worker charges one job at a time by a call of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio
import attrs
from anyio import create_task_group
from anyio.abc import TaskGroup

from nexi_async._client import AsyncCheckout
from nexi_async.batch._flow_control import CircuitBreaker, ConcurrencyLimiter, RateLimiter
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.job_queue import RELEASE_TIMEOUT_SECONDS, JobQueue
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._result_writer import ResultWriter
from nexi_async.batch._single_charge import charge_one
from nexi_async.batch._stop_signal import StopSignal

MAX_CLAIM = 500
"""How many jobs are claimed at once; after a crash at most so many are looked up that were never sent."""


@attrs.define(eq=False, repr=False, slots=False)
class WorkerPool:
    """Workers that charge the jobs of a run, as many as the concurrency limiter allows."""

    _checkout: AsyncCheckout
    _queue: JobQueue
    _breaker: CircuitBreaker
    _stop_signal: StopSignal
    _limiter: ConcurrencyLimiter
    _rate: RateLimiter
    _now: Callable[[], float]
    """Seconds since any fixed point."""

    _claiming: anyio.Lock = attrs.field(init=False, factory=anyio.Lock)
    _next_start: anyio.Lock = attrs.field(init=False, factory=anyio.Lock)
    _claimed: deque[ClaimedJob] = attrs.field(init=False, factory=deque)
    _workers: int = attrs.field(init=False, default=0)

    def begin(self, run: Run, scope: Scope, owner: str) -> None:
        """Begin a pass over the open jobs."""
        self._run, self._scope, self._owner = run, scope, owner
        self._after, self._is_at_end = scope.first - 1, False

    async def work(self, result_writer: ResultWriter) -> bool:
        """Continue the pass until its end or until the stop signal is set; returns whether it is at its end.

        Claims on jobs that were not begun are released in any case.
        """
        self._result_writer = result_writer
        try:
            async with create_task_group() as tasks:
                self._start_workers(tasks)
        finally:
            self._workers = 0
            with anyio.move_on_after(RELEASE_TIMEOUT_SECONDS, shield=True):
                await self._release()
        return self._is_at_end

    async def _release(self) -> None:
        """Release what was claimed and not begun; it is claimed again when the pass continues."""
        if self._claimed:
            claimed, self._claimed = self._claimed, deque()
            self._after, self._is_at_end = claimed[0].number - 1, False
            await self._queue.release(claimed, self._owner)

    def _start_workers(self, tasks: TaskGroup) -> None:
        """Start as many as the limiter allows, while there is work."""
        while self._workers < self._limiter.limit and not self._stop_signal.is_set and not self._is_exhausted:
            self._workers += 1
            tasks.start_soon(self._work, tasks)

    @property
    def _is_exhausted(self) -> bool:
        return self._is_at_end and not self._claimed

    async def _work(self, tasks: TaskGroup) -> None:
        while self._workers <= self._limiter.limit:
            job = await self._next()
            if job is None:
                break
            await self._charge(job)
            self._start_workers(tasks)
        self._workers -= 1

    async def _next(self) -> ClaimedJob | None:
        """The next job, as soon as the rate allows it; None if there is none or no more may begin."""
        while not self._stop_signal.is_set and not self._is_exhausted:
            if not self._claimed:
                await self._claim()
            elif self._queue.outage.is_active:  # outcomes can't be written
                await self._queue.wait_until_available()
            elif self._rate.delay(self._now()):
                await self._wait_for_rate()
            else:  # the start is counted in the same step, so that none is counted that is not used
                self._rate.record_start(self._now())
                return self._claimed.popleft()
        return None

    async def _wait_for_rate(self) -> None:
        """Wait until the rate allows a start; one worker waits for the clock, the others for it."""
        async with self._next_start:
            delay = self._rate.delay(self._now())
            if delay and not self._stop_signal.is_set:
                await self._stop_signal.sleep(delay)

    async def _claim(self) -> None:
        """Claim more jobs; they are marked as sending from now on."""
        async with self._claiming:
            if self._claimed or self._is_at_end or self._stop_signal.is_set:
                return
            await self._result_writer.wait_for_room()
            most = min(MAX_CLAIM, 10 * self._limiter.limit)
            chunk = await self._queue.claim(
                self._run, scope=self._scope, after=self._after, limit=most, owner=self._owner
            )
            self._claimed.extend(chunk)
            self._after = chunk[-1].number if chunk else self._after
            self._is_at_end = not chunk

    async def _charge(self, job: ClaimedJob) -> None:
        """Charge one job, and record duration and outcome."""
        began, kind = self._now(), _kind_of(job)
        job, outcome = await charge_one(self._checkout, self._queue, job)
        self._limiter.record(self._now() - began, kind=kind, is_overloaded=outcome.is_overloaded)
        self._breaker.record(outcome)
        self._result_writer.add(job, outcome)


def _kind_of(job: ClaimedJob) -> str | None:
    """Jobs of one kind need the same calls; None if the calls depend on the responses."""
    if job.may_have_been_sent:
        return None
    return "charge" if job.subscription_id is not None else "find and charge"
