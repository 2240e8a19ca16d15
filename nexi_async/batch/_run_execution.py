"""The execution of a run: one pass over every open job, and further passes over those still open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias
from uuid import uuid4

import anyio
import attrs
from anyio import create_task_group

from nexi_async._errors import NexiError
from nexi_async.batch._flow_control import CircuitBreaker
from nexi_async.batch._job import Strategy
from nexi_async.batch._ledger.job_queue import RELEASE_TIMEOUT_SECONDS, JobQueue
from nexi_async.batch._ledger.reading import job_result
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._progress import Progress, ProgressMeter
from nexi_async.batch._result_writer import Done, ResultWriter
from nexi_async.batch._results import JobResult
from nexi_async.batch._stop_signal import StopSignal

HandOut: TypeAlias = Callable[[list[JobResult]], Awaitable[None]]

MAX_PASSES = 3
"""How many passes over the open jobs an execution makes at most."""
PAUSE_SECONDS = 2.0
"""Seconds before the second pass; twice as long before the next."""


class Workers(Protocol):
    """A pool of workers that charges jobs."""

    def begin(self, run: Run, scope: Scope, owner: str) -> None:
        """Begin a pass over the open jobs."""

    async def work(self, result_writer: ResultWriter) -> bool:
        """Continue the pass until its end or until the stop signal is set; returns whether it is at its end."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RunExecution:
    """One execution of a run, or of a part of it, which can be interrupted and continued."""

    _queue: JobQueue
    _workers: Workers
    _stop_signal: StopSignal
    _breaker: CircuitBreaker
    _run_name: str
    _strategy: Strategy
    _scope: Scope
    _max_passes: int
    _on_progress: Callable[[Progress], None] | None
    _now: Callable[[], float]
    """Seconds since any fixed point."""
    _sleep: Callable[[float], Awaitable[None]]

    _owner: str = attrs.field(init=False, factory=lambda: uuid4().hex)
    _run: Run | None = attrs.field(init=False, default=None)
    _meter: ProgressMeter = attrs.field(init=False)
    _passes_ended: int = attrs.field(init=False, default=0)
    _left_open: int = attrs.field(init=False, default=0)
    _is_pause_due: bool = attrs.field(init=False, default=False)
    _is_over: bool = attrs.field(init=False, default=False)

    @property
    def is_stopped(self) -> bool:
        """Whether no charge may begin now."""
        return self._stop_signal.is_set

    def stop(self) -> None:
        """Begin no more charges, until it is resumed."""
        self._stop_signal.set()

    def resume(self) -> None:
        """Let charges begin again after a round or a block, unless the run was stopped."""
        if not self._breaker.is_open():
            self._stop_signal.clear()

    @property
    def error(self) -> NexiError | None:
        """Why the API refuses all charges; None if it does not."""
        return self._breaker.error

    async def work(self, hand_out: HandOut) -> bool:
        """Continue until a pass is at its end or charges are stopped; returns whether there is more to do.

        When it returns or raises, nothing is under way, the outcomes are written, and other claims are released. After
        a cancellation, charges that were under way stay marked as sending, so that they are looked up first.

        Raises:
            InvalidRequest: the run is not planned.
        """
        run = self._run or await self._begin()
        if not self._stop_signal.is_set and not self._is_over and await self._continue_pass(hand_out):
            self._passes_ended += 1
            self._is_over = not self._left_open or self._passes_ended == self._max_passes
            self._is_pause_due = not self._is_over
            self._left_open = 0
            self._workers.begin(run, self._scope, self._owner)
        return not (self._is_over or self._breaker.is_open())

    async def pause(self) -> None:
        """Wait before another pass."""
        if self._is_pause_due:
            self._is_pause_due = False
            await self._stop_signal.sleep(PAUSE_SECONDS * 2 ** (self._passes_ended - 1))

    async def _begin(self) -> Run:
        run = await self._queue.bind(self._run_name, self._strategy)
        left = await self._queue.count_open(run, self._scope)
        total = run.jobs if self._scope == Scope() else left
        self._meter = ProgressMeter(total, total - left, self._now())
        self._workers.begin(run, self._scope, self._owner)
        self._run = run
        return run

    async def _continue_pass(self, hand_out: HandOut) -> bool:
        async def hand_out_results(group: list[Done]) -> None:
            await hand_out([job_result(job, outcome, job.key) for job, outcome in group])

        result_writer = ResultWriter(self._write, hand_out_results, sleep=self._sleep)
        is_at_end = False
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(result_writer.run)
                try:
                    is_at_end = await self._workers.work(result_writer)
                finally:
                    result_writer.close()
        finally:  # after a cancellation some may still be pending
            with anyio.move_on_after(RELEASE_TIMEOUT_SECONDS, shield=True):
                await result_writer.flush()
        return is_at_end

    async def _write(self, group: list[Done]) -> None:
        await self._queue.record(group, self._owner)
        self._left_open += sum(outcome.state.is_open for _, outcome in group)
        if self._on_progress is not None:
            self._on_progress(self._meter.record([outcome.state for _, outcome in group], self._now()))
