"""The default transport: pooled connections that know whether any byte of a request was sent."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Iterable
from typing import cast

import attrs
import httpx

from nexi_async._transport.connect import connect
from nexi_async._transport.connection import Timeouts
from nexi_async._transport.http1 import request_head
from nexi_async._transport.http_transport import HTTPRequest, HTTPTransport, Transport
from nexi_async._transport.httpx_adapter import HttpxAdapter
from nexi_async._transport.origin import Origin
from nexi_async._transport.pool import Pool
from nexi_async._transport.proxied_transport import ProxiedTransport
from nexi_async._transport.request import Response
from nexi_async._transport.tls import new_context

IDLE_SECONDS = 50.0
"""Servers commonly close what has been idle for a minute."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class CheckoutTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over TCP and TLS; the transport of `AsyncCheckout`, and usable by any httpx client.

    The whole response is read before it is handed out. Its errors state what was sent: with `ConnectError`,
    `ConnectTimeout` and `PoolTimeout` not a byte of the request did, with every other error some of it may have
    arrived.
    """

    def __init__(self, *, max_connections: int = 100, ssl_context: ssl.SSLContext | None = None) -> None:
        """Make a transport; connections are opened when they are needed.

        Args:
            max_connections: how many are open to one address at most.
            ssl_context: used as it is, client certificates included; by default `new_context()`.
        """
        self._max_connections = max_connections
        self._context = ssl_context or new_context()
        self._pools: dict[Origin, Pool] = {}

    async def open(self) -> None:
        """Nothing to do: connections are opened when they are needed."""

    async def close(self) -> None:
        """Close all connections, those in use once they are given back."""
        for pool in self._pools.values():
            await pool.aclose()

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read its response; see `HTTPTransport`."""
        message, head_only = _message(http_request), http_request.method == "HEAD"
        deadline = time.monotonic() + timeouts.total
        pool = self._pools.get(http_request.origin) or self._new_pool(http_request.origin)
        connection = pool.acquire_idle() or await pool.acquire(timeouts, deadline)
        try:
            http_request.require_in_time()
            parser = await connection.exchange(message, head_only=head_only, timeouts=timeouts, deadline=deadline)
            return Response(status=parser.status, headers=_decoded_headers(parser.headers), body=parser.body)
        finally:
            pool.release(connection)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx, within the limits of its "timeout" extension."""
        url = request.url
        given = request.extensions.get("timeout") or {}
        timeouts = Timeouts(**{step: seconds for step, seconds in given.items() if seconds is not None})
        body = b"".join([part async for part in cast("httpx.AsyncByteStream", request.stream)])
        origin = attrs.evolve(Origin.of(str(url)), server_name=request.extensions.get("sni_hostname") or url.host)
        http_request = HTTPRequest(
            request.method,
            origin,
            url.raw_path.decode("ascii"),
            [(name, value) for name, value in request.headers.items() if name not in _FRAMING | {"host"}],
            None if _FRAMING.isdisjoint(request.headers) else body,
        )
        response = await self.send(http_request, timeouts)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        stream = httpx.ByteStream(response.body)
        return httpx.Response(response.status, headers=headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close all connections, as httpx calls it."""
        await self.close()

    def _new_pool(self, origin: Origin) -> Pool:
        opening = functools.partial(connect, origin, context=self._context)
        pool = self._pools[origin] = Pool(opening, size=self._max_connections, idle_seconds=IDLE_SECONDS)
        return pool


def _message(http_request: HTTPRequest) -> bytes:
    """The request as it travels."""
    headers, body = [("Host", http_request.origin.authority)], http_request.body
    if body is not None or http_request.method in _WITH_BODY:
        headers.append(("Content-Length", str(len(body or b""))))
    headers += http_request.headers
    lines = http_request.shared_headers.lines
    return request_head(http_request.method, http_request.target, headers, lines=lines) + (body or b"")


def _decoded_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple([(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers])


def new_transport(
    transport: Transport | None,
    *,
    max_connections: int,
    ssl_context: ssl.SSLContext | None,
    proxy: str | None,
) -> HTTPTransport:
    """The transport of a client: the caller's, the one for a proxy, or else `CheckoutTransport`."""
    if transport is None and proxy is not None:
        return ProxiedTransport(proxy, max_connections=max_connections, ssl_context=ssl_context or new_context())
    if transport is None:
        transport = CheckoutTransport(max_connections=max_connections, ssl_context=ssl_context)
    return transport if isinstance(transport, CheckoutTransport) else HttpxAdapter(transport)
