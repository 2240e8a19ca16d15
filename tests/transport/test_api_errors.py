"""Tests of nexi_async._transport.api_errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import (
    APIError,
    BadRequest,
    ChargeDeclined,
    Conflict,
    NexiError,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    Unauthorized,
)
from nexi_async._transport.api_errors import error_from_response, outcome_after_unknown
from nexi_async._transport.request import Request, Response

KEYED = Request(operation="test", method="POST", path="/v1/payments/p1/charges", body=b"{}", key="k1")
BARE = Request(operation="test", method="POST", path="/v1/payments", body=b"{}")
READ = Request(operation="test", method="GET", path="/v1/payments/p1")

REJECTED, UNKNOWN = Outcome.REJECTED, Outcome.UNKNOWN
DECLINE = {"message": "Insufficient funds", "code": "51", "source": "Issuer"}

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "code", "message", "a"]), inner),
)


def failure(
    status: int, body: object = b"", headers: tuple[tuple[str, str], ...] = (), *, call: Request = KEYED
) -> APIError:
    """What an answer to a call is turned into."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(call, Response(status=status, headers=headers, body=raw))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (402, ChargeDeclined),
        (403, APIError),
        (404, NotFound),
        (405, APIError),
        (408, APIError),
        (409, Conflict),
        (418, APIError),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (302, APIError),
    ],
)
def test_kind_by_status(status: int, kind: type[APIError]) -> None:
    """Each status has its own class, and any other one the general class."""
    error = failure(status)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (302, (), UNKNOWN),
        (400, (), REJECTED),
        (401, (), REJECTED),
        (402, (), REJECTED),
        (404, (), REJECTED),
        (405, (), REJECTED),
        (408, (), REJECTED),
        (429, (), REJECTED),
        (500, (), UNKNOWN),
        (502, (), UNKNOWN),
        (503, (), UNKNOWN),
        (503, (("retry-after", "5"),), UNKNOWN),
        (503, (("retry-after", "soon"),), UNKNOWN),
        (504, (), UNKNOWN),
        (500, (("retry-after", "5"),), UNKNOWN),
    ],
)
@pytest.mark.parametrize("call", [KEYED, BARE], ids=["with key", "without"])
def test_outcome_by_status(call: Request, status: int, headers: tuple[tuple[str, str], ...], outcome: Outcome) -> None:
    """A refusal changed nothing; a server that failed may have acted before it did."""
    assert failure(status, headers=headers, call=call).outcome is outcome


@pytest.mark.parametrize(
    ("call", "body", "outcome"),
    [(KEYED, b"", UNKNOWN), (KEYED, DECLINE, REJECTED), (BARE, b"", REJECTED), (BARE, DECLINE, REJECTED)],
    ids=["key, no code", "key and code", "no key, no code", "no key but code"],
)
def test_conflict_is_open_only_while_the_key_is_being_worked_on(call: Request, body: object, outcome: Outcome) -> None:
    """409 without a code means "the same key is in progress"; with a code it is a decision."""
    assert failure(409, body, call=call).outcome is outcome


@pytest.mark.parametrize("status", [400, 402, 409, 500])
def test_code_message_and_source(status: int) -> None:
    """`{message, code, source}` is read whatever the status."""
    error = failure(status, DECLINE)
    assert (error.code, error.message, error.source) == ("51", "Insufficient funds", "Issuer")


def test_numeric_code_becomes_text() -> None:
    """A code that comes as a number is the same code."""
    assert failure(402, {"code": 1001}).code == "1001"


@pytest.mark.parametrize("body", [{"code": None}, {"code": ""}, {"code": {}}, {"code": ["1001"]}, {}])
def test_no_code(body: object) -> None:
    """What is not a code is none."""
    assert failure(402, body).code is None


@pytest.mark.parametrize(
    "body",
    [
        {"errors": {"amount": ["wrong sum", "too much"], "currency": ["unknown"]}},
        {"amount": ["wrong sum", "too much"], "currency": ["unknown"]},
    ],
    ids=["wrapped", "bare"],
)
def test_complaints_by_member(body: object) -> None:
    """Both shapes of the map of complaints are read, and stand in the text."""
    error = failure(400, body)
    assert isinstance(error, BadRequest)
    assert error.errors == {"amount": ("wrong sum", "too much"), "currency": ("unknown",)}
    assert "amount: wrong sum, too much" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Bad gateway</h1></html>",
        b'{"errors": {"amount"',
        b"\xff\xfe",
        b"null",
        b"[1, 2]",
        b'"text"',
        b'{"errors": ["x"]}',
        b'{"errors": null}',
        b"[" * 5000,
    ],
)
@pytest.mark.parametrize("status", [400, 402, 502])
def test_bodies_that_say_nothing(status: int, body: bytes) -> None:
    """An empty, broken or foreign body still gives the error of its status, and is kept."""
    error = failure(status, body)
    assert (error.code, error.message, error.source) == (None, None, None)
    assert error.body == body
    assert not isinstance(error, BadRequest) or error.errors == {}


@given(st.integers(300, 599), st.binary() | documents)
def test_any_answer_is_an_error_with_an_outcome(status: int, body: object) -> None:
    """No answer other than 2xx breaks the client."""
    assert failure(status, body).outcome in (REJECTED, UNKNOWN)


def test_text_names_call_status_and_code() -> None:
    """The text says which call failed and why."""
    assert str(failure(402, DECLINE)).startswith("POST /v1/payments/p1/charges answered 402; 51; Insufficient funds")


def test_long_texts_are_cut() -> None:
    """A page of text does not end up in a log line, but is kept on the error."""
    error = failure(500, {"message": "x" * 5000})
    assert len(str(error)) < 400
    assert error.message == "x" * 5000


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "x-correlation-id", "correlation-id", "trace-id"])
def test_request_id(name: str) -> None:
    """The server's name for the exchange is kept under whichever header it comes."""
    assert failure(500, headers=((name, "r-1"),)).request_id == "r-1"


def test_no_request_id() -> None:
    """Without such a header, or with an empty one, there is none."""
    assert failure(500, headers=(("x-request-id", ""),)).request_id is None


def test_retry_after_in_seconds() -> None:
    """A number is seconds."""
    assert failure(429, headers=(("retry-after", "120"),)).retry_after == 120.0


def test_retry_after_as_a_date() -> None:
    """A date is the seconds until then."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    found = failure(429, headers=(("retry-after", moment),)).retry_after
    assert found is not None
    assert 55 < found <= 60


def test_retry_after_by_the_servers_clock() -> None:
    """A machine whose clock is an hour behind waits no longer for that."""
    now = datetime.now(UTC) + timedelta(hours=1)
    headers = (("date", format_datetime(now)), ("retry-after", format_datetime(now + timedelta(seconds=5))))
    assert failure(429, headers=headers).retry_after == 5.0


def test_retry_after_in_the_past() -> None:
    """A date that has gone by means at once."""
    assert failure(429, headers=(("retry-after", "Mon, 01 Jan 2024 00:00:00 GMT"),)).retry_after == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-1",
        "1.5",
        "5, 5",
        "١٢",
        "0x10",
        "Mon, 32 Jan 2026 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_retry_after_that_says_nothing(text: str) -> None:
    """Nonsense counts as no header."""
    assert failure(429, headers=(("retry-after", text),)).retry_after is None


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, None, REJECTED),
        (402, "51", REJECTED),
        (402, "1003", REJECTED),
        (404, None, REJECTED),
        (402, None, UNKNOWN),
        (402, "1001", UNKNOWN),
        (402, "1008", UNKNOWN),
        (402, "1009", UNKNOWN),
        (402, "1023", UNKNOWN),
        (402, "1026", UNKNOWN),
        (402, "1027", UNKNOWN),
        (402, "09", UNKNOWN),
        (402, "9", UNKNOWN),
        (402, "94", UNKNOWN),
        (400, "1008", UNKNOWN),
        (401, None, UNKNOWN),
        (405, None, UNKNOWN),
        (409, None, UNKNOWN),
        (409, "1008", UNKNOWN),
        (429, None, UNKNOWN),
        (500, None, UNKNOWN),
    ],
)
def test_refusal_of_a_repeated_charge(status: int, code: str | None, outcome: Outcome) -> None:
    """With a key a decision is replayed, so it settles; what the first attempt itself would cause does not."""
    assert outcome_after_unknown(KEYED, failure(status, {"code": code})) is outcome


@pytest.mark.parametrize("body", [b"default backend - 404", b"<html><h1>404 Not Found</h1></html>", b"[]"])
@pytest.mark.parametrize("status", [400, 404])
def test_refusal_by_a_gateway_settles_nothing(status: int, body: bytes) -> None:
    """While the API is restarted its gateway may refuse the second attempt, and knows nothing of the first one."""
    assert outcome_after_unknown(KEYED, failure(status, body)) is UNKNOWN


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", NotFound), (b"{}", NotFound), (b'{"message": "no"}', NotFound), (b"<html>404</html>", APIError)],
)
def test_only_the_api_knows_what_does_not_exist(body: bytes, kind: type[APIError]) -> None:
    """A gateway without a way to the API answers 404 for payments that exist."""
    assert type(failure(404, body)) is kind


@pytest.mark.parametrize("status", [400, 404])
def test_refusal_without_a_body_settles(status: int) -> None:
    """The API sends no body with most refusals."""
    assert outcome_after_unknown(KEYED, failure(status, b"\n")) is REJECTED


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_refusal_of_a_repeated_setting(status: int) -> None:
    """Without a key nothing is replayed: the first attempt may be why the second is refused."""
    call = Request(operation="test", method="PUT", path="/v1/payments/p1/terminate")
    assert outcome_after_unknown(call, failure(status, DECLINE, call=call)) is UNKNOWN


@pytest.mark.parametrize(("status", "outcome"), [(401, REJECTED), (404, REJECTED), (429, REJECTED), (500, UNKNOWN)])
def test_refusal_of_a_repeated_reading(status: int, outcome: Outcome) -> None:
    """An earlier attempt to read did nothing, so the last answer alone counts."""
    assert outcome_after_unknown(READ, failure(status, call=READ)) is outcome


def test_every_failure_is_a_nexi_error() -> None:
    """One class catches them all."""
    assert all(isinstance(failure(status), NexiError) for status in range(300, 600))
