"""Deliveries of events to webhooks: what each attempt changes. Only a 200 counts, and there are ten attempts at most.

Sending them is up to `WebhookDispatcher`.
"""

from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.state import Attempt, Delivery, State

_OK = 200
_MOST_NAMED = 10
_HINTS = {
    401: "another Authorization than the receiver accepts",
    403: "the receiver takes nothing from the sender's address, see its networks=",
    500: "the handler failed, or there is none for the event: see the receiver's log",
}


class NotDelivered(TimeoutError):
    """Webhooks are still pending; the text names each with the responses of its receiver.

    Attributes:
        deliveries: A line for each of them.
    """

    def __init__(self, why: str, deliveries: list[str]) -> None:
        super().__init__(why, deliveries)
        self.deliveries = deliveries

    def __str__(self) -> str:
        why, lines = self.args
        more = len(lines) - _MOST_NAMED
        return "\n  ".join([why, *lines[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def described(context: Context, delivery: Delivery) -> str:
    """One line: the event, its webhook, the results so far, and what happens next."""
    event, results = delivery.event, [attempt.result for attempt in delivery.attempts]
    answered = "answered " + ", ".join(map(str, results)) if results else "not sent yet"
    hint = f" ({_HINTS[results[-1]]})" if results and results[-1] in _HINTS else ""
    seconds = max(0.0, delivery.due - context.now)
    then = f"sent again in {seconds:.1f} s of the emulator's clock" if delivery.state == "pending" else delivery.state
    return f"{event.name} of payment {event.payment_id} to {delivery.webhook.url}: {answered}{hint}, {then}"


def record(context: Context, delivery: Delivery, result: int | str) -> None:
    """Record an attempt: delivered after a 200, else due again after the next retry delay, dropped after the last."""
    context.state.note(delivery)
    delivery.attempts.append(Attempt(context.now, result))
    if delivery.state != "pending":
        return  # an attempt that was under way when the delivery was sent again ended it
    delays = context.settings.delivery_retry_delays
    if result == _OK or len(delivery.attempts) > len(delays):
        delivery.state = "delivered" if result == _OK else "dropped"
        context.state.undelivered -= 1
    else:
        delivery.due = context.now + delays[len(delivery.attempts) - 1]
        context.state.pending_deliveries.add(delivery.due, delivery)


def send_again(state: State, delivery: Delivery, now: float) -> None:
    """Make a delivery due now, whatever its state; it keeps its attempts, and none follow if it has had its number."""
    if delivery.state != "pending":
        delivery.state = "pending"
        state.undelivered += 1
    else:
        state.pending_deliveries.remove(delivery)
    delivery.due = now
    state.pending_deliveries.add(now, delivery)
    state.note(delivery)
