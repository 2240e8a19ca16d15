"""Outages of the ledger's database: transactions are retried until it is back, and no charge begins meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

import anyio
from sqlalchemy import Connection, select

from nexi_async._errors import StorageUnavailable
from nexi_async._storage import Database

P = ParamSpec("P")
T = TypeVar("T")

INITIAL_DELAY, MAX_DELAY = 0.25, 2.0
"""Seconds before a call is tried again, at first and in the end."""
MAX_WAIT_SECONDS = 120.0
"""How many seconds a call waits between its attempts, in all, before it fails."""

logger = logging.getLogger("nexi_async.batch")


class Outage:
    """Whether the database is unavailable, by the last call to it.

    Args:
        on_begin: called once when an outage begins; a warning is logged when left out.
        longest: how many seconds a call waits between its attempts, in all.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        on_begin: Callable[[StorageUnavailable], None] | None = None,
        longest: float = MAX_WAIT_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._on_begin = on_begin or _warn
        self._longest = longest
        self._sleep = sleep
        self._is_active = False
        self._count = 0

    @property
    def is_active(self) -> bool:
        """Whether the database is unavailable."""
        return self._is_active

    async def retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call, and retry while the database is unavailable.

        Raises:
            StorageUnavailable: it is unavailable for longer.
            Exception: what the call raised otherwise.
        """
        delay, waited = INITIAL_DELAY, 0.0
        while True:
            count = self._count
            try:
                result = await call()
            except StorageUnavailable as error:
                if waited >= self._longest:
                    raise
                self._begin(error)
            else:
                if count == self._count:  # else it began before the outage
                    self._is_active = False
                return result
            await self._sleep(delay)
            waited += delay
            delay = min(delay * 2, MAX_DELAY)

    def _begin(self, error: StorageUnavailable) -> None:
        if not self._is_active:
            self._is_active = True
            self._count += 1
            self._on_begin(error)


class RetryingDatabase:
    """A database whose transactions are retried during an outage.

    A transaction whose commit was not confirmed may be repeated, so it has to be idempotent.
    """

    def __init__(self, database: Database, outage: Outage) -> None:
        self._database = database
        self._outage = outage
        self._asking = anyio.Lock()

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in a transaction, as `Database.run` does."""

        async def call() -> T:
            return await self._database.run(work, *args, **kwargs)

        return await self._outage.retry(call)

    async def wait_until_available(self) -> None:
        """Wait for the end of an outage, if there is one; the call that met it may have been given up since.

        Raises:
            StorageUnavailable: the outage is longer than calls wait.
        """
        async with self._asking:
            while self._outage.is_active:
                await self.run(_ask)


def _ask(connection: Connection) -> None:
    connection.execute(select(1))


def _warn(error: StorageUnavailable) -> None:
    logger.warning("%s; waiting for it", error)
