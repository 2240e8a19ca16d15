"""The three sources give the same balance for the same operations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nexi_async import OrderDetails, Payment, PaymentRefund, RefundState, Summary
from nexi_async._demo.reconciliation import UNTOUCHED, PaymentBalance
from nexi_async._demo.sources import PaymentRecord, from_emulator, from_events, from_sdk
from nexi_async.webhooks import Event, parse_event
from nexi_async.webhooks.deliveries import sample


def received(name: str, amount: int, **changes: Any) -> Event:
    """An event with an amount in öre."""
    return parse_event(sample(name, amount={"amount": amount, "currency": "SEK"}, **changes))


def retrieved(summary: Summary, *refunds: PaymentRefund) -> Payment:
    """A payment as the SDK retrieves it."""
    order = OrderDetails(amount=1000, currency="SEK")
    return Payment(
        payment_id="p", order_details=order, created=datetime.now(UTC), summary=summary, refunds=tuple(refunds)
    )


EXPECTED = PaymentBalance(state="partly refunded", currency="SEK", reserved=100, charged=900, refunded=300)


def test_events_add_up() -> None:
    """Two charges and a completed refund of a reservation; a refund that is only initiated does not count."""
    events = [
        received("payment.reservation.created", 1000),
        received("payment.charge.created.v2", 600, charge_id="c1"),
        received("payment.charge.created.v2", 300, charge_id="c2"),
        received("payment.charge.failed.v2", 50),
        received("payment.refund.initiated.v2", 300, refund_id="r1"),
        received("payment.refund.completed", 300, refund_id="r1"),
        received("payment.refund.failed", 77, refund_id="r2"),
    ]

    assert from_events(events) == EXPECTED


def test_an_event_counts_once() -> None:
    """The second delivery of an event, and its other version, change nothing."""
    once = [
        received("payment.reservation.created", 500, id="e1"),
        received("payment.charge.created.v2", 500, charge_id="c1"),
    ]
    again = [
        received("payment.reservation.created.v2", 500, id="e1"),
        received("payment.charge.created", 500, charge_id="c1"),
    ]

    assert from_events(once + again + once) == from_events(once)


def test_a_release_is_received() -> None:
    """A cancelled reservation is cancelled, and nothing of it is left."""
    events = [received("payment.reservation.created", 500), received("payment.cancel.created", 500)]

    assert from_events(events) == PaymentBalance(state="cancelled", currency="SEK", cancelled=500)


def test_no_event_is_no_money() -> None:
    """A payment without events has no money, nor has one with only a decline."""
    assert from_events([]) == from_events([received("payment.reservation.failed", 500)]) == UNTOUCHED


def test_the_emulators_entries_add_up() -> None:
    """The single entries are counted, not the summary; pending and failed refunds do not count."""
    payment = {
        "paymentId": "p",
        "orderDetails": {"amount": 1000, "currency": "SEK"},
        "summary": {"reservedAmount": 1000, "chargedAmount": 1},
        "charges": [{"amount": 600}, {"amount": 300}],
        "refunds": [
            {"amount": 300, "state": "Completed"},
            {"amount": 1, "state": "Pending"},
            {"amount": 2, "state": "Failed"},
        ],
    }

    assert from_emulator(payment) == EXPECTED


def test_the_receipts_add_up() -> None:
    """The money is what the receipts say; of the refunds only the completed ones count."""
    record = PaymentRecord(
        payment_id="p",
        label="A-1",
        currency="SEK",
        reserved=1000,
        charges={"c1": 600, "c2": 300},
        refunds={"r1": 300, "r2": 50},
    )
    payment = retrieved(
        Summary(reserved_amount=1000, charged_amount=900, refunded_amount=300),
        PaymentRefund(refund_id="r1", amount=300, state=RefundState.COMPLETED),
        PaymentRefund(refund_id="r2", amount=50, state=RefundState.FAILED),
    )

    assert from_sdk(record, payment) == EXPECTED


@pytest.mark.parametrize("summary", [Summary(), Summary(reserved_amount=1000)], ids=["new", "reserved"])
def test_a_charge_without_receipt_shows(summary: Summary) -> None:
    """The state comes from the API: a state without receipts for it makes the balance differ."""
    record = PaymentRecord(payment_id="p", label="A-1", currency="SEK", charges={"c1": 900})

    assert from_sdk(record, retrieved(summary)).state != "charged"
