"""The shopper's side: pay, be declined, walk away; sign up for a subscription on the way."""

from collections.abc import Mapping

from attrs import frozen

from nexi_async.emulator import _cards as cards
from nexi_async.emulator import _charges as charges
from nexi_async.emulator import _events as events
from nexi_async.emulator import _shopper as shopper
from nexi_async.emulator._cards import Card
from nexi_async.emulator._context import Moment
from nexi_async.emulator._methods import METHODS, Method, methods_of, offered
from nexi_async.emulator._responses import Refusal, conflict, failed, invalid
from nexi_async.emulator._state import Agreement, AgreementWish, Payment


@frozen
class Outcome:
    """What came of a shopper's visit.

    Attributes:
        result: `completed`, `declined` or `cancelled`.
        code: The acquirer's response code of a decline.
        redirect: Where the shopper is sent, if anywhere.
        delay: Seconds on the emulator's clock that the shopper waits for this.
    """

    result: str
    code: str | None = None
    redirect: str | None = None
    delay: float = 0.0


def pay(
    moment: Moment,
    payment: Payment,
    *,
    card: Card | None = None,
    method: str | None = None,
    details: Mapping[str, object] | None = None,
) -> Outcome:
    """The shopper presses Pay, with a card or another payment method, and leaves some details if asked for them.

    Raises:
        Refusal: The payment is closed, or cannot be paid like this.
    """
    chosen = _choose(moment, payment, card, method)
    if chosen.type != "CARD":
        card = None
    elif card is None:
        card = cards.test_card_of(chosen.name)
    _refuse_closed(moment, payment)
    if _wants_shipping_cost(payment):
        raise failed("1021")
    shopper.give_details(payment, moment.settings, details)
    events.payment_created(moment, payment)
    delay = cards.magic_delay(payment.amount)
    code = cards.decline_code(card, payment.amount, moment.now)
    if code is not None:
        return _declined(moment, payment, code, delay)
    _add_fee(payment, chosen)
    _complete(moment, payment, chosen, card)
    return Outcome("completed", redirect=return_url(payment), delay=delay)


def decline(moment: Moment, payment: Payment, code: str = "05") -> Outcome:
    """The shopper presses Pay and the issuer declines; the shopper may try again.

    Raises:
        Refusal: The payment is closed.
    """
    _refuse_closed(moment, payment)
    events.payment_created(moment, payment)
    return _declined(moment, payment, code, 0.0)


def cancel(moment: Moment, payment: Payment) -> Outcome:
    """The shopper walks away; the payment stays open until its session ends.

    Raises:
        Refusal: The payment is closed.
    """
    _refuse_closed(moment, payment)
    return Outcome("cancelled", redirect=payment.checkout.get("cancelUrl"))


def is_closed(moment: Moment, payment: Payment) -> bool:
    """Whether the shopper can do nothing any more."""
    settled = payment.terminated_at is not None or payment.completed_at is not None
    return settled or moment.now > payment.expires_at


def methods(moment: Moment, payment: Payment) -> list[Method]:
    """What the shopper may choose from."""
    country_given = "countryCode" in payment.checkout
    return offered(payment.configuration, moment.settings, country_given=country_given)


def return_url(payment: Payment) -> str | None:
    """The merchant's page after success, with the payment's id appended."""
    url: str | None = payment.checkout.get("returnUrl")
    if url is None:
        return None
    head, mark, fragment = url.partition("#")
    return f"{head}{'&' if '?' in head else '?'}paymentid={payment.id}{mark}{fragment}"


def complete(moment: Moment, payment: Payment, method: Method, card: Card | None) -> None:
    """Note that the checkout is done: how it was paid, with its references."""
    payment.completed_at = moment.now
    payment.method, payment.card = method, card
    payment.reconciliation_reference = moment.dice.reconciliation_reference()
    if method.type == "CARD":
        payment.surcharge_rate = moment.settings.surcharge_rate


def reserve(moment: Moment, payment: Payment) -> None:
    """Reserve the whole amount of a completed checkout."""
    payment.reserved = payment.amount
    payment.reserved_at = moment.now
    payment.reserve_id = moment.new_id()
    payment.reservation_reference = moment.dice.digits(6)


def _complete(moment: Moment, payment: Payment, method: Method, card: Card | None) -> None:
    complete(moment, payment, method, card)
    if payment.wish is not None:
        payment.agreement = _sign_up(moment, payment, payment.wish, card)
    if not method.direct:
        reserve(moment, payment)
        events.reservation_created(moment, payment, payment.amount)
    events.checkout_completed(moment, payment)
    if payment.amount and (method.direct or payment.checkout.get("charge")):
        _charge_at_once(moment, payment)


def _charge_at_once(moment: Moment, payment: Payment) -> None:
    try:
        charges.take(moment, charges.new_charge(moment, payment, payment.amount, None))
    except Refusal:
        return  # the webhooks were told; the reservation stays and can be charged by hand


def _sign_up(moment: Moment, payment: Payment, wish: AgreementWish, card: Card | None) -> Agreement:
    """The agreement the payment asked for; an update gives a known one the new card."""
    if card is None:
        raise failed("1022", "Subscriptions need a card")
    known = moment.books.agreements[wish.kind.name]
    if wish.is_update:
        agreement = known[wish.agreement_id]
        agreement.card, agreement.method, agreement.blocked = card, payment.paid_with, False
        return agreement
    agreement = Agreement(
        id=wish.agreement_id,
        kind=wish.kind,
        card=card,
        method=payment.paid_with,
        created=moment.now,
        interval=wish.interval,
        end_date=wish.end_date,
        amount=payment.amount,
        allow_variable_amount=wish.allow_variable_amount,
    )
    known[agreement.id] = agreement
    return agreement


def _choose(moment: Moment, payment: Payment, card: Card | None, method: str | None) -> Method:
    name = method or (card.brand if card else "")
    choice = methods(moment, payment)
    if not name:
        return next((entry for entry in choice if payment.wish is None or entry.type == "CARD"), METHODS["visa"])
    chosen = methods_of(moment.settings).get(name.lower())
    if chosen is None or chosen not in choice:
        raise invalid({"method": [f"{name} is not offered for this payment"]})
    if payment.wish is not None and chosen.type != "CARD":
        raise invalid({"method": ["Subscriptions need a card"]})
    return chosen


def _declined(moment: Moment, payment: Payment, code: str, delay: float) -> Outcome:
    if moment.settings.interactive_declines_emit:
        text = f"Reservation declined, {cards.decline_text(code).lower()}"
        events.reservation_failed(moment, payment, events.error(code, text))
    return Outcome("declined", code=code, delay=delay)


def _add_fee(payment: Payment, method: Method) -> None:
    """The invoice fee comes on top of the order when the shopper picks invoice."""
    if method.name != "EasyInvoice":
        return
    fees: list[Mapping[str, object]] = [entry["fee"] for entry in payment.fees if "fee" in entry]
    payment.items = payment.items + [dict(fee) for fee in fees]
    payment.amount = sum(item["grossTotalAmount"] for item in payment.items)


def _wants_shipping_cost(payment: Payment) -> bool:
    shipping = payment.checkout.get("shipping", {})
    return bool(shipping.get("merchantHandlesShippingCost")) and not payment.shipping_cost_specified


def _refuse_closed(moment: Moment, payment: Payment) -> None:
    if payment.completed_at is not None:
        raise conflict("1004", "The payment is already paid")
    if payment.terminated_at is not None:
        raise conflict("1019", "The payment is terminated")
    if moment.now > payment.expires_at:
        raise conflict("1010", "The session of the payment has expired")
