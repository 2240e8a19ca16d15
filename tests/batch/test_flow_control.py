"""Tests of nexi_async.batch._flow_control."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from nexi_async import APIError, Outcome
from nexi_async.batch._flow_control import INITIAL_LIMIT, MIN_FAILURES, CircuitBreaker, ConcurrencyLimiter, RateLimiter
from nexi_async.batch._results import JobOutcome, JobState, outcome_of


def after(
    limiter: ConcurrencyLimiter,
    calls: int,
    *,
    seconds: float = 0.1,
    is_overloaded: bool = False,
    kind: str | None = "charge",
) -> int:
    """The limit after so many calls of one kind."""
    for _ in range(calls):
        limiter.record(seconds, kind=kind, is_overloaded=is_overloaded)
    return limiter.limit


def test_it_starts_small_and_doubles_until_the_first_overload() -> None:
    """A window of good answers doubles the limit, up to the most that is wanted."""
    limiter = ConcurrencyLimiter(100)

    assert [limiter.limit, *(after(limiter, limiter.limit) for _ in range(4))] == [16, 32, 64, 100, 100]


def test_overload_shrinks_it_at_once_and_growth_is_slow_then() -> None:
    """Three tenths less; then a twentieth more for every good window of charges that began since."""
    limiter = ConcurrencyLimiter(1000)
    after(limiter, 16 + 32 + 64)

    assert after(limiter, 128, is_overloaded=True) == 89
    assert after(limiter, 128, is_overloaded=True) == 89
    assert after(limiter, 89) == 93


def test_a_little_overload_is_borne() -> None:
    """One answer in twenty may fail without slowing the run."""
    limiter = ConcurrencyLimiter(1000)
    after(limiter, 16 + 32 + 64)
    after(limiter, 6, is_overloaded=True)

    assert after(limiter, 122) == 256


def test_after_an_outage_it_is_soon_where_it_was() -> None:
    """It doubles up to where the overload began, however long that lasted."""
    limiter = ConcurrencyLimiter(200)
    after(limiter, 16 + 32 + 64 + 128 + 200)
    assert after(limiter, 5_000, is_overloaded=True) == 1

    assert after(limiter, 300) == 140


def test_an_api_that_answers_ever_later_under_load_is_spared() -> None:
    """While fewer at once make it quicker, the limit goes on shrinking, until it is as quick as it was."""
    limiter = ConcurrencyLimiter(200)
    after(limiter, 16, seconds=0.1)
    for _ in range(10_000):  # it works off a hundred a second
        limiter.record(max(0.1, limiter.limit / 100), kind="charge", is_overloaded=False)

    assert limiter.limit < 60


def test_an_api_that_has_become_slower_for_good_is_not_starved() -> None:
    """Fewer at once did not help: after one step down the limit grows again."""
    limiter = ConcurrencyLimiter(200)
    after(limiter, 2_000, seconds=0.1)
    limits = {after(limiter, 1, seconds=1.0) for _ in range(5_000)}

    assert min(limits) == 140
    assert limiter.limit == 200


def test_quick_questions_do_not_make_charges_look_slow() -> None:
    """After a resume many are asked for in no time, and charges take three hundred milliseconds."""
    limiter = ConcurrencyLimiter(200)
    after(limiter, 500, seconds=0.005, kind=None)

    assert after(limiter, 1_000, seconds=0.3) == 200


def test_a_few_late_answers_say_nothing_of_load() -> None:
    """A third of them a second late do not change the median."""
    limiter, chance = ConcurrencyLimiter(200), random.Random(1)
    for _ in range(20_000):
        limiter.record(1.1 if chance.random() < 0.3 else 0.1, kind="charge", is_overloaded=False)

    assert limiter.limit == 200


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=500), st.integers(1, 300))
def test_the_limit_stays_between_one_and_the_most(answers: list[tuple[float, bool]], most: int) -> None:
    """Whatever the API answers."""
    limiter = ConcurrencyLimiter(most)
    assert limiter.limit == min(most, INITIAL_LIMIT)
    for seconds, is_overloaded in answers:
        limiter.record(seconds, kind="charge", is_overloaded=is_overloaded)
        assert 1 <= limiter.limit <= most


def test_a_rate_spreads_starts_evenly() -> None:
    """Ten a second are a tenth of a second apart, also after a late start; a pause is not made up for."""
    rate = RateLimiter(10)
    assert rate.delay(5.0) == 0.0
    rate.record_start(5.0)
    assert round(rate.delay(5.0), 6) == 0.1
    rate.record_start(5.17)
    assert round(rate.delay(5.2), 6) == 0.07
    assert rate.delay(60.0) == 0.0
    assert RateLimiter(None).delay(0.0) == 0.0


def test_a_turn_that_was_not_used_is_not_counted() -> None:
    """Asking when the next may begin takes nothing."""
    rate = RateLimiter(10)
    rate.record_start(5.0)

    assert {round(rate.delay(5.0), 6) for _ in range(3)} == {0.1}


def test_a_changed_rate_counts_at_once() -> None:
    """Also for the start that is waited for."""
    rate = RateLimiter(0.001)
    rate.record_start(5.0)
    rate.per_second = 2.0

    assert rate.delay(5.0) == 0.5


FINE = JobOutcome(state=JobState.CHARGED)
TROUBLE = JobOutcome(state=JobState.UNKNOWN, is_api_failure=True, error="silence")


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def circuit_breaker(*, concurrency: int = 1, now: Callable[[], float] = lambda: 1000.0) -> CircuitBreaker:
    """Without a listener."""
    return CircuitBreaker(lambda: None, concurrency=concurrency, now=now)


def test_the_breaker_opens_when_the_key_is_refused() -> None:
    """At once."""
    breaker = circuit_breaker()
    breaker.record(outcome_of(APIError("no", status=401, outcome=Outcome.REJECTED)))

    assert breaker.is_open()
    assert "refuses the key" in str(breaker.reason)


def test_the_breaker_opens_when_every_charge_fails() -> None:
    """Any answer in between keeps it closed."""
    breaker = circuit_breaker()
    for outcome in [TROUBLE] * (MIN_FAILURES - 1) + [FINE] + [TROUBLE] * (MIN_FAILURES - 1):
        breaker.record(outcome)
    assert not breaker.is_open()

    breaker.record(TROUBLE)
    assert breaker.reason == "50 charges in a row failed, the last: silence"


def test_a_short_failure_of_everything_under_way_does_not_open_it() -> None:
    """At a concurrency of 200, 1,999 failures in less than 30 seconds are no outage yet; one more is."""
    clock = Clock()
    breaker = circuit_breaker(concurrency=200, now=clock)
    for _ in range(1999):
        breaker.record(TROUBLE)
    clock.now += 29.9
    assert not breaker.is_open()

    breaker.record(TROUBLE)
    assert breaker.is_open()


def test_failures_that_last_open_it_long_before() -> None:
    """At any concurrency 50 in a row are enough once they have lasted 30 seconds since the first of them."""
    clock = Clock()
    breaker = circuit_breaker(concurrency=200, now=clock)
    breaker.record(TROUBLE)
    breaker.record(FINE)
    clock.now += 20.0
    for _ in range(MIN_FAILURES):
        breaker.record(TROUBLE)
    clock.now += 29.9
    breaker.record(TROUBLE)
    assert not breaker.is_open()

    clock.now += 0.1
    breaker.record(TROUBLE)
    assert breaker.is_open()


def test_an_old_failure_among_good_answers_does_not_open_it() -> None:
    """However long it lasts, less than 50 in a row say nothing."""
    clock = Clock()
    breaker = circuit_breaker(now=clock)
    for _ in range(MIN_FAILURES - 1):
        breaker.record(TROUBLE)
        clock.now += 60.0

    assert not breaker.is_open()


def test_it_tells_that_it_opened() -> None:
    """Whoever waits for the run is woken."""
    reported: list[bool] = []
    CircuitBreaker(lambda: reported.append(True), concurrency=1, now=lambda: 0.0).open("it was stopped by request")

    assert reported == [True]


def test_the_first_reason_is_kept() -> None:
    """What follows from it would only distract."""
    breaker = circuit_breaker()
    breaker.open("it was stopped by request")
    breaker.open("something else")

    assert breaker.reason == "it was stopped by request"
