"""Results on their way to the ledger: written together, and handed out once they are on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from nexi_async.batch.ledger_work import Assignment
from nexi_async.batch.results import Ending

__all__ = ["Done", "Outbox"]

Done: TypeAlias = tuple[Assignment, Ending]

GATHERING_SECONDS = 0.05
"""How long results wait for others, so that a commit is shared; after a crash what waited is asked for."""
MOST_WAITING = 2000
"""How many may wait before no more jobs are taken."""


class Outbox:
    """Gathers results; workers leave them here and go on.

    Args:
        write: writes a group of results and hands them out.
        sleep: waits so many seconds.
    """

    def __init__(
        self, write: Callable[[list[Done]], Awaitable[None]], *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._write = write
        self._sleep = sleep
        self._waiting: list[Done] = []
        self._arrived = anyio.Event()
        self._is_closed = False

    def put(self, job: Assignment, ending: Ending) -> None:
        """Leave a result."""
        self._waiting.append((job, ending))
        self._arrived.set()

    async def wait_for_room(self) -> None:
        """Wait while more results wait than the ledger keeps up with."""
        while len(self._waiting) > MOST_WAITING:
            await self._sleep(GATHERING_SECONDS)

    def close(self) -> None:
        """No more will come."""
        self._is_closed = True
        self._arrived.set()

    async def empty(self) -> None:
        """Write what comes, until the last has come."""
        while self._waiting or not self._is_closed:
            await self._arrived.wait()
            if not self._is_closed:
                await self._sleep(GATHERING_SECONDS)
            group, self._waiting = self._waiting, []
            if not self._is_closed:
                self._arrived = anyio.Event()
            if group:
                await self._write(group)
