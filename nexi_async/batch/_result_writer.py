"""Writes outcomes to the ledger in groups, and hands them out once they are on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import attrs

from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._results import JobOutcome

Done: TypeAlias = tuple[ClaimedJob, JobOutcome]
Write: TypeAlias = Callable[[list[Done]], Awaitable[None]]

WRITE_INTERVAL_SECONDS = 0.05
"""How many seconds outcomes wait for others, to share a commit; after a crash those jobs are looked up."""
MAX_PENDING = 2000
"""How many may be pending before no more jobs are claimed."""


@attrs.define(eq=False, repr=False)
class ResultWriter:
    """Collects outcomes, so that workers need not wait for the disk."""

    _write: Write
    """Writes a group; it has to be idempotent."""
    _hand_out: Write
    """Hands out a group that is written."""
    _sleep: Callable[[float], Awaitable[None]]

    _pending: list[Done] = attrs.field(init=False, factory=list)
    _arrived: anyio.Event = attrs.field(init=False, factory=anyio.Event)
    _is_closed: bool = attrs.field(init=False, default=False)

    def add(self, job: ClaimedJob, outcome: JobOutcome) -> None:
        """Add an outcome."""
        self._pending.append((job, outcome))
        self._arrived.set()

    async def wait_for_room(self) -> None:
        """Wait while too many outcomes are pending."""
        while len(self._pending) > MAX_PENDING:
            await self._sleep(WRITE_INTERVAL_SECONDS)

    def close(self) -> None:
        """No more will be added."""
        self._is_closed = True
        self._arrived.set()

    async def run(self) -> None:
        """Write and hand out what is added, until it is closed and all is written."""
        while self._pending or not self._is_closed:
            await self._arrived.wait()
            if not self._is_closed:
                await self._sleep(WRITE_INTERVAL_SECONDS)
            if not self._is_closed:
                self._arrived = anyio.Event()
            await self._hand_out(await self.flush())

    async def flush(self) -> list[Done]:
        """Write what is pending; after a cancellation it is still pending."""
        group = self._pending.copy()
        if group:
            await self._write(group)
            del self._pending[: len(group)]
        return group
