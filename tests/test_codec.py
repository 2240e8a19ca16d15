"""Tests of nexi_async._codec."""

from __future__ import annotations

import contextlib
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import _codec as codec
from nexi_async._codec import Malformed
from nexi_async._models.charge import ChargePayment
from nexi_async._models.order import OrderItem
from nexi_async.reference.payment_methods import PaymentType


@attrs.frozen(kw_only=True)
class Part:
    some_amount: int
    share: Decimal | None = None


@attrs.frozen(kw_only=True)
class Whole:
    payment_id: str
    parts: tuple[Part, ...] = ()
    kind: PaymentType | None = None
    at: datetime | None = None
    flag: bool | None = None
    local: str = attrs.field(default="", metadata={"wire": None})


def faults(body: bytes) -> dict[str, str]:
    """Where and why the body is refused."""
    with pytest.raises(Malformed) as caught:
        codec.decode(body, Whole)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_names_are_camel_case_on_the_wire() -> None:
    """Python's names and the API's meet in the codec."""
    assert codec.encode(Whole(payment_id="p", parts=(Part(some_amount=1),))) == (
        b'{"paymentId":"p","parts":[{"someAmount":1}]}'
    )


def test_unset_members_are_left_out() -> None:
    """None never travels."""
    assert b"null" not in codec.encode(ChargePayment(amount=100))


def test_local_members_do_not_travel() -> None:
    """What only the SDK knows stays here, in both directions."""
    assert b"local" not in codec.encode(Whole(payment_id="p", local="secret"))
    assert codec.decode(b'{"paymentId":"p","local":"x"}', Whole).local == ""


def test_zero_and_false_travel() -> None:
    """Only None means unset."""
    assert json.loads(codec.encode(Whole(payment_id="", flag=False))) == {"paymentId": "", "parts": [], "flag": False}


def test_unknown_members_are_ignored() -> None:
    """A new member of the API breaks nothing."""
    assert codec.decode(b'{"paymentId":"p","brandNew":{"a":[1]}}', Whole) == Whole(payment_id="p")


def test_null_means_unset() -> None:
    """Optional members may come as null."""
    assert codec.decode(b'{"paymentId":"p","parts":null,"kind":null,"at":null}', Whole) == Whole(payment_id="p")


def test_unknown_enum_value_is_kept() -> None:
    """A value that is not listed is readable and says so."""
    kind = codec.decode(b'{"paymentId":"p","kind":"BLIK"}', Whole).kind
    assert kind is not None
    assert kind == "BLIK"
    assert not kind.is_known


@pytest.mark.parametrize("value", ['"12"', "12.0", "12.7", "true", "[]", "{}", "1e3", "99999999999999999999999"])
def test_amounts_are_never_coerced(value: str) -> None:
    """Anything but a whole JSON number where an amount must be is refused, with its place."""
    text = faults(b'{"paymentId":"p","parts":[{"someAmount":1},{"someAmount":%s}]}' % value.encode())
    assert list(text) == ["parts[1].someAmount"]
    assert text["parts[1].someAmount"].startswith("must be a whole number")


def test_every_fault_is_listed() -> None:
    """One reading finds them all."""
    assert faults(b'{"parts":[{}],"kind":1,"flag":"false"}') == {
        "paymentId": "is missing",
        "parts[0].someAmount": "is missing",
        "kind": "must be text, is a number",
        "flag": "must be true or false, is text",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe", b'{"paymentId":NaN}'])
def test_not_json(body: bytes) -> None:
    """A body that is not JSON is refused as a whole."""
    assert list(faults(body)) == ["body"]


@pytest.mark.parametrize(("body", "path"), [(b"[]", "body"), (b'{"paymentId":"p","parts":{}}', "parts")])
def test_wrong_containers(body: bytes, path: str) -> None:
    """An object is not an array, and the other way round."""
    assert list(faults(body)) == [path]


def test_values_are_not_repeated_in_faults() -> None:
    """What stands in a body may be personal and stays out of the error."""
    assert "Ingrid" not in str(faults(b'{"paymentId":["Ingrid"]}'))


def test_malformed_pickles() -> None:
    """The error crosses process boundaries."""
    with pytest.raises(Malformed) as caught:
        codec.decode(b"[]", Whole)
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-09-14T08:15:09Z", 0),
        ("2026-09-14T08:15:09.2Z", 200_000),
        ("2026-09-14T08:15:09.5523+00:00", 552_300),
        ("2026-09-14T10:15:09.123456+02:00", 123_456),
        ("2026-09-14T08:15:09.1234567+00:00", 123_456),
    ],
)
def test_moments_with_any_fraction(text: str, microsecond: int) -> None:
    """0 to 7 fraction digits, Z and offsets are the same instant."""
    at = codec.decode(json.dumps({"paymentId": "p", "at": text}).encode(), Whole).at
    assert at == datetime(2026, 9, 14, 8, 15, 9, microsecond, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-09-14", "2026-09-14T08:15:09", "20260914T081509Z", "2026-13-14T08:15:09Z", ""])
def test_other_moments_are_refused(text: str) -> None:
    """A moment without a zone, or in another format, is not guessed."""
    assert list(faults(json.dumps({"paymentId": "p", "at": text}).encode())) == ["at"]


def test_moments_are_written_with_their_zone() -> None:
    """An offset travels as it is."""
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert b'"at":"2026-01-02T03:04:05+02:00"' in codec.encode(Whole(payment_id="p", at=at))


@given(st.decimals(min_value=0, max_value=10**6, places=6))
def test_quantities_survive_the_wire(share: Decimal) -> None:
    """A quantity comes back as the number it was."""
    assert codec.decode(codec.encode(Part(some_amount=1, share=share)), Part).share == share


def test_numeric_quantity_with_fraction_parses() -> None:
    """The API sends whole quantities as 1.0."""
    item = codec.decode(
        b'{"reference":"a","name":"b","quantity":1.0,"unit":"pcs","unitPrice":1,"grossTotalAmount":1,'
        b'"netTotalAmount":1}',
        OrderItem,
    )
    assert item.quantity == 1


def test_lenient_reading_takes_digits() -> None:
    """Webhooks may carry numbers as texts of digits."""
    part = codec.structure({"someAmount": "-120", "share": "0.5"}, Part, codec.lenient)
    assert part == Part(some_amount=-120, share=Decimal("0.5"))


@pytest.mark.parametrize("text", ["", "1.0", "1e3", " 1", "١", "0x1", "9" * 30])
def test_lenient_reading_takes_nothing_but_digits(text: str) -> None:
    """A text that only looks like a number is refused."""
    with pytest.raises(Malformed):
        codec.structure({"someAmount": text}, Part, codec.lenient)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["paymentId", "parts", "kind", "at", "someAmount", "share"]), inner)
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    """No JSON makes the codec fail in another way."""
    with contextlib.suppress(Malformed):
        assert isinstance(codec.structure(value, Whole), Whole)
