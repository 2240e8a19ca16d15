"""The clock of an inbox: it is set like the wall clock, but never goes back, in no process that works on the inbox.

Were due times read from the wall clock, a clock that is set back by three hours would delay every retry, every lease
and every event that came in just before by three hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def steady_clock() -> Callable[[], float]:
    """A clock that starts at the wall clock's time and then runs evenly, even if the wall clock is set."""
    ahead = time.time() - _uptime()
    return lambda: _uptime() + ahead


def _uptime() -> float:
    """Seconds since any moment; on Linux those included in which the machine was suspended, as in the wall clock's."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class InboxClock:
    """Seconds since 1970, never behind the times that `catch_up` was called with.

    Processes write their time into the inbox and read that of the others with every transaction of their workers, so
    they all follow the one that is ahead, also after a restart.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._ahead = 0.0

    def now(self) -> float:
        """The time."""
        return self._read() + self._ahead

    def catch_up(self, seen: float) -> float:
        """Go on from a time that was seen in the inbox, if it is ahead; returns the time."""
        self._ahead += max(0.0, seen - self.now())
        return self.now()
