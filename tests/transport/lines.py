"""The server's end of a connection, by hand: it says which byte leaves when, and how it ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import attrs
from anyio.lowlevel import checkpoint

NO_LINGER = struct.pack("ii", 1, 0)
CHUNK = 65_536


class HungUp(Exception):
    """One of the two ends is gone."""


@attrs.define(kw_only=True)
class Limits:
    """After how many bytes on the wire a connection ends, TLS's own included, and whether by a reset."""

    read: float = float("inf")
    send: float = float("inf")
    by_reset: bool = False


@attrs.frozen
class Request:
    """A request as the server read it."""

    head: str
    body: bytes

    @property
    def tag(self) -> str:
        """The last part of its path, by which a test tells requests apart."""
        return self.head.split()[1].rpartition("/")[2]


class Line:
    """One connection, plain or with TLS.

    Attributes:
        has_read: bytes that came over the wire.
        has_sent: bytes that left over the wire.
        understood: bytes of requests that were read.
        hello: bytes that came before the first of TLS was answered.
        shaken: bytes that came before the handshake was over.
        flight: bytes that the client needs for the handshake.
    """

    def __init__(
        self, near: socket.socket, context: ssl.SSLContext | None = None, limits: Limits | None = None
    ) -> None:
        near.setblocking(False)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a reset overtakes what was sent before
        self.socket = near
        self.limits = limits or Limits()
        self.has_read = self.has_sent = self.understood = 0
        self.hello = self.shaken = self.flight = 0
        self._buffer = bytearray()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = None if context is None else context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def handshake(self) -> None:
        """Shake hands, if there is TLS."""
        while self.tls is not None:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                self.hello, self.flight = self.hello or self.has_read, self.has_sent
                await self.fill()
            except ssl.SSLError as error:
                raise HungUp from error
            else:
                self.shaken = self.has_read - self.incoming.pending
                await self.flush()
                return

    async def read(self, count: int) -> bytes:
        """So many bytes of what the client has to say."""
        while len(self._buffer) < count:
            await self._read_more()
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    async def read_request(self) -> Request:
        """The next request."""
        while b"\r\n\r\n" not in self._buffer:
            await self._read_more()
        end = self._buffer.index(b"\r\n\r\n")
        text = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        fields = dict(line.lower().split(": ", 1) for line in text.split("\r\n")[1:])
        return Request(text, await self.read(int(fields.get("content-length", "0"))))

    async def send(self, *messages: bytes) -> None:
        """Send messages in one piece; with TLS, a record each."""
        await self._send(b"".join(map(self.sealed, messages)))

    def sealed(self, message: bytes) -> bytes:
        """A message as it travels."""
        if self.tls is None:
            return message
        self.tls.write(message)
        return self.outgoing.read()

    async def flush(self) -> None:
        """Send what TLS has to say."""
        await self._send(self.outgoing.read())

    async def goodbye(self) -> None:
        """End TLS as it should be ended."""
        if self.tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            await self.flush()

    async def wait_for_the_end(self) -> None:
        """Read until the client hangs up."""
        while True:
            await self._receive()

    def close(self, *, by_reset: bool = False) -> None:
        """Hang up."""
        if by_reset:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.socket.close()

    async def fill(self) -> None:
        """Take what comes for TLS."""
        self.incoming.write(await self._receive())

    async def _read_more(self) -> None:
        if self.tls is None:
            found = await self._receive()
        else:
            try:
                found = self.tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self.fill()
                return
            except ssl.SSLError as error:
                raise HungUp from error
            if not found:
                raise HungUp
        self.understood += len(found)
        self._buffer += found

    async def _receive(self) -> bytes:
        while (room := min(CHUNK, self.limits.read - self.has_read)) > 0:
            try:
                found = self.socket.recv(int(room))
            except BlockingIOError:
                await anyio.wait_readable(self.socket)
                continue
            except OSError as error:
                raise HungUp from error
            self.has_read += len(found)
            if found:
                return found
            break
        raise HungUp

    async def _send(self, data: bytes) -> None:
        room = self.limits.send - self.has_sent
        rest = memoryview(data) if len(data) <= room else memoryview(data)[: int(room)]
        while rest:
            try:
                sent = self.socket.send(rest)
            except BlockingIOError:
                await anyio.wait_writable(self.socket)
                continue
            except OSError as error:
                raise HungUp from error
            self.has_sent += sent
            rest = rest[sent:]
        if len(data) > room:
            raise HungUp


Handle = Callable[[Line], Awaitable[None]]


class Server:
    """Serves each connection as it is told at that moment, and remembers the lines.

    Attributes:
        handle: what is done with a connection after the handshake.
        limits: when the next connections end.
        lines: all connections so far.
        seen: how often each request was read whole, by its tag.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.handle: Handle = self.answer_all
        self.limits = Limits()
        self.lines: list[Line] = []
        self.seen: dict[str, int] = {}
        self.url = ""

    async def next_request(self, line: Line) -> str:
        """The tag of the next request."""
        tag = (await line.read_request()).tag
        self.seen[tag] = self.seen.get(tag, 0) + 1
        return tag

    async def answer_all(self, line: Line) -> None:
        """Answer one request after the other, as it should be."""
        while True:
            await line.send(answer(await self.next_request(line)))

    async def answer_one(self, line: Line) -> None:
        """Answer one request, and hang up."""
        await line.send(answer(await self.next_request(line)))

    async def serve_one(self, near: socket.socket) -> None:
        """Serve a connection to its end."""
        limits = attrs.evolve(self.limits)
        line = Line(near, self.context, limits)
        self.lines.append(line)
        try:
            with contextlib.suppress(HungUp):
                await line.handshake()
                await self.handle(line)
        finally:
            line.close(by_reset=limits.by_reset)


def answer(tag: str) -> bytes:
    """An answer that says to which request it belongs."""
    body = f'{{"tag":"{tag}"}}'
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def hostile_server(context: ssl.SSLContext | None) -> AsyncIterator[Server]:
    """A server on a free port of this machine."""
    server = Server(context)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)  # so that large requests have to wait
        server.url = f"{'http' if context is None else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
        async with anyio.create_task_group() as tasks:

            async def accept() -> None:
                while True:
                    await anyio.wait_readable(listener)
                    with contextlib.suppress(BlockingIOError):
                        tasks.start_soon(server.serve_one, listener.accept()[0])

            tasks.start_soon(accept)
            yield server
            tasks.cancel_scope.cancel()


async def settled(turns: int = 5) -> None:
    """Let every task that can run do so."""
    for _ in range(turns):
        await checkpoint()
