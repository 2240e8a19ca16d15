"""Tests of nexi_async._errors."""

from __future__ import annotations

import pickle

import pytest

from nexi_async._errors import (
    APIError,
    BadRequest,
    ChargeDeclined,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    InvalidRequest,
    NexiError,
    Outcome,
    RateLimited,
    StorageUnavailable,
    TimedOut,
    UnexpectedResponse,
)


def every_kind() -> list[NexiError]:
    """One error of each shape."""
    return [
        InvalidRequest([("order.amount", "is wrong")]),
        ConfigurationError([("ledger", "is wrong")]),
        StorageUnavailable("the database is unavailable"),
        APIError("GET /x answered 405", status=405),
        BadRequest("POST /x answered 400", status=400, errors={"amount": ("wrong",)}),
        BadRequest("POST /x answered 400", status=400),
        ChargeDeclined("POST /x answered 402", status=402, code="51", message="no money", source="Issuer", body=b"{}"),
        RateLimited("GET /x answered 429", status=429),
        ConnectFailed("no connection"),
        TimedOut("too slow", outcome=Outcome.NOT_SENT),
        ConnectionLost("gone", outcome=Outcome.UNKNOWN, idempotency_key="k", attempts=3),
        UnexpectedResponse("odd", body=b"<html>", faults=[("a", "is missing")]),
    ]


@pytest.mark.parametrize("error", every_kind(), ids=lambda error: type(error).__name__)
def test_pickle_keeps_everything(error: NexiError) -> None:
    """An error crosses process boundaries with its outcome, key, attempts and facts."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
    assert copy.outcome is error.outcome


def test_text_says_what_happened_to_the_money() -> None:
    """The text names the outcome, the attempts and the key to ask with."""
    error = TimedOut("POST /v1/x was not answered", outcome=Outcome.UNKNOWN, idempotency_key="abc", attempts=2)
    assert str(error) == (
        "POST /v1/x was not answered (outcome unknown: it may have happened, after 2 attempts, idempotency key abc)"
    )


def test_bad_request_without_complaints() -> None:
    """One that a user makes for a test has none, not no attribute."""
    assert BadRequest("POST /x answered 400", status=400).errors == {}


def test_invalid_request_lists_every_fault() -> None:
    """Each fault stands in the text with its place."""
    error = InvalidRequest([("a", "is wrong"), ("b[0].c", "is missing")])
    assert str(error) == "a: is wrong; b[0].c: is missing (refused before sending)"
    assert error.outcome is Outcome.NOT_SENT


def test_invalid_request_is_a_value_error() -> None:
    """Callers that handle ValueError need not know this package."""
    assert issubclass(InvalidRequest, ValueError)


def test_decline_explains_the_code() -> None:
    """A decline knows whether the card may be tried again."""
    declined = ChargeDeclined("declined", status=402, code="51")
    assert declined.decline.meaning == "not sufficient funds"
    assert declined.decline.may_retry


def test_hard_decline_must_not_be_repeated() -> None:
    """A lost card is never tried again."""
    assert not ChargeDeclined("declined", status=402, code="41").decline.may_retry


def test_decline_without_a_code_is_answered_too() -> None:
    """An empty 402 body leaves no code, and asking about it does not fail."""
    assert not ChargeDeclined("declined", status=402).decline.is_listed


@pytest.mark.parametrize("told", ["order.amount", "amount", "Order.Amount"])
@pytest.mark.parametrize("asked", ["order.amount", "amount"])
def test_complaints_are_found_by_either_path(told: str, asked: str) -> None:
    """The API has been seen to write the whole path of a member and its last part alone."""
    error = BadRequest("x", status=400)
    error.errors = {told: ("is wrong",), "order.items[0].netTotalAmount": ("is odd",), "checkout.url": ("is long",)}
    assert error.about(asked) == ("is wrong",)
    assert error.about("url") == ("is long",)
    assert error.about("reference") == ()


def test_an_unexpected_response_carries_what_came_across_processes() -> None:
    """The ids of what happened are at hand wherever the error is read."""
    error = UnexpectedResponse("odd", body=b'{"chargeId": "c"}', document={"chargeId": "c"})
    assert pickle.loads(pickle.dumps(error)).document == {"chargeId": "c"}
