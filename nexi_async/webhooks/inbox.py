"""The inbox: deliveries are written to a database, answered, and worked through at leisure."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from nexi_async.errors import InvalidRequest
from nexi_async.webhooks.events import Event
from nexi_async.webhooks.letters import Ending, Letter, LetterState
from nexi_async.webhooks.stats import InboxStats
from nexi_async.webhooks.workers import Bell, Workers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from nexi_async.webhooks.inbox_table import Row

__all__ = ["SQLInbox"]

DAY = 86_400.0
TIDY_SECONDS = 600.0
"""How often letters that are old enough are looked for."""
MARGIN = 10.0
"""Seconds that a loan lasts longer than a handler may take, so that nobody else begins before it has been stopped."""


class SQLInbox:
    """Events in a database: stored before they are answered, then handled by workers, however often that takes.

        receiver = WebhookReceiver(authorization=..., inbox=SQLInbox("sqlite:////var/lib/shop/inbox.db"))
        app = FastAPI(lifespan=receiver.lifespan)

    An event is written once, however often it is delivered, and is on disk before Nexi gets its 200. Its handler runs
    until it succeeds: a failure is tried again after about 5 seconds, then 10, 20 and so on up to an hour; after the
    last try the letter is dead, until `replay` sends it round again. The events of one payment are handled one at a
    time, the oldest first. If a process dies while a handler runs, the handler runs again: it must bear that.

    Several processes may work through one inbox, on PostgreSQL also on several machines (their clocks should agree).

    Args:
        url: "sqlite:///inbox.db" (three slashes for a relative path, four for an absolute one) or
            "postgresql://user:password@host/name"; the table `nexi_inbox` is made when it is missing.
        concurrency: how many handlers may run at once in this process.
        tries: after how many failures a letter is dead; 12 take about two hours.
        lease: seconds that a handler may take before it is stopped and tried again later. When a process dies, others
            wait so long, and 10 seconds more, before they take over its letters.
        keep: seconds for which handled letters are kept, to recognise late repetitions: 30 days.
        clock: seconds since 1970, for tests.

    Raises:
        InvalidRequest: an option can't be used; says which and why.
        ConfigurationError: the URL can't be used.
        ModuleNotFoundError: the driver is not installed; says how to install it.
    """

    def __init__(
        self,
        url: str = "sqlite:///nexi-inbox.db",
        *,
        concurrency: int = 20,
        tries: int = 12,
        lease: float = 60.0,
        keep: float = 30 * DAY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check(concurrency=concurrency, tries=tries, lease=lease)
        # imported here, so that receivers without an inbox need no SQLAlchemy
        from nexi_async.storage import Database, GroupCommit
        from nexi_async.webhooks import inbox_table

        self._table = inbox_table
        self._database = Database(url)
        self._puts = GroupCommit(self._database, self._put)
        self._concurrency = concurrency
        self._tries = tries
        self._lease = lease
        self._keep = keep
        self._clock = clock
        self._tidy_at = 0.0
        self._bell = Bell()
        self.repeated = 0
        """How many events came in that were there already."""

    async def __aenter__(self) -> Self:
        """Make the table if it is missing."""
        await self._database.create(self._table.TABLES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._database.close()

    async def put(self, event: Event) -> None:
        """Write an event; when this returns it is on disk, or was already."""
        await self._puts.add(self._table.new_row(event, self._clock()))
        self._bell.ring()

    @asynccontextmanager
    async def working(self, handle: Callable[[Letter], Awaitable[None]]) -> AsyncIterator[None]:
        """Work through the letters until the end of the block; then running handlers may end, 10 seconds at most."""
        workers = Workers(
            self._exchange,
            handle,
            clock=self._clock,
            bell=self._bell,
            concurrency=self._concurrency,
            tries=self._tries,
            lease=self._lease,
        )
        async with self, workers.running():
            yield

    async def letters(
        self, *, state: LetterState | None = None, payment_id: str | None = None, most: int = 100
    ) -> list[Letter]:
        """Letters of that state and of that payment, newest first."""
        return await self._database.run(self._table.look_up, state=state, payment_id=payment_id, most=most)

    async def letter(self, number: int) -> Letter | None:
        """The letter of that number, if there is one."""
        found = await self._database.run(self._table.look_up, number=number)
        return found[0] if found else None

    async def replay(self, *numbers: int) -> int:
        """Send letters round again as if they were new: all dead ones, or those of these numbers, handled ones too.

        Returns:
            How many.
        """
        replayed = await self._database.run(self._table.replay, numbers, now=self._clock())
        self._bell.ring()
        return replayed

    async def purge(self, state: LetterState = "done", *, older_than: float = 0.0) -> int:
        """Throw away letters that are done, or dead, for that many seconds; returns how many.

        Raises:
            InvalidRequest: waiting letters are not to be thrown away.
        """
        if state == "waiting":
            raise InvalidRequest([("state", "letters that wait can't be thrown away, only 'done' and 'dead' ones")])
        total, before = 0, self._clock() - older_than
        while thrown := await self._database.run(self._table.throw_away, state, before=before):
            total += thrown
        return total

    async def stats(self) -> InboxStats:
        """How many letters wait and how many are dead."""
        counted = await self._database.run(self._table.count)
        waiting, oldest = counted.get("waiting", (0, self._clock()))
        dead, _ = counted.get("dead", (0, 0.0))
        return InboxStats(waiting=waiting, oldest_waiting=max(0.0, self._clock() - oldest), dead=dead)

    def _put(self, connection: Connection, rows: Sequence[Row]) -> Sequence[None]:
        self.repeated += len(rows) - self._table.put(connection, rows)
        return [None] * len(rows)

    async def _exchange(self, endings: Sequence[Ending], most: int) -> Sequence[Letter]:
        if not (endings or most):
            return ()
        return await self._database.run(self._settle_and_lend, endings, most)

    def _settle_and_lend(self, connection: Connection, endings: Sequence[Ending], most: int) -> Sequence[Letter]:
        now = self._clock()
        if endings:
            self._table.end_loans(connection, endings)
        if not most:
            return ()
        if now >= self._tidy_at and not self._table.throw_away(connection, "done", before=now - self._keep):
            self._tidy_at = now + TIDY_SECONDS
        return self._table.hand_out(connection, most, worker=uuid4().hex, now=now, until=now + self._lease + MARGIN)


def _check(**options: float) -> None:
    faults = [(name, f"must be more than 0, is {value}") for name, value in options.items() if value <= 0]
    if faults:
        raise InvalidRequest(faults)
