"""What an event offers once it is read."""

from __future__ import annotations

from typing import get_args

import pytest

from nexi_async.reference.payment_methods import PaymentMethod
from nexi_async.webhooks import (
    EVENT_NAMES,
    ChargeCreatedV2,
    CheckoutCompleted,
    Event,
    EventError,
    ReservationCreated,
    ReservationFailed,
    UnknownEvent,
    deliveries,
    parse_event,
)
from nexi_async.webhooks._events import EVENT_CLASSES


def test_the_names_are_those_of_the_reference() -> None:
    """The official reference lists exactly these 15."""
    assert set(EVENT_NAMES) == {
        "payment.created",
        "payment.checkout.completed",
        "payment.reservation.created",
        "payment.reservation.created.v2",
        "payment.reservation.failed",
        "payment.charge.created",
        "payment.charge.created.v2",
        "payment.charge.failed",
        "payment.charge.failed.v2",
        "payment.refund.initiated",
        "payment.refund.initiated.v2",
        "payment.refund.completed",
        "payment.refund.failed",
        "payment.cancel.created",
        "payment.cancel.failed",
    }
    assert tuple(EVENT_CLASSES) == EVENT_NAMES
    assert len(EVENT_NAMES) == len(set(EVENT_NAMES)) == len(get_args(Event)) - 2


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_no_event_shows_the_shopper(name: str) -> None:
    """Names, mail and IP addresses stay out of reprs, and so out of logs."""
    shown = repr(parse_event(deliveries.sample(name)))
    assert not [part for part in ("Maja", "Lind", "example.com", "203.0.113.40", "Ystad", "raw=") if part in shown]


@pytest.mark.parametrize("name", ["payment.checkout.completed", "payment.reservation.created"])
def test_the_shopper_is_there_all_the_same(name: str) -> None:
    """What a repr hides can be read, but not printed by accident."""
    event = parse_event(deliveries.sample(name))
    assert isinstance(event, (CheckoutCompleted, ReservationCreated))
    assert event.consumer
    assert event.consumer.first_name == "Maja"
    assert "Maja" not in repr(event.consumer)


def test_what_recognises_a_cardholder_is_not_shown() -> None:
    """Neither the reference of the account nor when the card expires, as in a payment."""
    event = parse_event(deliveries.sample("payment.reservation.created", payment_account_reference="V0010013"))
    assert isinstance(event, ReservationCreated)
    assert event.card_details
    assert (event.card_details.expiry_month, event.card_details.expiry_year) == (12, 31)
    assert "426800******0008" in repr(event)
    assert not [part for part in ("V0010013", "expiry") if part in repr(event)]


def test_a_decline_by_the_issuer_is_explained() -> None:
    """The acquirer code says whether to try again, however the source is spelt."""
    event = parse_event(deliveries.sample("payment.reservation.failed"))
    assert isinstance(event, ReservationFailed)
    assert event.error
    assert event.error.decline
    assert (event.error.decline.meaning, event.error.decline.may_retry) == ("not sufficient funds", True)
    assert EventError(code="4", source="issuer").decline


@pytest.mark.parametrize("source", ["Internal", None, ""])
def test_other_errors_are_not_taken_for_declines(source: str | None) -> None:
    """Codes of the platform look like the issuer's and mean something else."""
    assert EventError(code="25", source=source).decline is None


def test_methods_are_open_enumerations() -> None:
    """A known method is a member, a new one is kept."""
    known = parse_event(deliveries.sample("payment.charge.created.v2"))
    new = parse_event(deliveries.sample("payment.charge.created.v2", payment_method="Teleport"))
    assert isinstance(known, ChargeCreatedV2)
    assert known.payment_method is PaymentMethod.VISA
    assert isinstance(new, ChargeCreatedV2)
    assert (new.payment_method, new.payment_method.is_known) == ("Teleport", False)


def test_events_can_be_matched() -> None:
    """Class and member patterns pick events apart."""
    match parse_event(deliveries.sample("payment.charge.created.v2", charge_id="cc03")):
        case ChargeCreatedV2(charge_id=charge_id):
            assert charge_id == "cc03"
        case other:
            raise AssertionError(other)


def test_events_do_not_change() -> None:
    """Several handlers may hold the same event."""
    event = parse_event(deliveries.sample("payment.new.thing"))
    assert isinstance(event, UnknownEvent)
    with pytest.raises(AttributeError):
        event.id = "other"  # type: ignore[misc]
