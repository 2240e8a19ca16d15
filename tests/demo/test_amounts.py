"""Amounts are written as people write them."""

from __future__ import annotations

import pytest

from nexi_async._demo.amounts import as_text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00 SEK"), (5, "0.05 SEK"), (123456789, "1 234 567.89 SEK"), (-1250, "-12.50 SEK")]
)
def test_minor_units_become_decimals(amount: int, text: str) -> None:
    """Two decimals, blanks between thousands, a sign where one belongs."""
    assert as_text(amount, "SEK") == text
