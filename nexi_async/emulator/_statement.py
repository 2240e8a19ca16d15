"""The books as one JSON document, for tests and demos that compare what they believe with what happened."""

from nexi_async.emulator import _bulk as bulk
from nexi_async.emulator import _events as events
from nexi_async.emulator import _payouts as payouts
from nexi_async.emulator import _timestamps as timestamps
from nexi_async.emulator import _views as views
from nexi_async.emulator._context import Moment
from nexi_async.emulator._state import Agreement, Cancel, Delivery, Payment, Refund
from nexi_async.emulator._wire import Document


def books(moment: Moment) -> Document:
    """Every payment with its charges, refunds and cancels; agreements, events and deliveries."""
    kept = moment.books
    return {
        "now": timestamps.render(moment.now),
        "payments": [payment(entry, moment) for entry in kept.payments.values()],
        "subscriptions": [_agreement(entry) for entry in kept.agreements["scheduled"].values()],
        "unscheduledSubscriptions": [_agreement(entry) for entry in kept.agreements["unscheduled"].values()],
        "bulkRuns": [bulk.document(run, moment.settings) for run in kept.bulk_runs.values()],
        "payouts": [payouts.document(payout) for payout in kept.payouts.values()],
        "events": [events.envelope(moment, event) for event in kept.events],
        "deliveries": [_delivery(entry) for entry in kept.deliveries],
    }


def payment(payment: Payment, moment: Moment) -> Document:
    """A payment as retrieve payment shows it, and what that leaves out."""
    document = views.payment(payment, moment.settings)
    document["orderDetails"] |= {"orderItems": payment.items}
    if payment.cancels:
        document["cancels"] = [_cancel(cancel) for cancel in payment.cancels]
    for entry, refund in zip(document.get("refunds", ()), payment.refunds, strict=True):
        entry["charges"] = _parts(refund)
    if payment.reserve_id:
        document["reserveId"] = payment.reserve_id
    return document


def _agreement(agreement: Agreement) -> Document:
    document = views.agreement(agreement) | {"created": timestamps.render(agreement.created)}
    if agreement.external_reference:
        document["externalReference"] = agreement.external_reference
    return document


def _cancel(cancel: Cancel) -> Document:
    return {
        "cancelId": cancel.id,
        "amount": cancel.amount,
        "surchargeAmount": cancel.surcharge,
        "created": timestamps.render(cancel.created),
        "orderItems": cancel.items,
    }


def _parts(refund: Refund) -> list[Document]:
    return [{"chargeId": charge.id, "amount": amount} for charge, amount in refund.parts]


def _delivery(delivery: Delivery) -> Document:
    """A delivery without its secret."""
    document: Document = {
        "event": delivery.event.name,
        "eventId": delivery.event.id,
        "paymentId": delivery.event.payment_id,
        "url": delivery.hook.url,
        "state": delivery.state,
        "attempts": [{"at": timestamps.render(attempt.at), "result": attempt.result} for attempt in delivery.attempts],
    }
    if delivery.state == "pending":
        document["due"] = timestamps.render(delivery.due)
    return document
