"""What a browser sees: the hosted page, the embedded checkout with its checkout.js, and the portal."""

from importlib.resources import files
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

import jinja2
import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator._access import Access, base_url, is_local, is_own_page
from nexi_async.emulator._engine import cards, checkout, shopper, timestamps, views
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.random_source import normal_id
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import Document

_TEXTS = {
    "completed": "Thank you, the payment is completed.",
    "declined": "The payment was declined. Try another card.",
    "cancelled": "Cancelled.",
}
_UNKNOWN = "There is no such payment."
_CLOSED = "This payment is closed."
_OTHER_ORIGIN = "Only this page's own buttons can be pressed."
_SHOWN_IN_PORTAL = 100
_SCRIPTS = files("nexi_async.emulator") / "scripts"


def routes(engine: Engine, access: Access) -> list[Route]:
    """All pages and scripts."""
    pages = _Pages(engine, access)
    return [
        Route("/hostedpaymentpage", pages.show_hosted, methods=["GET"]),
        Route("/hostedpaymentpage", pages.act_hosted, methods=["POST"]),
        Route("/v1", pages.show_embedded, methods=["GET"]),
        Route("/v1", pages.act_embedded, methods=["POST"]),
        Route("/v1/checkout.js", pages.checkout_js, methods=["GET"]),
        Route("/emulator/iframe.js", pages.iframe_js, methods=["GET"]),
        Route("/portal", pages.show_portal, methods=["GET"]),
        Route("/", pages.to_portal, methods=["GET"]),
    ]


class _Pages:
    """The pages of one emulator."""

    def __init__(self, engine: Engine, access: Access) -> None:
        self._engine = engine
        self._public_url = access.public_url
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("nexi_async.emulator"), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters["money"] = lambda amount: f"{amount / 100:,.2f}"
        self._templates.filters["time"] = lambda at: timestamps.render(at)[:19].replace("T", " ")

    async def show_hosted(self, request: Request) -> Response:
        """The form, or the reason that there is none."""
        return self._show("hosted.html", self._payment(request, "pid"))

    async def show_embedded(self, request: Request) -> Response:
        """The page inside the iframe."""
        return self._show("embedded.html", self._payment(request, "paymentId"))

    async def act_hosted(self, request: Request) -> Response:
        """A pressed button: a redirect to the shop, or the form again."""
        if not is_own_page(request):
            return self._notice(_OTHER_ORIGIN, 403)
        payment = self._payment(request, "pid")
        if payment is None:
            return self._notice(_UNKNOWN, 404)
        outcome, problem, status = await self._press(payment, request)
        if outcome is not None and outcome.redirect:
            return RedirectResponse(outcome.redirect, 303)
        if self._is_closed(payment):
            return self._notice(_TEXTS["completed"] if outcome else _CLOSED, 200 if outcome else 410)
        return self._form("hosted.html", payment, problem, status)

    async def act_embedded(self, request: Request) -> Response:
        """A pressed button inside the iframe, whose script expects JSON."""
        if not is_own_page(request):
            return _json({"result": "refused", "message": _OTHER_ORIGIN}, 403)
        payment = self._payment(request, "paymentId")
        if payment is None:
            return _json({"result": "refused", "message": _UNKNOWN}, 404)
        outcome, problem, status = await self._press(payment, request)
        return _json({"result": outcome.result if outcome else "refused", "message": problem}, status)

    async def checkout_js(self, _: Request) -> Response:
        """The script that a shop's page embeds."""
        return _script("checkout.js")

    async def iframe_js(self, _: Request) -> Response:
        """The script inside the iframe."""
        return _script("iframe.js")

    async def to_portal(self, _: Request) -> Response:
        """The root path redirects to the portal."""
        return RedirectResponse("/portal", 307)

    async def show_portal(self, request: Request) -> Response:
        """The newest payments, events and deliveries, for this machine only."""
        if not (is_local(request) and is_own_page(request)):
            return Response(status_code=403)
        context = self._engine.context()
        kept = context.state
        payments = [self._portal_row(request, kept.payments[key]) for key in _newest(kept.payments)]
        return self._page(
            "portal.html",
            200,
            now=context.now,
            shown=_SHOWN_IN_PORTAL,
            payments=payments,
            payment_count=len(kept.payments),
            events=kept.events[: -_SHOWN_IN_PORTAL - 1 : -1],
            event_count=len(kept.events),
            deliveries=kept.deliveries[: -_SHOWN_IN_PORTAL - 1 : -1],
            delivery_count=len(kept.deliveries),
        )

    async def _press(self, payment: Payment, request: Request) -> tuple[ShopperOutcome | None, str, int]:
        """The outcome of a button, the text for the shopper, and the HTTP status."""
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        try:
            outcome = self._do(payment, form)
        except ValueError as error:
            return None, str(error).capitalize() + ".", 400
        except Refusal as refusal:
            return None, _text_of(refusal), refusal.response.status
        await self._engine.clock.sleep(outcome.delay)
        return outcome, _TEXTS[outcome.result], 402 if outcome.result == "declined" else 200

    def _do(self, payment: Payment, form: dict[str, str]) -> ShopperOutcome:
        button = form.get("action", "pay")
        if button == "cancel":
            return self._engine.cancel(payment.id)
        if button == "decline":
            return self._engine.decline(payment.id)
        method, consumer = form.get("method", "card"), shopper.from_form(form)
        if method == "card":
            return self._engine.pay(payment.id, card=form.get("card", cards.DEFAULT_CARD), consumer=consumer)
        return self._engine.pay(payment.id, method=method, consumer=consumer)

    def _payment(self, request: Request, id_name: str) -> Payment | None:
        if request.query_params.get("checkoutKey") != self._engine.checkout_key:
            return None
        payment_id = normal_id(request.query_params.get(id_name, ""))
        return self._engine.context().state.payments.get(payment_id)

    def _is_closed(self, payment: Payment) -> bool:
        return checkout.is_closed(self._engine.context(), payment)

    def _show(self, template: str, payment: Payment | None) -> Response:
        if payment is None:
            return self._notice(_UNKNOWN, 404)
        if self._is_closed(payment):
            return self._notice(_CLOSED, 410)
        return self._form(template, payment, "", 200)

    def _form(self, template: str, payment: Payment, problem: str, status: int) -> Response:
        methods = checkout.methods(self._engine.context(), payment)
        others = [] if payment.agreement_request else [method.name for method in methods if method.type != "CARD"]
        return self._page(
            template,
            status,
            payment=payment,
            problem=problem,
            takes_cards=any(method.type == "CARD" for method in methods),
            methods=others,
            test_cards=cards.TEST_CARDS,
            default_card=cards.DEFAULT_CARD,
            shopper=shopper.shown(payment) if shopper.is_asked(payment, self._engine.settings) else {},
        )

    def _portal_row(self, request: Request, payment: Payment) -> Document:
        return {
            "id": payment.id,
            "created": payment.created,
            "reference": payment.reference,
            "method": payment.method.name if payment.method else None,
            "currency": payment.currency,
            "amount": payment.amount,
            "reserved": payment.reserved,
            "charged": payment.charged,
            "refunded": payment.refunded,
            "cancelled": payment.cancelled + payment.released,
            "open": not self._is_closed(payment),
            "page": views.hosted_url(base_url(request.scope, self._public_url), self._engine.context(), payment.id),
        }

    def _notice(self, text: str, status: int) -> Response:
        return self._page("closed.html", status, text=text)

    def _page(self, template: str, status: int, **names: Any) -> Response:
        text = self._templates.get_template(template).render(**names)
        return Response(text, status, media_type="text/html")


def _script(name: str) -> Response:
    return Response((_SCRIPTS / name).read_bytes(), media_type="text/javascript")


def _newest(entries: dict[str, Payment]) -> list[str]:
    return list(islice(reversed(entries), _SHOWN_IN_PORTAL))


def _text_of(refusal: Refusal) -> str:
    body = refusal.response.body or {}
    texts = [text for texts in body.get("errors", {}).values() for text in texts]
    return str(body.get("message") or " ".join(texts))


def _json(document: Document, status: int) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
