"""Currencies are found by their code in any case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.reference import currencies
from nexi_async.reference.currencies import CURRENCIES


def test_the_currencies_are_those_of_nexi() -> None:
    """Nine currencies are known, each with two decimals, and only the Czech koruna is unconfirmed."""
    assert " ".join(CURRENCIES) == "CHF CZK DKK EUR GBP NOK PLN SEK USD"
    assert {row.exponent for row in CURRENCIES.values()} == {2}
    assert [row.code for row in CURRENCIES.values() if not row.is_confirmed] == ["CZK"]


@pytest.mark.parametrize("code", ["NOK", "nok", "Nok"])
def test_case_makes_no_difference(code: str) -> None:
    """A code is found however it is typed; the row holds what to send."""
    row = currencies.look_up(code)
    assert row is CURRENCIES["NOK"]
    assert row.code == "NOK"


@given(st.text().filter(lambda text: text.upper() not in CURRENCIES))
def test_any_other_code_is_none(code: str) -> None:
    """What Nexi Checkout does not take has no row."""
    assert currencies.look_up(code) is None


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    with pytest.raises(TypeError):
        CURRENCIES["ISK"] = CURRENCIES["NOK"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        CURRENCIES["NOK"].exponent = 0  # type: ignore[misc]
