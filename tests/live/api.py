"""The API as the probes see it: plain calls, counted, and one payment that many of them share."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

Document = dict[str, Any]
UNKNOWN_ID = "0" * 31 + "1"


class Answer(NamedTuple):
    """A status and what the body says, an empty object if it says nothing."""

    status: int
    body: Any


class Api:
    """Calls of the API under one key.

    Args:
        client: has the base address and the key.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.calls = 0
        self._shared: Answer | None = None

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send one call; an answer of 401 or 5xx ends everything, for nothing can be learnt from it.

        Raises:
            PermissionError: the key is not accepted.
            ConnectionError: the API failed.
        """
        self.calls += 1
        response = await self._client.request(method, path, json=body)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise PermissionError("the secret key is not accepted there")
        if response.is_server_error:
            raise ConnectionError(f"{method} {path} answered {response.status_code}")
        return Answer(response.status_code, response.json() if response.content else {})

    async def create(self, **changes: Any) -> Answer:
        """Create a payment, hosted and harmless; changes of `checkout` are members of it."""
        body = payment() | {name: value for name, value in changes.items() if name != "checkout"}
        body["checkout"] = body["checkout"] | changes.get("checkout", {})
        return await self.call("POST", "/v1/payments", body)

    async def shared(self) -> Answer:
        """The answer to one create payment that all probes share."""
        if self._shared is None:
            self._shared = await self.create()
        return self._shared

    async def shared_path(self) -> str:
        """The path of the shared payment."""
        return f"/v1/payments/{(await self.shared()).body['paymentId']}"


def line(**changes: Any) -> Document:
    """An order line of 100.00, far from the amounts that the test environment takes for orders of its own."""
    members: Document = {"reference": "probe", "name": "Probe", "quantity": 1, "unit": "pcs", "unitPrice": 10000}
    members |= {"taxRate": 0, "taxAmount": 0, "grossTotalAmount": 10000, "netTotalAmount": 10000}
    return members | changes


def order(*lines: Document, amount: int = 10000) -> Document:
    """An order of these lines."""
    return {"items": list(lines or (line(),)), "amount": amount, "currency": "SEK", "reference": "probe"}


def payment() -> Document:
    """A create payment that every source takes."""
    checkout = {
        "integrationType": "HostedPaymentPage",
        "returnUrl": "https://shop.example.com/ok",
        "cancelUrl": "https://shop.example.com/no",
        "termsUrl": "https://shop.example.com/terms",
    }
    return {"order": order(), "checkout": checkout}
