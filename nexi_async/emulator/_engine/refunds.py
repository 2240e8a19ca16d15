"""Refunds: of one charge or of a whole payment; pending at first, settled as time passes."""

from functools import partial
from typing import Any

from nexi_async.emulator._engine import events, payouts, timestamps, views
from nexi_async.emulator._engine.cards import Behaviour
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.responses import NO_CONTENT, APIResponse, failed
from nexi_async.emulator._engine.state import Charge, Item, Payment, Refund, State

# How long a refund waits for a balance before it expires; an assumption.
_PENDING_LIMIT = 30 * timestamps.DAY
_CANCEL_REFUSALS = {"Cancelled": "1012", "Expired": "1013", "Failed": "1014", "Completed": "1025"}


def refund_charge(context: Context, request: APIRequest) -> APIResponse:
    body = request.body
    charge = request.find(context, context.state.charges)
    _refuse_too_much(body["amount"], charge.refundable)
    if body["amount"] != charge.amount and not body.get("orderItems"):
        raise failed("1015")
    return _initiate(context, charge.payment, [(charge, body["amount"])], body)


def refund_payment(context: Context, request: APIRequest) -> APIResponse:
    """`POST /v1/payments/{paymentId}/refunds`; the amount is taken from the oldest charges first."""
    body = request.body
    payment = request.find(context, context.state.payments)
    if not payment.charges:
        raise failed("1011")
    if payment.method is not None and not payment.method.payment_refunds:
        raise failed("1014", f"Refunds of a payment are not available for {payment.method.name}")
    _refuse_too_much(body["amount"], payment.refundable)
    if body["amount"] != payment.charged and not body.get("orderItems"):
        raise failed("1015")
    return _initiate(context, payment, _distribute(payment, body["amount"]), body)


def retrieve(context: Context, request: APIRequest) -> APIResponse:
    return APIResponse(200, views.refund(request.find(context, context.state.refunds)))


def cancel_pending(context: Context, request: APIRequest) -> APIResponse:
    refund = request.find(context, context.state.refunds)
    if refund.state != "Pending":
        raise failed(_CANCEL_REFUSALS[refund.state])
    _give_up(context, refund, "Cancelled")
    return NO_CONTENT


def settle(context: Context, refund: Refund) -> None:
    """Complete or fail a pending refund whose time has come; while the balance is low it waits."""
    if refund.state != "Pending":
        return
    context.state.note(refund.payment)
    if context.settings.low_balance:
        context.state.waiting_for_balance.append(refund)
        return
    card = refund.payment.card
    if card is not None and card.behaviour is Behaviour.REFUND_FAILS:
        _give_up(context, refund, "Failed")
        events.refund_failed(context, refund, events.error("911", "Error occured", "Internal"))
        return
    refund.state, refund.updated = "Completed", context.now
    refund.payment.refunded += refund.amount
    payouts.record_refund(context, refund)
    events.refund_completed(context, refund)


def settle_waiting(context: Context) -> None:
    waiting, context.state.waiting_for_balance = context.state.waiting_for_balance, []
    for refund in waiting:
        settle(context, refund)


def _initiate(context: Context, payment: Payment, parts: list[tuple[Charge, int]], body: dict[str, Any]) -> APIResponse:
    refund = _new_refund(context, payment, parts, body)
    for charge, taken in parts:
        charge.taken_back += taken
    payment.refunds.append(refund)
    context.state.refunds[refund.id] = refund
    events.refund_initiated(context, refund)
    plan_settlement(context.state, refund)
    return APIResponse(201, {"refundId": refund.id})


def _new_refund(context: Context, payment: Payment, parts: list[tuple[Charge, int]], body: dict[str, Any]) -> Refund:
    amount = body["amount"]
    return Refund(
        id=context.new_id(),
        payment=payment,
        parts=parts,
        amount=amount,
        surcharge=payment.surcharge(amount),
        items=body.get("orderItems") or _items_of(parts),
        updated=context.now,
        settles_at=context.now + context.settings.refund_seconds,
        expires_at=context.now + _PENDING_LIMIT,
        reconciliation_reference=context.random_source.reconciliation_reference(),
        my_reference=body.get("myReference"),
    )


def _items_of(parts: list[tuple[Charge, int]]) -> list[Item]:
    """The order lines of charges that are refunded whole."""
    return [item for charge, taken in parts if taken == charge.amount for item in charge.items]


def plan_settlement(state: State, refund: Refund) -> None:
    state.schedule.add(refund.settles_at, partial(settle, refund=refund))
    state.schedule.add(refund.expires_at, partial(_expire, refund=refund))


def _expire(context: Context, refund: Refund) -> None:
    if refund.state == "Pending":
        _give_up(context, refund, "Expired")


def _give_up(context: Context, refund: Refund, state: str) -> None:
    context.state.note(refund.payment)
    refund.state, refund.updated = state, context.now
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
