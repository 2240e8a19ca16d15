"""Tests of nexi_async._transport.request."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import InvalidRequest, Outcome
from nexi_async._transport.request import Request, Response, segment


@pytest.mark.parametrize(
    ("call", "is_idempotent"),
    [
        (Request(operation="test", method="GET", path="/v1/x"), True),
        (Request(operation="test", method="PUT", path="/v1/x", body=b"{}"), True),
        (Request(operation="test", method="POST", path="/v1/x", key="k"), True),
        (Request(operation="test", method="POST", path="/v1/x"), False),
        (Request(operation="test", method="PATCH", path="/v1/x"), False),
    ],
    ids=lambda value: str(value),
)
def test_what_may_be_repeated(call: Request, is_idempotent: bool) -> None:
    """Reading, setting a value, and whatever carries a key; nothing else."""
    assert call.is_idempotent is is_idempotent


def test_call_shows_no_body() -> None:
    """What the shopper typed stays out of text and repr."""
    call = Request(operation="test", method="POST", path="/v1/payments", body=b'{"email":"ingrid@example.no"}')
    assert str(call) == "POST /v1/payments"
    assert "ingrid" not in repr(call)


def test_answer_finds_the_first_header_of_a_name() -> None:
    """Headers are looked up by their lower-case name."""
    assert Response(status=200, headers=(("x-a", "1"), ("x-b", "2"), ("x-b", "3"))).header("x-b") == "2"
    assert Response(status=200).header("x-b") is None


def test_answer_shows_no_body() -> None:
    """An answer may hold personal data, and its repr does not."""
    assert "Ingrid" not in repr(Response(status=200, body=b"Ingrid"))


@pytest.mark.parametrize("identifier", ["", " ", "\t", ".", "..", "a\nb", "a\0b", "\u200e", "x" * 129])
def test_odd_ids_are_refused(identifier: str) -> None:
    """An id that would reach another endpoint, or can't be one, is refused and named."""
    with pytest.raises(InvalidRequest) as caught:
        segment(identifier, name="payment_id")
    assert [fault.path for fault in caught.value.faults] == ["payment_id"]
    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("identifier", [None, 7, b"p1", UUID(int=7)])
def test_ids_are_text(identifier: Any) -> None:
    """Anything but text is refused as bad input, not by accident."""
    with pytest.raises(InvalidRequest, match="payment_id: must be text"):
        segment(identifier, name="payment_id")


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=128))
def test_an_id_stays_one_segment(identifier: str) -> None:
    """Whatever stands in an id, it ends up as one segment of the address that is called, unchanged."""
    try:
        quoted = segment(identifier, name="payment_id")
    except InvalidRequest:
        return
    path = httpx.URL(f"https://api.test/v1/payments/{quoted}/charges").raw_path.decode()
    start, version, root, there, end = path.split("/")
    assert (start, version, root, unquote(there), end) == ("", "v1", "payments", identifier, "charges")
