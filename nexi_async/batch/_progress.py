"""The progress of a run: jobs done, their rate, and the time left."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

import attrs

from nexi_async.batch._results import JobState

SECONDS_LOOKED_BACK = 10.0


@attrs.frozen
class Progress:
    """The progress of a run.

    Attributes:
        total: how many jobs are charged in all.
        done: how many are charged, declined, failed or in review, those of earlier starts included.
        counts: how many ended in each state since this start.
        per_second: jobs a second, over the last ten seconds.
        seconds_left: None while no job has ended.
    """

    total: int
    done: int
    counts: Mapping[JobState, int]
    per_second: float
    seconds_left: float | None


class ProgressMeter:
    """Counts results and measures their rate.

    Args:
        total: how many jobs there are.
        done: how many are done already.
        now: seconds since any fixed point.
    """

    def __init__(self, total: int, done: int, now: float) -> None:
        self._total = total
        self._done = done
        self._counts: Counter[JobState] = Counter()
        self._marks = deque([(now, done)])

    def record(self, states: Iterable[JobState], now: float) -> Progress:
        """Record the states in which jobs ended; returns the progress."""
        for state in states:
            self._counts[state] += 1
            self._done += not state.is_open
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - SECONDS_LOOKED_BACK:
            self._marks.popleft()
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        rate = (after - before) / (ended - began) if ended > began else 0.0
        left = (self._total - self._done) / rate if rate else None
        return Progress(self._total, self._done, dict(self._counts), rate, left)
