"""What takes too long is given up, cleanly; what has nothing to wait for is not even timed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from nexi_async.webhooks import _timeout as timeout
from nexi_async.webhooks._timeout import Timeout


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
    assert await Timeout(5, work()) == "done"


async def test_nothing_is_timed_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that does not wait meets no clock."""
    monkeypatch.delattr(timeout, "CancelScope")
    assert await Timeout(5, at_once()) == "done"


async def test_errors_come_through() -> None:
    """Before and after waiting."""

    async def fail(seconds: float | None) -> None:
        if seconds is not None:
            await anyio.sleep(seconds)
        raise LookupError("lost")

    for seconds in (None, 0, 0.001):
        with pytest.raises(LookupError, match="lost"):
            await Timeout(5, fail(seconds))


async def forever(_: anyio.Event) -> None:
    """Waits in a scope of its own."""
    await anyio.sleep_forever()


async def for_an_event(event: anyio.Event) -> None:
    """Waits for somebody else."""
    await event.wait()


async def in_steps(_: anyio.Event) -> None:
    """Never waits for long, and never ends."""
    while True:  # noqa: ASYNC110 - this is what a dripping tap does
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


@pytest.mark.parametrize("work", [forever, for_an_event, in_steps, in_a_scope, in_a_group])
async def test_what_takes_too_long_is_given_up(work: Callable[[anyio.Event], Awaitable[None]]) -> None:
    """Wherever it waits; it is told, so that it can clear up, and the task is as good as before."""
    told: list[type[BaseException]] = []

    async def noting() -> None:
        try:
            await work(anyio.Event())
        except BaseException as error:
            told.append(type(error))
            raise

    with pytest.raises(TimeoutError):
        await Timeout(0.01, noting())
    assert told == [ExceptionGroup if work is in_a_group else TimeoutError]
    with anyio.fail_after(5):
        await anyio.sleep(0.001)


async def test_a_channel_is_whole_afterwards() -> None:
    """A reader that was given up gets nothing that others should have."""
    send, receive = anyio.create_memory_object_stream[str](1)
    with send, receive:
        with pytest.raises(TimeoutError):
            await Timeout(0.01, receive.receive())
        await send.send("mail")
        assert await Timeout(5, receive.receive()) == "mail"


@pytest.mark.parametrize("work", [forever, for_an_event, in_steps, in_a_scope, in_a_group])
async def test_a_cancellation_goes_on(work: Callable[[anyio.Event], Awaitable[None]]) -> None:
    """It is not taken for a time limit, and cancels what waits."""
    cleared_up: list[bool] = []

    async def clearing_up() -> None:
        try:
            await work(anyio.Event())
        finally:
            cleared_up.append(True)

    with anyio.move_on_after(0.01) as scope:
        await Timeout(60, clearing_up())
    assert scope.cancelled_caught
    assert cleared_up == [True]
