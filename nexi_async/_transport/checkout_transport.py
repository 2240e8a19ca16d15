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
from nexi_async._transport.decoding import decoded
from nexi_async._transport.http1 import ResponseParser, request_head
from nexi_async._transport.http_transport import HTTPRequest, HTTPTransport, Transport
from nexi_async._transport.httpx_adapter import HttpxAdapter
from nexi_async._transport.origin import Origin
from nexi_async._transport.pool import Pool
from nexi_async._transport.request import Response
from nexi_async._transport.tls import new_context

__all__ = ["CheckoutTransport", "new_transport"]

IDLE_SECONDS = 50.0
"""Servers commonly close what has been idle for a minute."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class CheckoutTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over TCP and TLS; the transport of `AsyncCheckout`, and usable by any httpx client.

    The whole response is read before it is handed out. Its errors tell what was sent: with `ConnectError`,
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
        head = _head(
            http_request.method, http_request.origin, http_request.target, http_request.headers, http_request.body
        )
        parser = await self._exchange(
            http_request.origin, head + (http_request.body or b""), timeouts, method=http_request.method
        )
        headers = tuple([(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in parser.headers])
        body = await decoded(parser.body, headers) if parser.is_encoded else parser.body
        return Response(status=parser.status, headers=headers, body=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx, within the limits of its "timeout" extension."""
        url = request.url
        given = request.extensions.get("timeout") or {}
        timeouts = Timeouts(**{step: seconds for step, seconds in given.items() if seconds is not None})
        body = b"".join([part async for part in cast("httpx.AsyncByteStream", request.stream)])
        origin = attrs.evolve(Origin.of(str(url)), server_name=request.extensions.get("sni_hostname") or url.host)
        headers = [(name, value) for name, value in request.headers.items() if name not in _FRAMING | {"host"}]
        has_body = not _FRAMING.isdisjoint(request.headers)
        target = url.raw_path.decode("ascii")
        head = _head(request.method, origin, target, headers, body if has_body else None)
        parser = await self._exchange(origin, head + body, timeouts, method=request.method)
        return httpx.Response(
            parser.status, headers=parser.headers, stream=httpx.ByteStream(parser.body), request=request
        )

    async def aclose(self) -> None:
        """Close all connections, as httpx calls it."""
        await self.close()

    async def _exchange(self, origin: Origin, request: bytes, timeouts: Timeouts, *, method: str) -> ResponseParser:
        deadline = time.monotonic() + timeouts.total
        pool = self._pools.get(origin) or self._new_pool(origin)
        connection = await pool.acquire(timeouts, deadline)
        try:
            if time.time() > timeouts.not_after:
                raise httpx.PoolTimeout("the machine slept while the request waited for a connection")
            return await connection.exchange(request, head_only=method == "HEAD", timeouts=timeouts, deadline=deadline)
        finally:
            pool.release(connection)

    def _new_pool(self, origin: Origin) -> Pool:
        opening = functools.partial(connect, origin, context=self._context)
        pool = self._pools[origin] = Pool(opening, size=self._max_connections, idle_seconds=IDLE_SECONDS)
        return pool


def _head(method: str, origin: Origin, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    framing = [("Host", origin.authority)]
    if body is not None or method in _WITH_BODY:
        framing.append(("Content-Length", str(len(body or b""))))
    return request_head(method, target, [*framing, *headers])


def new_transport(
    transport: Transport | None,
    *,
    max_connections: int,
    ssl_context: ssl.SSLContext | None,
    proxy: str | None,
) -> HTTPTransport:
    """The transport of a client: the caller's, httpx's for a proxy, or else `CheckoutTransport`."""
    if proxy is not None and transport is None:
        transport = httpx.AsyncHTTPTransport(
            verify=ssl_context or new_context(),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            proxy=proxy,
            trust_env=False,
        )
    if transport is None:
        transport = CheckoutTransport(max_connections=max_connections, ssl_context=ssl_context)
    return transport if isinstance(transport, CheckoutTransport) else HttpxAdapter(transport)
