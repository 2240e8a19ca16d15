"""The back-off that a server asks for by `Retry-After`, shared by all requests with the same secret key."""

from __future__ import annotations

import math
from typing import Self


class SharedBackoff:
    """Until when requests with one secret key are held back, because a 429 or 503 named a time (RFC 9110, 10.2.3).

    The API counts requests by merchant, so one that sends too many must not hold up the others of a platform. Copies of
    a client with the same key share the wait, also if the copy that caused it is gone by then.
    """

    def __init__(self, secret_key: str = "", ends: dict[str, float] | None = None) -> None:
        """No wait; `ends` holds the ends of the waits of all keys of a client."""
        self._key = secret_key
        self._ends = {} if ends is None else ends

    def for_key(self, secret_key: str) -> Self:
        """The wait of another key of the same client."""
        return type(self)(secret_key, self._ends)

    def extend(self, until: float, now: float) -> None:
        """Wait until this moment of the clock, or longer if that was asked before; forget waits that are over."""
        for key in [key for key, end in self._ends.items() if end <= now]:
            del self._ends[key]
        if until > now:
            self._ends[self._key] = max(self._ends.get(self._key, -math.inf), until)

    @property
    def is_active(self) -> bool:
        """Whether a wait was set and has not been found to be over."""
        return self._key in self._ends

    def remaining(self, now: float) -> float:
        """Seconds still to wait; once there are none, the wait is forgotten."""
        remaining = self._ends.get(self._key, -math.inf) - now
        if remaining <= 0:
            self._ends.pop(self._key, None)
            return 0.0
        return remaining
