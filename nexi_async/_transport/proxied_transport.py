"""The transport for a proxy: every connection is a transport of httpx of its own, and is closed after any failure.

The pool of httpcore 1.0 never frees the place of a connection whose request was cancelled, or failed, while the tunnel
was being made (https://github.com/encode/httpcore/issues/1093): once all places are lost, every call fails. Here the
pool of each transport holds one connection and is given up together with it.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress

import anyio
import httpx

from nexi_async._transport.connection import Timeouts
from nexi_async._transport.http_transport import TRANSPORT_ERRORS, HTTPRequest
from nexi_async._transport.httpx_adapter import MAX_CLOSE_SECONDS, HttpxAdapter
from nexi_async._transport.request import Response

IDLE_SECONDS = 5.0
"""The time that httpx keeps an idle connection by default."""


class ProxiedTransport:
    """Sends requests through a proxy; see `HTTPTransport`."""

    def __init__(self, proxy: str, *, max_connections: int, ssl_context: ssl.SSLContext) -> None:
        """Make the first connection, which is opened when it is needed; what a proxy of its kind lacks shows now.

        Raises:
            ImportError: a SOCKS proxy needs a package that is not installed; names it.
        """
        self._proxy = proxy
        self._context = ssl_context
        self._free = anyio.Semaphore(max_connections)
        self._idle = [(time.monotonic(), self._new_connection())]
        self._is_closed = False

    async def open(self) -> None:
        """Nothing to do: connections are opened when they are needed."""

    async def close(self) -> None:
        """Close all connections, those in use once their request is over."""
        self._is_closed = True
        while self._idle:
            with suppress(*TRANSPORT_ERRORS):
                await self._idle.pop()[1].close()

    async def send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        """Send a request and read its response; see `HTTPTransport`."""
        with anyio.fail_after(timeouts.total):
            await self._wait_for_place(timeouts.pool)
            try:
                http_request.require_in_time()
                return await self._send(http_request, timeouts)
            finally:
                self._free.release()

    async def _wait_for_place(self, seconds: float) -> None:
        try:
            with anyio.fail_after(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free in time") from None

    async def _send(self, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        await self._close_expired()
        connection = self._idle.pop()[1] if self._idle else self._new_connection()
        is_reusable = False
        try:
            response = await connection.send(http_request, timeouts)
            is_reusable = not self._is_closed
        finally:
            if is_reusable:
                self._idle.append((time.monotonic(), connection))
            else:
                await _close(connection)
        return response

    async def _close_expired(self) -> None:
        """Close what has been idle longest, if nobody needed it for long."""
        if self._idle and time.monotonic() - self._idle[0][0] > IDLE_SECONDS:
            await _close(self._idle.pop(0)[1])

    def _new_connection(self) -> HttpxAdapter:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
        return HttpxAdapter(
            httpx.AsyncHTTPTransport(verify=self._context, limits=limits, proxy=self._proxy, trust_env=False)
        )


async def _close(connection: HttpxAdapter) -> None:
    with anyio.move_on_after(MAX_CLOSE_SECONDS, shield=True), suppress(*TRANSPORT_ERRORS):
        await connection.close()
