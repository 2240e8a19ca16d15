"""Raw requests as a client of any language would send them."""

from typing import Any

import httpx

START = 1_800_000_000.0

Document = dict[str, Any]


def item(gross: int = 12500, **changes: object) -> Document:
    """An order line of this total, 25 % VAT."""
    net = gross * 4 // 5
    line = {
        "reference": "sku-1",
        "name": "Mug",
        "quantity": 1,
        "unit": "pcs",
        "unitPrice": net,
        "taxRate": 2500,
        "taxAmount": gross - net,
        "netTotalAmount": net,
        "grossTotalAmount": gross,
    }
    return line | changes


def order(amount: int = 12500, **changes: object) -> Document:
    """An order of one line."""
    items = [item(amount)]
    return {"items": items, "amount": amount, "currency": "SEK", "reference": "order-77"} | changes


def webhooks(*names: str, url: str = "https://shop.test/hooks", **changes: object) -> Document:
    """Notifications for these events."""
    entries = [{"eventName": name, "url": url, "authorization": "q7Lw2ZtB9fKx4RdN"} | changes for name in names]
    return {"webHooks": entries}


def hosted(amount: int = 12500, **changes: object) -> Document:
    """A create payment body for the hosted page; `checkout` members may be given with a `checkout_` prefix."""
    checkout: Document = {
        "integrationType": "HostedPaymentPage",
        "returnUrl": "https://shop.test/ok",
        "cancelUrl": "https://shop.test/no",
        "termsUrl": "https://shop.test/terms",
    }
    for name in [name for name in changes if name.startswith("checkout_")]:
        checkout[name.removeprefix("checkout_")] = changes.pop(name)
    return {"order": order(amount), "checkout": checkout} | changes


class Wire:
    """Short methods for frequent requests."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """GET a path; header names are given with underscores."""
        return await self.client.get(path, headers=_headers(headers))

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """POST a JSON body; without one it is an empty object."""
        return await self.client.post(path, json={} if body is None else body, headers=_headers(headers))

    async def put(self, path: str, body: object = None) -> httpx.Response:
        """PUT a JSON body."""
        return await self.client.put(path, json=body)

    async def create(self, amount: int = 12500, **changes: object) -> str:
        """Create a hosted payment and return its id."""
        response = await self.post("/v1/payments", hosted(amount, **changes))
        assert response.status_code == 201, response.text
        return str(response.json()["paymentId"])

    async def reserved(self, amount: int = 12500, *, pay: Document | None = None, **changes: object) -> str:
        """Create a payment and pay it as the shopper."""
        payment_id = await self.create(amount, **changes)
        response = await self.post(f"/emulator/payments/{payment_id}/pay", pay or {})
        assert response.status_code == 200, response.text
        return payment_id

    async def charged(self, amount: int = 12500, **changes: Any) -> tuple[str, str]:
        """Create, pay and charge; returns the ids of the payment and of the charge."""
        payment_id = await self.reserved(amount, **changes)
        response = await self.post(f"/v1/payments/{payment_id}/charges", {"amount": amount})
        assert response.status_code == 201, response.text
        return payment_id, str(response.json()["chargeId"])

    async def payment(self, payment_id: str) -> Document:
        """The payment object."""
        response = await self.get(f"/v1/payments/{payment_id}")
        assert response.status_code == 200, response.text
        found: Document = response.json()["payment"]
        return found

    async def summary(self, payment_id: str) -> Document:
        """The payment's summary."""
        found: Document = (await self.payment(payment_id))["summary"]
        return found


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
