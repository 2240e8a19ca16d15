"""Small real servers that follow a script, byte by byte."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache

import anyio
import trustme
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

Handler = Callable[[ByteStream], Awaitable[None]]
"""Serves one connection; it is closed afterwards."""


@asynccontextmanager
async def serving(handle: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server on a free port of this machine, and its address."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=0)
    port = listener.extra(SocketAttribute.local_port)

    async def serve(stream: ByteStream) -> None:
        with suppress(ssl.SSLError, anyio.BrokenResourceError):  # a client that hung up hears no goodbye
            async with stream:
                await handle(stream)

    secured = listener if tls is None else TLSListener(listener, tls)
    async with secured, anyio.create_task_group() as tasks:
        tasks.start_soon(secured.serve, serve)
        shown = f"[{host}]" if ":" in host else host
        yield f"{'http' if tls is None else 'https'}://{shown}:{port}"
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """An address where no server is."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(SocketAttribute.local_port)
    await listener.aclose()
    yield f"http://127.0.0.1:{port}"


async def read_request(stream: ByteStream) -> tuple[str, bytes]:
    """The head and the body of the next request; `EndOfStream` when there is none."""
    buffered = BufferedByteReceiveStream(stream)
    try:
        head = (await buffered.receive_until(b"\r\n\r\n", 65536)).decode()
    except anyio.IncompleteRead as error:
        raise anyio.EndOfStream from error
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    return head, await buffered.receive_exactly(int(fields.get("content-length", "0")))


def response(status: int, body: bytes) -> bytes:
    """An answer as it travels."""
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """What a server shows to prove itself; with an RSA key, as the API's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _certificate(authority, name).configure_cert(context)
    return context


@cache
def _certificate(authority: trustme.CA, name: str) -> trustme.LeafCert:
    return authority.issue_cert(name, key_type=trustme.KeyType.RSA)  # to make such a key takes 50 ms


def client_context(authority: trustme.CA, context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, trusting this authority too."""
    authority.configure_trust(context)
    return context
