"""Tests of nexi_async._models.text: whatever a shop calls its goods, the API takes it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import OrderItem, clean_text
from nexi_async._models import rules
from nexi_async._models.rules import ItemText, MyReference, Text

MOST = 128
MINE = 36

ANY_TEXT = st.text() | st.text(alphabet="aå <>'\"&\\\t\n🍵e\u0301\u00ad茶", max_size=200)


@attrs.frozen
class Texts:
    """Every kind of text that a shop fills with its own words."""

    item: ItemText
    text: Text
    my_reference: MyReference


@given(text=ANY_TEXT | st.text(alphabet=st.characters(categories=["Cs"])))
def test_every_text_keeps_the_rules(text: str) -> None:
    """The result breaks no limit and has no character that the API forbids anywhere."""
    cleaned = Texts(item=clean_text(text), text=clean_text(text), my_reference=clean_text(text, max_length=MINE))
    assert rules.faults(cleaned) == []


@given(text=ANY_TEXT)
def test_names_of_order_lines(text: str) -> None:
    """A line can be built with any cleaned name."""
    assert OrderItem.of(reference="tea", name=clean_text(text), unit_price=100).name == clean_text(text)


@given(text=ANY_TEXT, max_length=st.integers(min_value=0, max_value=MOST))
def test_clean_text_stays_as_it_is(text: str, max_length: int) -> None:
    """Cleaning twice changes nothing more."""
    once = clean_text(text, max_length=max_length)
    assert clean_text(once, max_length=max_length) == once


@given(text=ANY_TEXT, max_length=st.integers(min_value=0, max_value=MOST))
def test_length(text: str, max_length: int) -> None:
    """It is never longer than asked for."""
    assert len(clean_text(text, max_length=max_length)) <= max_length


@given(text=ANY_TEXT)
def test_blanks(text: str) -> None:
    """Words stand one space apart, with nothing around them."""
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Smörgås 20% (stor), 2.5 kg!", "Smörgås 20% (stor), 2.5 kg!"),
        ("Crème brûlée", "Crème brûlée"),
        ("Cre\u0300me bru\u0302le\u0301e", "Crème brûlée"),
        ("Bún chả", "Bún chả"),
        ("GROẞE TASSE", "GROẞE TASSE"),
        ("Te & <b>Kex</b>", "Te bKex/b"),
        ('12" pizza\\s', "12 pizzas"),
        ("Tea\r\n\tgreen\u00a0leaf", "Tea green leaf"),
        ("Tee\u00adbeutel", "Teebeutel"),
        ("Tea\u200b 🍵 茶", "Tea"),
        ("茶", ""),
        ("", ""),
    ],
)
def test_examples(text: str, cleaned: str) -> None:
    """Latin letters, digits and plain punctuation stay; forbidden and foreign characters go."""
    assert clean_text(text) == cleaned


def test_cut() -> None:
    """A long text ends where the limit is, without a blank at the end."""
    assert clean_text("Tea " * 40) == ("Tea " * 32).rstrip()
    assert clean_text("Tea leaf", max_length=4) == "Tea"
