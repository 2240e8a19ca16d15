"""Charges: take money of a reservation, in full or in parts."""

from typing import Any

from nexi_async.emulator import _events as events
from nexi_async.emulator import _payouts as payouts
from nexi_async.emulator import _timestamps as timestamps
from nexi_async.emulator import _validation as validation
from nexi_async.emulator import _views as views
from nexi_async.emulator._cards import Behaviour
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._responses import Answer, Refusal, failed
from nexi_async.emulator._state import Charge, Item, Payment


def create(moment: Moment, call: Call) -> Answer:
    """`POST /v1/payments/{paymentId}/charges`."""
    body = validation.read(validation.CHARGE, call.body, moment.settings)
    payment = call.find(moment, moment.books.payments)
    _refuse_uncharged(moment, payment, body)
    charge = new_charge(moment, payment, body["amount"], body.get("orderItems"), body.get("myReference"))
    if charge.invoice_number:
        charge.invoice_number = body.get("paymentMethodReference", charge.invoice_number)
    take(moment, charge)
    if body.get("finalCharge"):
        payment.released += payment.rest
    return Answer(201, views.created_charge(charge))


def retrieve(moment: Moment, call: Call) -> Answer:
    """`GET /v1/charges/{chargeId}`."""
    return Answer(200, views.charge(call.find(moment, moment.books.charges)))


def new_charge(
    moment: Moment, payment: Payment, amount: int, items: list[Item] | None, my_reference: str | None = None
) -> Charge:
    """A charge that is not yet taken; a full charge has the items of the order."""
    return Charge(
        id=moment.new_id(),
        payment=payment,
        amount=amount,
        surcharge=payment.surcharge(amount),
        created=moment.now,
        items=items or (payment.items if amount == payment.amount else []),
        reconciliation_reference=moment.dice.reconciliation_reference(),
        my_reference=my_reference,
        invoice_number=moment.dice.digits(7) if payment.paid_with.is_invoice else None,
    )


def take(moment: Moment, charge: Charge) -> None:
    """Take the money and tell the webhooks.

    Raises:
        Refusal: 402 with 1020 when the card does not let it happen.
    """
    payment = charge.payment
    if payment.card is not None and payment.card.behaviour is Behaviour.CHARGE_FAILS:
        events.charge_failed(moment, charge, events.error("99", "Auth Fin Failure", "Internal"))
        raise failed("1020", about={"paymentId": payment.id, "chargeId": charge.id})
    payment.charged += charge.amount
    payment.charges.append(charge)
    moment.books.charges[charge.id] = charge
    payouts.record_charge(moment, charge)
    events.charge_created(moment, charge)


def _refuse_uncharged(moment: Moment, payment: Payment, body: dict[str, Any]) -> None:
    if payment.completed_at is None:
        raise failed("1003")
    if payment.reserved and payment.cancelled == payment.reserved:
        raise failed("1019")
    if body["amount"] > payment.rest:
        raise _overcharge(payment, body["amount"])
    days = moment.settings.reservation_days
    if days is not None and moment.now > (payment.reserved_at or 0) + days * timestamps.DAY:
        raise failed("1010")
    if body["amount"] != payment.amount and not body.get("orderItems"):
        raise failed("1015")


def _overcharge(payment: Payment, amount: int) -> Refusal:
    text = f"Cannot overcharge payment. Reserved amount: {payment.reserved}."
    return failed("1001", f"{text} Previously charged amount: {payment.charged}. Attempted amount: {amount}.")
