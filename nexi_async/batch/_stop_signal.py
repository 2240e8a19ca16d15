"""The signal that no more charges may begin, and waits that it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio import create_task_group


class StopSignal:
    """Set while no charge may begin: the run was stopped, or a round is over.

    Args:
        sleep: waits so many seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._event = anyio.Event()

    @property
    def is_set(self) -> bool:
        """Whether no charge may begin now."""
        return self._event.is_set()

    def set(self) -> None:
        """Begin no more charges; every wait of `sleep` ends at once."""
        self._event.set()

    def clear(self) -> None:
        """Let charges begin again."""
        if self._event.is_set():
            self._event = anyio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, or until the signal is set."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._cancel_when_set, tasks.cancel_scope)
            await self._sleep(seconds)
            tasks.cancel_scope.cancel()

    async def _cancel_when_set(self, scope: anyio.CancelScope) -> None:
        await self._event.wait()
        scope.cancel()
