"""Charges: take money of a reservation, in full or in parts."""

from typing import Any

from nexi_async.emulator._engine import events, payouts, timestamps, views
from nexi_async.emulator._engine.cards import Behaviour
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.responses import APIResponse, failed
from nexi_async.emulator._engine.state import Charge, Item, Payment

# How long a reservation can be charged; an assumption.
_RESERVATION_LIFETIME = 30 * timestamps.DAY


def create(context: Context, request: APIRequest) -> APIResponse:
    body = request.body
    payment = request.find(context, context.state.payments)
    _refuse_uncharged(context, payment, body)
    charge = new_charge(context, payment, body["amount"], body.get("orderItems"), body.get("myReference"))
    if charge.invoice_number:
        charge.invoice_number = body.get("paymentMethodReference", charge.invoice_number)
    take(context, charge)
    if body.get("finalCharge"):
        payment.released += payment.rest
    return APIResponse(201, views.created_charge(charge))


def retrieve(context: Context, request: APIRequest) -> APIResponse:
    return APIResponse(200, views.charge(request.find(context, context.state.charges)))


def new_charge(
    context: Context, payment: Payment, amount: int, items: list[Item] | None, my_reference: str | None = None
) -> Charge:
    """A charge that is not yet taken; a full charge has the items of the order."""
    return Charge(
        id=context.new_id(),
        payment=payment,
        amount=amount,
        surcharge=payment.surcharge(amount),
        created=context.now,
        items=items or (payment.items if amount == payment.amount else []),
        reconciliation_reference=context.random_source.reconciliation_reference(),
        my_reference=my_reference,
        invoice_number=context.random_source.digits(7) if payment.paid_with.is_invoice else None,
    )


def take(context: Context, charge: Charge) -> None:
    """Take the money and emit the event.

    Raises:
        Refusal: 402 with 1020 when the card does not let it happen.
    """
    payment = charge.payment
    if payment.card is not None and payment.card.behaviour is Behaviour.CHARGE_FAILS:
        events.charge_failed(context, charge, events.error("99", "Auth Fin Failure", "Internal"))
        raise failed("1020")
    payment.charged += charge.amount
    payment.charges.append(charge)
    context.state.charges[charge.id] = charge
    payouts.record_charge(context, charge)
    events.charge_created(context, charge)


def _refuse_uncharged(context: Context, payment: Payment, body: dict[str, Any]) -> None:
    if payment.completed_at is None:
        raise failed("1003")
    if payment.reserved and payment.cancelled == payment.reserved:
        raise failed("1019")
    if body["amount"] > payment.rest:
        text = f"Cannot overcharge payment. Reserved amount: {payment.reserved}."
        text += f" Previously charged amount: {payment.charged}. Attempted amount: {body['amount']}."
        raise failed("1001", text)
    if context.now > (payment.reserved_at or 0) + _RESERVATION_LIFETIME:
        raise failed("1010")
    if body["amount"] != payment.amount and not body.get("orderItems"):
        raise failed("1015")
