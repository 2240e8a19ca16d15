"""Tests of nexi_async.batch.pacing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexi_async import APIError, Outcome
from nexi_async.batch.pacing import FIRST_LIMIT, MOST_TROUBLES_IN_A_ROW, Breaker, Pace, RateCap
from nexi_async.batch.results import Ending, JobState, ending_of


def after(pace: Pace, calls: int, *, seconds: float = 0.1, in_trouble: bool = False) -> int:
    """The limit after so many calls of one kind."""
    for _ in range(calls):
        pace.note(seconds, in_trouble=in_trouble)
    return pace.limit


def test_it_starts_small_and_doubles_until_the_first_trouble() -> None:
    """A window of good answers doubles the limit, up to the most that is wanted."""
    pace = Pace(100)

    assert [pace.limit, *(after(pace, pace.limit) for _ in range(4))] == [16, 32, 64, 100, 100]


def test_trouble_shrinks_it_at_once_and_growth_is_slow_then() -> None:
    """Three tenths less; then a twentieth more for every good window."""
    pace = Pace(1000)
    after(pace, 16 + 32 + 64)

    assert after(pace, 128, in_trouble=True) == 89
    assert after(pace, 89) == 93


def test_a_little_trouble_is_borne() -> None:
    """One answer in twenty may fail without slowing the run."""
    pace = Pace(1000)
    after(pace, 16 + 32 + 64)
    after(pace, 6, in_trouble=True)

    assert after(pace, 122) == 256


def test_slow_answers_shrink_it() -> None:
    """Three times as long as at best is a sign of overload, if it is felt at all."""
    pace = Pace(64)
    after(pace, 200, seconds=0.1)

    assert after(pace, 64, seconds=1.0) == 44
    assert after(Pace(64), 16, seconds=0.01) == 32


def test_an_api_that_has_become_slower_for_good_is_not_starved() -> None:
    """What was best once is forgotten in time."""
    pace = Pace(64)
    after(pace, 200, seconds=0.1)

    assert after(pace, 5_000, seconds=1.0) == 64


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=500), st.integers(1, 300))
def test_the_limit_stays_between_one_and_the_most(answers: list[tuple[float, bool]], most: int) -> None:
    """Whatever the API answers."""
    pace = Pace(most)
    assert pace.limit == min(most, FIRST_LIMIT)
    for seconds, in_trouble in answers:
        pace.note(seconds, in_trouble=in_trouble)
        assert 1 <= pace.limit <= most


def test_a_rate_spreads_turns_evenly() -> None:
    """Ten a second are a tenth of a second apart, however many ask at once; a pause is not made up for."""
    rate = RateCap(10)

    assert [round(rate.delay(5.0), 6) for _ in range(3)] == [0.0, 0.1, 0.2]
    assert rate.delay(60.0) == 0.0
    assert RateCap(None).delay(0.0) == 0.0


FINE = Ending(state=JobState.CHARGED)
TROUBLE = Ending(state=JobState.UNKNOWN, in_trouble=True, error="silence")


def test_the_breaker_opens_when_the_key_is_refused() -> None:
    """At once."""
    breaker = Breaker()
    breaker.note(ending_of(APIError("no", status=401, outcome=Outcome.REJECTED)))

    assert breaker.is_open()
    assert "refuses the key" in str(breaker.reason)


def test_the_breaker_opens_when_nothing_but_trouble_comes_back() -> None:
    """Any answer in between keeps it closed."""
    breaker = Breaker()
    for ending in [TROUBLE] * (MOST_TROUBLES_IN_A_ROW - 1) + [FINE] + [TROUBLE] * (MOST_TROUBLES_IN_A_ROW - 1):
        breaker.note(ending)
    assert not breaker.is_open()

    breaker.note(TROUBLE)
    assert breaker.reason == "50 charges in a row came to nothing, the last: silence"


def test_the_first_reason_is_kept() -> None:
    """What follows from it would only distract."""
    breaker = Breaker()
    breaker.open("it was asked to stop")
    breaker.open("something else")

    assert breaker.reason == "it was asked to stop"
