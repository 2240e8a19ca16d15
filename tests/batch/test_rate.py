"""The rate holds in every stretch of time: whatever is slow, stopped, left or tried again."""

from __future__ import annotations

import heapq
from itertools import count
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexi_async import AsyncCheckout, RetryPolicy
from nexi_async.batch import BatchCharger, Ledger
from tests.batch.support import job
from tests.scripted import answer

DECLINED = {"code": "51", "message": "Not sufficient funds", "source": "Issuer"}
PAID = {"paymentId": "p1", "chargeId": "c1"}


class SteppingClock:
    """A clock that advances only while all tasks sleep: to the end of the first sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._numbers = count()

    async def sleep(self, seconds: float) -> None:
        """Sleep on this clock."""
        event = anyio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), event))
        await event.wait()

    async def run(self) -> None:
        """Go on for ever."""
        while True:
            await anyio.sleep(0.0005)  # whoever works in a thread meanwhile is only late
            await checkpoint()
            if self._sleepers:
                wakes, _, event = heapq.heappop(self._sleepers)
                self.now = max(self.now, wakes)
                event.set()


class SlowAPI(httpx.AsyncBaseTransport):
    """Notes when each charge begins; takes its time on the clock, and declines now and then."""

    def __init__(self, clock: SteppingClock, durations: list[float]) -> None:
        self._clock = clock
        self._durations = durations
        self.starts: list[float] = []

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        number = len(self.starts)
        self.starts.append(self._clock.now)
        await self._clock.sleep(self._durations[number % len(self._durations)])
        return answer(402, DECLINED) if number % 7 == 3 else answer(200, PAID)


def most_in_any_window(starts: list[float], rate: float) -> None:
    """At most rate x window + 1 between any two of them."""
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            window = starts[last] - starts[first]
            assert last - first + 1 <= rate * window + 1 + 1e-6, (first, last, window)


async def charge(
    folder: Path, *, rate: float, chunk: int, concurrency: int, durations: list[float], leave_after: int
) -> list[float]:
    """Charge, leave, go on, and try again what was declined; when each charge began."""
    clock = SteppingClock()
    api = SlowAPI(clock, durations)
    date = 1_790_000_000.0
    with pytest.MonkeyPatch.context() as patch, anyio.CancelScope() as scope:
        patch.setattr("nexi_async.batch._worker_pool.MAX_CLAIM", chunk)
        async with (
            AsyncCheckout("key", base_url="https://api.test", transport=api, retry=RetryPolicy(attempts=1)) as checkout,
            Ledger.open(f"sqlite:///{folder / 'ledger.db'}", now=lambda: date) as ledger,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(clock.run)
            await ledger.plan("r", [job(str(number)) for number in range(30)])
            charger = BatchCharger(
                checkout, ledger, run="r", concurrency=concurrency, rate=rate, now=lambda: clock.now, sleep=clock.sleep
            )
            async with charger as results:
                async for _ in results:
                    leave_after -= 1
                    if leave_after <= 0:
                        break
            async for _ in charger:
                pass
            await ledger.dunning("r", attempt=2)
            date += 40 * 86_400
            async for _ in charger:
                pass
            scope.cancel()
    return api.starts


@given(
    rate=st.floats(0.5, 200),
    chunk=st.integers(1, 40),
    concurrency=st.integers(1, 20),
    durations=st.lists(st.floats(0, 2), min_size=1, max_size=5),
    leave_after=st.integers(1, 40),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.timeout(180)
@pytest.mark.slow
def test_the_rate_holds_in_every_window(
    tmp_path_factory: pytest.TempPathFactory,
    backend: str,
    rate: float,
    chunk: int,
    concurrency: int,
    durations: list[float],
    leave_after: int,
) -> None:
    """Over chunks of any size, slow calls, a block that is left, rounds, and the attempts of dunning."""

    async def live() -> list[float]:
        return await charge(
            tmp_path_factory.mktemp("ledger"),
            rate=rate,
            chunk=chunk,
            concurrency=concurrency,
            durations=durations,
            leave_after=leave_after,
        )

    starts = anyio.run(live, backend=backend)

    assert len(starts) >= 30
    most_in_any_window(starts, rate)
