"""The clock and its wakeup."""

import anyio
import pytest

from nexi_async.emulator._engine.clock import Clock, Wakeup


def test_scale() -> None:
    """The clock runs so many times as fast as its tick, and advances on top."""
    ticks = iter([10.0, 11.0, 11.0])
    clock = Clock(time_scale=3600, start=1000, tick=lambda: next(ticks))
    assert clock.now() == 1000 + 3600
    clock.advance(5)
    assert clock.now() == 1000 + 3600 + 5


def test_real_seconds() -> None:
    """How long to really wait follows from the scale; a clock that stands still never gets there."""
    fast = Clock(time_scale=60, start=0, tick=lambda: 0.0)
    assert fast.real_seconds_until(120) == 2
    assert fast.real_seconds_until(-1) == 0
    assert Clock(time_scale=0, start=0).real_seconds_until(1) is None


@pytest.mark.parametrize("scale", [-1, float("nan"), float("inf")])
def test_impossible_scales(scale: float) -> None:
    """A clock cannot run backwards."""
    with pytest.raises(ValueError, match="time_scale"):
        Clock(time_scale=scale)


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e300])
def test_only_forward(seconds: float) -> None:
    """A clock cannot be set back."""
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(seconds)


async def test_sleep_ends_when_the_clock_is_there() -> None:
    """A sleeper on a clock that stands still wakes when it was moved far enough."""
    clock = Clock(time_scale=0, start=0)
    woken = False

    async def sleep() -> None:
        nonlocal woken
        await clock.sleep(10)
        woken = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        for _ in range(2):
            await anyio.wait_all_tasks_blocked()
            assert not woken
            clock.advance(5)
    assert woken


async def test_fast_clock_really_sleeps_less() -> None:
    """An hour passes at once on a fast clock."""
    with anyio.fail_after(5):
        await Clock(time_scale=1e6).sleep(3600)


async def test_notify_wakes_all_waiters() -> None:
    """All waiting tasks are woken; a wait with a limit ends by itself."""
    wakeup = Wakeup()
    wakeup.notify()
    await wakeup.wait(0.001)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(wakeup.wait)
        await anyio.wait_all_tasks_blocked()
        wakeup.notify()
