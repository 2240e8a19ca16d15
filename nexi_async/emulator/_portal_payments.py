"""The portal's pages of payments: search, and one payment with its history and buttons."""

from collections.abc import Iterator

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator._engine import cards, challenges, checkout, views
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.history import Entry, history
from nexi_async.emulator._engine.payment_search import STATES, PaymentFilter, payment_with, state_of
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import JSON
from nexi_async.emulator._forms import Form, read_money
from nexi_async.emulator._portal_actions import ACTIONS, DECLINES
from nexi_async.emulator._portal_page import ROOT, changes, go_to, page, problem, shows
from nexi_async.emulator._request_log import CallFilter, LoggedCall
from nexi_async.emulator._site import engine_of, pages_url, site_of

PAGE = 50
_CHECKED_AT_ONCE = 1000
_NOT_FOUND = "There is no such payment."


def routes() -> list[Route]:
    payment = f"{ROOT}/payments/{{id}}"
    return [
        Route(ROOT, _show_payments, methods=["GET"]),
        Route(payment, _show_payment, methods=["GET"]),
        Route(f"{payment}/{{action}}", _act, methods=["POST"]),
    ]


@shows
async def _show_payments(request: Request) -> Response:
    query, context = request.query_params, engine_of(request).context()
    why, found = "", []
    try:
        wanted = _filter(query.get("text", ""), query.get("amount", ""), query.get("state", ""))
        found = await _search(context, wanted, query.get("before", ""))
    except ValueError as error:
        why = str(error).capitalize() + "."
    found, more = found[:PAGE], len(found) > PAGE
    return page(
        request,
        "portal_payments.html",
        400 if why else 200,
        problem=why,
        query={name: query.get(name, "") for name in ("text", "amount", "state")},
        states=STATES,
        payments=[(payment, state_of(payment, context.now)) for payment in found],
        count=len(context.state.payments),
        more=found[-1].id if more else "",
    )


@shows
async def _show_payment(request: Request) -> Response:
    payment = _find(request)
    return problem(request, _NOT_FOUND) if payment is None else _payment_page(request, payment)


@changes
async def _act(request: Request, form: Form) -> Response:
    payment, action = _find(request), ACTIONS.get(request.path_params["action"])
    if payment is None or action is None:
        return problem(request, _NOT_FOUND)
    try:
        action(engine_of(request), payment, form)
    except Refusal as refusal:
        return _payment_page(request, payment, _text_of(refusal.response.body), refusal.response.status)
    except ValueError as error:
        return _payment_page(request, payment, str(error).capitalize(), 400)
    return go_to(request, f"/payments/{payment.id}")


def _find(request: Request) -> Payment | None:
    return payment_with(engine_of(request).context().state, request.path_params["id"])


async def _search(context: Context, wanted: PaymentFilter, before: str) -> list[Payment]:
    """The newest payments that are wanted, one more than a page; other tasks run meanwhile."""
    found: list[Payment] = []
    for place, payment in enumerate(_newest(context.state.payments, before)):
        if wanted.matches(payment, context.now):
            found.append(payment)
            if len(found) > PAGE:
                break
        if place % _CHECKED_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
    return found


def _payment_page(request: Request, payment: Payment, why: str = "", status: int = 200) -> Response:
    context = engine_of(request).context()
    calls = site_of(request).log.find(CallFilter(payment_id=payment.id))
    return page(
        request,
        "portal_payment.html",
        status,
        payment=payment,
        state=state_of(payment, context.now),
        is_open=not checkout.is_closed(context, payment),
        problem=why,
        entries=_with_calls(history(context.state, payment), calls),
        document={"payment": views.payment(payment, context.settings)},
        test_cards=cards.TEST_CARDS,
        methods=[method.name for method in checkout.methods(context, payment) if method.type != "CARD"],
        challenge_results=challenges.RESULTS if _waits_for_shopper(payment) else (),
        declines=[(code, cards.decline_text(code)) for code in DECLINES],
        page=views.hosted_url(pages_url(request), context, payment.id),
    )


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


def _with_calls(entries: list[Entry], calls: list[LoggedCall]) -> list[Entry]:
    return sorted([*entries, *map(_entry_of, reversed(calls))], key=lambda entry: entry.at)


def _entry_of(call: LoggedCall) -> Entry:
    response = f"Response {call.status}" if call.status else "The connection broke"
    failed = not 200 <= call.status < 400
    return Entry(call.at, "call", f"{call.method} {call.path}", detail=response, failed=failed)


def _text_of(body: JSON) -> str:
    document = body or {}
    texts = [f"{path} {text}" for path, texts in document.get("errors", {}).items() for text in texts]
    code = f" (code {document['code']})" if "code" in document else ""
    return str(document.get("message") or "; ".join(texts) or "This is not possible") + code
