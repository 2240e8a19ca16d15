"""The fast path reads what the lenient reader reads, or leaves it to that."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._codec import Malformed
from nexi_async._models.order import OrderItem
from nexi_async.webhooks import EVENT_NAMES, Event, InvalidEvent, deliveries
from nexi_async.webhooks import _parsing as parsing
from nexi_async.webhooks._decoders import Unexpected, decoder_of
from nexi_async.webhooks._details import Money
from tests.webhooks.test_parsing import JSON, as_in_reference, places, put

AWKWARD: list[Any] = ["", "0", "12", "1.5", "a" * 201, "\0", "Visa", 0, 1, -1, 1.0, True, False, None, [], {}, [None]]


def decoded(body: bytes) -> Event | None:
    """The event as the fast path reads it."""
    return parsing._decode(json.loads(body), body)


def read_leniently(body: bytes) -> Event | None:
    """The event as the lenient reader reads it, with nothing to name."""
    try:
        event = parsing._read_leniently(parsing._checked(json.loads(body)), body)
    except InvalidEvent:
        return None
    return None if getattr(event, "faults", ()) else event


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_recorded_deliveries_take_the_fast_path(name: str) -> None:
    """Every event, and to the same values."""
    body = deliveries.sample(name)
    assert decoded(body) is not None
    assert decoded(body) == read_leniently(body)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_the_shape_of_the_official_reference_does_not(name: str) -> None:
    """Digits as texts are for the reader that forgives them."""
    assert decoded(as_in_reference(deliveries.sample(name))) is None


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_both_read_the_same(name: str) -> None:
    """With any awkward value anywhere in a delivery, the fast path gives the lenient reader's event, or none."""
    sample = deliveries.sample(name)
    for place, value in itertools.product(places(json.loads(sample)), AWKWARD):
        body = json.dumps(put(json.loads(sample), place, value)).encode()
        event = decoded(body)
        assert event is None or event == read_leniently(body), (place, value)


@given(st.data())
def test_both_read_the_same_after_several_changes(data: st.DataObject) -> None:
    """Of any kind."""
    document = json.loads(deliveries.sample(data.draw(st.sampled_from(EVENT_NAMES))))
    for _ in range(data.draw(st.integers(1, 3))):
        document = put(document, data.draw(st.sampled_from(places(document))), data.draw(JSON))
    body = json.dumps(document).encode()
    event = decoded(body)
    assert event is None or event == read_leniently(body)


def test_a_known_event_can_not_come_from_a_value_that_is_no_object() -> None:
    """Whatever JSON it is."""
    values: list[Any] = [None, 5, "payment.created", [], [{"event": "payment.created"}], {"event": ["payment.created"]}]
    assert [parsing._decode(value, b"") for value in values] == [None] * len(values)


def test_a_model_is_read_with_its_defaults() -> None:
    """What is not there, or null, is what the model says."""
    item = {"reference": "T", "name": "Tea", "quantity": 2, "unit": "kg", "unitPrice": 100}
    item |= {"grossTotalAmount": 200, "netTotalAmount": 200, "taxAmount": None}
    expected = OrderItem(
        reference="T",
        name="Tea",
        quantity=Decimal(2),
        unit="kg",
        unit_price=100,
        gross_total_amount=200,
        net_total_amount=200,
    )
    assert decoder_of(OrderItem)(item) == expected


@pytest.mark.parametrize("amount", ["100", 1.0, True, None, "", [], {}])
def test_an_amount_is_a_whole_number(amount: Any) -> None:
    """No text, no fraction, no truth value is taken for money here."""
    with pytest.raises(Unexpected):
        decoder_of(Money)({"amount": amount, "currency": "SEK"})
    with pytest.raises(Unexpected):
        decoder_of(Money)([amount, "SEK"])


def test_what_is_unusual_is_a_value_error() -> None:
    """As what the codec raises, so that one clause catches both."""
    assert issubclass(Unexpected, ValueError)
    assert issubclass(Malformed, ValueError)
