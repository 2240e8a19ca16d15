"""A task that belongs to an object instead of a block, so that any task may end it.

A task group must be exited by the task that entered it. Fixtures do not: pytest-asyncio, for one, sets them up in one
task and tears them down in another. anyio has no task without a task group, so this module, and no other of the
emulator, names asyncio (`loop.create_task`) and trio (`spawn_system_task`) and starts the task with their own means.
Cancellation goes through an anyio `CancelScope`, which any task may cancel on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio


class BackgroundTask:
    """Work that runs until it ends or is stopped; it starts at once, on asyncio or trio."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._error: Exception | None = None
        if issubclass(anyio.get_cancelled_exc_class(), asyncio.CancelledError):
            self._task = asyncio.get_running_loop().create_task(self._run())  # the loop keeps only a weak reference
        else:
            import trio

            trio.lowlevel.spawn_system_task(self._run)

    async def stop(self) -> None:
        """Cancel the work and wait until it has ended, even if the caller is cancelled.

        Raises:
            Exception: What the work failed with.
        """
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._work()
        except Exception as error:  # noqa: BLE001  `stop` raises it
            self._error = error
        finally:
            self._ended.set()
