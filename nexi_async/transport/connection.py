"""One connection: one exchange at a time, and a sure word on whether it can serve another.

Theory of operation. An exchange writes the whole request, then feeds what comes to the reader until one answer is
complete. The connection is reusable only if nothing about the exchange was odd: the whole request was written, the
answer was complete and agreed to keep-alive, and not a byte came after it. Anything else (an error, a cancellation, a
time limit, an early answer, a surplus byte) leaves it unusable, so that no answer can be read by another request.
"""

from __future__ import annotations

import math
import ssl
from typing import Final

import anyio
import attrs
import httpx

from nexi_async.transport.dial import dial
from nexi_async.transport.http1 import BadReply, ReplyReader
from nexi_async.transport.origin import Origin
from nexi_async.transport.stream import PlainStream, SecureStream, Stream
from nexi_async.transport.watch import Watch

__all__ = ["Connection", "StepLimits", "connect"]

SMALL: Final = 65_536
"""Bytes of a request that the buffers on the way take at once, so that it is written before anything is read."""
LAST_WORDS: Final = 1.0
"""Seconds that a server which stopped reading gets to say why."""


@attrs.frozen(kw_only=True)
class StepLimits:
    """Seconds that each step of a request may take, and all of them together.

    By the wall clock, which goes on while a machine is suspended, `not_after` (seconds since 1970) ends the time in
    which its first byte may leave.
    """

    pool: float = math.inf
    connect: float = math.inf
    write: float = math.inf
    read: float = math.inf
    total: float = math.inf
    not_after: float = math.inf


class Connection:
    """An open connection to one origin."""

    __slots__ = ("_stream", "idle_since", "is_reusable")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.is_reusable = True
        self.idle_since = 0.0

    def is_quiet(self) -> bool:
        """Whether nothing has come unasked; a connection that was closed has its end to read."""
        return not self._stream.has_surprise()

    async def exchange(
        self, request: bytes, *, head_only: bool, limits: StepLimits, deadline: float = math.inf
    ) -> ReplyReader:
        """Write a request and read its answer.

        Raises:
            httpx.ConnectError: the connection was broken before a byte of the request had left.
            httpx.TransportError: the answer did not come whole; the request may have been received.
        """
        self.is_reusable = False
        exchange = _Exchange(self._stream, ReplyReader(head_only=head_only), limits, deadline)
        await exchange.run(request)
        self.is_reusable = exchange.was_written and exchange.reply.is_clean
        return exchange.reply

    def close(self) -> None:
        """Close at once."""
        self.is_reusable = False
        self._stream.close()


class _Exchange:
    """One request and its answer on their way."""

    __slots__ = ("_deadline", "_limits", "_sent_before", "_stream", "failure", "reply", "was_written")

    def __init__(self, stream: Stream, reply: ReplyReader, limits: StepLimits, deadline: float) -> None:
        self._stream = stream
        self._sent_before = stream.bytes_sent
        self._limits = limits
        self._deadline = deadline
        self.failure: httpx.TransportError | None = None
        self.reply = reply
        self.was_written = False

    async def run(self, request: bytes) -> None:
        if len(request) <= SMALL:
            await self._write(request)
            await self._read()
        else:
            await self._write_while_reading(request)
        if not self.reply.is_complete:
            raise self._why()

    def _why(self) -> httpx.TransportError:
        if self._stream.bytes_sent == self._sent_before:
            return httpx.ConnectError("the connection broke before anything was sent")
        return self.failure or httpx.ReadError("the answer did not come whole")

    async def _write_while_reading(self, request: bytes) -> None:
        """A server may answer, and stop reading, before it has read all of a large request."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, request)
            await self._read()
            tasks.cancel_scope.cancel()

    async def _write(self, request: bytes) -> None:
        try:
            await self._stream.send(request, self._by(self._limits.write))
            self.was_written = True
        except TimeoutError:
            self.failure = httpx.WriteTimeout("the request could not be written in time")
        except OSError:
            self.failure = httpx.WriteError("the connection broke while the request was being written")

    async def _read(self) -> None:
        reply = self.reply
        try:
            while not reply.is_complete:
                reply.feed(await self._stream.receive(self._by(self._patience)))
        except BadReply as bad:
            self.failure = self.failure or httpx.RemoteProtocolError(str(bad))
        except TimeoutError:
            self.failure = self.failure or httpx.ReadTimeout("the answer did not come in time")
        except OSError as error:
            self.failure = self.failure or httpx.ReadError(f"the connection broke: {type(error).__name__}")

    @property
    def _patience(self) -> float:
        """An answer may come while a large request is still being written; a server that broke off gets a moment."""
        if self.was_written:
            return self._limits.read
        return self._limits.write + self._limits.read if self.failure is None else min(LAST_WORDS, self._limits.read)

    def _by(self, seconds: float) -> float:
        if seconds >= self._limits.total:
            return self._deadline
        return min(anyio.current_time() + seconds, self._deadline)


async def connect(origin: Origin, seconds: float, *, context: ssl.SSLContext, watch: Watch) -> Connection:
    """Open a connection; for https with TLS, the server's certificate and name checked.

    Raises:
        httpx.ConnectError: there is no way, or the server is not who it should be.
        httpx.ConnectTimeout: it took too long.
    """
    try:
        with anyio.fail_after(seconds):
            plain = PlainStream(await dial(origin.host, origin.port), watch)
            return Connection(plain if origin.scheme == "http" else await _secured(plain, context, origin.server_name))
    except TimeoutError:
        raise httpx.ConnectTimeout(f"no connection to {origin} in time") from None
    except OSError as error:
        raise httpx.ConnectError(f"no connection to {origin}: {error}") from error


async def _secured(plain: PlainStream, context: ssl.SSLContext, server_name: str) -> SecureStream:
    try:
        secure = SecureStream(plain, context, server_name)
        await secure.handshake(math.inf)
    except BaseException:
        plain.close()
        raise
    return secure
