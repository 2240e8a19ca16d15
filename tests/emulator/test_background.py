"""A task that belongs to an object."""

import functools

import anyio
import anyio.lowlevel
import pytest

from nexi_async.emulator._background import BackgroundTask


async def test_another_task_may_stop_it() -> None:
    """It outlives the task that started it, and another task can stop it."""
    kept: list[BackgroundTask] = []
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await anyio.lowlevel.checkpoint()

    async def begin() -> None:
        kept.append(BackgroundTask(count))

    async def end() -> None:
        await kept[0].stop()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(begin)
    while rounds < 3:
        await anyio.lowlevel.checkpoint()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
    reached = rounds
    await anyio.sleep(0.01)
    assert rounds == reached


async def test_it_is_stopped_before_it_has_begun() -> None:
    """Nothing is left of it."""
    ran: list[bool] = []

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        ran.append(True)

    await BackgroundTask(work).stop()
    assert not ran


async def test_stop_raises_its_failure() -> None:
    """No other task waits for it."""

    async def fail() -> None:
        raise LookupError("gone")

    task = BackgroundTask(fail)
    await anyio.sleep(0.01)
    with pytest.raises(LookupError, match="gone"):
        await task.stop()


async def test_stopping_is_not_cut_short() -> None:
    """Also a cancelled task leaves nothing running behind it."""
    ended = anyio.Event()

    async def linger() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            ended.set()

    task = BackgroundTask(linger)
    await anyio.sleep(0.001)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await task.stop()
    assert ended.is_set()


def test_a_loop_that_closes_ends_it() -> None:
    """A program that does not stop it still ends."""
    ended: list[bool] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async def forget() -> None:
        BackgroundTask(work)
        await anyio.sleep(0.001)

    for backend in ("asyncio", "trio"):
        anyio.run(functools.partial(forget), backend=backend)
    assert ended == [True, True]
