"""The inbox: events are stored in a database, answered with 200, and handled by a worker pool afterwards."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import anyio

from nexi_async._errors import InvalidRequest, StorageUnavailable
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._inbox_clock import InboxClock, steady_clock
from nexi_async.webhooks._log_fields import logger
from nexi_async.webhooks._outage import Outage
from nexi_async.webhooks._stats import InboxStats
from nexi_async.webhooks._stored_events import EventState, StoredEvent
from nexi_async.webhooks._worker_pool import Capacity, CountError, Wakeup, WorkerPool

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from nexi_async.webhooks._inbox_table import Row

DAY = 86_400.0
PURGE_INTERVAL = 600.0
"""Seconds between two searches for events whose retention has ended."""
STARTUP_RETRY_INTERVAL = 1.0
"""Seconds between two attempts to reach a database that is unavailable when the receiver starts."""
LEASE_MARGIN = 10.0
"""Seconds that a lease lasts longer than a handler may take: it is stopped before its event can be leased again."""


class SQLInbox:
    """Events in a database: stored before they are acknowledged, then handled by workers, with retries.

        receiver = WebhookReceiver(authorization=..., inbox=SQLInbox("sqlite:////var/lib/shop/inbox.db"))
        app = FastAPI(lifespan=receiver.lifespan)

    An event is written once, however often it is delivered, and is on disk before Nexi gets its 200. Its handler runs
    until it succeeds: a failure is retried after about 5 seconds, then 10, 20 and so on up to an hour; after the last
    attempt the event is dead, until `replay` requeues it. The events of one payment are handled one at a time, the
    oldest first, and payments take turns. If a process dies while a handler runs, the handler runs again, so it must be
    idempotent.

    Several processes may work through one inbox, on PostgreSQL also on several machines. A clock that is set back
    delays nothing; clocks of machines should agree to a few seconds when processes start.

    A database that is unavailable is waited for: nothing new is stored, so Nexi keeps sending, and the workers go on
    when it is back. Beginning and end of an outage are logged once each. An inbox of an older release is brought up to
    date when it is opened; stop the processes of the older one first.

    Args:
        url: "sqlite:///inbox.db" (three slashes for a relative path, four for an absolute one) or
            "postgresql://user:password@host/name"; the table `nexi_inbox` is made when it is missing.
        concurrency: how many handlers may run at once in this process; half of them, at least one, for events that
            were tried before, so that those that hang or fail slowly do not hold up the others.
        max_attempts: after how many failures an event is dead; 12 take about two hours.
        lease: seconds after which others take over the events of a process that died, and 10 more; and the most that
            a handler may take, unless the receiver's `handler_timeout` is less.
        retention: seconds for which handled events are kept, to recognise late repetitions: 30 days.
        dead_retention: seconds for which dead events are kept; 90 days. Their deletion is logged.
        startup_timeout: seconds for which a start waits for an unavailable database; 5 minutes.
        clock: seconds since 1970, for tests.

    Raises:
        InvalidRequest: an option can't be used; names it and the reason.
        ConfigurationError: the URL can't be used.
        ModuleNotFoundError: the driver is not installed; names the command that installs it.
    """

    def __init__(
        self,
        url: str = "sqlite:///nexi-inbox.db",
        *,
        concurrency: int = 20,
        max_attempts: int = 12,
        lease: float = 60.0,
        retention: float = 30 * DAY,
        dead_retention: float = 90 * DAY,
        startup_timeout: float = 300.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        _check(concurrency=concurrency, max_attempts=max_attempts, lease=lease)
        # imported here, so that receivers without an inbox need no SQLAlchemy
        from nexi_async._storage import Database, GroupCommit
        from nexi_async.webhooks import _inbox_migration as inbox_migration
        from nexi_async.webhooks import _inbox_table as inbox_table
        from nexi_async.webhooks import _leases as leases

        self._table = inbox_table
        self._leases = leases
        self._migration = inbox_migration
        self._database = Database(url)
        self._puts = GroupCommit(self._database, self._put)
        self._capacity = Capacity(concurrency, retries=max(1, concurrency // 2))
        self._max_attempts = max_attempts
        self._retention: Mapping[EventState, float] = {"done": retention, "dead": dead_retention}
        self._startup_timeout = startup_timeout
        self._clock = InboxClock(clock or steady_clock())
        self._purge_at = 0.0
        self._wakeup = Wakeup()
        self._outage = Outage()
        self._workers: WorkerPool | None = None
        self.lease = lease
        """Seconds that a handler may take."""
        self.duplicates = 0
        """How many events came in that were there already."""

    async def __aenter__(self) -> Self:
        """Make the table if it is missing, or bring it up to date.

        Raises:
            StorageUnavailable: the database is unavailable.
            StorageError: it can't be used.
            InvalidRequest: a newer release has worked on it.
        """
        try:
            await self._database.run(self._migration.migrate)
        except BaseException:
            await self._database.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()

    async def exists(self) -> bool:
        """Whether there is an inbox, without making anything.

        Raises:
            StorageUnavailable: the database is unavailable.
            StorageError: it can't be used.
        """
        return self._database.exists() and await self._database.run(self._migration.has_inbox)

    def now(self) -> float:
        """The time by the clock that all processes of this inbox share, in seconds since 1970; it never goes back."""
        return self._clock.now()

    async def put(self, event: Event) -> None:
        """Write an event; when this returns it is on disk, or was already.

        Raises:
            StorageUnavailable: the database is unavailable, which is logged once.
            StorageError: it can't be used.
        """
        asked = time.monotonic()
        try:
            await self._puts.add(self._table.new_row(event, self.now()))
        except StorageUnavailable as error:
            self._outage.record_failure(error)
            raise
        self._outage.record_success(asked=asked)
        self._wakeup.set()

    @asynccontextmanager
    async def working(
        self, handle: Callable[[StoredEvent], Awaitable[None]], count_error: CountError | None = None
    ) -> AsyncIterator[None]:
        """Work through the events until the end of the block; then running handlers may end, 10 seconds at most.

        Args:
            handle: what to do with an event.
            count_error: called for each failure of the inbox or of its workers, besides the log.

        Raises:
            StorageUnavailable: the database is unavailable and did not come back within `startup_timeout` seconds.
        """
        self._workers = WorkerPool(
            record_and_lease=self._record_and_lease,
            handle=handle,
            clock=self.now,
            wakeup=self._wakeup,
            outage=self._outage,
            count_error=count_error or _count_nowhere,
            capacity=self._capacity,
            max_attempts=self._max_attempts,
            timeout=self.lease,
        )
        try:
            await self._wait_for_database()
            async with self._workers.running():
                yield
        finally:
            await self._database.close()

    async def _wait_for_database(self) -> None:
        deadline = anyio.current_time() + self._startup_timeout
        while True:
            asked = time.monotonic()
            try:
                await self._database.run(self._migration.migrate)
            except StorageUnavailable as error:
                self._outage.record_failure(error)
                if anyio.current_time() + STARTUP_RETRY_INTERVAL > deadline:
                    raise
                await anyio.sleep(STARTUP_RETRY_INTERVAL)
            else:
                self._outage.record_success(asked=asked)
                return

    async def events(
        self, *, state: EventState | None = None, payment_id: str | None = None, limit: int = 100
    ) -> list[StoredEvent]:
        """Events of that state and of that payment, newest first."""
        return await self._database.run(self._table.find, state=state, payment_id=payment_id, limit=limit)

    async def event(self, number: int) -> StoredEvent | None:
        """The event of that number, if there is one."""
        found = await self._database.run(self._table.find, number=number)
        return found[0] if found else None

    async def replay(self, *numbers: int) -> int:
        """Requeue events as if they were new: all dead ones, or those of these numbers, handled ones too.

        Returns:
            How many.
        """
        replayed = await self._database.run(self._table.replay, numbers)
        self._wakeup.set()
        return replayed

    async def purge(self, state: EventState = "done", *, older_than: float = 0.0) -> int:
        """Delete events that have been done, or dead, for that many seconds; returns how many.

        A duplicate delivery of an event that has been deleted is handled again.

        Raises:
            InvalidRequest: waiting events may not be deleted.
        """
        if state == "waiting":
            raise InvalidRequest([("state", "waiting events can't be deleted, only 'done' and 'dead' ones")])
        total, before = 0, self.now() - older_than
        while purged := await self._database.run(self._table.purge, state, before=before):
            total += purged
        return total

    async def stats(self) -> InboxStats:
        """How many events wait and how many are dead, and whether the workers of this process are alive."""
        counted = await self._database.run(self._table.count)
        waiting, oldest = counted.get("waiting", (0, self.now()))
        dead, _ = counted.get("dead", (0, 0.0))
        return InboxStats(
            waiting=waiting,
            oldest_waiting=max(0.0, self.now() - oldest),
            dead=dead,
            is_working=self._workers is not None and self._workers.is_alive,
        )

    def _put(self, connection: Connection, rows: Sequence[Row]) -> Sequence[None]:
        self.duplicates += len(rows) - self._table.insert(connection, rows)
        return [None] * len(rows)

    # --- what workers do ---------------------------------------------------------------------------------------------

    async def _record_and_lease(
        self, results: Sequence[StoredEvent], capacity: Capacity, in_progress: Collection[int] = ()
    ) -> Sequence[StoredEvent]:
        leased, has_more = await self._database.run(self._record_then_lease, results, capacity, in_progress)
        for event in leased:
            self._clock.catch_up(event.received)  # so that whatever is fetched from now on is newer than the event
        if has_more:
            self._wakeup.set()
        return leased

    def _record_then_lease(
        self,
        connection: Connection,
        results: Sequence[StoredEvent],
        capacity: Capacity,
        in_progress: Collection[int],
    ) -> tuple[list[StoredEvent], bool]:
        self._leases.acquire_lock(connection)
        now = self._clock.catch_up(self._table.synchronize_clock(connection, self.now()))
        if results:
            self._leases.record_results(connection, results, now)
        if not capacity.total:
            return [], False
        self._purge_expired(connection, now)
        return self._lease(connection, capacity, in_progress, now)

    def _lease(
        self, connection: Connection, capacity: Capacity, in_progress: Collection[int], now: float
    ) -> tuple[list[StoredEvent], bool]:
        until = now + self.lease + LEASE_MARGIN
        lease = functools.partial(
            self._leases.lease_due, connection, worker=uuid4().hex, now=now, until=until, excluded=in_progress
        )
        retried, has_more_to_retry = lease("retry", capacity.retries)
        first, has_more = lease("first", capacity.total - len(retried))
        return retried + first, has_more or has_more_to_retry

    def _purge_expired(self, connection: Connection, now: float) -> None:
        """Delete some of the events whose retention has ended."""
        if now < self._purge_at:
            return
        purged = {
            state: self._table.purge(connection, state, before=now - seconds)
            for state, seconds in self._retention.items()
        }
        if purged["dead"]:
            logger.warning("%d dead events were deleted: their retention has ended", purged["dead"])
        if not any(purged.values()):
            self._purge_at = now + PURGE_INTERVAL


def _count_nowhere(_text: str, _error: Exception) -> None:
    """For an inbox that is worked through without a receiver: the log is enough."""


def _check(**options: float) -> None:
    faults = [(name, f"must be more than 0, is {value}") for name, value in options.items() if value <= 0]
    if faults:
        raise InvalidRequest(faults)
