"""Tests of nexi_async._idempotency."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import InvalidRequest
from nexi_async._idempotency import check_key, derive_key, new_key


def test_new_keys_differ() -> None:
    """No two logical calls share a key."""
    assert len({new_key() for _ in range(1000)}) == 1000


def test_new_key_is_valid() -> None:
    """The API takes the keys that we make."""
    assert check_key(new_key())


@given(st.text(), st.text(), st.integers(min_value=1))
def test_derived_key_is_stable_and_valid(run: str, reference: str, attempt: int) -> None:
    """The same job always has the same key, whatever its reference holds."""
    assert derive_key(run, reference, attempt) == derive_key(run, reference, attempt)
    assert check_key(derive_key(run, reference, attempt))


def test_derived_key_never_changes() -> None:
    """A ledger written by an older release finds its charges again."""
    assert derive_key("2026-10", "job-1", 1) == "c802b51edcd5ee2dbbe89212a871f37ada1232d5ef13f919b7016cfda408cae"


@given(
    st.tuples(st.text(), st.text(), st.integers(min_value=1)),
    st.tuples(st.text(), st.text(), st.integers(min_value=1)),
)
def test_derived_keys_of_different_jobs_differ(one: tuple[str, str, int], other: tuple[str, str, int]) -> None:
    """Run, reference and attempt cannot be shifted into each other."""
    assert (derive_key(*one) == derive_key(*other)) == (one == other)


@pytest.mark.parametrize("key", ["", "a" * 64, "with space", "line\nbreak", "nön-ascii", "tab\t", None, 12345])
def test_unusable_key_is_refused(key: object) -> None:
    """A key that the API or HTTP would refuse never travels."""
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        check_key(key)


def test_longest_key_is_accepted() -> None:
    """63 characters are allowed."""
    assert check_key("a" * 63)
