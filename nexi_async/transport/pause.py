"""The wait that a server asks of everybody."""

from __future__ import annotations

import math

__all__ = ["Pause"]


class Pause:
    """Until when the calls of one client wait, because a 429 or 503 named a time to come back."""

    def __init__(self) -> None:
        self._until = -math.inf

    def extend(self, until: float) -> None:
        """Wait until this moment of the clock, or longer if that was asked before."""
        self._until = max(self._until, until)

    @property
    def is_on(self) -> bool:
        """Whether there was a pause that nobody has seen the end of."""
        return self._until > -math.inf

    def left(self, now: float) -> float:
        """Seconds still to wait; once there are none, the pause is off."""
        if self._until <= now:
            self._until = -math.inf
            return 0.0
        return self._until - now
