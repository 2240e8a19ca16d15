"""Cancels: give a reservation, or what is left of it, back to the shopper."""

from typing import Any

from nexi_async.emulator import _events as events
from nexi_async.emulator import _validation as validation
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._responses import NO_CONTENT, Answer, failed
from nexi_async.emulator._state import Cancel, Payment


def create(moment: Moment, call: Call) -> Answer:
    """`POST /v1/payments/{paymentId}/cancels`; answers without a body, the id shows in the event only."""
    body = validation.read(validation.CANCEL, call.body, moment.settings)
    payment = call.find(moment, moment.books.payments)
    _refuse_uncancellable(payment, body)
    amount = body["amount"]
    items = body.get("orderItems") or payment.items
    cancel = Cancel(moment.new_id(), amount, payment.surcharge(amount), moment.now, items)
    if moment.settings.cancels_fail:
        events.cancel_failed(moment, payment, cancel, events.error("25", "Trans not found", "Internal"))
        raise failed("1000", "The acquirer refused the cancel")
    payment.cancelled += amount
    payment.cancels.append(cancel)
    events.cancel_created(moment, payment, cancel)
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
