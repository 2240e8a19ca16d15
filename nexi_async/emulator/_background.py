"""A task that belongs to an object instead of a block, so that any task may end it.

A task group must be left by the task that entered it, which fixtures of pytest-asyncio, for one, do not: they begin in
one task and end in another. anyio has nothing else, hence the two event loops by their names here, and only here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio


class BackgroundTask:
    """Work that goes on until it is stopped; starts at once, on asyncio or trio."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._error: Exception | None = None
        if issubclass(anyio.get_cancelled_exc_class(), asyncio.CancelledError):
            self._task = asyncio.get_running_loop().create_task(self._run())  # the loop itself keeps no hold of it
        else:
            import trio

            trio.lowlevel.spawn_system_task(self._run)

    async def stop(self) -> None:
        """Cancel the work and wait until it has ended, also when cancelled oneself.

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
        except Exception as error:  # noqa: BLE001  whoever stops it gets to know
            self._error = error
        finally:
            self._ended.set()
