"""The connections to one origin: the last used is used first (LIFO), tasks are served in order of arrival (FIFO).

Every operation takes constant time. A slot (the right to have a connection open) passes from a closed connection
straight to the longest waiting task, and so does a connection that becomes free, so that no later task overtakes.
Nothing but waiting and connecting is awaited, and both give back what they hold when they are cancelled. An idle
connection that ends or receives unsolicited data leaves the pool at that moment.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import anyio
import httpx
from anyio.lowlevel import checkpoint

from nexi_async._transport.connection import Connection, Timeouts


class Pool:
    """At most `size` connections, made by `connect` when they are needed."""

    def __init__(self, connect: Callable[[float], Awaitable[Connection]], *, size: int, idle_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._idle_seconds = idle_seconds
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._closing: set[Connection] = set()
        self._open = 0
        self._closed = False

    @property
    def open_connections(self) -> int:
        """How many connections are open or being opened."""
        return self._open

    async def acquire(self, timeouts: Timeouts, deadline: float) -> Connection:
        """A connection for the caller alone; give it back with `release`. The deadline is one of `time.monotonic`.

        Raises:
            httpx.PoolTimeout: none became free in time.
            httpx.ConnectError, httpx.ConnectTimeout: none could be opened, or the pool is closed.
        """
        self._require_open()
        connection = self.acquire_idle()
        if connection is None and self._open >= self._size:
            connection = self._if_healthy(await self._wait(min(timeouts.pool, deadline - time.monotonic())))
        elif connection is None:
            self._open += 1
        return connection or await self._open_connection(min(timeouts.connect, deadline - time.monotonic()))

    def release(self, connection: Connection) -> None:
        """Take a connection back: for the next task if it is reusable, else close it."""
        if connection.is_reusable and not self._closed:
            self._make_available(connection)
        else:
            self._release_slot()
            self._close(connection)

    async def aclose(self) -> None:
        """Close all idle connections, and the others once they come back; whoever waits for one gets none."""
        self._closed = True
        while self._idle:
            self._remove_idle(next(iter(self._idle)))
        while self._waiters:
            self._open += 1  # a nominal slot, which the waiter releases
            self._next_waiter().serve(None)
        while self._closing:
            await checkpoint()

    async def _open_connection(self, seconds: float) -> Connection:
        """A new connection for a slot that is held; the pool may be closed while one waits and while it is opened."""
        connection = None
        try:
            self._require_open()
            connection = await self._connect(seconds)
            connection.on_lost = self._on_lost
            self._require_open()
        except BaseException:
            if connection is not None:
                self._close(connection)
            self._release_slot()
            raise
        return connection

    def _require_open(self) -> None:
        if self._closed:
            raise httpx.ConnectError("the connection pool is closed")

    def acquire_idle(self) -> Connection | None:
        """An idle connection that is healthy, if there is one; then no task is waiting."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if time.monotonic() - connection.idle_since <= self._idle_seconds and connection.is_healthy():
                return connection
            self._release_slot()
            self._close(connection)
        return None

    def _if_healthy(self, connection: Connection | None) -> Connection | None:
        """The connection if it is still healthy, else None: its slot stays reserved for a new one."""
        if connection is None or connection.is_healthy():
            return connection
        self._close(connection)
        return None

    async def _wait(self, seconds: float) -> Connection | None:
        """A connection, or None for a slot to open one."""
        waiter = _Waiter()
        self._waiters[waiter] = None
        try:
            with anyio.fail_after(seconds):
                await waiter.served.wait()
        except BaseException as error:
            self._abandon_wait(waiter)
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout("no connection became free in time") from None
            raise
        return waiter.connection

    def _abandon_wait(self, waiter: _Waiter) -> None:
        """What a waiter received while it was being cancelled goes to the next one."""
        if waiter in self._waiters:
            del self._waiters[waiter]
        elif waiter.connection is not None:
            self.release(waiter.connection)
        else:
            self._release_slot()

    def _make_available(self, connection: Connection) -> None:
        if self._waiters:
            self._next_waiter().serve(connection)
        else:
            connection.idle_since = now = time.monotonic()
            self._idle[connection] = None
            self._close_expired(now)

    def _release_slot(self) -> None:
        if self._waiters:
            self._next_waiter().serve(None)
        else:
            self._open -= 1

    def _next_waiter(self) -> _Waiter:
        waiter, _ = self._waiters.popitem(last=False)
        return waiter

    def _close_expired(self, now: float) -> None:
        """Close what has been idle longest, if a server may do so too, at worst while a request is being sent."""
        oldest = next(iter(self._idle))
        if now - oldest.idle_since > self._idle_seconds:
            self._remove_idle(oldest)

    def _on_lost(self, connection: Connection) -> None:
        """A connection has ended or received unsolicited data; those in use are handled when they are released."""
        if connection in self._idle:
            self._remove_idle(connection)
        elif connection.is_closed:
            self._closing.discard(connection)

    def _remove_idle(self, connection: Connection) -> None:
        """Close an idle connection."""
        del self._idle[connection]
        self._release_slot()
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        connection.close()
        if not connection.is_closed:
            self._closing.add(connection)


class _Waiter:
    """A task that waits for a connection or a slot."""

    __slots__ = ("connection", "served")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.served = anyio.Event()

    def serve(self, connection: Connection | None) -> None:
        self.connection = connection
        self.served.set()
