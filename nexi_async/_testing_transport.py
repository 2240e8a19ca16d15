"""The transport of the fixtures in `testing`: it delivers webhooks to an app, from an address that the app accepts."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from starlette.types import ASGIApp

from nexi_async._environment import LIVE, TEST

SENDERS = (str(TEST.webhook_networks[0][1]), str(LIVE.webhook_networks[0][1]), "127.0.0.1")
"""Where deliveries come from: Nexi's test and live environments, and an emulator on this machine."""

_PORT = 443


class AcceptedSender(httpx.AsyncBaseTransport):
    """Sends each delivery from the first of some addresses that the app accepts.

    So a receiver of the test environment, of the live one, or of this machine gets them all: it refuses the other
    addresses with 403 before any other check. The accepted address is tried first for the next delivery.
    """

    def __init__(self, app: ASGIApp, addresses: Iterable[str] = SENDERS) -> None:
        self._transports = [httpx.ASGITransport(app, client=(address, _PORT)) for address in addresses]
        if not self._transports:
            raise ValueError("deliveries need at least one address to come from")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response to the first address that is accepted, or to the last one."""
        for transport in tuple(self._transports):
            response = await transport.handle_async_request(request)
            if response.status_code != httpx.codes.FORBIDDEN:
                self._transports.remove(transport)
                self._transports.insert(0, transport)
                break
        return response
