"""Flow control: concurrency limit, rate limit and circuit breaker. No clock of its own, no tasks.

The API is overloaded if it responds with 429 or 503, or not in time. Slow responses indicate overload only if most
responses to the same kind of call are slow: a look-up is always faster than a charge, and a few slow responses among
many fast ones indicate nothing. If a lower limit does not make them faster, load is not the cause, and the limit
recovers.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from nexi_async._errors import NexiError
from nexi_async.batch._results import JobOutcome

INITIAL_LIMIT = 16
"""How many are under way at first."""
MIN_WINDOW = 10
"""How many responses a decision needs at least."""
MAX_OVERLOADED_SHARE = 0.05
"""The share of responses that indicate overload, above which the limit decreases."""
DECREASE_FACTOR = 0.7

MIN_SAMPLE = 50
"""How many responses to a kind of call their median latency needs at least."""
TIMES_SLOWER = 3.0
SECONDS_SLOWER = 0.25
"""Slow is both three times as long and a quarter of a second longer than usual."""
MIN_IMPROVEMENT = 0.9
"""The factor by which a decreased limit has to lower the latency to decrease further."""

MIN_FAILURES = 50
"""How many charges in a row have to fail at least before a run is stopped."""
FAILURE_SECONDS = 30.0
"""For how many seconds they have to fail, unless there are many more."""
FAILURES_PER_SLOT = 10
"""How many failures for each charge that may be under way stop a run at once."""


class LatencyMonitor:
    """Whether the responses to one kind of call have become slow, by the median of a sample."""

    def __init__(self) -> None:
        self._sample: list[float] = []
        self._usual: float | None = None
        self._slow: float | None = None

    def record(self, seconds: float) -> None:
        """Record the latency of one response."""
        self._sample.append(seconds)

    def forget_sample(self) -> None:
        """Restart the sample, since the limit has changed."""
        self._sample.clear()

    def is_slow(self) -> bool:
        """Evaluate and restart the sample if it is large enough; the first one sets the usual latency."""
        if not self._sample or (self._usual is not None and len(self._sample) < MIN_SAMPLE):
            return False
        median = statistics.median(self._sample)
        self._sample.clear()
        usual = median if self._usual is None else min(median, self._usual)
        is_slow = median > usual * TIMES_SLOWER and median > usual + SECONDS_SLOWER
        if is_slow and self._slow is not None and median > self._slow * MIN_IMPROVEMENT:
            usual, is_slow = median, False  # a lower limit did not help: this is the usual latency now
        self._usual, self._slow = usual, median if is_slow else None
        return is_slow


class ConcurrencyLimiter:
    """How many charges may be under way at once: additive increase, multiplicative decrease (AIMD).

    It decides after each window, which is as many responses as may be under way. The limit doubles until the first
    overload, then increases by a twentieth and decreases by three tenths. After an overload it doubles up to the limit
    at which that began.

    Args:
        most: the upper bound.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(most, INITIAL_LIMIT)
        self._doubles_until = most
        self._is_shrinking = False
        self._begun_before = 0
        self._monitors: dict[str, LatencyMonitor] = {}
        self._begin_window()

    def record(self, seconds: float, *, kind: str | None, is_overloaded: bool) -> None:
        """Record the latency and the outcome of a charge.

        Args:
            seconds: how long it took.
            kind: which calls it needed; None if its latency can't be compared.
            is_overloaded: whether it ended by 429, 503 or a time-out.
        """
        if self._begun_before:  # it began under the limit before
            self._begun_before -= 1
            return
        self._calls += 1
        self._overloaded += is_overloaded
        if kind is not None and not is_overloaded:
            self._monitors.setdefault(kind, LatencyMonitor()).record(seconds)
        if self._calls >= max(self.limit, MIN_WINDOW):
            self._judge()
            self._begin_window()

    def _begin_window(self) -> None:
        self._calls = self._overloaded = 0

    def _judge(self) -> None:
        slow = sum(latency.is_slow() for latency in self._monitors.values())
        if slow or self._overloaded / self._calls > MAX_OVERLOADED_SHARE:
            self._shrink()
        else:
            self._grow()

    def _shrink(self) -> None:
        self._begun_before = self.limit
        self.limit = max(1, int(self.limit * DECREASE_FACTOR))
        if not self._is_shrinking:
            self._doubles_until = self.limit
        self._is_shrinking = True
        for latency in self._monitors.values():
            latency.forget_sample()

    def _grow(self) -> None:
        self._is_shrinking = False
        if self.limit < self._doubles_until:
            self.limit = min(self._doubles_until, self.limit * 2)
        else:
            self.limit = min(self._most, self.limit + max(1, self.limit // 20))


class RateLimiter:
    """Spaces starts evenly, at least 1 / rate seconds apart.

    So at most rate x seconds + 1 charges begin in any interval, however long or short.

    Args:
        per_second: the rate, which may be changed; None for no limit.
    """

    def __init__(self, per_second: float | None) -> None:
        self.per_second = per_second
        self._last: float | None = None

    def delay(self, now: float) -> float:
        """How many seconds it is until the next may begin; 0 if it may now."""
        if self.per_second is None or self._last is None:
            return 0.0
        return max(0.0, self._last + 1 / self.per_second - now)

    def record_start(self, now: float) -> None:
        """Record that a charge begins now."""
        self._last = now


class CircuitBreaker:
    """Stops a run: the API refuses the key, all charges fail, or `stop` was called.

    A short failure of the network or the API hits all charges under way at once, and perhaps those that follow
    at once. So it takes 50 failures in a row that last 30 seconds, or ten times as many as may be under way.

    Args:
        on_open: called when it opens.
        concurrency: how many charges may be under way.
        now: seconds since any fixed point.
    """

    def __init__(self, on_open: Callable[[], None], *, concurrency: int, now: Callable[[], float]) -> None:
        self._on_open = on_open
        self._now = now
        self._max_failures = max(MIN_FAILURES, FAILURES_PER_SLOT * concurrency)
        self._failures = 0
        self._failing_since = 0.0
        self.reason: str | None = None
        self.error: NexiError | None = None

    def record(self, outcome: JobOutcome) -> None:
        """Record the outcome of a charge."""
        if outcome.refused_for_all is not None:
            self.error = outcome.refused_for_all
            self.open(f"the API refuses the key: {outcome.refused_for_all}")
        elif not outcome.is_api_failure:
            self._failures = 0
        else:
            self._failing_since = self._failing_since if self._failures else self._now()
            self._failures += 1
            if self._is_outage():
                self.open(f"{self._failures} charges in a row failed, the last: {outcome.error}")

    def _is_outage(self) -> bool:
        has_lasted = self._now() - self._failing_since >= FAILURE_SECONDS
        return self._failures >= self._max_failures or (has_lasted and self._failures >= MIN_FAILURES)

    def open(self, reason: str) -> None:
        """Begin no more charges; the first reason is kept."""
        self.reason = self.reason or reason
        self._on_open()

    def is_open(self) -> bool:
        """Whether no more charges may begin."""
        return self.reason is not None
