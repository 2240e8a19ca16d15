"""A clock that passes only when everybody waits for it."""

from __future__ import annotations

import attrs
from anyio.lowlevel import checkpoint

from nexi_async import AsyncCheckout

TURNS = 30
"""After so many turns of the event loop nothing happens by itself any more."""


class Clock:
    """Several tasks may sleep by it; time jumps to the one that wakes first.

    Attributes:
        time: the moment.
        waits: how long somebody slept, in the order of falling asleep.
    """

    def __init__(self, time: float = 1000.0) -> None:
        self.time = time
        self.waits: list[float] = []
        self._wakings: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        waking = self.time + seconds
        self._wakings.append(waking)
        try:
            while self.time < waking:
                for _ in range(TURNS):
                    await checkpoint()
                if waking == min(self._wakings):
                    self.time = max(self.time, waking)
        finally:
            self._wakings.remove(waking)


def by_clock(client: AsyncCheckout, clock: Clock) -> AsyncCheckout:
    """The client, living by the clock and drawing the longest delays."""
    client._session = attrs.evolve(client._session, now=clock.now, sleep=clock.sleep, draw=lambda: 1.0)
    return client
