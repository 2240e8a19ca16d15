"""3-D Secure: the page of an emulated issuer, which asks the shopper to approve a payment."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator._checkout_form import BRANDS
from nexi_async.emulator._engine import challenges, checkout
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._forms import read_form
from nexi_async.emulator._shopper_page import notice, page, with_payment
from nexi_async.emulator._site import engine_of


def routes() -> list[Route]:
    return [Route("/emulator/3ds", _show, methods=["GET"]), Route("/emulator/3ds", _answer, methods=["POST"])]


@with_payment
async def _show(request: Request, payment: Payment) -> Response:
    """The question; a challenge that is over leads back."""
    engine, challenge = engine_of(request), payment.challenge
    if challenge is None:
        return notice(request, "unknown", 404)
    is_over = checkout.is_closed(engine.context(), payment) or challenge.result is not None
    if is_over or challenge.id != request.query_params.get("challenge"):
        return _back(request, payment)
    return page(
        request,
        "challenge.html",
        payment=payment,
        challenge=challenge,
        results=challenges.RESULTS,
        brands=BRANDS,
        now=engine.clock.now(),
    )


@with_payment
async def _answer(request: Request, payment: Payment) -> Response:
    """The shopper's answer: a redirect to the shop, or back to the checkout."""
    engine, result = engine_of(request), (await read_form(request)).get("result", "")
    try:
        challenge_id = request.query_params.get("challenge", "")
        outcome = engine.answer_challenge(payment.id, result, challenge_id=challenge_id)
    except (Refusal, ValueError):
        return _back(request, payment)
    await engine.clock.sleep(outcome.delay)
    return _redirect(request, payment, outcome.redirect or "")


def _back(request: Request, payment: Payment) -> Response:
    """The redirect of a shopper who comes to a challenge that is over."""
    has_paid = payment.completed_at is not None
    return _redirect(request, payment, checkout.success_url(payment) if has_paid else checkout.failure_url(payment))


def _redirect(request: Request, payment: Payment, url: str) -> Response:
    """A redirect; the hosted page stays in the language that the shopper reads."""
    language = request.query_params.get("language")
    is_hosted = payment.checkout.get("integrationType") == "HostedPaymentPage"
    if language and is_hosted and url.startswith(payment.checkout_url):
        url = f"{url}&{urlencode({'language': language})}"
    return RedirectResponse(url, 303)
