"""The transitions of a stored event, decided without an inbox."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.webhooks import StoredEvent
from nexi_async.webhooks._stored_events import MAX_ERROR_LENGTH, backoff, done, failed, released

EVENT = StoredEvent(
    number=7,
    id="aa01",
    event="payment.created",
    payment_id="bb02",
    body=b'{"data": "Maja Lind"}',
    happened=900.0,
    received=1000.0,
    due=1030.0,
    attempts=3,
    worker="w1",
    error="RuntimeError: out of stock",
)


def test_a_handled_event_is_done() -> None:
    """It ends now, without an error."""
    result = done(EVENT, 1005.0)
    assert (result.number, result.worker, result.state, result.due) == (7, "w1", "done", 1005.0)
    assert (result.attempts, result.error) == (3, None)


def test_a_failed_event_waits_for_its_next_try() -> None:
    """It says why it failed, and comes round later."""
    result = failed(EVENT, ValueError("no such order"), 1005.0, max_attempts=4, jitter=0.0)
    assert (result.state, result.due, result.error) == ("waiting", 1025.0, "ValueError: no such order")


def test_the_last_failure_is_the_end() -> None:
    """After its last try an event is dead."""
    result = failed(EVENT, ValueError("no such order"), 1005.0, max_attempts=3, jitter=0.0)
    assert (result.state, result.due, result.error) == ("dead", 1005.0, "ValueError: no such order")


def test_an_error_can_always_be_written() -> None:
    """Endless or odd words do not keep a failure from being written down."""
    result = failed(EVENT, ValueError("\0" + "a" * 5000), 1005.0, max_attempts=3, jitter=0.0)
    assert result.error is not None
    assert "\0" not in result.error
    assert len(result.error) <= MAX_ERROR_LENGTH


def test_a_released_event_has_not_been_attempted() -> None:
    """It waits from now on, and this try does not count."""
    result = released(EVENT, 1005.0)
    assert (result.state, result.due, result.attempts, result.error) == ("waiting", 1005.0, 2, EVENT.error)


def test_delays_double_up_to_an_hour() -> None:
    """Without jitter: 5, 10, 20 seconds and so on."""
    assert [backoff(attempts, 0.0) for attempts in range(1, 13)] == [
        5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600,
    ]  # fmt: skip


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_chance_takes_off_up_to_a_half(attempts: int, jitter: float) -> None:
    """Events that failed together are not retried together; however often, the delay is a number."""
    longest = backoff(attempts, 0.0)
    assert math.isfinite(longest)
    assert longest / 2 <= backoff(attempts, jitter) <= longest


def test_an_event_can_be_printed() -> None:
    """Neither the body nor an error's words are shown."""
    assert "Maja" not in repr(EVENT)
    assert "stock" not in repr(EVENT)


@pytest.mark.parametrize(
    ("name", "text"), [("received_at", "1970-01-01T00:16:40+00:00"), ("due_at", "1970-01-01T00:17:10+00:00")]
)
def test_moments_have_a_time_zone(name: str, text: str) -> None:
    """Seconds are for clocks, date-times for people."""
    assert getattr(EVENT, name).isoformat() == text
    assert attrs.evolve(EVENT, number=8) != EVENT
