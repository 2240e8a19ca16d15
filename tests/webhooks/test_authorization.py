"""The accepted values authorize a delivery, and nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks._authorization import accepted_authorizations, authorized, new_authorization

SECRETS = (b"current-value", b"previous-value")


@pytest.mark.parametrize("header", SECRETS)
def test_every_accepted_value_authorizes(header: bytes) -> None:
    """While values are rotated, the current and the previous one are good."""
    assert authorized(header, SECRETS)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"current-valu", b"current-value ", b"Bearer current-value", b"CURRENT-VALUE", "ångström".encode()],
)
def test_anything_else_does_not(header: bytes | None) -> None:
    """The value is compared as it is: no prefix, no case, no white space, no characters are forgiven."""
    assert not authorized(header, SECRETS)


@given(st.binary())
def test_no_header_breaks_the_comparison(header: bytes) -> None:
    """Bytes that are no text are refused like any other wrong value."""
    assert authorized(header, SECRETS) is (header in SECRETS)


def test_one_value_need_not_be_a_list() -> None:
    """A single text is one value, not a list of its characters."""
    assert accepted_authorizations("Kq7ZtB9f") == (b"Kq7ZtB9f",)
    assert accepted_authorizations(["current-value", "previous-value"]) == SECRETS


@pytest.mark.parametrize("value", ["", "short", "with space", "newline\n", "ångström-value", "tab\tinside"])
def test_a_value_that_can_not_be_right_is_refused(value: str) -> None:
    """An empty or broken setting is noticed at start, by its place and without repeating the secret."""
    with pytest.raises(InvalidRequest, match=re.escape("authorization[1]")) as refusal:
        accepted_authorizations(["Kq7ZtB9f", value])
    assert not value or value not in str(refusal.value)


def test_a_receiver_accepts_some_value() -> None:
    """No accepted value at all is a mistake."""
    with pytest.raises(InvalidRequest, match="at least one"):
        accepted_authorizations([])


def test_a_new_authorization_is_what_the_api_takes() -> None:
    """32 ASCII letters and digits, never the same twice, and good for a receiver."""
    values = {new_authorization() for _ in range(50)}
    assert len(values) == 50
    assert all(re.fullmatch("[A-Za-z0-9]{32}", value) for value in values)
    assert len(accepted_authorizations(values)) == 50
