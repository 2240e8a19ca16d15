"""What each of the three says of a payment, brought into the same form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from nexi_async import Payment, PaymentStatus, RefundState
from nexi_async._demo.reconciliation import Standing
from nexi_async.webhooks import (
    CancelCreated,
    ChargeCreated,
    ChargeCreatedV2,
    Event,
    RefundCompleted,
    ReservationCreated,
    ReservationCreatedV2,
)

__all__ = ["Receipts", "from_books", "from_events", "from_receipts"]

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
class Receipts:
    """What the SDK's answers said of one payment while the shop worked on it; amounts in minor units.

    Attributes:
        payment_id: the payment.
        label: what the shop calls it.
        currency: ISO 4217.
        reserved: what the payment had reserved when the shopper came back.
        charges: the amount of each charge, by its id.
        refunds: the amount of each refund that was accepted, by its id.
        cancelled: what was released.
    """

    payment_id: str
    label: str
    currency: str
    reserved: int = 0
    charges: dict[str, int] = attrs.field(factory=dict)
    refunds: dict[str, int] = attrs.field(factory=dict)
    cancelled: int = 0


def from_receipts(receipts: Receipts, payment: Payment) -> Standing:
    """What the SDK believes: the money by its receipts, the state and the fate of refunds by the retrieved payment."""
    completed = {refund.refund_id for refund in payment.refunds if refund.state is RefundState.COMPLETED}
    return Standing.of(
        receipts.currency,
        reserved=receipts.reserved,
        charged=sum(receipts.charges.values()),
        refunded=sum(amount for refund_id, amount in receipts.refunds.items() if refund_id in completed),
        cancelled=receipts.cancelled,
        state=_STATES[payment.status],
    )


def from_events(events: Iterable[Event]) -> Standing:
    """What the webhooks said; what comes twice, or in both generations of an event, counts once."""
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
    return Standing.of(
        currency,
        reserved=sum(amounts["reserved"].values()),
        charged=sum(amounts["charged"].values()),
        refunded=sum(amounts["refunded"].values()),
        cancelled=sum(amounts["cancelled"].values()),
    )


def from_books(payment: Mapping[str, Any]) -> Standing:
    """What the emulator's books say of a payment, added up from its single entries."""
    refunds = [refund for refund in payment.get("refunds", ()) if refund["state"] == "Completed"]
    return Standing.of(
        payment["orderDetails"]["currency"],
        reserved=payment["summary"].get("reservedAmount", 0),
        charged=_sum(payment.get("charges", ())),
        refunded=_sum(refunds),
        cancelled=_sum(payment.get("cancels", ())),
    )


def _sum(entries: Iterable[Mapping[str, Any]]) -> int:
    return sum(entry["amount"] for entry in entries)
