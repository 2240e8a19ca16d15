"""The worker pool: it leases events from the inbox, calls their handlers, and records the results."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias

import anyio
import attrs
from anyio import CancelScope
from anyio.abc import TaskGroup

from nexi_async.webhooks import _stored_events as stored_events
from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._isolation import run_isolated
from nexi_async.webhooks._log_fields import facts, logger
from nexi_async.webhooks._outage import Outage
from nexi_async.webhooks._stored_events import StoredEvent

POLL_INTERVAL = 1.0
"""Seconds between two polls of the inbox without a wakeup."""
OUTAGE_POLL_INTERVAL = 5.0
FAILURES_BEFORE_SLOWDOWN = 10
"""After so many failures in a row the inbox is polled at the slower interval."""
SHUTDOWN_TIMEOUT = 10.0
"""Seconds that running handlers have when the receiver stops."""

WORKERS_FAILED = "the workers of the inbox failed and are started again"


class Capacity(NamedTuple):
    """How many more events may be leased."""

    total: int
    retries: int
    """How many of them may be retries, so that slow failures leave workers to new events."""


RecordAndLease: TypeAlias = Callable[
    [Sequence[StoredEvent], Capacity, Collection[int]], Awaitable[Sequence[StoredEvent]]
]
"""Records events as attempts left them and leases others for which there is capacity, in one transaction; none of those
numbers, which are in progress here: their handlers may have outlived their leases."""

CountError: TypeAlias = Callable[[str, Exception], None]
"""Counts an error that has been logged, with the text of the log."""


class Wakeup:
    """Ends one wait; set while there is no wait, it ends the next one at once."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        """End the wait."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, for so many seconds at most."""
        try:
            with anyio.move_on_after(seconds):
                await self._event.wait()
        finally:  # an event that was waited for belongs to its event loop, and there may be another one next
            self._event = anyio.Event()


@attrs.define(eq=False, kw_only=True)
class WorkerPool:
    """Works through an inbox as long as `running` runs.

    Nothing that a handler does ends it but the cancellation of the scope that `running` is entered in.

    Args:
        handle: what to do with an event; whatever it raises is recorded, and the event is retried later.
        clock: seconds since 1970.
        wakeup: is set when there may be something to do.
        capacity: how many events may be worked on at once.
        count_error: called for each failure of the inbox or of the workers themselves.
        max_attempts: after how many failures an event is dead.
        timeout: seconds that `handle` may take.
    """

    _record_and_lease: RecordAndLease
    _handle: Callable[[StoredEvent], Awaitable[None]]
    _clock: Callable[[], float]
    _wakeup: Wakeup
    _outage: Outage
    _count_error: CountError
    _capacity: Capacity
    _max_attempts: int
    _timeout: float
    _deadlines: Deadlines = attrs.field(init=False, factory=Deadlines)
    _in_progress: dict[int, StoredEvent] = attrs.field(init=False, factory=dict)
    _results: list[StoredEvent] = attrs.field(init=False, factory=list)
    _is_open: bool = attrs.field(init=False, default=True)
    _stopped: anyio.Event = attrs.field(init=False, factory=anyio.Event)

    @property
    def is_alive(self) -> bool:
        """Whether it takes events and will go on doing so."""
        return self._is_open and not self._stopped.is_set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the end of the block; then running handlers may end, and the leases of the rest are released."""
        raised: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._supervise)
                try:
                    yield
                except Exception as error:  # noqa: BLE001 - raised below, where the task group can't wrap it
                    raised = error
                finally:
                    await self._stop()
                    tasks.cancel_scope.cancel()
        finally:
            self._is_open = False
            self._deadlines.cancel_idle_timer()
            self._results += [stored_events.released(event, self._clock()) for event in self._in_progress.values()]
            await self._poll(Capacity(0, 0))
        if raised is not None:
            raise raised

    async def _stop(self) -> None:
        """Lease no more events; wait for the running handlers."""
        self._is_open = False
        self._wakeup.set()
        with anyio.move_on_after(SHUTDOWN_TIMEOUT, shield=True):
            await self._stopped.wait()

    # --- the loop --------------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Run the loop, again if something ends it before its time: handlers run arbitrary code in its task group."""
        try:
            while self._is_open or self._in_progress:
                try:
                    await run_isolated(self._run())
                except Exception as error:  # noqa: BLE001 - whatever ended it, it goes on
                    logger.exception(WORKERS_FAILED)
                    self._count_error(WORKERS_FAILED, error)
                    await anyio.sleep(POLL_INTERVAL)
                failure = RuntimeError("the workers failed")  # one of the events may be the cause: the attempt counts
                self._results += [self._failure(event, failure) for event in self._in_progress.values()]
                self._in_progress.clear()
        finally:
            self._stopped.set()

    async def _run(self) -> None:
        async with anyio.create_task_group() as tasks:
            while self._is_open or self._in_progress:
                await self._start_due(tasks)
                await self._wakeup.wait(
                    OUTAGE_POLL_INTERVAL if self._outage.failures > FAILURES_BEFORE_SLOWDOWN else POLL_INTERVAL
                )

    async def _start_due(self, tasks: TaskGroup) -> None:
        """Lease events for the free capacity and start their handlers."""
        for event in await self._poll(self._free_capacity() if self._is_open else Capacity(0, 0)):
            self._in_progress[event.number] = event
            tasks.start_soon(self._process, event)

    def _free_capacity(self) -> Capacity:
        retries = sum(event.attempts > 1 for event in self._in_progress.values())
        free = self._capacity.total - len(self._in_progress)
        return Capacity(free, min(free, max(0, self._capacity.retries - retries)))

    async def _poll(self, capacity: Capacity) -> Sequence[StoredEvent]:
        """Record results and lease what is due; results are kept while the database is unavailable."""
        if not (self._results or capacity.total):
            return ()
        results, self._results = self._results, []
        in_progress = tuple(self._in_progress)
        leased: Sequence[StoredEvent] = ()
        asked = time.monotonic()
        with CancelScope(shield=True):  # what is leased must not get lost on the way
            try:
                leased = await self._record_and_lease(results, capacity, in_progress)
            except Exception as error:  # noqa: BLE001 - the outage is logged once
                self._results[:0] = results
                self._outage.record_failure(error)
                self._count_error("the inbox can't be used", error)
            else:
                self._outage.record_success(asked=asked)
        return leased

    # --- one event -------------------------------------------------------------------------------------------------

    async def _process(self, event: StoredEvent) -> None:
        result = await self._attempt(event)
        self._results.append(result)
        del self._in_progress[event.number]
        self._wakeup.set()

    async def _attempt(self, event: StoredEvent) -> StoredEvent:
        try:
            if event.attempts > self._max_attempts:
                raise RuntimeError("every worker that had it died")
            await run_isolated(self._deadlines.limit(self._timeout, self._handle(event)))
        except Exception as error:  # noqa: BLE001 - a handler may raise anything; it is logged
            result = self._failure(event, error)
            logger.exception(
                "handler failed, attempt %d of %d: event %r, id %r, payment %r, number %d is %s",
                event.attempts,
                self._max_attempts,
                event.event,
                event.id,
                event.payment_id,
                event.number,
                result.state,
                extra=facts(event.event, event.id, event.payment_id),
            )
            return result
        return stored_events.done(event, self._clock())

    def _failure(self, event: StoredEvent, error: Exception) -> StoredEvent:
        jitter = random.random()  # noqa: S311 - it only spreads retries
        return stored_events.failed(event, error, self._clock(), max_attempts=self._max_attempts, jitter=jitter)
