"""When a client can be used, and on which event loop."""

from __future__ import annotations

import asyncio

import anyio
from anyio.lowlevel import current_token

from nexi_async._transport.http_transport import HTTPTransport

MAX_CLOSE_SECONDS = 5.0
"""Seconds that a client may spend on closing its connections."""


class Lifetime:
    """Opens and closes a transport, and refuses its use before, after, or on another event loop.

    Attributes:
        transport: what sends the requests.
        is_closed: whether the client was closed, maybe while a request was waiting to be sent.
    """

    def __init__(self, transport: HTTPTransport) -> None:
        self.transport = transport
        self.is_closed = False
        self._loop: object = None

    async def open(self) -> None:
        """Bind to the running event loop."""
        if self._loop is not None or self.is_closed:
            raise RuntimeError("this client was opened before; make a new one")
        self._loop = _running_loop()
        await self.transport.open()

    async def close(self) -> None:
        """Close every connection, also when the task that does it is cancelled."""
        self.is_closed = True
        with anyio.move_on_after(MAX_CLOSE_SECONDS, shield=True):
            await self.transport.close()

    def require_open(self) -> None:
        """Refuse the use of a client that is not open on this event loop."""
        if self.is_closed or self._loop is None:
            state = "closed" if self.is_closed else "not open yet"
            raise RuntimeError(f"this client is {state}; use it inside of `async with AsyncCheckout(...) as checkout:`")
        if self._loop != _running_loop():
            raise RuntimeError("this client belongs to another event loop; make one client for each loop")


def _running_loop() -> object:
    """Equal to itself as long as the same event loop runs; anyio's own token costs ten times as much on asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return current_token()
