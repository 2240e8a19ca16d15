"""What a browser sees: the hosted page where a shopper pays, is declined, or walks away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator import cards, checkout
from nexi_async.emulator.answers import Refusal
from nexi_async.emulator.books import Payment
from nexi_async.emulator.checkout import Outcome
from nexi_async.emulator.dice import normal_id
from nexi_async.emulator.wire import JSON

if TYPE_CHECKING:
    from nexi_async.emulator.emulator import CheckoutEmulator

_DECLINED = "The payment was declined. Try another card."


def routes(emulator: CheckoutEmulator) -> list[Route]:
    """All pages."""
    pages = _Pages(emulator)
    return [
        Route("/hostedpaymentpage", pages.show, methods=["GET"]),
        Route("/hostedpaymentpage", pages.act, methods=["POST"]),
    ]


class _Pages:
    """The pages of one emulator."""

    def __init__(self, emulator: CheckoutEmulator) -> None:
        self._emulator = emulator
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("nexi_async.emulator"), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters["money"] = lambda amount: f"{amount / 100:,.2f}"

    async def show(self, request: Request) -> Response:
        """The form, or why there is none."""
        payment = self._payment(request)
        if payment is None:
            return self._closed("There is no such payment.", 404)
        if checkout.is_closed(self._emulator.present(), payment):
            return self._closed("This payment is closed.", 410)
        return self._form(payment)

    async def act(self, request: Request) -> Response:
        """The shopper pressed a button."""
        payment = self._payment(request)
        if payment is None:
            return self._closed("There is no such payment.", 404)
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        try:
            outcome = self._press(payment, form)
        except ValueError as error:
            return self._form(payment, str(error), 400)
        except Refusal as refusal:
            return self._refused(payment, refusal)
        await self._emulator.clock.sleep(outcome.delay)
        return self._show_outcome(payment, outcome)

    def _press(self, payment: Payment, form: dict[str, str]) -> Outcome:
        button = form.get("action", "pay")
        if button == "cancel":
            return self._emulator.cancel(payment.id)
        if button == "decline":
            return self._emulator.decline(payment.id)
        method = form.get("method", "card")
        if method == "card":
            return self._emulator.pay(payment.id, card=form.get("card", cards.DEFAULT_CARD))
        return self._emulator.pay(payment.id, method=method)

    def _payment(self, request: Request) -> Payment | None:
        if request.query_params.get("checkoutKey") != self._emulator.checkout_key:
            return None
        payment_id = normal_id(request.query_params.get("pid", ""))
        return self._emulator.present().books.payments.get(payment_id)

    def _show_outcome(self, payment: Payment, outcome: Outcome) -> Response:
        if outcome.result == "declined":
            return self._form(payment, _DECLINED, 402)
        if outcome.redirect:
            return RedirectResponse(outcome.redirect, 303)
        text = "Thank you, the payment is completed." if outcome.result == "completed" else "Cancelled."
        return self._closed(text, 200)

    def _refused(self, payment: Payment, refusal: Refusal) -> Response:
        if checkout.is_closed(self._emulator.present(), payment):
            return self._closed("This payment is closed.", 410)
        body = refusal.answer.body or {}
        texts = [text for texts in body.get("errors", {}).values() for text in texts]
        return self._form(payment, body.get("message") or " ".join(texts), refusal.answer.status)

    def _form(self, payment: Payment, problem: str | None = None, status: int = 200) -> Response:
        methods = checkout.methods(payment)
        others = [] if payment.wish else [method.name for method in methods if method.type != "CARD"]
        takes_cards = any(method.type == "CARD" for method in methods)
        return self._page(
            "hosted.html",
            status,
            payment=payment,
            problem=problem,
            takes_cards=takes_cards,
            methods=others,
            test_cards=cards.TEST_CARDS,
            default_card=cards.DEFAULT_CARD,
        )

    def _closed(self, text: str, status: int) -> Response:
        return self._page("closed.html", status, text=text)

    def _page(self, template: str, status: int, **names: JSON) -> Response:
        text = self._templates.get_template(template).render(**names)
        return Response(text, status, media_type="text/html")
