"""What carries requests when the caller brings nothing of their own."""

from __future__ import annotations

import ssl
from typing import TypeAlias

import httpx

from nexi_async.transport.tls import new_context

__all__ = ["Transport", "new_network"]

Transport: TypeAlias = httpx.AsyncBaseTransport
"""The seam: anything that takes an `httpx.Request` and gives an `httpx.Response`."""


def new_network(*, max_connections: int, ssl_context: ssl.SSLContext | None, proxy: str | None) -> Transport:
    """A pool of connections; proxy settings of the environment are ignored, so that money takes no detour."""
    return httpx.AsyncHTTPTransport(
        verify=ssl_context or new_context(),
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
        proxy=proxy,
        trust_env=False,
    )
