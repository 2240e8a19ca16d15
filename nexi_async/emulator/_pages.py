"""What a browser sees: the hosted page, the embedded checkout with its checkout.js, and 3-D Secure.

Theory of operation. Hosted page and embedded checkout are one form. The hosted page sends it and gets a page or a
redirect; the script in the iframe sends the same form and gets JSON, for it asks the shop's page before it pays. Either
leads to the challenge page of an emulated issuer where the card asks for it. Only pages of the origin that
`checkout.url` names can embed a checkout: browsers refuse others (`frame-ancestors`), and the scripts on both sides
exchange messages with the origin that they know, and with no other.
"""

from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jinja2
import orjson
from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator import _checkout_form as checkout_form
from nexi_async.emulator import _languages as languages
from nexi_async.emulator._access import Access, base_url, is_own_page
from nexi_async.emulator._checkout_form import Typed
from nexi_async.emulator._engine import challenges, checkout, shopper
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.random_source import normal_id
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import Document
from nexi_async.emulator._languages import Language

_CHALLENGE_NOTICES = {"refused": "refused", "cancelled": "left", "timed_out": "timed_out", "approved": "declined"}
_STATUS = {"declined": 402, "checked": 200}
_BUTTONS_WITHOUT_AMOUNT = frozenset({"signup", "subscribe", "accept"})
_OTHER_ORIGIN = "Only this page's own buttons can be pressed."
_PACKAGE = files("nexi_async.emulator")
_ASSETS = {
    "/v1/checkout.js": ("scripts/checkout.js", "text/javascript"),
    "/emulator/iframe.js": ("scripts/iframe.js", "text/javascript"),
    "/emulator/form.js": ("scripts/form.js", "text/javascript"),
    "/emulator/checkout.css": ("styles/checkout.css", "text/css"),
}
_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'"


def routes(engine: Engine, access: Access) -> list[Route]:
    """All pages, scripts and style sheets."""
    pages = _Pages(engine, access)
    return [
        Route("/hostedpaymentpage", pages.show_hosted, methods=["GET"]),
        Route("/hostedpaymentpage", pages.act_hosted, methods=["POST"]),
        Route("/v1", pages.show_embedded, methods=["GET"]),
        Route("/v1", pages.act_embedded, methods=["POST"]),
        Route("/emulator/3ds", pages.show_challenge, methods=["GET"]),
        Route("/emulator/3ds", pages.act_challenge, methods=["POST"]),
        *(Route(path, partial(_asset, *asset), methods=["GET"]) for path, asset in _ASSETS.items()),
    ]


@frozen
class _Answer:
    """What a pressed button led to.

    Attributes:
        result: The outcome of the shopper's action, `checked`, `invalid` or `refused`.
        status: The HTTP status.
        notice: The key of the text above the form, if any.
        problems: The keys of the texts beside the fields.
        redirect: Where the shopper goes, if anywhere.
    """

    result: str
    status: int
    notice: str | None = None
    problems: Mapping[str, str] = field(factory=dict)
    redirect: str | None = None


class _Pages:
    """The pages of one emulator."""

    def __init__(self, engine: Engine, access: Access) -> None:
        self._engine = engine
        self._public_url = access.public_url
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("nexi_async.emulator"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def show_hosted(self, request: Request) -> Response:
        """The form, or the reason that there is none."""
        payment = self._payment(request, "pid")
        return self._closed(request, payment) or self._form(
            request, "hosted.html", payment, self._first(request, payment)
        )

    async def show_embedded(self, request: Request) -> Response:
        """The page inside the iframe; a payment that was completed on the way is reported to the shop's page."""
        payment = self._payment(request, "paymentId")
        if payment is not None and (embedder := _wrong_embedder(request, payment)):
            values = {"expected": _origin(payment.checkout_url), "actual": embedder}
            return self._notice(request, "wrong_page", 403, embedders="*", **values)
        if payment is not None and payment.completed_at is not None:
            return self._page(
                request,
                "completed.html",
                200,
                payment=payment,
                embedders=_origin(payment.checkout_url),
                shop=_origin(payment.checkout_url),
            )
        closed = self._closed(request, payment, embedders="*")
        return closed or self._form(request, "embedded.html", payment, self._first(request, payment))

    async def act_hosted(self, request: Request) -> Response:
        """A pressed button: a redirect to the shop or the issuer, or the form again with what was typed."""
        if not is_own_page(request):
            return self._notice(request, "other_origin", 403)
        payment = self._payment(request, "pid")
        if payment is None:
            return self._notice(request, "unknown", 404)
        typed = await self._typed(request, payment)
        answer = await self._press(request, payment, typed)
        if answer.redirect:
            return RedirectResponse(answer.redirect, 303)
        if self._is_closed(payment):
            status = 200 if answer.result == "completed" else 410
            return self._notice(request, _end_of(payment), status, link=_way_on(payment))
        return self._form(request, "hosted.html", payment, answer, typed.values)

    async def act_embedded(self, request: Request) -> Response:
        """A pressed button inside the iframe, whose script expects JSON."""
        if not is_own_page(request):
            return _json({"result": "refused", "message": _OTHER_ORIGIN}, 403)
        payment, language = self._payment(request, "paymentId"), _language(request)
        if payment is None:
            return _json({"result": "refused", "message": language.text("notice.unknown")}, 404)
        answer = await self._press(request, payment, await self._typed(request, payment))
        document: Document = {
            "result": answer.result,
            "message": language.text(f"notice.{answer.notice}") if answer.notice else "",
            "problems": {name: language.text(key) for name, key in answer.problems.items()},
        }
        return _json(document | ({"redirect": answer.redirect} if answer.redirect else {}), answer.status)

    async def show_challenge(self, request: Request) -> Response:
        """The issuer's page, which asks the shopper to approve; a challenge that is over leads back."""
        payment = self._payment(request, "pid")
        if payment is None or payment.challenge is None:
            return self._notice(request, "unknown", 404)
        challenge = payment.challenge
        if self._is_closed(payment) or challenge.result or challenge.id != request.query_params.get("challenge"):
            return RedirectResponse(self._way_back(request, payment), 303)
        return self._page(
            request,
            "challenge.html",
            200,
            payment=payment,
            challenge=challenge,
            results=challenges.RESULTS,
            brands=checkout_form.BRANDS,
            now=self._engine.clock.now(),
        )

    async def act_challenge(self, request: Request) -> Response:
        """The shopper's answer to the issuer: a redirect to the shop, or back to the checkout."""
        if not is_own_page(request):
            return self._notice(request, "other_origin", 403)
        payment = self._payment(request, "pid")
        if payment is None:
            return self._notice(request, "unknown", 404)
        result = (await _form_of(request)).get("result", "")
        try:
            challenge_id = request.query_params.get("challenge", "")
            outcome = self._engine.answer_challenge(payment.id, result, challenge_id=challenge_id)
        except (Refusal, ValueError):
            return RedirectResponse(self._way_back(request, payment), 303)
        await self._engine.clock.sleep(outcome.delay)
        return RedirectResponse(_in_language(request, payment, outcome.redirect or ""), 303)

    async def _press(self, request: Request, payment: Payment, typed: Typed) -> _Answer:
        problems = checkout_form.problems(typed, self._engine.context())
        if problems:
            return _Answer("invalid", 400, "check", problems)
        if typed.action == "check":
            return _Answer("checked", 200)
        try:
            outcome = self._do(payment, typed)
        except Refusal as refusal:
            found = checkout_form.refused(refusal, typed)
            return _Answer("refused", refusal.response.status, "check" if found else "closed", found)
        await self._engine.clock.sleep(outcome.delay)
        if outcome.result == "challenged":
            return _Answer("challenged", 200, redirect=self._challenge_url(request, payment))
        return _Answer(outcome.result, _STATUS.get(outcome.result, 200), outcome.result, redirect=outcome.redirect)

    def _do(self, payment: Payment, typed: Typed) -> ShopperOutcome:
        if typed.action == "cancel":
            return self._engine.cancel(payment.id)
        if typed.action == "decline":
            return self._engine.decline(payment.id)
        if typed.method == "card":
            return self._engine.pay(payment.id, card=typed.number, expiry=typed.expiry, consumer=typed.details)
        return self._engine.pay(payment.id, method=typed.method, consumer=typed.details)

    async def _typed(self, request: Request, payment: Payment) -> Typed:
        shown = checkout_form.defaults(self._engine.context(), payment)
        return checkout_form.read(await _form_of(request), shown)

    def _payment(self, request: Request, id_name: str) -> Payment | None:
        if request.query_params.get("checkoutKey") != self._engine.checkout_key:
            return None
        payment_id = normal_id(request.query_params.get(id_name, ""))
        return self._engine.context().state.payments.get(payment_id)

    def _is_closed(self, payment: Payment) -> bool:
        return checkout.is_closed(self._engine.context(), payment)

    def _challenge_url(self, request: Request, payment: Payment) -> str:
        query = {"checkoutKey": self._engine.checkout_key, "pid": payment.id}
        query |= {"challenge": payment.challenge.id} if payment.challenge else {}
        query |= {"language": request.query_params["language"]} if "language" in request.query_params else {}
        return f"{base_url(request.scope, self._public_url)}/emulator/3ds?{urlencode(query)}"

    def _way_back(self, request: Request, payment: Payment) -> str:
        """Where a shopper goes who comes to a challenge that is over."""
        has_paid = payment.completed_at is not None
        url = checkout.success_url(payment) if has_paid else checkout.failure_url(payment)
        return _in_language(request, payment, url)

    def _first(self, request: Request, payment: Payment | None) -> _Answer:
        """What the form says before a button is pressed: that 3-D Secure failed, when the shopper comes from there."""
        if payment is None or request.query_params.get("paymentFailed", "").lower() != "true":
            return _Answer("", 200)
        result = payment.challenge.result if payment.challenge else None
        return _Answer("", 200, _CHALLENGE_NOTICES.get(result or "", "failed"))

    def _closed(self, request: Request, payment: Payment | None, *, embedders: str = "'none'") -> Response | None:
        if payment is None:
            return self._notice(request, "unknown", 404, embedders=embedders)
        if not self._is_closed(payment):
            return None
        return self._notice(request, _end_of(payment), 410, embedders=embedders, link=_way_on(payment))

    def _form(
        self,
        request: Request,
        template: str,
        payment: Payment | None,
        answer: _Answer,
        values: Mapping[str, str] | None = None,
    ) -> Response:
        if payment is None:
            raise LookupError
        context = self._engine.context()
        shown = checkout_form.defaults(context, payment)
        origin = _origin(payment.checkout_url)
        return self._page(
            request,
            template,
            answer.status,
            embedders=origin if template == "embedded.html" else "'none'",
            payment=payment,
            shop=origin,
            notice=answer.notice,
            problems=answer.problems,
            values=values or shown,
            asked=[name for name in shopper.FORM_FIELDS if name in shown],
            countries=_countries(payment, _language(request)),
            methods=checkout_form.other_methods(context, payment),
            brands=checkout_form.BRANDS,
            test_cards=checkout_form.test_cards(context, payment),
            **_appearance(payment),
        )

    def _notice(
        self,
        request: Request,
        notice: str,
        status: int,
        *,
        embedders: str = "'none'",
        link: str | None = None,
        **values: str,
    ) -> Response:
        text = _language(request).text(f"notice.{notice}", **values)
        return self._page(request, "closed.html", status, embedders=embedders, text=text, link=link)

    def _page(
        self, request: Request, template: str, status: int, *, embedders: str = "'none'", **names: Any
    ) -> Response:
        root = urlsplit(base_url(request.scope, self._public_url)).path
        text = self._templates.get_template(template).render(language=_language(request), root=root, **names)
        headers = {
            "Content-Security-Policy": f"{_POLICY}; frame-ancestors {embedders}",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        return Response(text, status, headers, media_type="text/html")


async def _asset(name: str, media_type: str, _: Request) -> Response:
    return Response((_PACKAGE / name).read_bytes(), media_type=media_type)


async def _form_of(request: Request) -> dict[str, str]:
    """The form of a request; an empty field is an empty text, for one left out counts as its default."""
    body = (await request.body()).decode(errors="replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _end_of(payment: Payment) -> str:
    """The key of the text that says why nothing can be done any more."""
    return "completed" if payment.completed_at is not None else "closed"


def _way_on(payment: Payment) -> str | None:
    """Where a shopper who has paid can go on."""
    return checkout.return_url(payment) if payment.completed_at is not None else None


def _language(request: Request) -> Language:
    return languages.find(request.query_params.get("language", ""))


def _in_language(request: Request, payment: Payment, url: str) -> str:
    """An address of the hosted page with the language that the shopper reads; any other as it is."""
    tag = request.query_params.get("language")
    is_own = payment.checkout.get("integrationType") == "HostedPaymentPage" and url.startswith(payment.checkout_url)
    return f"{url}&{urlencode({'language': tag})}" if tag and is_own else url


def _origin(url: str) -> str:
    """The origin of an address, as browsers write it; `'none'` if it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "'none'"
    if parts.scheme not in ("http", "https") or not host or not host.isascii():
        return "'none'"
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}"


def _wrong_embedder(request: Request, payment: Payment) -> str | None:
    """The origin of the page that says it embeds the checkout, if it is another than the payment's."""
    origin = request.query_params.get("origin")
    return origin if origin and origin != _origin(payment.checkout_url) else None


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
    return url if _origin(url) != "'none'" else None


def _countries(payment: Payment, language: Language) -> list[tuple[str, str]]:
    """The countries that the merchant ships to, or all."""
    shipping = payment.checkout.get("shippingCountries") or payment.checkout.get("shipping", {}).get("countries")
    allowed = {entry["countryCode"] for entry in shipping or ()}
    return [entry for entry in language.countries() if not allowed or entry[0] in allowed]


def _json(document: Document, status: int) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
