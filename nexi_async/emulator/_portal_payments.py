"""The portal's pages of payments and webhooks: search, history, and buttons for the shopper and the merchant."""

from collections.abc import Callable, Iterator
from typing import Any

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator._engine import cards, challenges, checkout, views
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.history import Entry, history
from nexi_async.emulator._engine.payment_search import STATES, PaymentFilter, payment_with, state_of
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import JSON, Document
from nexi_async.emulator._portal_site import ROOT, Form, PortalSite, read_money
from nexi_async.emulator._request_log import CallFilter, LoggedCall, RequestLog

PAGE = 50
_CHECKED_AT_ONCE = 1000
_DECLINES = ("05", "14", "41", "51", "54", "91")
_BY_PATH = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}
_NOT_FOUND = "There is no such payment."


def routes(engine: Engine, site: PortalSite, log: RequestLog) -> list[Route]:
    """The routes of these pages."""
    pages = _Payments(engine, site, log)
    payment = f"{ROOT}/payments/{{id}}"
    return [
        Route(ROOT, site.shows(pages.show_payments), methods=["GET"]),
        Route(payment, site.shows(pages.show_payment), methods=["GET"]),
        Route(f"{payment}/{{action}}", site.changes(pages.act), methods=["POST"]),
        Route(f"{ROOT}/webhooks", site.shows(pages.show_webhooks), methods=["GET"]),
        Route(f"{ROOT}/webhooks/{{number:int}}/resend", site.changes(pages.resend), methods=["POST"]),
    ]


class _Payments:
    def __init__(self, engine: Engine, site: PortalSite, log: RequestLog) -> None:
        self._engine = engine
        self._site = site
        self._log = log
        self._actions: dict[str, Callable[[Payment, Form], None]] = {
            "pay": self._pay,
            "decline": self._decline,
            "charge": self._charge,
            "cancel": self._cancel,
            "refund": self._refund,
            "cancel-refund": self._cancel_refund,
            "terminate": self._terminate,
            "answer-challenge": self._answer_challenge,
        }

    async def show_payments(self, request: Request) -> Response:
        query = request.query_params
        problem, wanted, found, more = "", PaymentFilter(), [], False
        try:
            wanted = _filter(query.get("text", ""), query.get("amount", ""), query.get("state", ""))
            found = await self._search(wanted, query.get("before", ""))
        except ValueError as error:
            problem = str(error).capitalize() + "."
        found, more = found[:PAGE], len(found) > PAGE
        context = self._engine.context()
        return self._site.page(
            request,
            "portal_payments.html",
            400 if problem else 200,
            problem=problem,
            query={name: query.get(name, "") for name in ("text", "amount", "state")},
            states=STATES,
            payments=[(payment, state_of(payment, context.now)) for payment in found],
            count=len(context.state.payments),
            more=found[-1].id if more else "",
        )

    async def show_payment(self, request: Request) -> Response:
        return self._show(request)

    async def act(self, request: Request, form: Form) -> Response:
        payment = self._find(request)
        action = self._actions.get(request.path_params["action"])
        if payment is None or action is None:
            return self._site.page(request, "portal_problem.html", 404, text=_NOT_FOUND)
        try:
            action(payment, form)
        except Refusal as refusal:
            return self._show(request, _text_of(refusal.response.body), refusal.response.status)
        except ValueError as error:
            return self._show(request, str(error).capitalize(), 400)
        return self._site.go_to(request, f"/payments/{payment.id}")

    async def show_webhooks(self, request: Request) -> Response:
        state = self._engine.context().state
        wanted = request.query_params.get("state", "")
        newest = (delivery for delivery in reversed(state.deliveries) if wanted in ("", delivery.state))
        found = [delivery for delivery, _ in zip(newest, range(2 * PAGE), strict=False)]
        return self._site.page(
            request,
            "portal_webhooks.html",
            deliveries=found,
            wanted=wanted,
            states=("pending", "delivered", "dropped"),
            count=len(state.deliveries),
            event_count=len(state.events),
        )

    async def resend(self, request: Request, form: Form) -> Response:
        if not self._engine.send_again(request.path_params["number"]):
            return self._site.page(request, "portal_problem.html", 404, text="There is no such delivery.")
        payment_id = form.get("payment", "")
        return self._site.go_to(request, f"/payments/{payment_id}" if payment_id.isalnum() else "/webhooks")

    def _find(self, request: Request) -> Payment | None:
        return payment_with(self._engine.context().state, request.path_params["id"])

    async def _search(self, wanted: PaymentFilter, before: str) -> list[Payment]:
        """The newest payments that are wanted, one more than a page; other tasks run meanwhile."""
        context = self._engine.context()
        found: list[Payment] = []
        for place, payment in enumerate(_newest(context.state.payments, before)):
            if wanted.matches(payment, context.now):
                found.append(payment)
                if len(found) > PAGE:
                    break
            if place % _CHECKED_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        return found

    def _show(self, request: Request, problem: str = "", status: int = 200) -> Response:
        payment = self._find(request)
        if payment is None:
            return self._site.page(request, "portal_problem.html", 404, text=_NOT_FOUND)
        context = self._engine.context()
        calls = self._log.find(CallFilter(payment_id=payment.id))
        return self._site.page(
            request,
            "portal_payment.html",
            status,
            payment=payment,
            state=state_of(payment, context.now),
            is_open=not checkout.is_closed(context, payment),
            problem=problem,
            entries=_with_calls(history(context.state, payment), calls),
            document={"payment": views.payment(payment, context.settings)},
            test_cards=cards.TEST_CARDS,
            methods=[method.name for method in checkout.methods(context, payment) if method.type != "CARD"],
            challenge_results=challenges.RESULTS if _waits_for_shopper(payment) else (),
            declines=[(code, cards.decline_text(code)) for code in _DECLINES],
            page=views.hosted_url(self._site.shopper_pages(request), context, payment.id),
        )

    def _pay(self, payment: Payment, form: Form) -> None:
        chosen = form.get("with", "")
        by_card = chosen.isdecimal()
        self._engine.pay(payment.id, card=chosen if by_card else None, method=None if by_card else chosen or None)

    def _answer_challenge(self, payment: Payment, form: Form) -> None:
        self._engine.answer_challenge(payment.id, form.get("result", ""))

    def _decline(self, payment: Payment, form: Form) -> None:
        self._engine.decline(payment.id, code=form.get("code", _DECLINES[0]))

    def _charge(self, payment: Payment, form: Form) -> None:
        body = _part(form, payment.amount) | {"finalCharge": "final" in form}
        self._call("POST", "/v1/payments/{id}/charges", payment.id, body)

    def _cancel(self, payment: Payment, form: Form) -> None:
        self._call("POST", "/v1/payments/{id}/cancels", payment.id, _part(form, payment.amount))

    def _refund(self, payment: Payment, form: Form) -> None:
        charge = next((charge for charge in payment.charges if charge.id == form.get("charge")), None)
        if charge is None:
            msg = "choose one of the charges"
            raise ValueError(msg)
        self._call("POST", "/v1/charges/{id}/refunds", charge.id, _part(form, charge.amount))

    def _cancel_refund(self, _: Payment, form: Form) -> None:
        self._call("POST", "/v1/pending-refunds/{id}/cancel", form.get("refund", ""), None)

    def _terminate(self, payment: Payment, _: Form) -> None:
        self._call("PUT", "/v1/payments/{id}/terminate", payment.id, None)

    def _call(self, method: str, path: str, place: str, body: JSON) -> None:
        """Call the API as the merchant would.

        Raises:
            Refusal: The response was an error.
        """
        response = self._engine.handle(_BY_PATH[method, path], APIRequest(path={"id": place}, body=body))
        if response.status >= 400:
            raise Refusal(response)


def _waits_for_shopper(payment: Payment) -> bool:
    """Whether the card's issuer waits for the shopper to approve the payment."""
    return payment.challenge is not None and payment.challenge.result is None


def _newest(payments: dict[str, Payment], before: str) -> Iterator[Payment]:
    """Payments from the newest one, or from the one before this id; payments may be added meanwhile."""
    ids = list(payments)
    end = ids.index(before) if before in payments else len(ids)
    return (dict.__getitem__(payments, each) for each in reversed(ids[:end]) if each in payments)


def _filter(text: str, amount: str, state: str) -> PaymentFilter:
    return PaymentFilter(text.strip(), read_money(amount) if amount.strip() else None, state if state in STATES else "")


def _part(form: Form, whole: int) -> Document:
    """The body for an amount; a part needs an order line."""
    amount = read_money(form.get("amount", ""))
    if amount == whole:
        return {"amount": amount}
    line: dict[str, Any] = {"reference": "portal", "name": "By hand in the portal", "quantity": 1, "unit": "pcs"}
    line |= {"unitPrice": amount, "grossTotalAmount": amount, "netTotalAmount": amount}
    return {"amount": amount, "orderItems": [line]}


def _with_calls(entries: list[Entry], calls: list[LoggedCall]) -> list[Entry]:
    """A history with the calls of the log, as far as it goes back."""
    return sorted([*entries, *map(_entry_of, reversed(calls))], key=lambda entry: entry.at)


def _entry_of(call: LoggedCall) -> Entry:
    response = f"Response {call.status}" if call.status else "The connection broke"
    failed = not 200 <= call.status < 400
    return Entry(call.at, "call", f"{call.method} {call.path}", detail=response, failed=failed)


def _text_of(body: JSON) -> str:
    """What an error response says."""
    document = body or {}
    texts = [f"{path} {text}" for path, texts in document.get("errors", {}).items() for text in texts]
    code = f" (code {document['code']})" if "code" in document else ""
    return str(document.get("message") or "; ".join(texts) or "This is not possible") + code
