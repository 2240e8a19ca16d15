"""Tests of nexi_async._models.payment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import _codec as codec
from nexi_async._codec import Malformed
from nexi_async._models.payment import Payment, PaymentStatus, RetrievedPayment, Summary
from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.reference.states import RefundState

WHOLE = 12500

CREATED: dict[str, Any] = {
    "paymentId": "02e700006a9b3f41c5d20817be94a6f3",
    "summary": {},
    "consumer": {
        "shippingAddress": {},
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {"phoneNumber": {}},
        "billingAddress": {},
    },
    "paymentDetails": {"invoiceDetails": {}, "cardDetails": {}},
    "orderDetails": {"amount": 640000, "currency": "DKK", "reference": "b7c1"},
    "checkout": {"url": "https://shop.test/checkout"},
    "created": "2026-03-11T09:05:44.2207+00:00",
}
"""Created and not paid: the shape of a recorded answer, with invented values."""

RESERVED: dict[str, Any] = {
    "paymentId": "02e700006a9b40d27f31c0a894be5d16",
    "summary": {"reservedAmount": 874300},
    "consumer": {
        "shippingAddress": {
            "addressLine1": "Storgata 1",
            "addressLine2": "",
            "receiverLine": "Ingrid Aas",
            "postalCode": "0155",
            "city": "Oslo",
            "country": "NOR",
        },
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {
            "firstName": "Ingrid",
            "lastName": "Aas",
            "email": "ingrid@example.no",
            "phoneNumber": {"prefix": "+47", "number": "40000000"},
        },
        "billingAddress": {},
    },
    "paymentDetails": {
        "paymentType": "CARD",
        "paymentMethod": "Visa",
        "invoiceDetails": {},
        "cardDetails": {"maskedPan": "492500******0004", "expiryDate": "1233"},
    },
    "orderDetails": {"amount": 874300, "currency": "NOK", "reference": "order-1"},
    "checkout": {"url": "https://shop.test/checkout"},
    "created": "2026-03-11T14:17:32.3772+00:00",
}
"""Reserved by card: the shape of a recorded answer, with invented values."""


def read(document: dict[str, Any], **changes: Any) -> Payment:
    """The payment in an answer, with changes."""
    return codec.decode(json.dumps({"payment": document | changes}).encode(), RetrievedPayment).payment


def payment(
    *, reserved: int = 0, charged: int = 0, refunded: int = 0, cancelled: int = 0, refunds: tuple[str, ...] = ()
) -> Payment:
    """A payment with this money; what is 0 is left out, as the API does."""
    amounts = {
        "reservedAmount": reserved,
        "chargedAmount": charged,
        "refundedAmount": refunded,
        "cancelledAmount": cancelled,
    }
    return read(
        CREATED,
        summary={name: amount for name, amount in amounts.items() if amount},
        refunds=[{"refundId": "r", "amount": 1, "state": state} for state in refunds],
    )


# --- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (payment(), PaymentStatus.NEW),
        (payment(reserved=WHOLE), PaymentStatus.RESERVED),
        (payment(reserved=WHOLE, charged=5000), PaymentStatus.PARTIALLY_CHARGED),
        (payment(reserved=WHOLE, charged=WHOLE), PaymentStatus.CHARGED),
        (payment(reserved=WHOLE, charged=WHOLE, refunds=("Pending",)), PaymentStatus.PENDING_REFUND),
        (
            payment(reserved=WHOLE, charged=WHOLE, refunded=2500, refunds=("Completed",)),
            PaymentStatus.PARTIALLY_REFUNDED,
        ),
        (
            payment(reserved=WHOLE, charged=WHOLE, refunded=WHOLE, refunds=("Completed", "Completed")),
            PaymentStatus.REFUNDED,
        ),
        (payment(reserved=WHOLE, cancelled=WHOLE), PaymentStatus.CANCELLED),
        (payment(reserved=WHOLE, charged=5000, cancelled=7500), PaymentStatus.PARTIALLY_CHARGED),
        (payment(reserved=WHOLE, cancelled=2500), PaymentStatus.RESERVED),
        (payment(charged=WHOLE), PaymentStatus.CHARGED),
        (payment(charged=WHOLE, refunded=WHOLE), PaymentStatus.REFUNDED),
        (payment(charged=WHOLE, refunded=1), PaymentStatus.PARTIALLY_REFUNDED),
        (payment(charged=WHOLE, refunds=("Pending",)), PaymentStatus.PENDING_REFUND),
    ],
    ids=[
        "created",
        "paid",
        "charged in part",
        "charged",
        "refund accepted",
        "refunded in part",
        "refunded",
        "cancelled",
        "charged in part, the rest released",
        "cancelled in part",
        "paid by a method that charges at once",
        "refunded by a method that charges at once",
        "refunded in part by a method that charges at once",
        "refund accepted by a method that charges at once",
    ],
)
def test_status_through_a_life(made: Payment, status: PaymentStatus) -> None:
    """Every step of a payment's life has its status, also with methods that reserve nothing."""
    assert made.status is status


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (payment(reserved=WHOLE, cancelled=WHOLE, refunds=("Pending",)), PaymentStatus.CANCELLED),
        (payment(reserved=WHOLE, charged=WHOLE, refunded=WHOLE, refunds=("Pending",)), PaymentStatus.REFUNDED),
        (
            payment(reserved=WHOLE, charged=WHOLE, refunded=1, refunds=("Completed", "Pending")),
            PaymentStatus.PENDING_REFUND,
        ),
        (payment(reserved=WHOLE, charged=5000, refunded=5000), PaymentStatus.PARTIALLY_REFUNDED),
    ],
)
def test_order_of_the_tests(made: Payment, status: PaymentStatus) -> None:
    """Where two could hold, the one that the official SDK asks for first does."""
    assert made.status is status


@pytest.mark.parametrize("state", ["Completed", "Failed", "Cancelled", "Expired", "Reversed"])
def test_only_a_pending_refund_is_pending(state: str) -> None:
    """A refund that came to an end, whichever, keeps nothing waiting."""
    assert payment(reserved=WHOLE, charged=WHOLE, refunds=(state,)).status is PaymentStatus.CHARGED


def test_terminated() -> None:
    """A session that the merchant ended, with no money in it."""
    assert read(CREATED, terminated="2026-03-11T10:00:00Z").status is PaymentStatus.TERMINATED


def test_money_counts_more_than_termination() -> None:
    """The status of a payment with money follows from its amounts."""
    assert read(RESERVED, terminated="2026-03-11T10:00:00Z").status is PaymentStatus.RESERVED


amounts = st.integers(0, 3)


@given(amounts, amounts, amounts, amounts)
def test_every_sum_has_a_status(reserved: int, charged: int, refunded: int, cancelled: int) -> None:
    """Whatever the API says, there is a status, and money that was charged is never called new or reserved."""
    made = payment(reserved=reserved, charged=charged, refunded=refunded, cancelled=cancelled)
    if not any((reserved, charged, refunded)):
        assert made.status is PaymentStatus.NEW
    if charged:
        assert made.status not in (PaymentStatus.NEW, PaymentStatus.RESERVED)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_created_payment_is_read() -> None:
    """Empty objects, as unpaid payments have them, are nothing."""
    made = read(CREATED)
    assert made.summary == Summary()
    assert made.created == datetime(2026, 3, 11, 9, 5, 44, 220700, tzinfo=UTC)
    assert (made.order_details.amount, made.order_details.currency, made.order_details.reference) == (
        640000,
        "DKK",
        "b7c1",
    )
    assert (made.charges, made.refunds, made.terminated, made.subscription) == ((), (), None, None)
    assert made.payment_details.payment_method is None
    assert made.consumer is not None
    assert made.consumer.private_person is not None
    assert made.consumer.private_person.first_name is None


def test_reserved_payment_is_read() -> None:
    """Who paid, with what, and what is reserved."""
    made = read(RESERVED)
    assert (made.summary.reserved_amount, made.summary.charged_amount) == (874300, 0)
    assert made.payment_details.payment_type is PaymentType.CARD
    assert made.payment_details.payment_method is PaymentMethod("Visa")
    assert made.payment_details.card_details is not None
    assert made.payment_details.card_details.expiry_date == "1233"
    assert made.consumer is not None
    assert made.consumer.shipping_address is not None
    assert (made.consumer.shipping_address.city, made.consumer.shipping_address.address_line2) == ("Oslo", "")
    assert made.consumer.private_person is not None
    assert made.consumer.private_person.phone_number is not None
    assert made.consumer.private_person.phone_number.prefix == "+47"


def test_charges_and_refunds_are_read() -> None:
    """With their lines, whose whole quantities come as 1.0."""
    item = {
        "reference": "mug",
        "name": "Mug",
        "quantity": 1.0,
        "unit": "pcs",
        "unitPrice": 100,
        "grossTotalAmount": 100,
        "netTotalAmount": 100,
    }
    charge = {"chargeId": "c1", "amount": 100, "created": "2026-03-12T08:00:00Z", "orderItems": [item]}
    refund = {"refundId": "r1", "amount": 50, "state": "Pending", "lastUpdated": "2026-03-13T08:00:00.1234567+01:00"}
    made = read(RESERVED, charges=[charge], refunds=[refund])
    assert (made.charges[0].charge_id, made.charges[0].order_items[0].quantity) == ("c1", Decimal(1))
    assert made.charges[0].surcharge_amount is None
    assert (made.refunds[0].state, made.refunds[0].order_items) == (RefundState.PENDING, ())
    assert made.refunds[0].last_updated == datetime(2026, 3, 13, 7, 0, 0, 123456, tzinfo=UTC)


def test_subscriptions_are_read() -> None:
    """The two kinds name their ids differently."""
    made = read(
        CREATED,
        subscription={"id": "s1"},
        unscheduledSubscription={"unscheduledSubscriptionId": "u1"},
        expiresAt="2026-03-13T09:05:44Z",
        myReference="mine",
    )
    assert made.subscription is not None
    assert made.subscription.id == "s1"
    assert made.unscheduled_subscription is not None
    assert made.unscheduled_subscription.unscheduled_subscription_id == "u1"
    assert made.expires_at == datetime(2026, 3, 13, 9, 5, 44, tzinfo=UTC)
    assert made.my_reference == "mine"


@pytest.mark.parametrize("name", sorted(set(CREATED) - {"paymentId", "orderDetails", "created"}))
@pytest.mark.parametrize("how", ["missing", "null"])
def test_members_that_may_be_missing(name: str, how: str) -> None:
    """Only what the documents require must be there."""
    document = {key: value for key, value in CREATED.items() if key != name}
    assert read(document if how == "missing" else {**CREATED, name: None}).payment_id == CREATED["paymentId"]


@pytest.mark.parametrize("name", ["paymentId", "orderDetails"])
def test_members_that_must_be_there(name: str) -> None:
    """Without these there is no payment, and the fault names the place."""
    with pytest.raises(Malformed) as caught:
        read({key: value for key, value in CREATED.items() if key != name})
    assert [str(fault) for fault in caught.value.faults] == [f"payment.{name}: is missing"]


def test_unknown_members_are_ignored() -> None:
    """What Nexi adds tomorrow breaks nothing today."""
    assert read({**CREATED, "mood": "good", "summary": {"reservedAmount": 1, "giftedAmount": 2}}).status is (
        PaymentStatus.RESERVED
    )


def test_unknown_values_are_kept() -> None:
    """A new payment method is a text that says it is new."""
    details = read(CREATED, paymentDetails={"paymentType": "THOUGHT", "paymentMethod": "Telepathy"}).payment_details
    assert details.payment_type is not None
    assert (details.payment_type.value, details.payment_type.is_known) == ("THOUGHT", False)
    assert details.payment_method == "Telepathy"


@pytest.mark.parametrize("digits", range(8))
def test_fractions_of_seconds(digits: int) -> None:
    """0 to 7 digits, as the platform sends them."""
    fraction = f".{'1234567'[:digits]}" if digits else ""
    made = read(CREATED, created=f"2026-03-11T09:05:44{fraction}+00:00")
    assert made.created
    assert made.created.microsecond == int("1234567"[:digits].ljust(7, "0")[:6])


@pytest.mark.parametrize("amount", ["12500", 12500.0, True, [], {}])
def test_amounts_are_not_guessed(amount: object) -> None:
    """A text or a fraction where an amount must be is refused, with its place."""
    with pytest.raises(Malformed) as caught:
        read(CREATED, orderDetails={"amount": amount, "currency": "SEK"})
    assert [fault.path for fault in caught.value.faults] == ["payment.orderDetails.amount"]


def test_amounts_of_the_summary_are_not_guessed() -> None:
    """Nor is any part of the money."""
    with pytest.raises(Malformed) as caught:
        read(CREATED, summary={"chargedAmount": "1"}, charges=[{"chargeId": "c", "amount": "1"}])
    assert [fault.path for fault in caught.value.faults] == [
        "payment.summary.chargedAmount",
        "payment.charges[0].amount",
    ]


def test_personal_data_stays_out_of_reprs() -> None:
    """A payment in a log does not tell who paid."""
    shown = repr(read(RESERVED))
    assert not any(
        secret in shown for secret in ("Ingrid", "Aas", "ingrid@example.no", "40000000", "Storgata", "0155", "Oslo")
    )
    assert RESERVED["paymentId"] in shown
