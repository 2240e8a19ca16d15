"""What can be read is read, what can't is named, and nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nexi_async import _best_effort as best_effort
from nexi_async._codec import Malformed, lenient
from nexi_async._models.bulk import BulkChargePage
from nexi_async._models.payment import PaymentDetails, RetrievedPayment
from nexi_async._models.subscription import Subscription

PAYMENT: dict[str, Any] = {
    "paymentId": "p1",
    "summary": {"reservedAmount": 1250, "chargedAmount": 1250},
    "orderDetails": {"amount": 1250, "currency": "SEK", "reference": "S-1"},
    "paymentDetails": {
        "paymentType": "CARD",
        "paymentMethod": "Visa",
        "cardDetails": {"maskedPan": "4***", "expiryDate": "1230"},
    },
    "consumer": {"privatePerson": {"email": "a@example.com"}},
    "created": "2026-05-02T10:00:00+00:00",
    "terminated": "2026-05-02T11:00:00+00:00",
    "charges": [{"chargeId": "c1", "amount": 1250, "created": "2026-05-02T10:00:00+00:00"}],
}


def payment_with(value: object, *place: str | int) -> dict[str, Any]:
    """The payment with something else at that place."""
    document: Any = {"payment": json.loads(json.dumps(PAYMENT))}
    inner = document["payment"]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return dict(document)


def test_what_is_right_is_read_without_a_fault() -> None:
    """The usual case costs nothing and drops nothing."""
    found, faults = best_effort.read({"payment": PAYMENT}, RetrievedPayment, lenient)
    assert (found.payment.payment_id, faults) == ("p1", ())


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (("created",), "payment.created"),
        (("consumer", "privatePerson", "email"), "payment.consumer.privatePerson.email"),
        (("paymentDetails",), "payment.paymentDetails"),
        (("paymentDetails", "cardDetails", "maskedPan"), "payment.paymentDetails.cardDetails.maskedPan"),
        (("charges", 0, "created"), "payment.charges[0].created"),
        (("orderDetails", "reference"), "payment.orderDetails.reference"),
    ],
)
def test_only_the_member_itself_is_lost(place: tuple[str | int, ...], path: str) -> None:
    """The innermost member that may be absent goes, and everything else is as it was."""
    found, faults = best_effort.read(payment_with([True], *place), RetrievedPayment, lenient)
    assert [fault.path for fault in faults] == [path]
    without, _ = best_effort.read(payment_with(None, *place), RetrievedPayment, lenient)
    assert found == without
    assert found.payment.summary.charged_amount == 1250


@pytest.mark.parametrize(
    "place",
    [
        ("paymentId",),
        ("summary",),
        ("summary", "chargedAmount"),
        ("summary", "refundedSurchargeAmount"),
        ("orderDetails", "amount"),
        ("charges",),
        ("charges", 0),
        ("charges", 0, "amount"),
        ("terminated",),
    ],
)
def test_what_would_claim_something_is_not_dropped(place: tuple[str | int, ...]) -> None:
    """An unreadable amount must not read as 0, a list of charges not as none, an end not as going on."""
    with pytest.raises(Malformed):
        best_effort.read(payment_with([True], *place), RetrievedPayment, lenient)


def test_a_page_never_loses_an_item() -> None:
    """One item that can't be read spoils its page; a page that says less than it has would be worse."""
    page = {"page": [{"status": "Succeeded", "code": {}}, {"status": "Failed"}], "more": True, "status": "Done"}
    found, faults = best_effort.read(page, BulkChargePage, lenient)
    assert (len(found.page), [fault.path for fault in faults]) == (2, ["page[0].code"])
    with pytest.raises(Malformed):
        best_effort.read({**page, "page": [{"status": 5}]}, BulkChargePage, lenient)
    with pytest.raises(Malformed):
        best_effort.read({**page, "more": "perhaps"}, BulkChargePage, lenient)


def test_numbers_and_texts_stand_for_each_other() -> None:
    """Samples print numbers as texts; nothing is lost either way."""
    found, faults = best_effort.read(
        {"subscriptionId": "s", "interval": "30", "importError": {"importStepsResponseCode": 51}}, Subscription, lenient
    )
    assert (found.interval, faults) == (30, ())
    assert found.import_error
    assert found.import_error.import_steps_response_code == "51"


def test_several_faults_are_dropped_at_once() -> None:
    """One that holds another takes it along."""
    document = {
        "subscriptionId": "s",
        "paymentDetails": {"cardDetails": {"maskedPan": [], "expiryDate": {}}},
        "endDate": 5,
    }
    found, faults = best_effort.read(document, Subscription, lenient)
    assert len(faults) == 3
    assert found.end_date is None
    assert found.payment_details != PaymentDetails()


def test_what_was_given_is_not_changed() -> None:
    """The document belongs to the caller."""
    document = payment_with([True], "consumer", "privatePerson", "email")
    before = json.dumps(document)
    best_effort.read(document, RetrievedPayment, lenient)
    assert json.dumps(document) == before
