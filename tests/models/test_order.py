"""Tests of nexi_async._models.order."""

from __future__ import annotations

import decimal
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import _codec as codec
from nexi_async._errors import InvalidRequest
from nexi_async._models import rules
from nexi_async._models.order import Order, OrderItem

quantities = st.decimals(min_value=0, max_value=1000, places=3) | st.integers(0, 1000)
prices = st.integers(-100_000, 100_000)
rates = st.integers(0, 99_999)


def item(**changes: Any) -> OrderItem:
    """A line of 2 mugs at 50.00 plus 25 % VAT, with changes."""
    given: dict[str, Any] = {"reference": "mug", "name": "Mug", "quantity": 2, "unit_price": 5000, "tax_rate": 2500}
    return OrderItem.of(**(given | changes))


def faults(build: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    """Where and why building is refused."""
    with pytest.raises(InvalidRequest) as caught:
        build(*args, **kwargs)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_line_from_a_price_without_vat() -> None:
    """Net is price times quantity, VAT is added."""
    line = item()
    assert (line.net_total_amount, line.tax_amount, line.gross_total_amount) == (10_000, 2500, 12_500)


def test_line_from_a_price_with_vat() -> None:
    """Gross is exactly price times quantity, VAT is taken out of it."""
    line = item(unit_price=None, unit_price_with_tax=9999, quantity=3)
    assert (line.net_total_amount, line.tax_amount, line.gross_total_amount) == (23_998, 5999, 29_997)
    assert line.unit_price == 7999


def test_halves_round_away_from_zero() -> None:
    """As on receipts: 0.5 becomes 1, -0.5 becomes -1."""
    assert item(quantity=Decimal("0.5"), unit_price=1, tax_rate=0).gross_total_amount == 1
    assert item(quantity=Decimal("0.5"), unit_price=-1, tax_rate=0).gross_total_amount == -1


def test_odd_quantity() -> None:
    """0.333 of something has a whole number of minor units."""
    line = item(quantity=Decimal("0.333"), unit_price=10_000, tax_rate=1200)
    assert (line.net_total_amount, line.tax_amount, line.gross_total_amount) == (3330, 400, 3730)


@given(quantity=quantities, price=prices, rate=rates, with_tax=st.booleans())
def test_net_and_vat_are_always_gross(quantity: Decimal | int, price: int, rate: int, with_tax: bool) -> None:
    """Whatever is put in, a line's parts add up."""
    prices = {"unit_price": None, "unit_price_with_tax": price} if with_tax else {"unit_price": price}
    line = item(quantity=quantity, tax_rate=rate, **prices)
    assert line.net_total_amount + line.tax_amount == line.gross_total_amount


@given(quantity=quantities, price=prices)
def test_price_with_vat_is_what_the_shopper_pays(quantity: Decimal | int, price: int) -> None:
    """The gross total differs from price times quantity by rounding of half a unit at most."""
    line = item(quantity=quantity, unit_price=None, unit_price_with_tax=price)
    assert abs(line.gross_total_amount - price * Decimal(quantity)) <= Decimal("0.5")


lines = st.lists(st.builds(item, quantity=quantities, unit_price=prices, tax_rate=rates), min_size=1, max_size=8)


@given(lines)
def test_an_order_always_adds_up(items: list[OrderItem]) -> None:
    """`Order.of` builds an order whose sums agree, or refuses."""
    total = sum(line.gross_total_amount for line in items)
    try:
        order = Order.of(items=items, currency="SEK")
    except InvalidRequest:
        assert not 0 <= total < 2**31
    else:
        assert order.amount == total
        assert codec.decode(codec.encode(order), Order) == order


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.lists(st.integers())


@given(quantity=anything, unit_price=anything, tax_rate=anything, name=anything)
def test_bad_input_is_refused_with_its_place(quantity: Any, unit_price: Any, tax_rate: Any, name: Any) -> None:
    """No input makes anything but a valid line or an InvalidRequest."""
    try:
        line = item(quantity=quantity, unit_price=unit_price, tax_rate=tax_rate, name=name)
    except InvalidRequest as refused:
        found = {fault.path for fault in refused.faults}
    else:
        rules.check(line)
        found = set()
    assert found <= {"quantity", "unitPrice", "taxRate", "name", "netTotalAmount", "taxAmount", "grossTotalAmount"}


@pytest.mark.parametrize("amount", [12.5, True, "100", None])
def test_amounts_are_whole_numbers(amount: Any) -> None:
    """A float, a bool or a text is no amount."""
    order = Order(items=[item()], amount=amount, currency="SEK")
    assert faults(rules.check, order)["amount"].startswith("must be a whole number (int)")


def test_a_float_price_is_refused() -> None:
    """A price in major units with decimals is a mistake, not an amount."""
    assert faults(item, unit_price=49.9) == {"unitPrice": "must be a whole number (int), is a float"}


def test_both_prices_are_refused() -> None:
    """With and without VAT exclude each other."""
    assert "unitPrice" in faults(item, unit_price=1, unit_price_with_tax=1)


def test_a_wrong_sum_says_the_difference() -> None:
    """The fault helps to find the missing öre."""
    order = attrs.evolve(Order.of(items=[item()], currency="SEK"), amount=12_501)
    assert faults(rules.check, order) == {"amount": "is 12501, but the lines add up to 12500 (difference 1)"}


def test_an_order_without_lines_is_refused() -> None:
    """At least one line is needed."""
    assert faults(Order.of, items=[], currency="SEK") == {"items": "must have at least one line"}


def test_items_must_be_lines() -> None:
    """A dict is not a line; the fault says where."""
    assert faults(Order.of, items=[item(), {"name": "x"}], currency="SEK") == {
        "items[1]": "must be an OrderItem, is a dict"
    }


@pytest.mark.parametrize("currency", ["sek", "SE", "SEKK", "", "S3K"])
def test_currency_is_three_capitals(currency: str) -> None:
    """A currency in another spelling is refused."""
    assert list(faults(Order.of, items=[item()], currency=currency)) == ["currency"]


def test_a_sum_beyond_32_bits_is_refused() -> None:
    """The API's amounts are 32-bit numbers."""
    big = item(unit_price=2**30, quantity=1, tax_rate=0)
    assert "amount" in faults(Order.of, items=[big, big], currency="SEK")


@pytest.mark.parametrize("character", "<>\\")
def test_forbidden_characters_in_names(character: str) -> None:
    """The fault names the character and its position, not the text."""
    text = faults(item, name=f"Mug {character} green")["name"]
    assert text == f"has {character} at position 5; the API forbids < > \\ here"


def test_quantity_must_fit_a_double() -> None:
    """A quantity that the wire would change is refused."""
    assert "quantity" in faults(item, quantity=Decimal("1.0000000000000001"))


def test_a_line_is_exact_whatever_the_precision_of_decimals() -> None:
    """A program that sets a precision for its own calculations changes no amount, and no limit either."""
    with decimal.localcontext() as context:
        context.prec = 4
        assert item(quantity=Decimal("12345.5"), tax_rate=0).net_total_amount == 61_727_500
        assert "quantity" in faults(item, quantity=Decimal("1.0000000000000001"))


def test_half_a_surrogate_pair_is_refused() -> None:
    """What is no character cannot travel, and says where it stands."""
    assert faults(item, name="Mug \ud83d") == {"name": "has half of a surrogate pair, which is no character"}


exact = Context(prec=60, rounding=ROUND_HALF_UP)


def rounded(amount: Decimal) -> int:
    """A whole number of minor units, halves away from zero."""
    return int(amount.to_integral_value(context=exact))


wide_prices = prices | st.integers(-(2**31), 2**31 - 1)
wide_quantities = quantities | st.sampled_from(
    [Decimal(text) for text in ("1E+3", "1E-9", "0.5", "2.50", "0", "1E-400")]
)


@given(quantity=wide_quantities, price=wide_prices, rate=rates, with_tax=st.booleans())
def test_whole_numbers_come_out_as_decimals_would(
    quantity: Decimal | int, price: int, rate: int, with_tax: bool
) -> None:
    """Reckoning in whole numbers is exact: each amount is what decimals of sixty digits say."""
    named = {"unit_price_with_tax": price, "unit_price": None} if with_tax else {"unit_price": price}
    total = rounded(exact.multiply(Decimal(price), Decimal(quantity)))
    divisor = Decimal(10_000 + rate)
    if with_tax:
        net = rounded(exact.divide(Decimal(total * 10_000), divisor))
        expected = (rounded(exact.divide(Decimal(price * 10_000), divisor)), net, total - net)
    else:
        expected = (price, total, rounded(Decimal(total * rate).scaleb(-4, exact)))
    try:
        line = item(quantity=quantity, tax_rate=rate, **named)
    except InvalidRequest:
        assert max(map(abs, (*expected, expected[1] + expected[2]))) >= 2**31 - 1
    else:
        assert (line.unit_price, line.net_total_amount, line.tax_amount) == expected


@pytest.mark.parametrize("wrong", [None, "12", 1.5, True])
def test_a_line_whose_total_is_no_number(wrong: Any) -> None:
    """What can't be added up is reported at its line, not at the sum."""
    broken = attrs.evolve(item(), gross_total_amount=wrong)
    assert list(faults(Order.of, items=[item(), broken], currency="SEK")) == ["items[1].grossTotalAmount"]


def test_a_wrong_line_and_a_wrong_currency() -> None:
    """Faults of lines are reported alone; the sum is not checked while one of them is wrong."""
    broken = attrs.evolve(item(), name="<")
    assert list(faults(Order.of, items=[broken], currency="sek")) == ["items[0].name"]
