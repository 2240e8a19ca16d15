"""Delivering to an app in this process from an address that it takes deliveries from, for tests."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from starlette.types import ASGIApp

from nexi_async._environment import LIVE, TEST

__all__ = ["SENDERS", "AcceptedSender"]

SENDERS = (str(TEST.webhook_networks[0][1]), str(LIVE.webhook_networks[0][1]), "127.0.0.1")
"""Where deliveries come from: Nexi's test and live environments, and an emulator on this machine."""

_PORT = 443


class AcceptedSender(httpx.AsyncBaseTransport):
    """Sends each delivery from the first of some addresses that the app lets in.

    A receiver that takes deliveries of one environment, or of this machine, is reached whichever it is: it refuses the
    others with 403 before it looks at anything else. The address that was let in is the first for the next delivery.
    """

    def __init__(self, app: ASGIApp, addresses: Iterable[str] = SENDERS) -> None:
        self._transports = [httpx.ASGITransport(app, client=(address, _PORT)) for address in addresses]
        if not self._transports:
            raise ValueError("deliveries need at least one address to come from")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to the first address that is let in, or to the last one."""
        for transport in tuple(self._transports):
            response = await transport.handle_async_request(request)
            if response.status_code != httpx.codes.FORBIDDEN:
                self._transports.remove(transport)
                self._transports.insert(0, transport)
                break
        return response
