"""Results on their way to the ledger: written together, and handed out once they are on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._results import JobOutcome

__all__ = ["Done", "ResultWriter"]

Done: TypeAlias = tuple[ClaimedJob, JobOutcome]
Write: TypeAlias = Callable[[list[Done]], Awaitable[None]]

WRITE_INTERVAL_SECONDS = 0.05
"""How long results wait for others, so that a commit is shared; after a crash what waited is asked for."""
MAX_PENDING = 2000
"""How many may wait before no more jobs are taken."""


class ResultWriter:
    """Gathers results; workers leave them here and go on.

    Args:
        write: writes a group of results; writing one twice does no harm.
        hand_out: hands out a group that is written.
        sleep: waits so many seconds.
    """

    def __init__(self, write: Write, hand_out: Write, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._write = write
        self._hand_out = hand_out
        self._sleep = sleep
        self._waiting: list[Done] = []
        self._arrived = anyio.Event()
        self._is_closed = False

    def add(self, job: ClaimedJob, outcome: JobOutcome) -> None:
        """Leave a result."""
        self._waiting.append((job, outcome))
        self._arrived.set()

    async def wait_for_room(self) -> None:
        """Wait while more results wait than the ledger keeps up with."""
        while len(self._waiting) > MAX_PENDING:
            await self._sleep(WRITE_INTERVAL_SECONDS)

    def close(self) -> None:
        """No more will come."""
        self._is_closed = True
        self._arrived.set()

    async def run(self) -> None:
        """Write what comes and hand it out, until the last has come."""
        while self._waiting or not self._is_closed:
            await self._arrived.wait()
            if not self._is_closed:
                await self._sleep(WRITE_INTERVAL_SECONDS)
            if not self._is_closed:
                self._arrived = anyio.Event()
            await self._hand_out(await self.flush())

    async def flush(self) -> list[Done]:
        """Write what is here; until it is on disk it stays here, should this be cancelled."""
        group = self._waiting.copy()
        if group:
            await self._write(group)
            del self._waiting[: len(group)]
        return group
