"""Platform codes are listed without a gap, and an unlisted one is no surprise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.reference import error_codes
from nexi_async.reference.error_codes import ERROR_CODES
from nexi_async.reference.retry_advice import RetryAdvice


def test_every_code_is_listed() -> None:
    """The codes 1000 to 1032 each have a row, and no two share a name."""
    assert list(ERROR_CODES) == [str(code) for code in range(1000, 1033)]
    assert len({row.name for row in ERROR_CODES.values()}) == 33


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=lambda row: row.name)
def test_every_row_says_what_to_do(row: error_codes.ErrorCode) -> None:
    """A meaning is a clause to build a message from, an advice a whole sentence."""
    assert row.is_listed
    assert row.meaning[0].islower() or row.meaning.startswith("Riverty")
    assert not row.meaning.endswith(".")
    assert row.advice[0].isupper()
    assert row.advice.endswith(".")


@pytest.mark.parametrize("code", ["1029", 1029, " 1029 "])
def test_text_and_number_find_the_same_row(code: str | int) -> None:
    """The API sends codes as digits in a string; a number does as well."""
    row = error_codes.look_up(code)
    assert (row.code, row.name, row.retry) == ("1029", "HardDecline", RetryAdvice.NEVER)


@given(st.text().filter(lambda text: text.strip() not in ERROR_CODES))
def test_an_unlisted_code_still_has_a_row(code: str) -> None:
    """Whatever the server sends, the answer says that the code is not listed and keeps it."""
    row = error_codes.look_up(code)
    assert (row.code, row.is_listed, row.retry) == (code.strip(), False, RetryAdvice.UNKNOWN)


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    with pytest.raises(TypeError):
        ERROR_CODES["1000"] = ERROR_CODES["1001"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        ERROR_CODES["1000"].name = "Mine"  # type: ignore[misc]
