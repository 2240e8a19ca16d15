"""When a client can be used, and on which event loop."""

from __future__ import annotations

import asyncio

import anyio
from anyio.lowlevel import current_token

from nexi_async._transport.http_transport import HTTPTransport

MAX_CLOSE_SECONDS = 5.0
"""Seconds that a client may spend on closing its connections."""


class Lifetime:
    """Opens and closes a transport, and refuses its use before, after, or on another event loop."""

    def __init__(self, transport: HTTPTransport) -> None:
        self._transport = transport
        self._loop: object = None
        self._closed = False

    async def open(self) -> None:
        """Bind to the running event loop."""
        if self._loop is not None or self._closed:
            raise RuntimeError("this client was opened before; make a new one")
        self._loop = _running_loop()
        await self._transport.open()

    async def close(self) -> None:
        """Close every connection, also when the task that does it is cancelled."""
        self._closed = True
        with anyio.move_on_after(MAX_CLOSE_SECONDS, shield=True):
            await self._transport.close()

    def require_open(self) -> HTTPTransport:
        """The transport, if the client is open on this event loop."""
        if self._closed or self._loop is None:
            state = "closed" if self._closed else "not open yet"
            raise RuntimeError(f"this client is {state}; use it inside of `async with AsyncCheckout(...) as checkout:`")
        if self._loop != _running_loop():
            raise RuntimeError("this client belongs to another event loop; make one client for each loop")
        return self._transport


def _running_loop() -> object:
    """Equal to itself as long as the same event loop runs; anyio's own token costs ten times as much on asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return current_token()
