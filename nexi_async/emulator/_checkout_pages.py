"""The checkout: the hosted page, and the embedded checkout.

Theory of operation. Hosted page and embedded checkout are one form. The hosted page sends it and gets a page or a
redirect; the script in the iframe sends the same form and gets JSON, for it asks the shop's page before it pays. Either
leads to the challenge page of an emulated issuer where the card asks for it. Only pages of the origin that
`checkout.url` names can embed a checkout: browsers refuse others (`frame-ancestors`), and the scripts on both sides
exchange messages with the origin that they know, and with no other.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator import _checkout_form as checkout_form
from nexi_async.emulator._access import is_own_page
from nexi_async.emulator._checkout_form import Typed
from nexi_async.emulator._engine import checkout, shopper
from nexi_async.emulator._engine.addresses import origin_of
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._forms import read_form
from nexi_async.emulator._languages import Language
from nexi_async.emulator._shopper_page import NO_ORIGIN, language_of, notice, page, payment_of, with_payment
from nexi_async.emulator._site import engine_of, pages_url

_CHALLENGE_NOTICES = {"refused": "refused", "cancelled": "left", "timed_out": "timed_out", "approved": "declined"}
_STATUS = {"declined": 402, "checked": 200}
_BUTTONS_WITHOUT_AMOUNT = frozenset({"signup", "subscribe", "accept"})
_OTHER_ORIGIN = "Only this page's own buttons can be pressed."


def routes() -> list[Route]:
    return [
        Route("/hostedpaymentpage", _show_hosted, methods=["GET"]),
        Route("/hostedpaymentpage", _act_hosted, methods=["POST"]),
        Route("/v1", _show_embedded, methods=["GET"]),
        Route("/v1", _act_embedded, methods=["POST"]),
    ]


@frozen
class _Answer:
    """What a pressed button led to.

    Attributes:
        result: The outcome of the shopper's action, `checked`, `invalid` or `refused`.
        notice: The key of the text above the form, if any.
        problems: The keys of the texts beside the fields.
    """

    result: str
    status: int
    notice: str | None = None
    problems: Mapping[str, str] = field(factory=dict)
    redirect: str | None = None


@with_payment
async def _show_hosted(request: Request, payment: Payment) -> Response:
    """The form, or the reason that there is none."""
    return _closed(request, payment) or _form(request, "hosted.html", payment, _first(request, payment))


@with_payment
async def _act_hosted(request: Request, payment: Payment) -> Response:
    """A pressed button: a redirect to the shop or the issuer, or the form again with what was typed."""
    typed = await _typed(request, payment)
    answer = await _press(request, payment, typed)
    if answer.redirect:
        return RedirectResponse(answer.redirect, 303)
    closed = _closed(request, payment, status=200 if answer.result == "completed" else 410)
    return closed or _form(request, "hosted.html", payment, answer, typed.values)


async def _show_embedded(request: Request) -> Response:
    """The page inside the iframe; a payment that was completed on the way is reported to the shop's page."""
    payment = payment_of(request, "paymentId")
    if payment is None:
        return notice(request, "unknown", 404, embedders="*")
    shop, embedder = _shop(payment), request.query_params.get("origin")
    if embedder and embedder != shop:
        return notice(request, "wrong_page", 403, embedders="*", expected=shop, actual=embedder)
    if payment.completed_at is not None:
        return page(request, "completed.html", embedders=shop, shop=shop)
    closed = _closed(request, payment, embedders="*")
    return closed or _form(request, "embedded.html", payment, _first(request, payment), embedders=shop)


async def _act_embedded(request: Request) -> Response:
    """A pressed button inside the iframe, whose script expects JSON."""
    if not is_own_page(request):
        return JSONResponse({"result": "refused", "message": _OTHER_ORIGIN}, 403)
    payment, language = payment_of(request, "paymentId"), language_of(request)
    if payment is None:
        return JSONResponse({"result": "refused", "message": language.text("notice.unknown")}, 404)
    answer = await _press(request, payment, await _typed(request, payment))
    document = {
        "result": answer.result,
        "message": language.text(f"notice.{answer.notice}") if answer.notice else "",
        "problems": {name: language.text(key) for name, key in answer.problems.items()},
    }
    return JSONResponse(document | ({"redirect": answer.redirect} if answer.redirect else {}), answer.status)


async def _typed(request: Request, payment: Payment) -> Typed:
    shown = checkout_form.defaults(engine_of(request).context(), payment)
    return checkout_form.read(await read_form(request), shown)


async def _press(request: Request, payment: Payment, typed: Typed) -> _Answer:
    engine = engine_of(request)
    problems = checkout_form.problems(typed, engine.context())
    if problems:
        return _Answer("invalid", 400, "check", problems)
    if typed.action == "check":
        return _Answer("checked", 200)
    try:
        outcome = _do(engine, payment, typed)
    except Refusal as refusal:
        found = checkout_form.refused(refusal, typed)
        return _Answer("refused", refusal.response.status, "check" if found else "closed", found)
    await engine.clock.sleep(outcome.delay)
    if outcome.result == "challenged":
        return _Answer("challenged", 200, redirect=_challenge_url(request, payment))
    return _Answer(outcome.result, _STATUS.get(outcome.result, 200), outcome.result, redirect=outcome.redirect)


def _do(engine: Engine, payment: Payment, typed: Typed) -> ShopperOutcome:
    if typed.action == "cancel":
        return engine.cancel(payment.id)
    if typed.action == "decline":
        return engine.decline(payment.id)
    if typed.method == "card":
        return engine.pay(payment.id, card=typed.number, expiry=typed.expiry, consumer=typed.details)
    return engine.pay(payment.id, method=typed.method, consumer=typed.details)


def _challenge_url(request: Request, payment: Payment) -> str:
    query = {"checkoutKey": engine_of(request).checkout_key, "pid": payment.id}
    query |= {"challenge": payment.challenge.id} if payment.challenge else {}
    query |= {"language": request.query_params["language"]} if "language" in request.query_params else {}
    return f"{pages_url(request)}/emulator/3ds?{urlencode(query)}"


def _first(request: Request, payment: Payment) -> _Answer:
    """What the form says before a button is pressed: that 3-D Secure failed, when the shopper comes from there."""
    if request.query_params.get("paymentFailed", "").lower() != "true":
        return _Answer("", 200)
    result = payment.challenge.result if payment.challenge else None
    return _Answer("", 200, _CHALLENGE_NOTICES.get(result or "", "failed"))


def _closed(request: Request, payment: Payment, *, status: int = 410, embedders: str = NO_ORIGIN) -> Response | None:
    """The page that says why nothing can be done any more, if so; one who has paid can go on to the shop."""
    if not checkout.is_closed(engine_of(request).context(), payment):
        return None
    if payment.completed_at is None:
        return notice(request, "closed", status, embedders=embedders)
    return notice(request, "completed", status, embedders=embedders, link=checkout.return_url(payment))


def _form(
    request: Request,
    template: str,
    payment: Payment,
    answer: _Answer,
    values: Mapping[str, str] | None = None,
    *,
    embedders: str = NO_ORIGIN,
) -> Response:
    context = engine_of(request).context()
    shown = checkout_form.defaults(context, payment)
    return page(
        request,
        template,
        answer.status,
        embedders=embedders,
        payment=payment,
        shop=_shop(payment),
        notice=answer.notice,
        problems=answer.problems,
        values=values or shown,
        asked=[name for name in shopper.FORM_FIELDS if name in shown],
        countries=_countries(payment, language_of(request)),
        methods=checkout_form.other_methods(context, payment),
        brands=checkout_form.BRANDS,
        test_cards=checkout_form.test_cards(context, payment),
        **_appearance(payment),
    )


def _shop(payment: Payment) -> str:
    """The origin of the pages that may embed the checkout."""
    return origin_of(payment.checkout_url) or NO_ORIGIN


def _appearance(payment: Payment) -> dict[str, Any]:
    """What the merchant chose for the page: its button, its links, and whether it shows the order."""
    appearance = payment.checkout.get("appearance", {})
    button = appearance.get("textOptions", {}).get("completePaymentButtonText", "pay")
    return {
        "button": button if payment.amount or button in _BUTTONS_WITHOUT_AMOUNT else "accept",
        "shows_order": appearance.get("displayOptions", {}).get("showOrderSummary", True),
        "terms": _link(payment, "termsUrl"),
        "privacy": _link(payment, "merchantTermsUrl"),
    }


def _link(payment: Payment, name: str) -> str | None:
    """An address of the merchant's that can be opened; `javascript:` and the like can't."""
    url = str(payment.checkout.get(name, ""))
    return url if origin_of(url) else None


def _countries(payment: Payment, language: Language) -> list[tuple[str, str]]:
    """The countries that the merchant ships to, or all."""
    shipping = payment.checkout.get("shippingCountries") or payment.checkout.get("shipping", {}).get("countries")
    allowed = {entry["countryCode"] for entry in shipping or ()}
    return [entry for entry in language.countries() if not allowed or entry[0] in allowed]
