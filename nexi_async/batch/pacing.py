"""How fast to go: what the answers tell about the API decides how many charges are under way. No clock, no tasks."""

from __future__ import annotations

from nexi_async.batch.results import Ending
from nexi_async.errors import NexiError

__all__ = ["Breaker", "Pace", "RateCap"]

FIRST_LIMIT = 16
"""How many are under way at first."""
SMALLEST_WINDOW = 10
"""How many answers it takes at least to judge."""
MOST_TROUBLE = 0.05
"""The share of answers in trouble, above which the limit shrinks."""
SHRINKING = 0.7
TIMES_SLOWER = 3.0
SECONDS_SLOWER = 0.25
"""Slow is both three times as long and a quarter of a second longer than when it was best."""
FORGETTING = 1.05
"""How much worse the best is taken to be with every window, so that an API that has become slower is not starved."""

MOST_TROUBLES_IN_A_ROW = 50


class Pace:
    """How many charges may be under way at once: more while all is well, fewer at once when it is not.

    Answers are judged by the window, as many as may be under way. The limit doubles until the first trouble, then
    grows by a twentieth and shrinks by three tenths.

    Args:
        most: never more than this.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(most, FIRST_LIMIT)
        self._is_starting = True
        self._best: float | None = None
        self._begin_window()

    def note(self, seconds: float, *, in_trouble: bool) -> None:
        """Take in how long a charge took, and whether it ended in trouble."""
        self._calls += 1
        self._seconds += seconds
        self._troubled += in_trouble
        if self._calls >= max(self.limit, SMALLEST_WINDOW):
            self._judge()
            self._begin_window()

    def _begin_window(self) -> None:
        self._calls = self._troubled = 0
        self._seconds = 0.0

    def _judge(self) -> None:
        if self._troubled / self._calls > MOST_TROUBLE or self._is_slow(self._seconds / self._calls):
            self._is_starting = False
            self.limit = max(1, int(self.limit * SHRINKING))
        else:
            self.limit = min(self._most, self.limit + (self.limit if self._is_starting else max(1, self.limit // 20)))

    def _is_slow(self, mean: float) -> bool:
        best = mean if self._best is None else min(mean, self._best * FORGETTING)
        self._best = best
        return mean > best * TIMES_SLOWER and mean > best + SECONDS_SLOWER


class RateCap:
    """Spreads charges evenly, so that no more than so many begin in a second.

    Args:
        per_second: the cap, which may be changed; None for none.
    """

    def __init__(self, per_second: float | None) -> None:
        self.per_second = per_second
        self._next = 0.0

    def delay(self, now: float) -> float:
        """Take the next turn; returns the seconds to wait for it."""
        if self.per_second is None:
            return 0.0
        turn = max(now, self._next)
        self._next = turn + 1 / self.per_second
        return turn - now


class Breaker:
    """Ends a run: the API refuses the key, nothing but trouble comes back, or it was asked to stop."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self.reason: str | None = None
        self.error: NexiError | None = None

    def note(self, ending: Ending) -> None:
        """Take in how a charge ended."""
        self._in_a_row = self._in_a_row + 1 if ending.in_trouble else 0
        if ending.refused_for_all is not None:
            self.error = ending.refused_for_all
            self.open(f"the API refuses the key: {ending.refused_for_all}")
        elif self._in_a_row >= MOST_TROUBLES_IN_A_ROW:
            self.open(f"{self._in_a_row} charges in a row came to nothing, the last: {ending.error}")

    def open(self, reason: str) -> None:
        """Begin no more charges; the first reason is kept."""
        self.reason = self.reason or reason

    def is_open(self) -> bool:
        """Whether to begin no more."""
        return self.reason is not None
