"""Card payments from server to server: the shopper's card comes with the request, and no page is shown."""

from nexi_async.emulator._engine import cards, charges, checkout, events
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.methods import METHODS
from nexi_async.emulator._engine.payments import new_payment
from nexi_async.emulator._engine.responses import APIResponse, failed, invalid
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.webhooks import webhooks_of
from nexi_async.emulator._engine.wire import Document


def create(context: Context, request: APIRequest) -> APIResponse:
    """`POST /v1/cardpayments`: reserve at once, and charge too if the request says so."""
    body = request.body
    card = _read_card(body["cardDetails"])
    payment = new_payment(context, body["order"], webhooks_of(body), body.get("myReference"))
    payment.checkout = body["paymentInfo"]
    delay = cards.magic_delay(payment.amount)
    _pay(context, payment, card)
    document = {"paymentId": payment.id} | ({"idempotencyKey": request.key} if request.key else {})
    return APIResponse(201, document, delay=delay)


def _pay(context: Context, payment: Payment, card: Card) -> None:
    events.payment_created(context, payment)
    code = cards.decline_code(card, payment.amount, context.now)
    if code is not None:
        text = f"Reservation declined, {cards.decline_text(code).lower()}"
        events.reservation_failed(context, payment, events.error(code, text))
        raise failed(code, text, source="Issuer")
    checkout.complete(context, payment, METHODS[card.brand.lower()], card)
    checkout.reserve(context, payment)
    events.reservation_created(context, payment)
    if payment.checkout.get("charge"):
        charges.take(context, charges.new_charge(context, payment, payment.amount, None))


def _read_card(details: Document) -> Card:
    try:
        return cards.read_card(details["cardNumber"], details["expiryMonth"] + details["expiryYear"])
    except ValueError as error:
        raise invalid({"cardDetails": [str(error).capitalize()]}) from None
