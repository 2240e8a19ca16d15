"""Byte streams over sockets, plain and with TLS, that know what they have received and nobody has read.

They work on the socket itself, on asyncio and trio alike; waiting is left to a `Watch`. A deadline is a moment of the
event loop's clock.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final, Protocol

import anyio

from nexi_async.transport.watch import Watch

__all__ = ["PlainStream", "SecureStream", "Stream"]

CHUNK: Final = 65_536


class Stream(Protocol):
    """What a connection needs: bytes out, bytes in, and no surprises."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes have left this program since the socket was opened, TLS's own included."""

    async def send(self, data: bytes, deadline: float) -> None:
        """Send all of it; `TimeoutError` when time is up, another `OSError` if the connection is broken."""

    async def receive(self, deadline: float) -> bytes:
        """The next bytes, none at the end; `TimeoutError` when time is up, another `OSError` if it is broken."""

    def has_surprise(self) -> bool:
        """Whether something has come that nobody has read, be it only the end."""

    def close(self) -> None:
        """Close the socket at once, without a word to the server."""


class PlainStream:
    """A stream over a connected socket that does not block."""

    __slots__ = ("_socket", "_watch", "bytes_sent")

    def __init__(self, connected: socket.socket, watch: Watch) -> None:
        self.bytes_sent = 0
        self._socket = connected
        self._watch = watch
        try:
            watch.add(connected)
        except OSError:
            connected.close()
            raise

    async def send(self, data: bytes, deadline: float) -> None:
        """Send all of it; see `Stream`."""
        sent = self._send_some(data)
        if sent < len(data):
            with anyio.fail_after(deadline - anyio.current_time()):
                while sent < len(data):
                    await anyio.wait_writable(self._socket)
                    sent += self._send_some(memoryview(data)[sent:])

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            return 0
        self.bytes_sent += sent
        return sent

    async def receive(self, deadline: float) -> bytes:
        """The next bytes; see `Stream`."""
        while True:
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                await self._watch.readable(self._socket, deadline)

    def has_surprise(self) -> bool:
        """Whether something has come unasked; see `Stream`."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            self._watch.forget()


class SecureStream:
    """TLS over a plain stream; call `handshake` first."""

    __slots__ = ("_incoming", "_is_flushing", "_outgoing", "_plain", "_tls")

    def __init__(self, plain: PlainStream, context: ssl.SSLContext, hostname: str) -> None:
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._is_flushing = False
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    @property
    def bytes_sent(self) -> int:
        """How many bytes have left; see `Stream`."""
        return self._plain.bytes_sent

    async def handshake(self, deadline: float) -> None:
        """Agree on keys and check the server's certificate and name; `ssl.SSLError` if that fails."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(deadline)
                await self._fill(deadline)
            except ssl.SSLError:
                await self._flush(deadline)  # the alert that says why
                raise
            else:
                return await self._flush(deadline)

    async def send(self, data: bytes, deadline: float) -> None:
        """Send all of it; see `Stream`."""
        for start in range(0, len(data), CHUNK):
            self._tls.write(data[start : start + CHUNK])
            await self._flush(deadline)

    async def receive(self, deadline: float) -> bytes:
        """The next bytes; see `Stream`."""
        if not (self._incoming.pending or self._tls.pending() or self._outgoing.pending):
            await self._fill(deadline)
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    await self._flush(deadline)
                await self._fill(deadline)

    def has_surprise(self) -> bool:
        """Whether something has come unasked; see `Stream`."""
        return self._incoming.pending > 0 or self._tls.pending() > 0 or self._plain.has_surprise()

    def close(self) -> None:
        """Close the socket."""
        self._plain.close()

    async def _flush(self, deadline: float) -> None:
        """Send what TLS has to say; if another task is at it, that one sends this as well."""
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while self._outgoing.pending:
                await self._plain.send(self._outgoing.read(), deadline)
        finally:
            self._is_flushing = False

    async def _fill(self, deadline: float) -> None:
        data = await self._plain.receive(deadline)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
