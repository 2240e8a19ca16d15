"""The databases of the simulation: real SQLite, whose transactions take virtual time and can fail around the commit."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import attrs
from anyio.lowlevel import checkpoint

from nexi_async import StorageUnavailable

T = TypeVar("T")

DELAY = 0.005
"""The longest usual time on the way to the database and back, in seconds."""
SLOW_DELAY = 5.0


@attrs.frozen(kw_only=True)
class DatabaseFaults:
    """How transactions fail; rates are between 0 and 1.

    Attributes:
        slow_commit: how often the word of a commit comes up to 5 seconds late.
        busy: how often a transaction fails before it begins.
        lost_commit: how often the connection breaks after the commit, so that it counts and nobody is told.
        is_away: whether the database can't be reached at all.
    """

    slow_commit: float = 0.0
    busy: float = 0.0
    lost_commit: float = 0.0
    is_away: bool = False


class InlineThreads:
    """Stands for `anyio.to_thread`: the work is done at once, between two waits of virtual time.

    A process that dies during the first wait has done nothing; if it dies during the second, the work counts and the
    process never hears of it.

    Args:
        chance: decides delays and failures.
    """

    def __init__(self, chance: random.Random) -> None:
        self.faults = DatabaseFaults()
        self._chance = chance

    async def run_sync(self, work: Callable[..., T], *args: Any, limiter: anyio.CapacityLimiter | None = None) -> T:
        """Do the work, as if in a thread."""
        await checkpoint()
        call = functools.partial(work, *args)
        async with limiter or anyio.CapacityLimiter(1):
            return await self._transact(call) if isinstance(work, functools.partial) else call()

    async def _transact(self, work: Callable[[], T]) -> T:
        """A transaction, which is not interrupted by a cancellation."""
        with anyio.CancelScope(shield=True):
            await self._wait(DELAY)
            if self.faults.is_away or self._happens(self.faults.busy):
                raise StorageUnavailable("the database is unavailable: simulated before the transaction")
            result = work()
            await self._wait(SLOW_DELAY if self._happens(self.faults.slow_commit) else DELAY)
            if self._happens(self.faults.lost_commit):
                raise StorageUnavailable("the database is unavailable: simulated after the commit")
        return result

    async def _wait(self, longest: float) -> None:
        await asyncio.sleep(self._chance.random() * longest)

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self._chance.random() < rate
