"""The seam between a session and the network: what is carried, and carrying it with any transport of httpx."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias, cast

import anyio
import attrs
import httpx

from nexi_async._transport.connection import Timeouts
from nexi_async._transport.decoding import decoded
from nexi_async._transport.http1 import MAX_BODY
from nexi_async._transport.origin import Origin
from nexi_async._transport.request import Response

__all__ = ["TRANSPORT_ERRORS", "HTTPRequest", "HTTPTransport", "HttpxAdapter", "Transport"]

Transport: TypeAlias = httpx.AsyncBaseTransport
"""What a caller may bring: anything that takes an `httpx.Request` and gives an `httpx.Response`."""

LONGEST_CLOSE = 2.0
"""Seconds that a cancelled call may still spend on closing its connection."""

TRANSPORT_ERRORS = (
    httpx.TransportError,
    httpx.StreamError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
"""What transports raise, and what they let through from below: `ssl.SSLError` is an `OSError`."""


@attrs.frozen
class HTTPRequest:
    """A request as it leaves: nothing in it is worked out again when it is sent again."""

    method: str
    origin: Origin
    target: str
    headers: Sequence[tuple[str, str]] = attrs.field(repr=False)
    body: bytes | None = attrs.field(repr=False)


class HTTPTransport(Protocol):
    """Carries requests, one answer each."""

    async def open(self) -> None:
        """Get ready on the running event loop."""

    async def close(self) -> None:
        """Close every connection."""

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read all of its answer.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout: not a byte was sent.
            any of `TRANSPORT_ERRORS`, or TimeoutError: some of it may have been received.
        """


@attrs.frozen
class HttpxAdapter:
    """Carries with any `httpx.AsyncBaseTransport`."""

    _transport: httpx.AsyncBaseTransport

    async def open(self) -> None:
        """Enter the transport."""
        await self._transport.__aenter__()

    async def close(self) -> None:
        """Leave the transport."""
        await self._transport.__aexit__()

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read its answer; see `HTTPTransport`."""
        with anyio.fail_after(timeouts.total):
            response = await self._transport.handle_async_request(_request(http_request, timeouts))
            try:
                raw = await _read(response)
            finally:
                await _close(response)
        headers = tuple(response.headers.items())
        body = await decoded(raw, headers) if "content-encoding" in response.headers else raw
        return Response(status=response.status_code, headers=headers, body=body)


def _request(http_request: HTTPRequest, timeouts: Timeouts) -> httpx.Request:
    steps = {"pool": timeouts.pool, "connect": timeouts.connect, "write": timeouts.write, "read": timeouts.read}
    return httpx.Request(
        http_request.method,
        f"{http_request.origin}{http_request.target}",
        headers=http_request.headers,
        content=http_request.body,
        extensions={"timeout": steps},
    )


async def _read(response: httpx.Response) -> bytes:
    """The body as it came, no more of it than our own transport takes."""
    pieces, size = [], 0
    body = aiter(cast("httpx.AsyncByteStream", response.stream))
    async for piece in body:
        size += len(piece)
        if size > MAX_BODY:
            if isinstance(body, AsyncGenerator):
                await body.aclose()  # one that is left to the garbage collector is closed at no certain time
            raise httpx.RemoteProtocolError(f"a body of more than {MAX_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def _close(response: httpx.Response) -> None:
    """Close within bounds; trouble with it must not hide why the exchange ended, least of all a cancellation."""
    with anyio.move_on_after(LONGEST_CLOSE, shield=True), suppress(*TRANSPORT_ERRORS):
        await response.aclose()
