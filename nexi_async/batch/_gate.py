"""Whether more charges may begin, and waits that end when they may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio import create_task_group

__all__ = ["Gate"]


class Gate:
    """Open while charges may begin.

    Args:
        sleep: waits so many seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._closed = anyio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a charge may begin now."""
        return not self._closed.is_set()

    def close(self) -> None:
        """Begin no more charges; whoever waits at the gate goes on at once."""
        self._closed.set()

    def reopen(self) -> None:
        """Let charges begin again."""
        if self._closed.is_set():
            self._closed = anyio.Event()

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until the gate is closed."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._end_when_closed, tasks.cancel_scope)
            await self._sleep(seconds)
            tasks.cancel_scope.cancel()

    async def _end_when_closed(self, scope: anyio.CancelScope) -> None:
        await self._closed.wait()
        scope.cancel()
