"""The worker pool: it leases events from the inbox, hands them to handlers, and writes down how it ended."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

from nexi_async.webhooks import _stored_events as stored_events
from nexi_async.webhooks._isolation import run_isolated
from nexi_async.webhooks._log_fields import facts, logger
from nexi_async.webhooks._outage import Outage
from nexi_async.webhooks._stored_events import LeaseEnd, StoredEvent

__all__ = ["CountError", "Exchange", "Room", "Wakeup", "WorkerPool"]

PAUSE = 1.0
"""Seconds between two looks into the inbox while nothing happens in this process."""
LONGEST_PAUSE = 5.0
EAGER = 10
"""After so many looks in vain the longest pause is made between them: the database is away for longer."""
LAST_CALL = 10.0
"""Seconds that handlers have to end when the receiver stops."""

WORKERS_FAILED = "the workers of the inbox failed and are started again"


class Room(NamedTuple):
    """For how many more events there are workers."""

    any: int
    retries: int
    """How many of them may have been tried before: so what fails slowly does not hold up all that is new."""


Exchange: TypeAlias = Callable[[Sequence[LeaseEnd], Room], Awaitable[Sequence[StoredEvent]]]
"""Writes how leases ended and leases events for which there is room, in one transaction."""

CountError: TypeAlias = Callable[[str, Exception], None]
"""Counts an error that the log has been told, in the words of the log."""


class Wakeup:
    """Wakes the one who waits for it; set while nobody waits, it wakes the next one at once."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        """Wake the one who waits."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, for so long at most."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


class WorkerPool:
    """Works through an inbox as long as `running` runs.

    Nothing that a handler does ends it but the cancellation of the scope that `running` is entered in.

    Args:
        exchange: the inbox.
        handle: what to do with an event; whatever it raises is written down, and the event is tried again later.
        clock: seconds since 1970.
        wakeup: is set when there may be something to do.
        outage: is told whether the inbox can be reached.
        count_error: is told each failure of the inbox or of the workers themselves.
        concurrency: how many events may be worked on at once; half of them, at least one, may be retries.
        tries: after how many failures an event is dead.
        timeout: seconds that `handle` may take.
    """

    def __init__(
        self,
        exchange: Exchange,
        handle: Callable[[StoredEvent], Awaitable[None]],
        *,
        clock: Callable[[], float],
        wakeup: Wakeup,
        outage: Outage,
        count_error: CountError,
        concurrency: int,
        tries: int,
        timeout: float,
    ) -> None:
        self._exchange = exchange
        self._handle = handle
        self._clock = clock
        self._wakeup = wakeup
        self._outage = outage
        self._count_error = count_error
        self._room = Room(concurrency, max(1, concurrency // 2))
        self._tries = tries
        self._timeout = timeout
        self._working: dict[int, StoredEvent] = {}
        self._cut_off: list[StoredEvent] = []
        self._ends: list[LeaseEnd] = []
        self._is_open = True
        self._stopped = anyio.Event()

    @property
    def is_alive(self) -> bool:
        """Whether it takes events and will go on doing so."""
        return self._is_open and not self._stopped.is_set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the end of the block; then what is being worked on may end, and the rest is given back."""
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
            self._ends += [stored_events.given_back(event, self._clock()) for event in self._cut_off]
            await self._turn(Room(0, 0))
        if raised is not None:
            raise raised

    async def _stop(self) -> None:
        """No new events; wait for those that are being worked on."""
        self._is_open = False
        self._wakeup.set()
        with anyio.move_on_after(LAST_CALL, shield=True):
            await self._stopped.wait()

    # --- the loop --------------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Run the loop, again if something ends it before its time: handlers run arbitrary code in its task group."""
        try:
            while self._is_open or self._working:
                try:
                    await run_isolated(self._run, timeout=float("inf"))
                except Exception as error:  # noqa: BLE001 - whatever ended it, it goes on
                    logger.exception(WORKERS_FAILED)
                    self._count_error(WORKERS_FAILED, error)
                    await anyio.sleep(PAUSE)
                self._ends += [self._failed(event, RuntimeError("the workers failed")) for event in self._cut_off]
                self._cut_off.clear()  # one of them may have done it: the try counts
        finally:
            self._stopped.set()

    async def _run(self) -> None:
        async with anyio.create_task_group() as tasks:
            while self._is_open or self._working:
                await self._fill(tasks)
                await self._wakeup.wait(LONGEST_PAUSE if self._outage.failures > EAGER else PAUSE)

    async def _fill(self, tasks: TaskGroup) -> None:
        """Give everybody who is free something to do."""
        for event in await self._turn(self._free() if self._is_open else Room(0, 0)):
            self._working[event.number] = event
            tasks.start_soon(self._work_on, event)

    def _free(self) -> Room:
        retries = sum(event.attempts > 1 for event in self._working.values())
        free = self._room.any - len(self._working)
        return Room(free, min(free, max(0, self._room.retries - retries)))

    async def _turn(self, room: Room) -> Sequence[StoredEvent]:
        """Write down what ended and take what is due; a database that is away is asked again later."""
        ends, self._ends = self._ends, []
        leased: Sequence[StoredEvent] = ()
        asked = time.monotonic()
        with CancelScope(shield=True):  # what is leased must not get lost on the way
            try:
                leased = await self._exchange(ends, room)
            except Exception as error:  # noqa: BLE001 - the outage says it in the log, once
                self._ends[:0] = ends
                self._outage.met(error)
                self._count_error("the inbox can't be used", error)
            else:
                self._outage.over(asked=asked)
        return leased

    # --- one event -------------------------------------------------------------------------------------------------

    async def _work_on(self, event: StoredEvent) -> None:
        self._cut_off.append(event)  # until it has ended
        try:
            end = await self._try(event)
            self._ends.append(end)
            self._cut_off.remove(event)
        finally:
            del self._working[event.number]
            self._wakeup.set()

    async def _try(self, event: StoredEvent) -> LeaseEnd:
        try:
            if event.attempts > self._tries:
                raise RuntimeError("every worker that had it died")
            await run_isolated(lambda: self._handle(event), timeout=self._timeout)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything; it is logged
            end = self._failed(event, error)
            logger.exception(
                "handler failed, attempt %d of %d: event %r, id %r, payment %r, number %d is %s",
                event.attempts,
                self._tries,
                event.event,
                event.id,
                event.payment_id,
                event.number,
                end.state,
                extra=facts(event.event, event.id, event.payment_id),
            )
            return end
        return stored_events.done(event, self._clock())

    def _failed(self, event: StoredEvent, error: Exception) -> LeaseEnd:
        chance = random.random()  # noqa: S311 - it only spreads retries
        return stored_events.failed(event, error, self._clock(), tries=self._tries, chance=chance)
