"""A shop on an origin of its own: it creates payments, embeds the checkout, and receives shoppers and webhooks."""

import time
from collections.abc import Callable
from typing import Any

import httpx
from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nexi_async import embed
from nexi_async.emulator._engine.validation import EVENT_NAMES
from tests.emulator.raw import order

LONGEST_WAIT = 15
"""Seconds until a webhook that did not come is missing."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="margin:0;{style}"><h1>Shop</h1>{body}</body></html>"""


@define
class Shop:
    """A shop and what it was sent.

    Attributes:
        emulator: The base address of the emulator.
        api: A client of the emulated API.
        emitted: Returns the names of the events that the emulator has emitted, in order.
        url: The shop's base address.
        script: What the shop's own page adds to the snippet; it may use `checkout` and `seen`, a list.
        options: More options of the snippet.
        style: The style of the page's body.
        events: The names of the events in the order in which they came.
    """

    emulator: str
    api: httpx.Client
    emitted: Callable[[], list[str]]
    url: str = ""
    script: str = ""
    options: dict[str, Any] = field(factory=dict)
    style: str = ""
    events: list[str] = field(factory=list)

    def clear(self) -> None:
        """Forget everything but the addresses."""
        self.script, self.options, self.style = "", {}, ""
        self.events.clear()

    def create(self, amount: int = 12500, *, embedded: bool = False, currency: str = "SEK", **changes: Any) -> str:
        """Create a payment that is subscribed to every event; returns its id."""
        checkout: dict[str, Any] = {"termsUrl": f"{self.url}/terms"}
        if embedded:
            checkout |= {"integrationType": "EmbeddedCheckout", "url": f"{self.url}/checkout"}
        else:
            ways_back = {"returnUrl": f"{self.url}/thanks", "cancelUrl": f"{self.url}/cancelled"}
            checkout |= {"integrationType": "HostedPaymentPage"} | ways_back
        hooks = [
            {"eventName": name, "url": f"{self.url}/hooks", "authorization": "q7Lw2ZtB9fKx4RdN"} for name in EVENT_NAMES
        ]
        body = {
            "order": order(amount, currency=currency) | changes.pop("order", {}),
            "checkout": checkout | changes.pop("checkout", {}),
            "notifications": {"webHooks": hooks},
        }
        response = self.api.post("/v1/payments", json=body | changes)
        assert response.status_code == 201, response.text
        return str(response.json()["paymentId"])

    def hosted(self, payment_id: str, language: str = "") -> str:
        """The address of a payment's hosted page."""
        url = f"{self.emulator}/hostedpaymentpage/?checkoutKey=emulator-checkout-key&pid={payment_id}"
        return f"{url}&language={language}" if language else url

    def checkout(self, payment_id: str) -> str:
        """The address of the shop's page that embeds a payment's checkout."""
        return f"{self.url}/checkout?paymentId={payment_id}"

    def payment(self, payment_id: str) -> dict[str, Any]:
        """The payment, as the API shows it."""
        found: dict[str, Any] = self.api.get(f"/v1/payments/{payment_id}").json()["payment"]
        return found

    def summary(self, payment_id: str) -> dict[str, int]:
        """The money of a payment."""
        found: dict[str, int] = self.payment(payment_id)["summary"]
        return found

    def received(self, count: int) -> list[str]:
        """The names of the events that came, once they are this many, in the order in which they were emitted.

        Deliveries run side by side, as those of the real API, so the order in which they arrive says nothing.
        """
        ends = time.monotonic() + LONGEST_WAIT
        while len(self.events) < count and time.monotonic() < ends:
            time.sleep(0.01)
        emitted = self.emitted()
        assert sorted(self.events) == sorted(emitted)
        return emitted

    def app(self) -> Starlette:
        """The shop's server."""
        return Starlette(
            routes=[
                Route("/checkout", self._checkout),
                Route("/thanks", _plain("Thank you")),
                Route("/cancelled", _plain("Cancelled")),
                Route("/hooks", self._hook, methods=["POST"]),
            ]
        )

    async def _checkout(self, request: Request) -> Response:
        query = request.query_params
        options = {"receipt_url": "/thanks"} | self.options
        snippet = embed.snippet(
            checkout_key="emulator-checkout-key",
            payment_id=query.get("paymentId") or query["paymentid"],
            base_url=self.emulator,
            **options,
        )
        return HTMLResponse(
            PAGE.format(style=self.style, body=f"{snippet}<script>const seen = [];\n{self.script}</script>")
        )

    async def _hook(self, request: Request) -> Response:
        self.events.append((await request.json())["event"])
        return Response()


def _plain(text: str) -> Any:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE.format(style="", body=f"<p>{text}</p>"))

    return page
