"""The emulator's clock: real time, faster time, or time that stands still until it is advanced."""

import math
import time
from collections.abc import Callable

import anyio

_CENTURY = 100 * 366 * 86400


class Wakeup:
    """Wakes all tasks that wait for it; `notify` works with and without an event loop."""

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def notify(self) -> None:
        """Wake all current waiters."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the next `notify`, at most so many real seconds."""
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(seconds):
            await event.wait()


class Clock:
    """Seconds since the epoch, running `time_scale` times as fast as the real clock.

    Args:
        time_scale: 1 is real time, 3600 makes an hour of every second, 0 stands still until `advance`.
        start: Where the clock starts, in POSIX seconds; now by default.
        tick: Real seconds from any fixed point, for tests.
    """

    def __init__(
        self,
        *,
        time_scale: float = 1.0,
        start: float | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 <= time_scale < math.inf:
            msg = f"time_scale must be a number, 0 or more, not {time_scale!r}"
            raise ValueError(msg)
        self.time_scale = time_scale
        self._tick = tick
        self._origin = tick()
        self._start = time.time() if start is None else start
        self._moved = Wakeup()

    def now(self) -> float:
        """The emulated time, in POSIX seconds."""
        return self._start + (self._tick() - self._origin) * self.time_scale

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake all tasks that sleep on it.

        Raises:
            ValueError: The number of seconds is negative, or more than a century.
        """
        if not 0 <= seconds <= _CENTURY:
            msg = f"the clock moves forward by at most a century at once, not by {seconds!r} seconds"
            raise ValueError(msg)
        self._start += seconds
        self._moved.notify()

    def resume(self, at: float, real_seconds: float) -> None:
        """Go on from a time of an earlier clock, real seconds after it was read; never back."""
        self._start += max(0.0, at + max(0.0, real_seconds) * self.time_scale - self.now())

    def real_seconds_until(self, due: float) -> float | None:
        """Real seconds until the clock shows `due`; None when it stands still before that."""
        left = due - self.now()
        if left <= 0:
            return 0.0
        return left / self.time_scale if self.time_scale else None

    async def sleep(self, seconds: float) -> None:
        """Sleep so many seconds of this clock."""
        due = self.now() + seconds
        while self.now() < due:
            await self._moved.wait(self.real_seconds_until(due))
