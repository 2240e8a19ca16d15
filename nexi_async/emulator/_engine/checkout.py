"""The checkout: the shopper pays, is declined or cancels; a payment may create a subscription."""

from collections.abc import Mapping

from attrs import evolve, frozen

from nexi_async.emulator._engine import cards, challenges, charges, events, shopper
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.methods import METHODS, Method, methods_of, offered
from nexi_async.emulator._engine.responses import Refusal, conflict, failed, invalid
from nexi_async.emulator._engine.state import Agreement, AgreementRequest, Payment


@frozen
class ShopperOutcome:
    """The outcome of what a shopper did on the checkout.

    Attributes:
        result: `completed`, `declined`, `cancelled`, `challenged` if the card's issuer asks the shopper first (3-D
            Secure), or `unauthenticated` if the shopper did not approve.
        code: The acquirer's response code of a decline.
        redirect: Where the shopper is redirected, if anywhere.
        delay: Seconds on the emulator's clock that the shopper waits for this.
    """

    result: str
    code: str | None = None
    redirect: str | None = None
    delay: float = 0.0


def pay(
    context: Context,
    payment: Payment,
    *,
    card: Card | None = None,
    method: str | None = None,
    details: Mapping[str, object] | None = None,
) -> ShopperOutcome:
    """The shopper presses Pay, with a card or another payment method, and leaves some details if asked for them.

    Raises:
        Refusal: The payment is closed, or cannot be paid like this.
    """
    chosen = _choose(context, payment, card, method)
    if chosen.type != "CARD":
        card = None
    elif card is None:
        card = cards.read_card(cards.test_number_of(chosen.name))
    _refuse_closed(context, payment)
    if _wants_shipping_cost(payment):
        raise failed("1021")
    shopper.give_details(payment, context.settings, details)
    events.payment_created(context, payment)
    if card is not None and challenges.is_needed(card, context.settings):
        challenges.start(context, payment, chosen, card)
        return ShopperOutcome("challenged")
    return _authorize(context, payment, chosen, card)


def answer_challenge(context: Context, payment: Payment, challenge_id: str | None, result: str) -> ShopperOutcome:
    """The shopper answers the issuer: an approved payment is authorised, any other stays open."""
    _refuse_closed(context, payment)
    challenge = challenges.answer(context, payment, challenge_id, result)
    if challenge.result != "approved":
        return ShopperOutcome("unauthenticated", redirect=failure_url(payment))
    outcome = _authorize(context, payment, challenge.method, challenge.card)
    completed = outcome.result == "completed"
    return evolve(outcome, redirect=success_url(payment) if completed else failure_url(payment))


def decline(context: Context, payment: Payment, code: str = "05") -> ShopperOutcome:
    """The shopper presses Pay and the issuer declines; the shopper may try again."""
    _refuse_closed(context, payment)
    events.payment_created(context, payment)
    return _declined(context, payment, code, 0.0)


def cancel(context: Context, payment: Payment) -> ShopperOutcome:
    """The shopper leaves the checkout; the payment stays open until its session ends."""
    _refuse_closed(context, payment)
    return ShopperOutcome("cancelled", redirect=payment.checkout.get("cancelUrl"))


def is_closed(context: Context, payment: Payment) -> bool:
    settled = payment.terminated_at is not None or payment.completed_at is not None
    return settled or context.now > payment.expires_at


def methods(context: Context, payment: Payment) -> list[Method]:
    country_given = "countryCode" in payment.checkout
    return offered(payment.configuration, context.settings, country_given=country_given)


def return_url(payment: Payment) -> str | None:
    """The merchant's page after success, with the payment's id appended."""
    url = payment.checkout.get("returnUrl")
    return None if url is None else _with_query(url, f"paymentid={payment.id}")


def success_url(payment: Payment) -> str:
    """Where an approved 3-D Secure challenge leads: the merchant's page after success, else where the checkout is."""
    return return_url(payment) or _with_query(payment.checkout_url, f"paymentid={payment.id}")


def failure_url(payment: Payment) -> str:
    """Where a failed 3-D Secure challenge leads: the page of the checkout, which says so."""
    is_hosted = payment.checkout.get("integrationType") == "HostedPaymentPage"
    failed = "paymentFailed=true"
    return _with_query(payment.checkout_url, failed if is_hosted else f"paymentid={payment.id}&{failed}")


def complete(context: Context, payment: Payment, method: Method, card: Card | None) -> None:
    """Note that the checkout is done: how it was paid, with its references."""
    payment.completed_at = context.now
    payment.method, payment.card = method, card
    payment.reconciliation_reference = context.random_source.reconciliation_reference()
    if method.type == "CARD":
        payment.surcharge_rate = context.settings.surcharge_rate


def reserve(context: Context, payment: Payment) -> None:
    """Reserve the whole amount of a completed checkout."""
    payment.reserved = payment.amount
    payment.reserved_at = context.now
    payment.reserve_id = context.new_id()
    payment.reservation_reference = context.random_source.digits(6)


def _authorize(context: Context, payment: Payment, method: Method, card: Card | None) -> ShopperOutcome:
    delay = cards.magic_delay(payment.amount)
    code = cards.decline_code(card, payment.amount, context.now)
    if code is not None:
        return _declined(context, payment, code, delay)
    _add_fee(payment, method)
    _complete(context, payment, method, card)
    return ShopperOutcome("completed", redirect=return_url(payment), delay=delay)


def _complete(context: Context, payment: Payment, method: Method, card: Card | None) -> None:
    complete(context, payment, method, card)
    if payment.agreement_request is not None:
        payment.agreement = _sign_up(context, payment, payment.agreement_request, card)
    if not method.direct:
        reserve(context, payment)
        events.reservation_created(context, payment)
    events.checkout_completed(context, payment)
    if payment.amount and (method.direct or payment.checkout.get("charge")):
        _charge_at_once(context, payment)


def _charge_at_once(context: Context, payment: Payment) -> None:
    try:
        charges.take(context, charges.new_charge(context, payment, payment.amount, None))
    except Refusal:
        return  # the event of the failed charge is out; the reservation stays and can be charged by the merchant


def _sign_up(context: Context, payment: Payment, agreement_request: AgreementRequest, card: Card | None) -> Agreement:
    """The agreement the payment asked for; an update gives a known one the new card."""
    if card is None:
        raise failed("1022", "Subscriptions need a card")
    if agreement_request.is_update:
        agreement = context.state.agreements[agreement_request.kind.name][agreement_request.agreement_id]
        agreement.card, agreement.method, agreement.blocked = card, payment.paid_with, False
        return agreement
    agreement = Agreement(
        id=agreement_request.agreement_id,
        kind=agreement_request.kind,
        card=card,
        method=payment.paid_with,
        created=context.now,
        interval=agreement_request.interval,
        end_date=agreement_request.end_date,
        amount=payment.amount,
        allow_variable_amount=agreement_request.allow_variable_amount,
    )
    context.state.add_agreement(agreement)
    return agreement


def _choose(context: Context, payment: Payment, card: Card | None, method: str | None) -> Method:
    name = method or (card.brand if card else "")
    choice = methods(context, payment)
    if not name:
        return next(
            (entry for entry in choice if payment.agreement_request is None or entry.type == "CARD"), METHODS["visa"]
        )
    chosen = methods_of(context.settings).get(name.lower())
    if chosen is None or chosen not in choice:
        raise invalid({"method": [f"{name} is not offered for this payment"]})
    if payment.agreement_request is not None and chosen.type != "CARD":
        raise invalid({"method": ["Subscriptions need a card"]})
    return chosen


def _declined(context: Context, payment: Payment, code: str, delay: float) -> ShopperOutcome:
    if context.settings.interactive_declines_emit:
        text = f"Reservation declined, {cards.decline_text(code).lower()}"
        events.reservation_failed(context, payment, events.error(code, text))
    return ShopperOutcome("declined", code=code, delay=delay)


def _add_fee(payment: Payment, method: Method) -> None:
    """The invoice fee comes on top of the order when the shopper picks invoice."""
    if method.name != "EasyInvoice":
        return
    fees: list[Mapping[str, object]] = [entry["fee"] for entry in payment.fees if "fee" in entry]
    payment.items = payment.items + [dict(fee) for fee in fees]
    payment.amount = sum(item["grossTotalAmount"] for item in payment.items)


def _with_query(url: str, query: str) -> str:
    head, mark, fragment = url.partition("#")
    return f"{head}{'&' if '?' in head else '?'}{query}{mark}{fragment}"


def _wants_shipping_cost(payment: Payment) -> bool:
    shipping = payment.checkout.get("shipping", {})
    return bool(shipping.get("merchantHandlesShippingCost")) and not payment.shipping_cost_specified


def _refuse_closed(context: Context, payment: Payment) -> None:
    if payment.completed_at is not None:
        raise conflict("1004", "The payment is already paid")
    if payment.terminated_at is not None:
        raise conflict("1019", "The payment is terminated")
    if context.now > payment.expires_at:
        raise conflict("1010", "The session of the payment has expired")
