"""Tests of nexi_async._transport.retry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._errors import (
    ConnectFailed,
    ConnectionLost,
    InvalidRequest,
    NexiError,
    Outcome,
    TimedOut,
    UnexpectedResponse,
)
from nexi_async._transport.api_errors import error_from_response
from nexi_async._transport.request import Request, Response
from nexi_async._transport.retry import RetryPolicy, retry_delay

POLICY = RetryPolicy(attempts=3, first_delay=1.0, longest_delay=8.0, deadline=60.0)

GET = Request(operation="test", method="GET", path="/v1/payments/p1")
PUT = Request(operation="test", method="PUT", path="/v1/payments/p1/terminate")
KEYED = Request(operation="test", method="POST", path="/v1/payments/p1/charges", body=b"{}", key="k1")
BARE = Request(operation="test", method="POST", path="/v1/payments", body=b"{}")


WITHOUT_ANSWER = {
    "not connected": ConnectFailed("x"),
    "no connection in time": TimedOut("x", outcome=Outcome.NOT_SENT),
    "connection lost": ConnectionLost("x"),
    "time ran out": TimedOut("x"),
    "unreadable 2xx": UnexpectedResponse("x", body=b"<html>"),
    "refused here": InvalidRequest([("amount", "is wrong")]),
}


def failing(what: str, *, call: Request, retry_after: str = "2") -> NexiError:
    """A failure by the name that the table gives it."""
    if what in WITHOUT_ANSWER:
        return WITHOUT_ANSWER[what]
    status, _, extra = what.partition(" with ")
    headers = (("retry-after", retry_after),) if extra == "Retry-After" else ()
    body = b'{"code": "1001"}' if extra == "code" else b""
    return error_from_response(call, Response(status=int(status), headers=headers, body=body))


ALWAYS, IF_REPEATABLE, NEVER = (GET, PUT, KEYED, BARE), (GET, PUT, KEYED), ()

TABLE = [
    ("not connected", ALWAYS),
    ("no connection in time", ALWAYS),
    ("408", ALWAYS),
    ("408 with Retry-After", ALWAYS),
    ("429", ALWAYS),
    ("429 with Retry-After", ALWAYS),
    ("503 with Retry-After", IF_REPEATABLE),
    ("connection lost", IF_REPEATABLE),
    ("time ran out", IF_REPEATABLE),
    ("500", IF_REPEATABLE),
    ("500 with Retry-After", IF_REPEATABLE),
    ("502", IF_REPEATABLE),
    ("503", IF_REPEATABLE),
    ("504", IF_REPEATABLE),
    ("409", (KEYED,)),
    ("409 with code", NEVER),
    ("400", NEVER),
    ("400 with code", NEVER),
    ("400 with Retry-After", NEVER),
    ("401", NEVER),
    ("402", NEVER),
    ("402 with code", NEVER),
    ("403", NEVER),
    ("404", NEVER),
    ("405", NEVER),
    ("422", NEVER),
    ("301", NEVER),
    ("307", NEVER),
    ("unreadable 2xx", NEVER),
    ("refused here", NEVER),
]


@pytest.mark.parametrize("call", [GET, PUT, KEYED, BARE], ids=["GET", "PUT", "POST with key", "POST without"])
@pytest.mark.parametrize(("what", "repeated"), TABLE, ids=[what for what, _ in TABLE])
def test_what_is_sent_again(what: str, repeated: tuple[Request, ...], call: Request) -> None:
    """Every row and column of the table: a call is sent again exactly if it can't be done twice by that."""
    delay = retry_delay(POLICY, call, failing(what, call=call), attempt=1, elapsed=0.0, draw=1.0)
    assert (delay is not None) is (call in repeated)


@pytest.mark.parametrize("what", [what for what, repeated in TABLE if repeated])
def test_one_attempt_switches_retries_off(what: str) -> None:
    """With `attempts=1` nothing is ever sent again."""
    policy = RetryPolicy(attempts=1)
    assert retry_delay(policy, KEYED, failing(what, call=KEYED), attempt=1, elapsed=0.0, draw=0.0) is None


def test_the_last_attempt_is_the_last() -> None:
    """After as many attempts as allowed there is no further one."""
    delays = [
        retry_delay(POLICY, KEYED, ConnectionLost("x"), attempt=attempt, elapsed=0.0, draw=1.0) for attempt in (1, 2, 3)
    ]
    assert delays == [1.0, 2.0, None]


def test_delay_doubles_up_to_the_longest() -> None:
    """The range of the wait doubles with every attempt and then stays."""
    policy = RetryPolicy(attempts=9, first_delay=0.5, longest_delay=3.0)
    delays = [
        retry_delay(policy, KEYED, ConnectionLost("x"), attempt=attempt, elapsed=0.0, draw=1.0)
        for attempt in range(1, 7)
    ]
    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_any_number_of_attempts_has_a_delay() -> None:
    """Doubling for hours ends at the longest delay, not beyond what a number can hold."""
    policy = RetryPolicy(attempts=10_000)
    delay = retry_delay(policy, KEYED, ConnectFailed("x"), attempt=5000, elapsed=0.0, draw=1.0)
    assert delay == policy.longest_delay


def test_delay_is_drawn_from_the_whole_range() -> None:
    """Full jitter: many clients that failed together do not come back together."""
    delays = [
        retry_delay(POLICY, KEYED, ConnectionLost("x"), attempt=2, elapsed=0.0, draw=draw) for draw in (0.0, 0.25, 1.0)
    ]
    assert delays == [0.0, 0.5, 2.0]


def test_the_servers_wait_is_kept() -> None:
    """Retry-After is waited for as it is, not shortened by chance or by the longest delay."""
    failure = failing("429 with Retry-After", call=KEYED, retry_after="30")
    assert retry_delay(POLICY, KEYED, failure, attempt=1, elapsed=0.0, draw=0.1) == 30.0


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """A server that asks for more time than is left gets no further attempt."""
    failure = failing("429 with Retry-After", call=KEYED, retry_after="30")
    assert retry_delay(POLICY, KEYED, failure, attempt=1, elapsed=27.0, draw=0.0) == 30.0
    assert retry_delay(POLICY, KEYED, failure, attempt=1, elapsed=27.1, draw=0.0) is None


@pytest.mark.parametrize(("deadline", "last"), [(90.0, 87.0), (30.0, 27.0), (10.0, 9.0), (1.0, 0.9)])
def test_no_attempt_begins_that_cannot_be_heard(deadline: float, last: float) -> None:
    """The last 3 seconds, or the last tenth of a short deadline, are no time to begin."""
    assert RetryPolicy(deadline=deadline).last_start == pytest.approx(last)


@pytest.mark.parametrize(
    "limits", [{"attempts": 0}, {"first_delay": -0.1}, {"longest_delay": -1.0}, {"deadline": 0.0}], ids=str
)
def test_senseless_limits_are_refused(limits: dict[str, float]) -> None:
    """A policy that could not be kept is not made."""
    with pytest.raises(ValueError, match=next(iter(limits))):
        RetryPolicy(**limits)  # type: ignore[arg-type]


@given(
    policy=st.builds(
        RetryPolicy,
        attempts=st.integers(1, 50),
        first_delay=st.floats(0, 100),
        longest_delay=st.floats(0, 100),
        deadline=st.floats(0.1, 1000),
    ),
    call=st.sampled_from([GET, PUT, KEYED, BARE]),
    what=st.sampled_from([what for what, _ in TABLE]),
    attempt=st.integers(1, 60),
    elapsed=st.floats(0, 2000),
    draw=st.floats(0, 1),
)
def test_no_delay_breaks_the_limits(
    policy: RetryPolicy, call: Request, what: str, attempt: int, elapsed: float, draw: float
) -> None:
    """Whatever happens, a wait is never negative, ends before the deadline, and only a server makes it long."""
    failure = failing(what, call=call)
    delay = retry_delay(policy, call, failure, attempt=attempt, elapsed=elapsed, draw=draw)
    if delay is not None:
        assert attempt < policy.attempts
        assert delay >= 0
        assert elapsed + delay <= policy.last_start < policy.deadline
        assert delay <= policy.longest_delay or "Retry-After" in what
