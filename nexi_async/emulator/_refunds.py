"""Refunds: of one charge or of a whole payment; pending at first, settled as time passes."""

from functools import partial
from typing import Any

from nexi_async.emulator import _events as events
from nexi_async.emulator import _payouts as payouts
from nexi_async.emulator import _timestamps as timestamps
from nexi_async.emulator import _validation as validation
from nexi_async.emulator import _views as views
from nexi_async.emulator._cards import Behaviour
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._responses import NO_CONTENT, Answer, failed
from nexi_async.emulator._state import Charge, Item, Payment, Refund

_CANCEL_REFUSALS = {"Cancelled": "1012", "Expired": "1013", "Failed": "1014", "Completed": "1025"}


def refund_charge(moment: Moment, call: Call) -> Answer:
    """`POST /v1/charges/{chargeId}/refunds`."""
    body = validation.read(validation.REFUND, call.body, moment.settings)
    charge = call.find(moment, moment.books.charges)
    _refuse_too_much(body["amount"], charge.refundable)
    if body["amount"] != charge.amount and not body.get("orderItems"):
        raise failed("1015")
    return _initiate(moment, charge.payment, [(charge, body["amount"])], body)


def refund_payment(moment: Moment, call: Call) -> Answer:
    """`POST /v1/payments/{paymentId}/refunds`; the amount is taken from the oldest charges first."""
    body = validation.read(validation.REFUND, call.body, moment.settings)
    payment = call.find(moment, moment.books.payments)
    if not payment.charges:
        raise failed("1011")
    if payment.method is not None and not payment.method.payment_refunds:
        raise failed("1014", f"Refunds of a payment are not available for {payment.method.name}")
    _refuse_too_much(body["amount"], payment.refundable)
    if body["amount"] != payment.charged and not body.get("orderItems"):
        raise failed("1015")
    return _initiate(moment, payment, _distribute(payment, body["amount"]), body)


def retrieve(moment: Moment, call: Call) -> Answer:
    """`GET /v1/refunds/{refundId}`."""
    return Answer(200, views.refund(call.find(moment, moment.books.refunds)))


def cancel_pending(moment: Moment, call: Call) -> Answer:
    """`POST /v1/pending-refunds/{refundId}/cancel`."""
    refund = call.find(moment, moment.books.refunds)
    if refund.state != "Pending":
        raise failed(_CANCEL_REFUSALS[refund.state])
    _give_up(moment, refund, "Cancelled")
    return NO_CONTENT


def settle(moment: Moment, refund: Refund) -> None:
    """Complete or fail a pending refund whose time has come; while the balance is low it waits."""
    if refund.state != "Pending":
        return
    if moment.settings.low_balance:
        moment.books.waiting_for_balance.append(refund)
        return
    card = refund.payment.card
    if card is not None and card.behaviour is Behaviour.REFUND_FAILS:
        _give_up(moment, refund, "Failed")
        events.refund_failed(moment, refund, events.error("911", "Error occured", "Internal"))
        return
    refund.state, refund.updated = "Completed", moment.now
    refund.payment.refunded += refund.amount
    payouts.record_refund(moment, refund)
    events.refund_completed(moment, refund)


def settle_waiting(moment: Moment) -> None:
    """Settle what waited for a balance."""
    waiting, moment.books.waiting_for_balance = moment.books.waiting_for_balance, []
    for refund in waiting:
        settle(moment, refund)


def _initiate(moment: Moment, payment: Payment, parts: list[tuple[Charge, int]], body: dict[str, Any]) -> Answer:
    amount = body["amount"]
    refund = Refund(
        id=moment.new_id(),
        payment=payment,
        parts=parts,
        amount=amount,
        surcharge=payment.surcharge(amount),
        items=body.get("orderItems") or _items_of(parts),
        updated=moment.now,
        reconciliation_reference=moment.dice.reconciliation_reference(),
        my_reference=body.get("myReference"),
    )
    for charge, taken in parts:
        charge.taken_back += taken
    payment.refunds.append(refund)
    moment.books.refunds[refund.id] = refund
    events.refund_initiated(moment, refund)
    _plan_settlement(moment, refund)
    return Answer(201, {"refundId": refund.id})


def _items_of(parts: list[tuple[Charge, int]]) -> list[Item]:
    """The order lines of charges that are refunded whole."""
    return [item for charge, taken in parts if taken == charge.amount for item in charge.items]


def _plan_settlement(moment: Moment, refund: Refund) -> None:
    settings, agenda = moment.settings, moment.books.agenda
    agenda.add(moment.now + settings.refund_seconds, partial(settle, refund=refund))
    agenda.add(moment.now + settings.refund_expiry_days * timestamps.DAY, partial(_expire, refund=refund))


def _expire(moment: Moment, refund: Refund) -> None:
    if refund.state == "Pending":
        _give_up(moment, refund, "Expired")


def _give_up(moment: Moment, refund: Refund, state: str) -> None:
    refund.state, refund.updated = state, moment.now
    for charge, taken in refund.parts:
        charge.taken_back -= taken


def _distribute(payment: Payment, amount: int) -> list[tuple[Charge, int]]:
    parts = []
    for charge in payment.charges:
        taken = min(amount, charge.refundable)
        if taken:
            parts.append((charge, taken))
            amount -= taken
    return parts


def _refuse_too_much(amount: int, refundable: int) -> None:
    if refundable == 0:
        raise failed("1023")
    if amount > refundable:
        raise failed("1009")
