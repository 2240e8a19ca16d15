"""Every delivery that Nexi is known to make is read, in both shapes; nothing else is taken for one."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import Fault
from nexi_async.webhooks import (
    EVENT_NAMES,
    ChargeFailed,
    CheckoutCompleted,
    InvalidEvent,
    PaymentCreated,
    UnknownEvent,
    UnreadableEvent,
    deliveries,
    parse_event,
)
from nexi_async.webhooks._events import EVENT_CLASSES

ID_RULE = "must be text of 1 to 200 characters"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def changed(event_name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A delivery after something was done to its document."""
    document = json.loads(deliveries.sample(event_name))
    change(document)
    return json.dumps(document).encode()


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at that place."""
    if not path:
        return value
    document[path[0]] = put(document[path[0]], path[1:], value)
    return document


def as_in_reference(body: bytes) -> bytes:
    """A recorded-shape delivery as the official reference prints it: digits as texts, both merchant members."""
    document = json.loads(body)
    merchant = document.get("merchantId") or document.get("merchantNumber")
    newer = document["event"].endswith(".v2")
    document |= {"merchantId": 0 if newer else merchant, "merchantNumber": merchant if newer else 0}
    document["data"] = _digits_as_text(document["data"])
    return json.dumps(document).encode()


def _digits_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _digits_as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_digits_as_text(member) for member in value]
    return f"{value:g}" if isinstance(value, (int, float)) else value


# --- both shapes of every event ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_has_its_class(name: str) -> None:
    """The event is an object of the class that goes by its name."""
    event = parse_event(deliveries.sample(name))
    assert type(event) is EVENT_CLASSES[name]
    assert event.name == name


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_both_shapes_say_the_same(name: str) -> None:
    """Recorded deliveries and the official reference's samples give equal events, but for the body kept."""
    recorded = deliveries.sample(name)
    printed = as_in_reference(recorded)
    assert printed != recorded
    assert parse_event(printed) == parse_event(recorded)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_nothing_of_a_delivery_is_dropped(name: str) -> None:
    """Each member of the data is a member of the event, in snake case, and set."""
    body = deliveries.sample(name)
    event = parse_event(body)
    for member in json.loads(body)["data"]:
        assert getattr(event, re.sub("([A-Z])", r"_\1", member).lower()) not in (None, ()), member


def test_a_checkout_is_read_to_the_last_member() -> None:
    """An official example, read by hand: order, lines and shopper."""
    event = parse_event(
        b"""{"id": "aa01", "merchantId": 100512004, "timestamp": "2026-05-02T10:00:09.5523+02:00",
        "event": "payment.checkout.completed", "data": {"paymentId": "bb02", "myReference": "shop-1",
        "order": {"amount": {"amount": 1250, "currency": "DKK"}, "reference": "S-1", "description": "Tea",
        "orderItems": [{"reference": "T", "name": "Tea", "quantity": 0.5, "unit": "kg", "unitPrice": 2000,
        "taxRate": 2500, "taxAmount": 250, "netTotalAmount": 1000, "grossTotalAmount": 1250}]},
        "consumer": {"email": "a@example.com", "phoneNumber": {"prefix": "+45", "number": "1234"},
        "billingAddress": {"addressLine1": "A 1", "postcode": "1000", "country": "Denmark", "receiverLine": "A"}}}}"""
    )
    assert isinstance(event, CheckoutCompleted)
    assert (event.id, event.payment_id, event.merchant, event.my_reference) == ("aa01", "bb02", 100512004, "shop-1")
    assert event.timestamp == datetime(2026, 5, 2, 8, 0, 9, 552300, tzinfo=UTC)
    assert (event.order.amount.amount, event.order.amount.currency, event.order.reference) == (1250, "DKK", "S-1")
    assert (event.order.order_items[0].quantity, event.order.order_items[0].unit_price) == (Decimal("0.5"), 2000)
    assert event.consumer
    assert event.consumer.phone_number
    assert event.consumer.phone_number.prefix == "+45"
    assert event.consumer.billing_address
    assert (event.consumer.billing_address.postcode, event.consumer.billing_address.receiver_line) == ("1000", "A")
    assert event.consumer.shipping_address is None


@pytest.mark.parametrize("unset", [None, ""])
@pytest.mark.parametrize("member", ["myReference", "surchargeAmount", "invoiceDetails", "reconciliationReference"])
def test_null_and_empty_text_mean_not_set(member: str, unset: str | None) -> None:
    """Samples of the official reference print what is not set; it reads like absence."""
    body = deliveries.sample("payment.charge.created")
    absent, printed = json.loads(body), json.loads(body)
    absent["data"].pop(member, None)
    printed["data"][member] = unset
    assert parse_event(json.dumps(printed).encode()) == parse_event(json.dumps(absent).encode())


def test_new_members_are_ignored() -> None:
    """An unknown member breaks nothing, at any depth."""
    body = changed("payment.created", lambda document: document["data"]["order"].update(colour="red", lines=[]))
    assert isinstance(parse_event(body), PaymentCreated)


# --- envelope ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "merchant"),
    [
        ({"merchantId": 100512004}, 100512004),
        ({"merchantNumber": 100512004}, 100512004),
        ({"merchantId": "100512004", "merchantNumber": 0}, 100512004),
        ({"merchantId": 0, "merchantNumber": "100512004"}, 100512004),
        ({"merchantId": None, "merchantNumber": 100512004}, 100512004),
        ({"merchantId": "0b9a4c1e-1111-4222-8333-944455566677", "merchantNumber": 100512004}, 100512004),
        ({"merchantId": "", "merchantNumber": 0}, None),
        ({"merchantId": True}, None),
        ({}, None),
    ],
)
def test_the_merchant_is_the_first_number_but_zero(members: dict[str, Any], merchant: int | None) -> None:
    """Either member, a number or digits, zero or nothing: the merchant is known, and never a reason to fail."""

    def replace(document: dict[str, Any]) -> None:
        document.pop("merchantId")
        document.update(members)

    assert parse_event(changed("payment.created", replace)).merchant == merchant


@pytest.mark.parametrize("fraction", ["", *("." + "1234567"[:digits] for digits in range(1, 8))])
@pytest.mark.parametrize("offset", ["Z", "+00:00", "+02:00", "-05:30"])
def test_timestamps_have_any_fraction_and_offset(fraction: str, offset: str) -> None:
    """Recordings mix offsets within one payment; what counts is the instant."""
    body = deliveries.sample("payment.created", timestamp=f"2026-05-02T10:00:09{fraction}{offset}")
    away = {"+02:00": 120, "-05:30": -330}.get(offset, 0)
    microseconds = int(fraction[1:7].ljust(6, "0"))
    expected = datetime(2026, 5, 2, 10, 0, 9, microseconds, tzinfo=UTC) - timedelta(minutes=away)
    assert parse_event(body).timestamp == expected


def test_the_body_is_kept_and_not_compared() -> None:
    """A member that is not modelled is in the raw body."""
    body = deliveries.sample("payment.cancel.created")
    event = parse_event(body)
    assert event.raw == body
    assert event == parse_event(body.replace(b"{", b"{ "))
    assert hash(event) == hash(parse_event(body + b"\n"))


# --- unknown events ------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_an_unknown_event() -> None:
    """Events that are newer than this package are kept whole."""
    body = deliveries.sample("payment.paused", payment_id="bb02", reason={"code": 7}, id="aa01", merchant=5)
    event = parse_event(body)
    assert isinstance(event, UnknownEvent)
    assert (event.id, event.name, event.merchant, event.payment_id) == ("aa01", "payment.paused", 5, "bb02")
    assert event.data == {"paymentId": "bb02", "reason": {"code": 7}}
    assert event.raw == body
    assert "reason" not in repr(event)
    assert {event: "hashable"}


@pytest.mark.parametrize(
    "data", [None, {}, {"paymentId": 5}, {"paymentId": "\0"}, {"name": 1, "id": 2, "raw": 3, "data": []}]
)
def test_an_unknown_event_need_not_be_about_a_payment(data: dict[str, Any] | None) -> None:
    """Nothing is required of the data of an unknown event."""
    event = parse_event(changed("partner.onboarded", lambda document: document.update(data=data)))
    assert isinstance(event, UnknownEvent)
    assert event.payment_id is None
    assert event.data == (data or {})


# --- what is no event ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "body"),
        (b"{", "body"),
        (deliveries.sample("payment.created")[:-9], "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"payment.created"', "body"),
        (b"[" * 60_000, "body"),
    ],
    ids=["empty", "opened", "cut off", "not UTF-8", "array", "null", "text", "deep"],
)
def test_what_is_no_object_is_no_event(body: bytes, path: str) -> None:
    """Truncated, not JSON, or another kind of JSON: refused by one error."""
    with pytest.raises(InvalidEvent) as refusal:
        parse_event(body)
    assert [fault.path for fault in refusal.value.faults] == [path]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("id",), None),
        (("id",), ""),
        (("id",), 7),
        (("id",), "a" * 201),
        (("id",), "aa\0"),
        (("event",), None),
        (("event",), 5),
    ],
)
def test_what_does_not_say_which_event_it_is_is_none(place: tuple[str], value: Any) -> None:
    """Without a name and an id that a database can keep, events can't be distinguished: the one reason to refuse."""
    with pytest.raises(InvalidEvent) as refusal:
        parse_event(changed("payment.charge.created.v2", lambda document: put(document, place, value)))
    assert refusal.value.faults == (Fault(place[0], ID_RULE),)


# --- what can't be read as its class -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("timestamp",), None, Fault("timestamp", "is missing")),
        (("data",), None, Fault("data.paymentId", "is missing")),
        (("data",), [], Fault("data", "must be an object")),
        (("data", "paymentId"), None, Fault("data.paymentId", "is missing")),
        (("data", "paymentId"), 7, Fault("data.paymentId", ID_RULE)),
        (("data", "paymentId"), "b" * 201, Fault("data.paymentId", ID_RULE)),
        (("data", "chargeId"), None, Fault("data.chargeId", "is missing")),
        (
            ("data", "amount", "amount"),
            1.5,
            Fault("data.amount.amount", "must be a whole number or digits, is a fraction"),
        ),
        (("data", "paymentType"), 5, Fault("data.paymentType", "must be text, is a number")),
    ],
)
def test_what_its_class_requires_makes_it_unreadable(place: tuple[str, ...], value: Any, fault: Fault) -> None:
    """The event stays whole, with the place of what is wrong, and what could be read of its envelope."""
    body = changed("payment.charge.created.v2", lambda document: put(document, place, value))
    document = json.loads(body)
    event = parse_event(body)
    assert isinstance(event, UnreadableEvent)
    assert fault in event.faults
    assert (event.name, event.id, event.merchant) == (document["event"], document["id"], 100_512_004)
    assert event.raw == body
    assert event.data == (document["data"] or {})
    assert (event.timestamp is None) == (place == ("timestamp",))
    assert (event.payment_id is None) == (place in {("data",), ("data", "paymentId")})


def test_all_faults_are_text_at_once() -> None:
    """One look at the event shows all that is wrong."""
    event = parse_event(
        changed("payment.charge.failed", lambda document: document.update(data={}, timestamp="yesterday"))
    )
    assert isinstance(event, UnreadableEvent)
    assert {fault.path for fault in event.faults} == {
        "timestamp",
        "data.paymentId",
        "data.amount",
        "data.chargeId",
        "data.error",
    }


def test_an_unreadable_event_hides_the_shopper() -> None:
    """What lands in a log names places, never values."""
    event = parse_event(changed("payment.checkout.completed", lambda document: document["data"].pop("paymentId")))
    assert isinstance(event, UnreadableEvent)
    assert "maja" not in repr(event).lower()
    assert {event: "hashable"}


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("data", "surchargeAmount"), "much", "data.surchargeAmount"),
        (("data", "myReference"), ["a"], "data.myReference"),
        (("data", "orderItems"), "none", "data.orderItems"),
        (("data", "orderItems", 0, "quantity"), "two", "data.orderItems[0].quantity"),
        (("data", "orderItems", 0, "quantity"), None, "data.orderItems[0].quantity"),
        (("data", "orderItems", 0), 7, "data.orderItems[0]"),
    ],
)
def test_what_the_event_can_do_without_reads_as_left_out(place: tuple[Any, ...], value: Any, fault: str) -> None:
    """One unexpected type hides nothing else, and is named; lines are all there or none."""
    body = deliveries.sample("payment.charge.created.v2")
    spoilt = parse_event(json.dumps(put(json.loads(body), place, value)).encode())
    without = json.loads(body)
    del without["data"][place[1]]
    assert not isinstance(spoilt, UnreadableEvent)
    assert [found.path for found in spoilt.faults] == [fault]
    assert spoilt == parse_event(json.dumps(without).encode())


def test_the_innermost_member_is_left_out() -> None:
    """A phone number of an unexpected type costs the phone number, not the shopper."""
    body = changed(
        "payment.checkout.completed", lambda document: document["data"]["consumer"].update(phoneNumber="070")
    )
    event = parse_event(body)
    assert isinstance(event, CheckoutCompleted)
    assert event.consumer is not None
    assert (event.consumer.phone_number, event.consumer.email) == (None, "maja.lind@example.com")


def test_texts_may_come_as_numbers() -> None:
    """A postcode or a code that loses its quotes is still read."""
    body = changed("payment.charge.failed", lambda document: document["data"]["error"].update(code=51))
    event = parse_event(body)
    assert isinstance(event, ChargeFailed)
    assert event.error.code == "51"


def test_the_error_is_a_value_error_that_pickles() -> None:
    """It can be caught without knowing this package, and crosses processes."""
    with pytest.raises(ValueError, match="must be an object") as refusal:
        parse_event(b"[]")
    again = pickle.loads(pickle.dumps(refusal.value))
    assert isinstance(again, InvalidEvent)
    assert again.faults == (Fault("body", "must be an object"),)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    """Any bytes are an event or an InvalidEvent."""
    with pytest.raises(InvalidEvent):
        parse_event(body)


@given(st.data())
def test_no_change_breaks_the_parser(data: st.DataObject) -> None:
    """A delivery with anything anywhere is an event, or has no name; no fault contains the shopper's data."""
    document = json.loads(deliveries.sample(data.draw(st.sampled_from(EVENT_NAMES))))
    place = data.draw(st.sampled_from(places(document)))
    value = data.draw(JSON)
    body = json.dumps(put(document, place, value)).encode()
    try:
        event = parse_event(body)
    except InvalidEvent as error:
        assert place[:1] in {(), ("id",), ("event",)}
        text = str(error)
    else:
        assert event.raw == body
        text = str(event.faults)
    assert "maja" not in text.lower()
