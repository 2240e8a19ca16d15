"""Card payments from server to server: the shopper's card comes with the request, and no page is shown."""

from nexi_async.emulator import _cards as cards
from nexi_async.emulator import _charges as charges
from nexi_async.emulator import _checkout as checkout
from nexi_async.emulator import _events as events
from nexi_async.emulator import _validation as validation
from nexi_async.emulator._cards import Card
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._fields import Faults, note
from nexi_async.emulator._methods import METHODS
from nexi_async.emulator._notifications import read_hooks
from nexi_async.emulator._payments import new_payment
from nexi_async.emulator._responses import Answer, failed, invalid
from nexi_async.emulator._state import Payment
from nexi_async.emulator._wire import Document


def create(moment: Moment, call: Call) -> Answer:
    """`POST /v1/cardpayments`: reserve at once, and charge too if the request says so."""
    body = validation.read(validation.CARD_PAYMENT, call.body, moment.settings)
    faults = Faults(moment.settings)
    hooks = read_hooks(moment, body, faults)
    card = _read_card(body["cardDetails"], faults)
    if faults or card is None:
        raise invalid(faults.by_path)
    payment = new_payment(moment, body["order"], hooks, body.get("myReference"))
    payment.checkout = body["paymentInfo"]
    delay = cards.magic_delay(payment.amount)
    _pay(moment, payment, card)
    document = {"paymentId": payment.id} | ({"idempotencyKey": call.key} if call.key else {})
    return Answer(201, document, delay=delay)


def _pay(moment: Moment, payment: Payment, card: Card) -> None:
    events.payment_created(moment, payment)
    code = cards.decline_code(card, payment.amount, moment.now)
    if code is not None:
        text = f"Reservation declined, {cards.decline_text(code).lower()}"
        events.reservation_failed(moment, payment, events.error(code, text))
        raise failed(code, text, source="Issuer")
    checkout.complete(moment, payment, METHODS[card.brand.lower()], card)
    checkout.reserve(moment, payment)
    events.reservation_created(moment, payment, payment.amount)
    if payment.checkout.get("charge"):
        charges.take(moment, charges.new_charge(moment, payment, payment.amount, None))


def _read_card(details: Document, faults: Faults) -> Card | None:
    try:
        return cards.read_card(details["cardNumber"], details["expiryMonth"] + details["expiryYear"])
    except ValueError as error:
        note(faults, "cardDetails", str(error).capitalize())
        return None
