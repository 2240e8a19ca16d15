"""The balance of a payment by each source: the SDK's responses, the webhooks, the emulator's state."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from nexi_async import Payment, PaymentStatus, RefundState
from nexi_async._demo.reconciliation import PaymentBalance
from nexi_async.webhooks import (
    CancelCreated,
    ChargeCreated,
    ChargeCreatedV2,
    Event,
    RefundCompleted,
    ReservationCreated,
    ReservationCreatedV2,
)

_STATES = {
    PaymentStatus.NEW: "unpaid",
    PaymentStatus.RESERVED: "reserved",
    PaymentStatus.PARTIALLY_CHARGED: "partly charged",
    PaymentStatus.CHARGED: "charged",
    PaymentStatus.PENDING_REFUND: "refund pending",
    PaymentStatus.PARTIALLY_REFUNDED: "partly refunded",
    PaymentStatus.REFUNDED: "refunded",
    PaymentStatus.CANCELLED: "cancelled",
    PaymentStatus.TERMINATED: "unpaid",
}


@attrs.define(kw_only=True)
class PaymentRecord:
    """What the SDK's responses said of one payment; amounts in minor units, those of charges and refunds by their id.

    Attributes:
        label: what the shop calls the payment.
        reserved: what was reserved when the shopper returned.
    """

    payment_id: str
    label: str
    currency: str
    reserved: int = 0
    charges: dict[str, int] = attrs.field(factory=dict)
    refunds: dict[str, int] = attrs.field(factory=dict)
    cancelled: int = 0


def from_sdk(record: PaymentRecord, payment: Payment) -> PaymentBalance:
    """The balance by the SDK: amounts from its receipts, the state and refund outcomes from the retrieved payment."""
    completed = {refund.refund_id for refund in payment.refunds if refund.state is RefundState.COMPLETED}
    return PaymentBalance.of(
        record.currency,
        reserved=record.reserved,
        charged=sum(record.charges.values()),
        refunded=sum(amount for refund_id, amount in record.refunds.items() if refund_id in completed),
        cancelled=record.cancelled,
        state=_STATES[payment.status],
    )


def from_events(events: Iterable[Event]) -> PaymentBalance:
    """The balance by the webhooks; an event delivered twice, or in both versions, counts once."""
    currency = None
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for event in events:
        match event:
            case ReservationCreated() | ReservationCreatedV2():
                amounts["reserved"][event.id] = event.amount.amount
            case ChargeCreated() | ChargeCreatedV2():
                amounts["charged"][event.charge_id] = event.amount.amount
            case RefundCompleted():
                amounts["refunded"][event.refund_id] = event.amount.amount
            case CancelCreated():
                amounts["cancelled"][event.cancel_id] = event.amount.amount
            case _:
                continue
        currency = event.amount.currency
    sums = {name: sum(by_id.values()) for name, by_id in amounts.items()}
    return PaymentBalance.of(currency, state=None, **sums)


def from_emulator(payment: Mapping[str, Any]) -> PaymentBalance:
    """The balance by the emulator's state, added up from the payment's single entries."""
    refunds = [refund for refund in payment.get("refunds", ()) if refund["state"] == "Completed"]
    return PaymentBalance.of(
        payment["orderDetails"]["currency"],
        reserved=payment["summary"].get("reservedAmount", 0),
        charged=_sum(payment.get("charges", ())),
        refunded=_sum(refunds),
        cancelled=_sum(payment.get("cancels", ())),
    )


def _sum(entries: Iterable[Mapping[str, Any]]) -> int:
    return sum(entry["amount"] for entry in entries)
