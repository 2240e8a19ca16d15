"""Tests of nexi_async.batch._results: what an error means for a job."""

from __future__ import annotations

import pytest

from nexi_async import (
    APIError,
    BadRequest,
    ChargeDeclined,
    Conflict,
    ConnectFailed,
    ConnectionLost,
    InvalidRequest,
    NexiError,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    TimedOut,
    Unauthorized,
    UnexpectedResponse,
)
from nexi_async.batch._results import JobOutcome, JobResult, JobState, outcome_of

REJECTED, UNKNOWN, NOT_SENT = Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ChargeDeclined("no", status=402, code="51", outcome=REJECTED), JobState.DECLINED),
        (ChargeDeclined("no", status=402, outcome=UNKNOWN), JobState.UNKNOWN),
        (BadRequest("bad", status=400, outcome=REJECTED), JobState.FAILED),
        (NotFound("who", status=404, outcome=REJECTED), JobState.FAILED),
        (APIError("no page", status=404, outcome=REJECTED), JobState.PLANNED),
        (Conflict("busy", status=409, outcome=UNKNOWN), JobState.UNKNOWN),
        (InvalidRequest([("a", "b")]), JobState.FAILED),
        (ServerError("oops", status=500, outcome=UNKNOWN), JobState.UNKNOWN),
        (ConnectionLost("gone", outcome=UNKNOWN), JobState.UNKNOWN),
        (TimedOut("late", outcome=UNKNOWN), JobState.UNKNOWN),
        (TimedOut("no connection", outcome=NOT_SENT), JobState.PLANNED),
        (ConnectFailed("nobody there", outcome=NOT_SENT), JobState.PLANNED),
        (RateLimited("slow", status=429, outcome=REJECTED), JobState.PLANNED),
        (ServerError("later", status=503, outcome=REJECTED), JobState.PLANNED),
        (Unauthorized("who", status=401, outcome=REJECTED), JobState.PLANNED),
        (APIError("no", status=403, outcome=REJECTED), JobState.PLANNED),
        (UnexpectedResponse("odd", body=b"?"), JobState.UNKNOWN),
    ],
)
def test_an_error_becomes_a_state(error: NexiError, state: JobState) -> None:
    """What may have happened is unknown; what surely did not is sent later, unless it is refused for good."""
    assert outcome_of(error).state is state


def test_only_load_and_broken_ways_are_trouble() -> None:
    """A decline is a normal response; it does not lower the limit."""
    assert not outcome_of(ChargeDeclined("no", status=402, code="51", outcome=REJECTED)).is_api_failure
    assert outcome_of(RateLimited("slow", status=429, outcome=REJECTED)).is_api_failure
    assert outcome_of(ConnectionLost("gone", outcome=UNKNOWN)).is_api_failure
    assert outcome_of(APIError("no page", status=404, outcome=REJECTED)).is_api_failure


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_refused_for_all(status: int) -> None:
    """The API would refuse every other job too."""
    error = APIError("no", status=status, outcome=REJECTED)

    assert outcome_of(error).refused_for_all is error


def result(outcome: JobOutcome) -> JobResult:
    """The result of a job that ended so."""
    return JobResult(
        reference="1",
        state=outcome.state,
        subscription_id="s",
        amount=1,
        currency="SEK",
        attempts=1,
        code=outcome.code,
        idempotency_key="k",
    )


@pytest.mark.parametrize(("code", "advice"), [("51", "soft"), ("43", "never"), ("07", "hard"), (None, "unknown")])
def test_a_decline_comes_with_advice(code: str | None, advice: str) -> None:
    """From the table of acquirer codes."""
    assert result(JobOutcome(state=JobState.DECLINED, code=code)).advice == advice


def test_only_declines_come_with_advice() -> None:
    """There is nothing to try again after a charge, and no card to blame after a failure."""
    assert result(JobOutcome(state=JobState.FAILED, code="1000")).advice is None
