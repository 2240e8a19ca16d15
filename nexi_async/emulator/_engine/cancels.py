"""Cancels: give a reservation, or what is left of it, back to the shopper."""

from typing import Any

from nexi_async.emulator._engine import events
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.responses import NO_CONTENT, APIResponse, failed
from nexi_async.emulator._engine.state import Cancel, Payment


def create(context: Context, request: APIRequest) -> APIResponse:
    """`POST /v1/payments/{paymentId}/cancels`; answers without a body, the id shows in the event only."""
    body = request.body
    payment = request.find(context, context.state.payments)
    _refuse_uncancellable(payment, body)
    amount = body["amount"]
    items = body.get("orderItems") or payment.items
    cancel = Cancel(context.new_id(), amount, payment.surcharge(amount), context.now, items)
    if context.settings.cancels_fail:
        events.cancel_failed(context, payment, cancel, events.error("25", "Trans not found", "Internal"))
        raise failed("1000", "The acquirer refused the cancel")
    payment.cancelled += amount
    payment.cancels.append(cancel)
    events.cancel_created(context, payment, cancel)
    return NO_CONTENT


def _refuse_uncancellable(payment: Payment, body: dict[str, Any]) -> None:
    amount = body["amount"]
    if payment.completed_at is None:
        raise failed("1003")
    if payment.cancelled == payment.reserved > 0:
        raise failed("1019")
    if amount > payment.rest:
        raise failed("1008" if payment.charged else "1019")
    if amount == payment.amount:
        return
    partly = payment.method is not None and payment.method.partly_cancellable
    if not partly or payment.refunds:
        raise failed("1007")
    if not body.get("orderItems"):
        raise failed("1015")
