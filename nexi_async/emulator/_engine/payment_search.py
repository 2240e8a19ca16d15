"""Payments as the portal lists them: the state of each, and the search by id, reference, amount and state."""

from attrs import frozen

from nexi_async.emulator._engine.random_source import is_id, normal_id
from nexi_async.emulator._engine.state import Payment, State

STATES = (
    "open",
    "expired",
    "terminated",
    "completed",
    "reserved",
    "partly charged",
    "charged",
    "refund pending",
    "partly refunded",
    "refunded",
    "cancelled",
)


def state_of(payment: Payment, now: float) -> str:
    if payment.terminated_at is not None:
        return "terminated"
    if payment.completed_at is None:
        return "open" if now <= payment.expires_at else "expired"
    if payment.charged:
        return _state_of_charged(payment)
    if payment.reserved and payment.cancelled + payment.released >= payment.reserved:
        return "cancelled"
    return "reserved" if payment.reserved else "completed"


def _state_of_charged(payment: Payment) -> str:
    if any(refund.state == "Pending" for refund in payment.refunds):
        return "refund pending"
    if payment.refunded:
        return "refunded" if payment.refunded >= payment.charged else "partly refunded"
    return "partly charged" if payment.rest > 0 else "charged"


@frozen
class PaymentFilter:
    """Which payments are wanted, by a part of an id or reference, minor units and state; empty ones match all."""

    text: str = ""
    amount: int | None = None
    state: str = ""

    def matches(self, payment: Payment, now: float) -> bool:
        if self.amount is not None and payment.amount != self.amount:
            return False
        if self.state and state_of(payment, now) != self.state:
            return False
        return not self.text or self._is_named(payment)

    def _is_named(self, payment: Payment) -> bool:
        text = self.text.lower()
        texts = (payment.id, payment.reference, payment.my_reference, payment.agreement and payment.agreement.id)
        return any(text in given.lower() for given in texts if given)


def payment_with(state: State, id_text: str) -> Payment | None:
    """The payment that has this id, or a charge or refund of this id."""
    key = normal_id(id_text)
    if not is_id(key):
        return None
    part = state.charges.get(key) or state.refunds.get(key)
    return part.payment if part is not None else state.payments.get(key)
