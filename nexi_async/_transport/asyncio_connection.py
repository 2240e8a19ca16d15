"""A connection on asyncio, uvloop or winloop: a protocol on a transport of the loop, which does TLS as well.

The loop watches the socket for as long as it is open, so that an exchange costs one future and no timer: the timer of
the last exchange stays set, and is moved only when it fires.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import math
import select
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import anyio
import httpx

from nexi_async._transport.connection import CHUNK, Connection, Timeouts, require_http1
from nexi_async._transport.http1 import MalformedResponse, ResponseParser
from nexi_async._transport.origin import Origin

CONNECTION_ATTEMPT_DELAY: Final = 0.25
"""Seconds before the next address is tried in parallel (RFC 8305, section 5)."""
HANDSHAKE_SECONDS: Final = 3600.0
"""The loop's own limit, far beyond the one that applies: that of opening a connection."""


class AsyncioConnection(asyncio.Protocol, Connection):
    """See `Connection`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_open = True
        self._is_paused = False
        self._unsent: memoryview | None = None
        self._parser = ResponseParser()
        self._is_exchanging = False
        self._done: asyncio.Future[None]
        self._failure: httpx.TransportError | None = None
        self._timeouts = Timeouts()
        self._deadline = self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf

    def is_healthy(self) -> bool:
        """Whether it is still open and no unsolicited data is pending, in the socket's buffer included."""
        return self._is_usable() and not (self._poll is not None and self._poll.poll(0))

    def _is_usable(self) -> bool:
        return self._is_open and not self._transport.is_closing()

    async def exchange(
        self, request: bytes, *, head_only: bool, timeouts: Timeouts, deadline: float = math.inf
    ) -> ResponseParser:
        """Write a request and read its response; see `Connection`."""
        self.is_reusable = False
        if not self._is_usable():
            raise httpx.ConnectError("the connection broke before anything was sent")
        self._parser.begin(head_only=head_only)
        self._is_exchanging, self._failure = True, None
        self._timeouts, self._deadline = timeouts, deadline
        self._done = self._loop.create_future()
        self._start_writing(request)
        try:
            await self._done
        finally:
            self._is_exchanging = False
        if self._failure is not None:
            raise self._failure
        self.is_reusable = self._parser.is_clean and self._is_written and self._is_open
        return self._parser

    def close(self) -> None:
        """Close at once; see `Connection`."""
        self.is_reusable = self._is_open = False
        self._cancel_timer()
        self._transport.abort()

    # --- sending ---

    def _start_writing(self, request: bytes) -> None:
        if len(request) <= CHUNK:
            self._transport.write(request)
        else:
            self._unsent = memoryview(request)
            self._write_more()
        self._start_step(self._timeouts.read if self._is_written else self._timeouts.write)
        self._set_timer()

    def _write_more(self) -> None:
        """Write a large request in chunks, so that no more of it is copied than the buffers take."""
        while self._unsent is not None and not self._is_paused and self._is_open:
            chunk, rest = self._unsent[:CHUNK], self._unsent[CHUNK:]
            self._unsent = rest or None
            self._transport.write(chunk)

    @property
    def _is_written(self) -> bool:
        return self._unsent is None and not self._is_paused

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open, TLS included."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1, low=0)  # paused as long as anything is left
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(connected.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Received data: part of the response, or unsolicited."""
        if not self._is_exchanging:
            self._mark_unusable()
            return
        try:
            self._parser.feed(data)
        except MalformedResponse as bad:
            self._finish(httpx.RemoteProtocolError(str(bad)))
        else:
            if self._parser.is_complete:
                self._finish()
            elif self._is_written:
                self._start_step(self._timeouts.read)

    def eof_received(self) -> None:
        """The server has closed its side; it may be the end of a response without a length."""
        self._is_open = False
        if self._is_exchanging and self._is_end_authentic():
            self.data_received(b"")
        self._mark_unusable()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.is_closed = True
        name = type(exc).__name__ if exc else "closed"
        self._finish(httpx.ReadError(f"the connection broke: {name}"))
        self._parser.close()
        self._cancel_timer()
        self._mark_unusable()

    def pause_writing(self) -> None:
        """The buffers are full."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """The buffers are empty."""
        self._is_paused = False
        self._write_more()
        if self._is_written:
            self._start_step(self._timeouts.read)
            self._set_timer()  # which may be due later than the response, for the request was being written

    def _mark_unusable(self) -> None:
        """Exclude the connection from reuse, and notify the pool at once."""
        self.is_reusable = self._is_open = False
        if self.on_lost is not None:
            self.on_lost(self)

    def _is_end_authentic(self) -> bool:
        """Whether the end came with TLS's close_notify; without it the response may be truncated (RFC 8446, 6.1).

        The loop hides the alert, the TLS object still has it.
        """
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return tls.read(1) == b""
        except ssl.SSLError:
            return False

    def _finish(self, failure: httpx.TransportError | None = None) -> None:
        if self._is_exchanging:
            self._is_exchanging, self._failure = False, failure
            if not self._done.done():
                self._done.set_result(None)

    # --- time ---

    def _start_step(self, seconds: float) -> None:
        if seconds >= self._timeouts.total:
            self._due = self._deadline
        else:
            self._due = min(time.monotonic() + seconds, self._deadline)

    def _set_timer(self) -> None:
        """Keep one timer that fires no later than the deadline; one that fires too early is set again."""
        if self._due < self._timer_due:
            self._cancel_timer()
            self._timer_due = self._due
            self._timer = self._loop.call_later(self._due - time.monotonic(), self._check_timeout)

    def _check_timeout(self) -> None:
        self._cancel_timer()
        if not self._is_exchanging:
            return
        if time.monotonic() < self._due:
            self._set_timer()
        elif self._is_written:
            self._finish(httpx.ReadTimeout("the response did not come in time"))
        else:
            self._finish(httpx.WriteTimeout("the request could not be written in time"))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, math.inf


async def connect(origin: Origin, tls: ssl.SSLContext | None) -> AsyncioConnection:
    """Open a connection, with TLS if there is a context for it; an `OSError` if there is no way.

    The addresses of a name race here and not in `create_connection`, whose own race leaves a socket open when it is
    cancelled at the wrong time, and is unknown to uvloop.
    """
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {}
    if tls is not None:
        options = {"ssl": tls, "server_hostname": origin.server_name, "ssl_handshake_timeout": HANDSHAKE_SECONDS}

    async def connect_one(address: str) -> AsyncioConnection:
        transport, connection = await loop.create_connection(
            lambda: AsyncioConnection(loop), address, origin.port, **options
        )
        try:
            require_http1(transport.get_extra_info("ssl_object"))
        except OSError:
            connection.close()
            raise
        return connection

    addresses = await _addresses(origin)
    return await (connect_one(addresses[0]) if len(addresses) == 1 else _first_connected(connect_one, addresses))


async def _addresses(origin: Origin) -> list[str]:
    """All addresses of the host, the families taking turns."""
    try:
        return [str(ipaddress.ip_address(origin.host))]
    except ValueError:
        found = await anyio.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    first = dict.fromkeys(where[0] for family, *_, where in found if family == found[0][0])
    second = dict.fromkeys(where[0] for family, *_, where in found if family != found[0][0])
    turns = itertools.zip_longest(first, second)
    return [str(address) for turn in turns for address in turn if address is not None]


async def _first_connected(
    connect_one: Callable[[str], Awaitable[AsyncioConnection]], addresses: Iterable[str]
) -> AsyncioConnection:
    """The connection that is open first; each address has a head start on the next."""
    opened: list[AsyncioConnection] = []
    errors: list[OSError] = []

    async def attempt(address: str, failed: anyio.Event) -> None:
        try:
            opened.append(await connect_one(address))
            tasks.cancel_scope.cancel()
        except OSError as error:
            errors.append(error)
            failed.set()

    try:
        async with anyio.create_task_group() as tasks:
            for address in addresses:
                failed = anyio.Event()
                tasks.start_soon(attempt, address, failed)
                with anyio.move_on_after(CONNECTION_ATTEMPT_DELAY):
                    await failed.wait()
        if not opened:
            raise errors[-1]
        return opened.pop(0)
    finally:
        for unwanted in opened:
            unwanted.close()
