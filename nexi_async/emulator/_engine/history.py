"""The history of a payment: what happened to its money and its webhooks, in order of time."""

from collections.abc import Iterator

from attrs import frozen

from nexi_async.emulator._engine.state import Delivery, Payment, State


@frozen
class Entry:
    """One entry of a history.

    Attributes:
        kind: `checkout`, `money` or `webhook`.
        amount: The amount in minor units, of money.
        detail: More about it: an id, the address of a webhook.
        failed: It did not succeed.
        delivery: The number of the delivery, at its last attempt or the one that is due.
    """

    at: float
    kind: str
    text: str
    amount: int | None = None
    detail: str = ""
    failed: bool = False
    delivery: int | None = None


def history(state: State, payment: Payment) -> list[Entry]:
    """What happened to a payment; the cost depends on its own events only."""
    return sorted([*_checkout(payment), *_money(payment), *_webhooks(state, payment)], key=lambda entry: entry.at)


def _checkout(payment: Payment) -> Iterator[Entry]:
    yield Entry(payment.created, "checkout", "Created", payment.amount)
    if payment.completed_at is not None:
        how = payment.paid_with.name + (f" {payment.card.masked_pan}" if payment.card else "")
        yield Entry(payment.completed_at, "checkout", f"Completed with {how}")
    if payment.terminated_at is not None:
        yield Entry(payment.terminated_at, "checkout", "Terminated")


def _money(payment: Payment) -> Iterator[Entry]:
    if payment.reserved_at is not None:
        yield Entry(payment.reserved_at, "money", "Reserved", payment.reserved)
    for charge in payment.charges:
        yield Entry(charge.created, "money", "Charged", charge.amount, charge.id)
    for cancel in payment.cancels:
        yield Entry(cancel.created, "money", "Cancelled", cancel.amount, cancel.id)
    for refund in payment.refunds:
        failed = refund.state in ("Failed", "Expired")
        yield Entry(refund.updated, "money", f"Refund {refund.state.lower()}", refund.amount, refund.id, failed)


def _webhooks(state: State, payment: Payment) -> Iterator[Entry]:
    for event in state.events_of.get(payment.id, ()):
        failed = event.name.removesuffix(".v2").endswith("failed")
        yield Entry(event.at, "webhook", event.name, detail=f"Event {event.id}", failed=failed)
    for delivery in state.deliveries_of.get(payment.id, ()):
        yield from _attempts(delivery)


def _attempts(delivery: Delivery) -> Iterator[Entry]:
    url, is_pending, count = delivery.webhook.url, delivery.state == "pending", len(delivery.attempts)
    for place, attempt in enumerate(delivery.attempts, start=1):
        text = f"Attempt {place} of {delivery.event.name}: {attempt.result}"
        number = delivery.id if place == count and not is_pending else None
        yield Entry(attempt.at, "webhook", text, detail=url, failed=attempt.result != 200, delivery=number)
    if is_pending:
        text = f"Attempt {count + 1} of {delivery.event.name} is due"
        yield Entry(delivery.due, "webhook", text, detail=url, delivery=delivery.id)
