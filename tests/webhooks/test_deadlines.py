"""What takes too long is cancelled, wherever it waits; nothing else notices that there are deadlines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from nexi_async.webhooks import _deadlines as deadlines_module
from nexi_async.webhooks._deadlines import TOLERANCE, Deadlines

only_on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


async def at_once() -> str:
    """Has nothing to wait for."""
    return "done"


async def soon() -> str:
    """Waits for the event loop, more than once, in scopes of its own."""
    await anyio.lowlevel.checkpoint()
    with anyio.move_on_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0.001)
    await anyio.to_thread.run_sync(lambda: None)
    return "done"


@pytest.mark.parametrize("work", [at_once, soon])
async def test_what_ends_in_time_is_as_if_awaited(work: Callable[[], Awaitable[str]]) -> None:
    """Its result comes through, however often it waits."""
    assert await Deadlines().limit(5, work()) == "done"


async def test_there_may_be_no_limit() -> None:
    """Infinity never ends, and does not hold up the deadlines that come after it."""
    deadlines = Deadlines()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(deadlines.limit, math.inf, anyio.sleep_forever())
            await anyio.lowlevel.checkpoint()
            with pytest.raises(TimeoutError):
                await deadlines.limit(0.01, anyio.sleep_forever())
            tasks.cancel_scope.cancel()


async def test_errors_come_through() -> None:
    """Before and after waiting."""

    async def fail(seconds: float | None) -> None:
        if seconds is not None:
            await anyio.sleep(seconds)
        raise LookupError("lost")

    for seconds in (None, 0, 0.001):
        with pytest.raises(LookupError, match="lost"):
            await Deadlines().limit(5, fail(seconds))


async def forever(_: anyio.Event) -> None:
    """Waits in a scope of its own."""
    await anyio.sleep_forever()


async def for_an_event(event: anyio.Event) -> None:
    """Waits for another task."""
    await event.wait()


async def in_steps(_: anyio.Event) -> None:
    """Never waits for long, and never ends."""
    while True:  # noqa: ASYNC110 - a body may arrive byte by byte
        await anyio.sleep(0.001)


async def in_a_scope(event: anyio.Event) -> None:
    """Waits within a longer limit."""
    with anyio.fail_after(60):
        await event.wait()


async def in_a_group(event: anyio.Event) -> None:
    """Waits with others, who have to be waited for when it ends."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever)
        await event.wait()


async def in_another_limit(event: anyio.Event) -> None:
    """Waits within a longer limit of the same kind."""
    await Deadlines().limit(60, event.wait())


each_work = pytest.mark.parametrize(
    "work", [forever, for_an_event, in_steps, in_a_scope, in_a_group, in_another_limit], ids=lambda work: work.__name__
)


@each_work
async def test_what_takes_too_long_is_stopped(work: Callable[[anyio.Event], Awaitable[None]]) -> None:
    """In time, wherever it waits; it can clean up, and its task is not cancelled afterwards."""
    cleaned_up: list[bool] = []

    async def cleaning_up() -> None:
        try:
            await work(anyio.Event())
        finally:
            cleaned_up.append(True)

    began = anyio.current_time()
    with pytest.raises(TimeoutError, match=r"took longer than 0\.01 seconds"):
        await Deadlines().limit(0.01, cleaning_up())
    assert 0.009 <= anyio.current_time() - began < TOLERANCE + 1  # the machine may be busy for a second
    assert cleaned_up == [True]
    with anyio.fail_after(5):
        await anyio.sleep(0.001)


async def test_each_has_a_deadline_of_its_own() -> None:
    """A short limit that begins after a long one ends before it."""
    deadlines, ended = Deadlines(), list[float]()

    async def wait(seconds: float) -> None:
        with pytest.raises(TimeoutError):
            await deadlines.limit(seconds, anyio.sleep_forever())
        ended.append(seconds)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for seconds in (0.2, 0.01, 0.1):
                tasks.start_soon(wait, seconds)
    assert ended == [0.01, 0.1, 0.2]


async def test_a_limit_within_a_limit_that_ends_at_the_same_time() -> None:
    """Both are over; the cancellation goes no further."""
    deadlines = Deadlines()
    with pytest.raises(TimeoutError):
        await deadlines.limit(0.01, deadlines.limit(0.01, anyio.sleep_forever()))
    await anyio.lowlevel.checkpoint()


async def test_cleaning_up_may_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on after it was cancelled is cancelled again."""
    monkeypatch.setattr(deadlines_module, "GRACE", 0.01)

    async def hang_twice() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await anyio.sleep_forever()

    with anyio.fail_after(10), pytest.raises(TimeoutError):
        await Deadlines().limit(0.01, hang_twice())


async def test_what_ends_in_spite_of_its_cancellation_has_ended() -> None:
    """A late result is a result."""

    async def insist() -> str:
        with anyio.CancelScope() as scope:
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                scope.cancel()
        return "done"

    assert await Deadlines().limit(0.01, insist()) == "done"
    with anyio.fail_after(5):
        await anyio.sleep(0.001)


async def test_a_channel_is_whole_afterwards() -> None:
    """A reader that was stopped gets nothing that others should have."""
    send, receive = anyio.create_memory_object_stream[str](1)
    with send, receive:
        with pytest.raises(TimeoutError):
            await Deadlines().limit(0.01, receive.receive())
        await send.send("mail")
        assert await Deadlines().limit(5, receive.receive()) == "mail"


@each_work
async def test_a_cancellation_goes_on(work: Callable[[anyio.Event], Awaitable[None]]) -> None:
    """It is not taken for a deadline, and cancels what waits."""
    cleaned_up: list[bool] = []

    async def cleaning_up() -> None:
        try:
            await work(anyio.Event())
        finally:
            cleaned_up.append(True)

    with anyio.move_on_after(0.01) as scope:
        await Deadlines().limit(60, cleaning_up())
    assert scope.cancelled_caught
    assert cleaned_up == [True]


@only_on_asyncio
async def test_the_cancellation_of_a_task_goes_on() -> None:
    """As a server cancels what it no longer waits for; also if the deadline passes meanwhile."""

    async def clean_up_slowly() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.03)

    for seconds in (60, 0.02):
        task = asyncio.ensure_future(Deadlines().limit(seconds, clean_up_slowly()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@only_on_asyncio
async def test_the_task_is_as_before() -> None:
    """The cancellation is withdrawn, so that what the task does next is not taken for cancelled."""
    with pytest.raises(TimeoutError):
        await Deadlines().limit(0.01, asyncio.sleep(60))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(5):
        await asyncio.sleep(0)


@only_on_asyncio
async def test_there_is_one_timer_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many begin and end, and none is left when there is nothing to wait for."""
    loop, call_at, timers = asyncio.get_running_loop(), asyncio.get_running_loop().call_at, list[float]()

    def counting(when: float, *given: Any, **context: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *given, **context)

    deadlines = Deadlines()
    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_at", counting)
        for _ in range(100):
            await deadlines.limit(0.02, at_once())
    assert len(timers) == 1
    await asyncio.sleep(0.05)
    assert deadlines._timer is None


def test_one_event_loop_may_follow_another(anyio_backend: str) -> None:
    """As test clients run them, one for each request."""
    deadlines = Deadlines()

    async def wait() -> None:
        await deadlines.limit(60, at_once())
        with anyio.fail_after(10), pytest.raises(TimeoutError):
            await deadlines.limit(0.01, anyio.sleep_forever())
        with anyio.move_on_after(0.001):
            await deadlines.limit(60, anyio.sleep_forever())

    for _ in range(2):
        anyio.run(wait, backend=anyio_backend)


def test_trio_may_be_a_guest_of_asyncio() -> None:
    """Then the event loop of asyncio runs, but none of its tasks."""

    async def wait() -> None:
        with anyio.fail_after(10), pytest.raises(TimeoutError):
            await Deadlines().limit(0.01, anyio.sleep_forever())

    async def host() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        trio.lowlevel.start_guest_run(
            wait, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=ended.set_result
        )
        (await ended).unwrap()

    asyncio.run(host())


@only_on_asyncio
async def test_an_owner_that_ends_leaves_no_timer() -> None:
    """The timer that is still set for what ended in time is cancelled with its owner, unless something waits."""
    deadlines = Deadlines()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deadlines.limit, 5, anyio.sleep(0.01))
        await anyio.lowlevel.checkpoint()
        deadlines.cancel_idle_timer()
        assert deadlines._timer is not None
    deadlines.cancel_idle_timer()
    assert deadlines._timer is None
