"""The connections to one origin: the last used is used first, whoever waits longest is served first.

Every operation costs the same however many connections and waiters there are. A place (the right to have a connection
open) is handed from a closed connection straight to the longest waiting task, and so is a connection that becomes free,
so that no newcomer overtakes. Nothing but waiting and connecting is awaited, and both give back what they hold when
they are cancelled.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

import anyio
import httpx

from nexi_async.transport.connection import Connection, StepLimits

__all__ = ["Pool"]


class Pool:
    """At most `size` connections, made by `connect` when they are needed."""

    def __init__(self, connect: Callable[[float], Awaitable[Connection]], *, size: int, idle_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._idle_seconds = idle_seconds
        self._idle: deque[Connection] = deque()
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._open = 0
        self._closed = False

    @property
    def open_connections(self) -> int:
        """How many connections are open or being opened."""
        return self._open

    async def acquire(self, limits: StepLimits, deadline: float) -> Connection:
        """A connection that nobody else uses; give it back with `release`.

        Raises:
            httpx.PoolTimeout: none became free in time.
            httpx.ConnectError, httpx.ConnectTimeout: none could be opened.
        """
        connection = self._quiet_idle_one()
        if connection is None and self._open >= self._size:
            connection = self._if_quiet(await self._wait(min(limits.pool, deadline - anyio.current_time())))
        elif connection is None:
            self._open += 1
        if connection is not None:
            return connection
        try:
            return await self._connect(min(limits.connect, deadline - anyio.current_time()))
        except BaseException:
            self._free_place()
            raise

    def release(self, connection: Connection) -> None:
        """Take a connection back: for the next task if it is reusable, else close it."""
        if connection.is_reusable and not self._closed:
            self._pass_on(connection)
            self._close_expired()
        else:
            self._free_place()
            connection.close()

    def close(self) -> None:
        """Close all idle connections, and the others once they come back."""
        self._closed = True
        while self._idle:
            connection = self._idle.pop()
            self._free_place()
            connection.close()

    def _quiet_idle_one(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not self._is_expired(connection) and connection.is_quiet():
                return connection
            self._free_place()
            connection.close()
        return None

    def _if_quiet(self, connection: Connection | None) -> Connection | None:
        """The connection, unless it has spoken up on its way here; then only its place is left."""
        if connection is None or connection.is_quiet():
            return connection
        connection.close()
        return None

    async def _wait(self, seconds: float) -> Connection | None:
        """A connection, or None for a place to open one."""
        waiter = _Waiter()
        self._waiters[waiter] = None
        try:
            with anyio.fail_after(seconds):
                await waiter.served.wait()
        except BaseException as error:
            self._give_up(waiter)
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout("no connection became free in time") from None
            raise
        return waiter.connection

    def _give_up(self, waiter: _Waiter) -> None:
        """What a waiter was given while it was being cancelled goes to the next one."""
        if waiter in self._waiters:
            del self._waiters[waiter]
        elif waiter.connection is not None:
            self.release(waiter.connection)
        else:
            self._free_place()

    def _pass_on(self, connection: Connection) -> None:
        if self._waiters:
            self._next_waiter().serve(connection)
        else:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)

    def _free_place(self) -> None:
        if self._waiters:
            self._next_waiter().serve(None)
        else:
            self._open -= 1

    def _next_waiter(self) -> _Waiter:
        waiter, _ = self._waiters.popitem(last=False)
        return waiter

    def _close_expired(self) -> None:
        """The connection that has been idle longest lies at the bottom."""
        if self._idle and self._is_expired(self._idle[0]):
            connection = self._idle.popleft()
            self._free_place()
            connection.close()

    def _is_expired(self, connection: Connection) -> bool:
        """Servers forget what has been idle for long, at worst while a request is on its way to them."""
        return time.monotonic() - connection.idle_since > self._idle_seconds


class _Waiter:
    """A task that waits for a connection or a place."""

    __slots__ = ("connection", "served")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.served = anyio.Event()

    def serve(self, connection: Connection | None) -> None:
        self.connection = connection
        self.served.set()
