"""The transport seam: the request that a session sends, and the protocol of what sends it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

import anyio
import attrs
import httpx

from nexi_async._transport.connection import Timeouts
from nexi_async._transport.http1 import header_lines
from nexi_async._transport.origin import Origin
from nexi_async._transport.request import Response


class Transport(Protocol):
    """What `AsyncCheckout(transport=...)` takes: any `httpx.AsyncBaseTransport`, or anything with these methods."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, whose body may still be on its way."""


TRANSPORT_ERRORS = (
    httpx.TransportError,
    httpx.StreamError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
"""What transports raise, and what they let through from below: `ssl.SSLError` is an `OSError`."""


@attrs.frozen(eq=False)
class SharedHeaders:
    """The headers that all requests of one client have, encoded once."""

    items: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    lines: bytes = attrs.field(init=False, repr=False)

    @lines.default
    def _encode(self) -> bytes:
        return header_lines(self.items)


@attrs.frozen
class HTTPRequest:
    """An HTTP request as it is sent; a retry sends the same value.

    By the wall clock, which goes on while a machine is suspended, `not_after` (seconds since 1970) ends the time in
    which its first byte may leave.
    """

    method: str
    origin: Origin
    target: str
    headers: Sequence[tuple[str, str]] = attrs.field(repr=False)
    body: bytes | None = attrs.field(repr=False)
    shared_headers: SharedHeaders = SharedHeaders()
    not_after: float = math.inf

    def require_in_time(self) -> None:
        """Raise `httpx.PoolTimeout` if it may not be sent any more."""
        if time.time() > self.not_after:
            raise httpx.PoolTimeout("the machine was suspended while the request waited for a connection")


class HTTPTransport(Protocol):
    """Sends requests and reads their responses."""

    async def open(self) -> None:
        """Get ready on the running event loop."""

    async def close(self) -> None:
        """Close every connection."""

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read all of its response; a body that came compressed stays so.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout: not a byte was sent.
            any of `TRANSPORT_ERRORS`, or TimeoutError: some of it may have been received.
        """
