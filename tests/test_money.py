"""Amounts as people write them."""

from __future__ import annotations

import contextlib
import decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexi_async._money import InvalidAmount, Money, parse_money, parse_percent
from nexi_async.reference.currencies import CURRENCIES, CurrencyCode


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("125.00 SEK", 12500),
        ("125,00 SEK", 12500),
        ("125 SEK", 12500),
        ("125SEK", 12500),
        ("SEK 125", 12500),
        ("sek125.5", 12550),
        ("0.01 SEK", 1),
        ("0,10 SEK", 10),
        ("  007 SEK  ", 700),
        ("21474836.47 SEK", 2147483647),
    ],
)
def test_an_amount_is_read_exactly(text: str, amount: int) -> None:
    """With point or comma, and the currency on either side."""
    assert parse_money(text) == Money(amount, "SEK")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("125.00", "with its currency"),
        ("SEK", "with its currency"),
        ("", "with its currency"),
        ("SEK 125 SEK", "with its currency"),
        ("-5 SEK", "with its currency"),
        ("500 JPY", "JPY is not a currency of Nexi Checkout, which takes CHF, CZK"),
        ("1,234 SEK", "has 3 decimals, but SEK has 2"),
        ("1.234 SEK", "has 3 decimals, but SEK has 2"),
        ("1,234.56 SEK", "without separators of thousands"),
        ("1.234,56 SEK", "without separators of thousands"),
        ("1 234 SEK", "without separators of thousands"),
        ("1\u00a0234,50 SEK", "without separators of thousands"),
        ("1'234 CHF", "without separators of thousands"),
        ("5. SEK", "is not an amount"),
        (".5 SEK", "with its currency"),
        ("1e3 SEK", "with its currency"),
        ("٥ SEK", "with its currency"),
        ("9999999999999 SEK", "is not an amount"),
    ],
)
def test_what_is_no_amount_or_two_is_refused(text: str, reason: str) -> None:
    """Money is never guessed."""
    with pytest.raises(InvalidAmount, match=reason):
        parse_money(text)


@settings(max_examples=50)
@given(st.integers(0, 2**31 - 1), st.sampled_from(get_args(CurrencyCode)))
def test_an_amount_as_it_is_shown_reads_the_same(amount: int, currency: CurrencyCode) -> None:
    """What is shown may be typed again, but for the separators of thousands."""
    money = Money(amount, currency)
    assert parse_money(str(money).replace(",", "")) == money


def test_amounts_are_exact_whatever_the_precision_of_decimals() -> None:
    """A program that sets a precision for its own calculations changes no amount, read or shown."""
    with decimal.localcontext() as context:
        context.prec = 4
        context.traps[decimal.Inexact] = True
        assert str(parse_money("123456.78 SEK")) == "123,456.78 SEK"
        assert parse_percent("125.75") == 12575


@settings(max_examples=50)
@given(st.text(max_size=12))
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    """Whatever is typed, it is an amount or is refused as one."""
    with contextlib.suppress(InvalidAmount):
        assert parse_money(text).amount >= 0


@pytest.mark.parametrize(("text", "rate"), [("25", 2500), ("25 %", 2500), ("12.5", 1250), ("12,5%", 1250), ("0", 0)])
def test_a_rate_is_read_exactly(text: str, rate: int) -> None:
    """In percent x 100."""
    assert parse_percent(text) == rate


@pytest.mark.parametrize("text", ["", "%", "-1", "12.345", "a", "25 percent"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate has two decimals at most."""
    with pytest.raises(InvalidAmount, match="is not a rate"):
        parse_percent(text)


def test_every_code_is_a_currency() -> None:
    """What type checkers know and what the table has are the same."""
    assert set(get_args(CurrencyCode)) == set(CURRENCIES)
