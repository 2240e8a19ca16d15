"""Orders are read exactly or refused whole, with every bad line's number and reason."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import InvalidRequest
from nexi_async._demo.orders import CustomerOrder, read_orders, sample_orders
from nexi_async.reference import currencies

LINE: dict[str, Any] = {"name": "Tea", "quantity": 2, "unit_price": 4500, "vat_rate": 1200}
ORDER: dict[str, Any] = {"customer": "Saga Holm", "currency": "SEK", "lines": [LINE]}


def as_line(order: object) -> bytes:
    """An order as a line of the file."""
    return json.dumps(order).encode()


def with_line(**changes: Any) -> dict[str, Any]:
    """The order with another line; None takes a member out."""
    line = {name: value for name, value in (LINE | changes).items() if value is not None}
    return ORDER | {"lines": [line]}


def refusal(content: bytes) -> list[str]:
    """The reasons why a file is refused."""
    with pytest.raises(InvalidRequest) as caught:
        read_orders(content)
    return [str(fault) for fault in caught.value.faults]


def test_the_sample_shows_everything() -> None:
    """25 orders: four currencies, broken quantities, discounts, more than three VAT rates, a number for each."""
    orders = read_orders(sample_orders())
    items = [item for entry in orders for item in entry.order.items]

    assert len({entry.reference for entry in orders}) == 25
    assert {entry.order.currency for entry in orders} == {"SEK", "NOK", "DKK", "EUR"}
    assert any(item.quantity % 1 for item in items)
    assert any(item.unit_price < 0 for item in items)
    assert len({item.tax_rate for item in items}) > 3
    assert any(len({item.tax_rate for item in entry.order.items}) == 3 for entry in orders)


def test_amounts_are_worked_out_exactly() -> None:
    """A third of a kilogram, a discount and three VAT rates add up to the minor unit."""
    lines = [
        LINE | {"quantity": 0.333, "unit_price": 28900, "vat_rate": 1200},
        LINE | {"quantity": 1, "unit_price": 10000, "vat_rate": 2500},
        LINE | {"quantity": 3, "unit_price": -500, "vat_rate": 600},
    ]

    (entry,) = read_orders(as_line(ORDER | {"lines": lines}))

    assert [item.gross_total_amount for item in entry.order.items] == [9624 + 1155, 12500, -1590]
    assert entry.order.amount == 10779 + 12500 - 1590


@given(st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False))
def test_a_quantity_is_never_a_float(quantity: Decimal) -> None:
    """Whatever number the file has, the order has the same, to the last digit."""
    line = json.dumps(with_line(quantity="#", unit_price=100)).replace('"#"', f"{quantity:f}")

    try:
        (entry,) = read_orders(line.encode())
    except InvalidRequest as refused:
        assert "0, but something must be paid" in str(refused)  # noqa: PT017 - a refusal is one of two right answers
    else:
        assert entry.order.items[0].quantity == quantity


def test_an_order_without_number_is_called_by_its_line() -> None:
    """The line's number stands in for a reference; empty lines count, a byte order mark does not."""
    entries = read_orders(b"\xef\xbb\xbf" + as_line(ORDER) + b"\r\n\n" + as_line(ORDER | {"reference": "A-7"}) + b"\n")

    assert [entry.reference for entry in entries] == ["1", "A-7"]


def test_the_customer_is_sent_to_the_checkout_but_not_shown() -> None:
    """First and last name reach the checkout; a repr has neither."""
    (entry,) = read_orders(as_line(ORDER | {"customer": "Anna Maria Holm"}))
    person = entry.customer.private_person

    assert person is not None
    assert (person.first_name, person.last_name) == ("Anna Maria", "Holm")
    assert "Holm" not in repr(entry)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ([], "the order must be an object, is an array"),
        ({"lines": [LINE]}, "customer is missing"),
        (ORDER | {"customer": 7}, "customer must be text, is a number"),
        (ORDER | {"customer": ""}, "customer must not be empty"),
        (ORDER | {"customer": "A <b>"}, "customer has <"),
        (ORDER | {"customer": "\ud800"}, "the order is not JSON: no low surrogate in string"),
        (ORDER | {"currency": "sek"}, "currency must be one of CHF"),
        (ORDER | {"reference": "a&b"}, "reference has &"),
        (ORDER | {"note": "x"}, "'note' is not known"),
        (ORDER | {"lines": []}, "lines must have at least one line"),
        (ORDER | {"lines": {}}, "lines must be an array, is an object"),
        (ORDER | {"lines": ["x"]}, "lines[0] must be an object, is text"),
        (with_line(name=" "), "lines[0].name must not be empty"),
        (with_line(name="a\\b"), "lines[0].name has \\"),
        (with_line(vat_rate=None), "lines[0].vat_rate is missing (percent x 100"),
        (with_line(unit_price=45.5), "lines[0].unit_price must be a whole number, is a fraction (minor units"),
        (with_line(unit_price=45.0), "lines[0].unit_price must be a whole number, is a fraction"),
        (with_line(unit_price=True), "lines[0].unit_price must be a whole number, is a boolean"),
        (with_line(unit_price=2**31), "lines[0].unit_price must be from -2147483648"),
        (with_line(vat_rate="25"), "lines[0].vat_rate must be a whole number, is text"),
        (with_line(vat_rate=-1), "lines[0].vat_rate must be from 0"),
        (with_line(quantity=-1), "lines[0].quantity must be a number from 0"),
        (with_line(quantity="2"), "lines[0].quantity must be a number, is text"),
        (with_line(quantity=0), "lines add up to 0"),
        (with_line(unit_price=-100), "amount must be from 0"),
    ],
)
def test_a_bad_order_is_refused_with_its_reason(order: object, reason: str) -> None:
    """Each reason says where, what is wrong, and what would be right."""
    assert refusal(as_line(order))[0].startswith(f"line 1: {reason}")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"customer": "Saga', "the order is not JSON: unexpected end of data at character 18"),
        (b"\xff", "the order is not JSON: str is not valid UTF-8"),
        (b'{"a": NaN}', "the order is not JSON: unexpected character"),
        (b'{"a": 1e999999999999999999999}', "the order is not JSON: number is infinity"),
        (
            b'{"a": 1e-999999999999999999999}',
            "the order is nested too deeply, or has a number out of all bounds",
        ),
        (b'{"a": 0.10000000000000000001}', "the order has the number 0.10000000000000000001, with more digits"),
        (b'{"a": ' + b"1" * 5000 + b"}", "the order is not JSON: number is infinity"),
        (b'{"a": 1, "a": 2}', "the order has a member twice"),
        (b"[" * 100_000, "the order is not JSON: "),  # and why, which versions of orjson word differently
        (b"[" * 1000 + b"]" * 1000, "the order "),
        (b"", "there is no order in the file"),
    ],
)
def test_what_is_no_json_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    """Broken text gets a place to look at, not a traceback."""
    (refused,) = refusal(line)
    assert refused.startswith(f"line 1: {reason}")


def test_all_bad_lines_are_named() -> None:
    """Good lines do not save a file: every fault of every bad line is reported with its number."""
    content = b"\n".join([as_line(ORDER), b"{", as_line(with_line(quantity=-1, unit_price="1")), as_line(ORDER)])

    assert [reason.split(":")[0] for reason in refusal(content)] == ["line 2", "line 3"]
    assert [reason.split(" ")[2] for reason in refusal(as_line(with_line(vat_rate="1", unit_price="1")))] == [
        "lines[0].unit_price",
        "lines[0].vat_rate",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ORDER, *LINE]), inner, max_size=5),
    max_leaves=8,
)
orders_with_odd_members = st.builds(
    lambda order, line: ORDER | {"lines": [LINE | line]} | order,
    st.dictionaries(st.sampled_from([*ORDER, "reference"]), json_values, max_size=1),
    st.dictionaries(st.sampled_from(list(LINE)), json_values, max_size=2),
)


def check_all_or_nothing(content: bytes) -> None:
    """Either all lines are orders that can be paid, or some are refused by number."""
    count = len(content.split(b"\n"))
    try:
        orders: list[CustomerOrder] = read_orders(content)
    except InvalidRequest as refused:
        for line, reason in refused.faults:
            assert 1 <= int(line.removeprefix("line ")) <= count
            assert reason
    else:
        assert all(entry.order.amount > 0 and entry.order.currency in currencies.CURRENCIES for entry in orders)


@given(st.lists(orders_with_odd_members | json_values, max_size=3))
def test_any_json_is_read_or_refused(orders: list[object]) -> None:
    """No JSON value is met with anything but orders or `InvalidRequest`."""
    check_all_or_nothing(b"\n".join(map(as_line, orders)))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No bytes are met with anything but orders or `InvalidRequest`."""
    check_all_or_nothing(content)
