"""Receipts, webhooks and books come out the same when they tell of the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nexi_async import OrderDetails, Payment, PaymentRefund, RefundState, Summary
from nexi_async._demo.reconciliation import UNTOUCHED, Standing
from nexi_async._demo.sources import Receipts, from_books, from_events, from_receipts
from nexi_async.webhooks import Event, parse_event
from nexi_async.webhooks.deliveries import sample


def heard(name: str, amount: int, **changes: Any) -> Event:
    """An event about so many öre."""
    return parse_event(sample(name, amount={"amount": amount, "currency": "SEK"}, **changes))


def retrieved(summary: Summary, *refunds: PaymentRefund) -> Payment:
    """A payment as the SDK retrieves it."""
    order = OrderDetails(amount=1000, currency="SEK")
    return Payment(
        payment_id="p", order_details=order, created=datetime.now(UTC), summary=summary, refunds=tuple(refunds)
    )


EXPECTED = Standing(state="partly refunded", currency="SEK", reserved=100, charged=900, refunded=300)


def test_events_add_up() -> None:
    """Two charges and a completed refund of a reservation; what was only asked for does not count."""
    events = [
        heard("payment.reservation.created", 1000),
        heard("payment.charge.created.v2", 600, charge_id="c1"),
        heard("payment.charge.created.v2", 300, charge_id="c2"),
        heard("payment.charge.failed.v2", 50),
        heard("payment.refund.initiated.v2", 300, refund_id="r1"),
        heard("payment.refund.completed", 300, refund_id="r1"),
        heard("payment.refund.failed", 77, refund_id="r2"),
    ]

    assert from_events(events) == EXPECTED


def test_an_event_counts_once() -> None:
    """The second delivery of an event, and its other generation, change nothing."""
    once = [heard("payment.reservation.created", 500, id="e1"), heard("payment.charge.created.v2", 500, charge_id="c1")]
    again = [
        heard("payment.reservation.created.v2", 500, id="e1"),
        heard("payment.charge.created", 500, charge_id="c1"),
    ]

    assert from_events(once + again + once) == from_events(once)


def test_a_release_is_heard() -> None:
    """A cancelled reservation is cancelled, and nothing of it is left."""
    events = [heard("payment.reservation.created", 500), heard("payment.cancel.created", 500)]

    assert from_events(events) == Standing(state="cancelled", currency="SEK", cancelled=500)


def test_no_event_is_no_money() -> None:
    """A payment that nothing was heard of is untouched, also when only a decline was heard."""
    assert from_events([]) == from_events([heard("payment.reservation.failed", 500)]) == UNTOUCHED


def test_books_add_up() -> None:
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

    assert from_books(payment) == EXPECTED


def test_receipts_add_up() -> None:
    """The money is what the receipts say; of the refunds only the completed ones count."""
    receipts = Receipts(
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

    assert from_receipts(receipts, payment) == EXPECTED


@pytest.mark.parametrize("summary", [Summary(), Summary(reserved_amount=1000)], ids=["new", "reserved"])
def test_a_charge_without_receipt_shows(summary: Summary) -> None:
    """The state comes from the API: what it says beyond the receipts makes the standing differ from the books'."""
    receipts = Receipts(payment_id="p", label="A-1", currency="SEK", charges={"c1": 900})

    assert from_receipts(receipts, retrieved(summary)).state != "charged"
