"""A decline is explained, with advice on trying again, whatever code the acquirer sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.reference import acquirer_codes
from nexi_async.reference.acquirer_codes import ACQUIRER_CODES, Source
from nexi_async.reference.error_codes import ERROR_CODES
from nexi_async.reference.retry_advice import RetryAdvice


def codes_with(advice: RetryAdvice) -> str:
    """The listed codes that carry this advice, in order."""
    return " ".join(code for code, row in ACQUIRER_CODES.items() if row.retry is advice)


def test_every_two_digit_code_is_listed() -> None:
    """The standard numbers its codes from 00 to 99, and each has a row."""
    assert list(ACQUIRER_CODES) == [f"{code:02}" for code in range(100)]


def test_the_issuers_refusals_for_good_are_never_repeated() -> None:
    """Exactly the codes of Nexi's list are never to be tried again."""
    assert codes_with(RetryAdvice.NEVER) == "04 14 15 41 43 46 54 57"


def test_hard_and_soft_declines_are_the_integrators_lists() -> None:
    """What integrators hold to be hard or soft is advised as such, as far as Nexi does not say never."""
    soft = "01 03 05 13 19 22 30 31 34 42 51 55 58 59 61 62 63 65 75 78 80 82 83 85 86 91 92 93 96"
    assert codes_with(RetryAdvice.HARD) == "06 07 12 56 79"
    assert codes_with(RetryAdvice.SOFT) == soft


def test_the_common_codes_are_marked() -> None:
    """Nexi's short list is distinguished from the long one."""
    assert [code for code, row in ACQUIRER_CODES.items() if row.is_common] == [
        "05",
        "41",
        "43",
        "51",
        "59",
        "99",
    ]


@pytest.mark.parametrize("code", ["5", "05", 5, " 05", "005"])
def test_padding_makes_no_difference(code: str | int) -> None:
    """Nexi prints a code with and without its leading zero; both are the same code."""
    row = acquirer_codes.look_up(code)
    assert (row.code, row.meaning, row.source) == ("05", "do not honour", Source.NEXI)


@given(st.integers(0, 99), st.integers(0, 4))
def test_any_padding_makes_no_difference(code: int, zeros: int) -> None:
    """However many zeros lead a code, its row is found."""
    assert acquirer_codes.look_up("0" * zeros + str(code)) is ACQUIRER_CODES[f"{code:02}"]


def test_a_platform_code_is_explained_too() -> None:
    """A declined charge that carries Nexi's own code takes that code's advice."""
    row = acquirer_codes.look_up("1029")
    assert (row.code, row.source, row.retry) == ("1029", Source.PLATFORM, RetryAdvice.NEVER)
    assert "HardDecline" in row.meaning
    assert row.limit is None


@given(st.text(st.characters(exclude_categories=["Nd"])) | st.sampled_from(["911", "-5", "100"]))
def test_an_unlisted_code_still_has_a_row(code: str) -> None:
    """Whatever the acquirer sends, the answer says that no list has it, and keeps it."""
    row = acquirer_codes.look_up(code)
    assert (row.code, row.is_listed, row.source) == (code.strip(), False, Source.UNLISTED)
    assert row.may_retry
    assert row.limit


def test_a_missing_code_is_not_listed() -> None:
    """An answer without a code is not blamed on an unlisted one."""
    assert acquirer_codes.look_up("").meaning == "the answer carries no code"


def test_acquirer_and_platform_codes_do_not_meet() -> None:
    """No code has two meanings."""
    assert not set(ACQUIRER_CODES) & set(ERROR_CODES)


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    with pytest.raises(TypeError):
        ACQUIRER_CODES["05"] = ACQUIRER_CODES["41"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        ACQUIRER_CODES["05"].retry = RetryAdvice.NEVER  # type: ignore[misc]
