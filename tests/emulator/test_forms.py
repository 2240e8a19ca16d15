"""What is read from the forms of pages."""

import pytest

from nexi_async.emulator._forms import read_money


@pytest.mark.parametrize(("text", "amount"), [("125", 12500), ("1,250.5", 125050), (" 0.05 ", 5), (".5", 50)])
def test_amounts_are_read(text: str, amount: int) -> None:
    """Major units with at most two decimals, exactly."""
    assert read_money(text) == amount


@pytest.mark.parametrize("text", ["", ".", "-1", "1.234", "1e3", "٣", "1234567890"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="no amount"):
        read_money(text)
