"""Adapts any transport of httpx to the transport seam."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import cast

import anyio
import attrs
import httpx

from nexi_async._transport.connection import Timeouts
from nexi_async._transport.http1 import MAX_BODY
from nexi_async._transport.http_transport import TRANSPORT_ERRORS, HTTPRequest, Transport
from nexi_async._transport.request import Response

MAX_CLOSE_SECONDS = 2.0
"""Seconds that a cancelled call may still spend on closing its connection."""


@attrs.frozen
class HttpxAdapter:
    """Sends requests with any `httpx.AsyncBaseTransport`."""

    _transport: Transport

    async def open(self) -> None:
        """Enter the transport."""
        await self._transport.__aenter__()

    async def close(self) -> None:
        """Leave the transport."""
        await self._transport.__aexit__()

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read its response; see `HTTPTransport`."""
        with anyio.fail_after(timeouts.total):
            response = await self._transport.handle_async_request(_request(http_request, timeouts))
            try:
                body = await _read(response)
            finally:
                await _close(response)
        return Response(status=response.status_code, headers=tuple(response.headers.items()), body=body)


def _request(http_request: HTTPRequest, timeouts: Timeouts) -> httpx.Request:
    steps = {"pool": timeouts.pool, "connect": timeouts.connect, "write": timeouts.write, "read": timeouts.read}
    return httpx.Request(
        http_request.method,
        f"{http_request.origin}{http_request.target}",
        headers=[*http_request.shared_headers.items, *http_request.headers],
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
    with anyio.move_on_after(MAX_CLOSE_SECONDS, shield=True), suppress(*TRANSPORT_ERRORS):
        await response.aclose()
