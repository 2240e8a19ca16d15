"""The state as one JSON document, for tests and demos that compare their own records with it."""

from nexi_async.emulator._engine import bulk, events, payouts, timestamps, views
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.state import Agreement, Cancel, Delivery, Payment
from nexi_async.emulator._engine.wire import Document


def document(context: Context) -> Document:
    """Every payment with its charges, refunds and cancels; agreements, events and deliveries."""
    state = context.state
    return {
        "now": timestamps.render(context.now),
        "payments": [payment(entry, context) for entry in state.payments.values()],
        "subscriptions": [_agreement(entry) for entry in state.agreements["scheduled"].values()],
        "unscheduledSubscriptions": [_agreement(entry) for entry in state.agreements["unscheduled"].values()],
        "bulkRuns": [bulk.document(run, context.settings) for run in state.bulk_runs.values()],
        "payouts": [payouts.document(payout) for payout in state.payouts.values()],
        "events": [events.envelope(context, event) for event in state.events],
        "deliveries": [_delivery(entry) for entry in state.deliveries],
    }


def payment(payment: Payment, context: Context) -> Document:
    """A payment as retrieve payment shows it, and what that leaves out."""
    document = views.payment(payment, context.settings)
    document["orderDetails"] |= {"orderItems": payment.items}
    if payment.cancels:
        document["cancels"] = [_cancel(cancel) for cancel in payment.cancels]
    for entry, refund in zip(document.get("refunds", ()), payment.refunds, strict=True):
        entry["charges"] = [{"chargeId": charge.id, "amount": amount} for charge, amount in refund.parts]
    if payment.reserve_id:
        document["reserveId"] = payment.reserve_id
    return document


def _agreement(agreement: Agreement) -> Document:
    document = views.agreement(agreement) | {"created": timestamps.render(agreement.created)}
    if agreement.external_reference:
        document["externalReference"] = agreement.external_reference
    return document


def _cancel(cancel: Cancel) -> Document:
    made = {"created": timestamps.render(cancel.created), "orderItems": cancel.items}
    return views.booked("cancelId", cancel) | made


def _delivery(delivery: Delivery) -> Document:
    """A delivery without its secret."""
    document: Document = {
        "event": delivery.event.name,
        "eventId": delivery.event.id,
        "paymentId": delivery.event.payment_id,
        "url": delivery.webhook.url,
        "state": delivery.state,
        "attempts": [{"at": timestamps.render(attempt.at), "result": attempt.result} for attempt in delivery.attempts],
    }
    if delivery.state == "pending":
        document["due"] = timestamps.render(delivery.due)
    return document
