"""A connection on trio, over anyio's streams."""

from __future__ import annotations

import math
import socket
import ssl
import time
from typing import Final

import anyio
import httpx
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from nexi_async._transport.connection import CHUNK, Connection, Timeouts, require_http1
from nexi_async._transport.http1 import MalformedResponse, ResponseParser
from nexi_async._transport.origin import Origin

EARLY_RESPONSE_SECONDS: Final = 1.0
"""Seconds to wait for the response of a server that stopped reading the request."""

STREAM_ERRORS: Final = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.BusyResourceError)
"""What anyio's streams raise; trouble with TLS is an `OSError`, two tasks that both have to write for it are busy."""


class TrioConnection(Connection):
    """See `Connection`."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._parser = ResponseParser()
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  not Django's
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def is_healthy(self) -> bool:
        """Whether it is still open and no unsolicited data is pending; trio has no callback, so it is polled."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not (isinstance(self._stream, TLSStream) and _has_unread_data(self._stream))
        except OSError:
            return False
        return False

    async def exchange(
        self, request: bytes, *, head_only: bool, timeouts: Timeouts, deadline: float = math.inf
    ) -> ResponseParser:
        """Write a request and read its response; see `Connection`."""
        self.is_reusable = False
        if self.is_closed:
            raise httpx.ConnectError("the connection broke before anything was sent")
        self._parser.begin(head_only=head_only)
        exchange = _Exchange(self._stream, self._parser, timeouts, deadline)
        async with anyio.create_task_group() as tasks:  # a server may answer before it has read all of a large request
            tasks.start_soon(exchange.write, request)
            await exchange.read()
            tasks.cancel_scope.cancel()
        if not exchange.parser.is_complete:
            raise exchange.failure or httpx.ReadError("the response is incomplete")
        self.is_reusable = exchange.is_written and exchange.parser.is_clean
        return exchange.parser

    def close(self) -> None:
        """Close at once; see `Connection`."""
        self.is_reusable, self.is_closed = False, True
        self._parser.close()
        anyio.notify_closing(self._socket)
        self._socket.close()
        if self.on_lost is not None:
            self.on_lost(self)


class _Exchange:
    """One request and its response in transfer."""

    def __init__(self, stream: ByteStream, parser: ResponseParser, timeouts: Timeouts, deadline: float) -> None:
        self._stream = stream
        self._timeouts = timeouts
        self._deadline = deadline
        self._waiting = anyio.CancelScope()
        self.parser = parser
        self.is_written = False
        self.failure: httpx.TransportError | None = None

    async def write(self, request: bytes) -> None:
        """Write all of the request, or record the failure."""
        try:
            with anyio.fail_after(self._at_most(self._timeouts.write)):
                for start in range(0, len(request), CHUNK):
                    await self._stream.send(request[start : start + CHUNK])
            self.is_written = True
        except TimeoutError:
            self.failure = httpx.WriteTimeout("the request could not be written in time")
        except STREAM_ERRORS:
            self.failure = httpx.WriteError("the connection broke while the request was being written")
        self._waiting.deadline = anyio.current_time() + self._at_most(self._read_timeout)

    async def read(self) -> None:
        """Read all of the response, or record the failure."""
        try:
            while not self.parser.is_complete:
                with anyio.fail_after(self._at_most(self._read_timeout)) as self._waiting:
                    piece = await self._receive()
                self.parser.feed(piece)
        except MalformedResponse as bad:
            self.failure = self.failure or httpx.RemoteProtocolError(str(bad))
        except TimeoutError:
            self.failure = self.failure or httpx.ReadTimeout("the response did not come in time")
        except STREAM_ERRORS as error:
            self.failure = self.failure or httpx.ReadError(f"the connection broke: {type(error).__name__}")

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive()
        except anyio.EndOfStream:
            return b""

    @property
    def _read_timeout(self) -> float:
        """A response may come while a large request is still being written, or after the server stopped reading."""
        if self.is_written:
            return self._timeouts.read
        return (
            self._timeouts.write + self._timeouts.read
            if self.failure is None
            else min(EARLY_RESPONSE_SECONDS, self._timeouts.read)
        )

    def _at_most(self, seconds: float) -> float:
        return min(seconds, self._deadline - time.monotonic())


def _has_unread_data(stream: TLSStream) -> bool:
    """Whether TLS holds unread data, also a part of a record, for which there is no public API."""
    return stream._read_bio.pending > 0 or stream._ssl_object.pending() > 0  # noqa: SLF001


async def connect(origin: Origin, tls: ssl.SSLContext | None) -> TrioConnection:
    """Open a connection, with TLS if there is a context for it; an error of `STREAM_ERRORS` if there is no way."""
    stream = await anyio.connect_tcp(origin.host, origin.port)
    if tls is None:
        return TrioConnection(stream)
    try:
        secured = await TLSStream.wrap(stream, hostname=origin.server_name, ssl_context=tls)
        require_http1(secured.extra(TLSAttribute.ssl_object))  # noqa: S610  not Django's
        return TrioConnection(secured)
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise
