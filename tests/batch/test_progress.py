"""Tests of nexi_async.batch._progress."""

from __future__ import annotations

from nexi_async.batch._progress import Progress, ProgressMeter
from nexi_async.batch._results import JobState

CHARGED, UNKNOWN = JobState.CHARGED, JobState.UNKNOWN


def test_it_counts_and_tells_when_it_will_be_done() -> None:
    """Done are charged, declined and failed; those of earlier starts count, but not for the rate."""
    meter = ProgressMeter(total=100, done=40, now=0.0)

    progress = meter.record([CHARGED] * 10 + [UNKNOWN], now=2.0)

    assert progress == Progress(100, 50, {CHARGED: 10, UNKNOWN: 1}, 5.0, 10.0)


def test_nothing_is_foretold_before_anything_is_done() -> None:
    """No rate, no time left."""
    assert ProgressMeter(10, 0, 5.0).record([], now=5.0).seconds_left is None


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """A slow beginning does not count any more."""
    meter = ProgressMeter(1000, 0, 0.0)
    for second in range(1, 41):
        progress = meter.record([CHARGED] * (1 if second <= 20 else 10), now=float(second))

    assert progress.per_second == 10.0
