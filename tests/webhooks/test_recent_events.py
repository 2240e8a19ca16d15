"""An event is handled once, however often and however close together it is delivered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from nexi_async.webhooks import _recent_events as duplicates
from nexi_async.webhooks._recent_events import HandledEvents

KEY = ("aa01", "payment.created")


def counting(calls: list[str], *, fails: bool = False) -> Callable[[], Awaitable[None]]:
    """A handler that counts its calls."""

    async def handle() -> None:
        calls.append("called")
        await anyio.lowlevel.checkpoint()
        if fails:
            raise RuntimeError("out of stock")

    return handle


async def test_a_repetition_is_not_handled_again() -> None:
    """The second delivery is good without running the handler."""
    handled, calls = HandledEvents(), list[str]()
    assert await handled.once(KEY, counting(calls))
    assert await handled.once(KEY, counting(calls))
    assert len(calls) == 1


async def test_both_generations_are_handled() -> None:
    """The twins of one occurrence share an id and are different events."""
    handled, calls = HandledEvents(), list[str]()
    assert await handled.once(("aa01", "payment.charge.created"), counting(calls))
    assert await handled.once(("aa01", "payment.charge.created.v2"), counting(calls))
    assert len(calls) == 2


async def test_failure_is_forgotten() -> None:
    """What failed is handled again at the next delivery."""
    handled, calls = HandledEvents(), list[str]()
    with pytest.raises(RuntimeError, match="out of stock"):
        await handled.once(KEY, counting(calls, fails=True))
    assert await handled.once(KEY, counting(calls))
    assert len(calls) == 2


async def test_parallel_deliveries_share_one_success() -> None:
    """Deliveries that arrive while the first is handled wait for it and are as good as it."""
    handled, calls, outcomes = HandledEvents(), list[str](), list[bool]()

    async def deliver() -> None:
        outcomes.append(await handled.once(KEY, counting(calls)))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(deliver)
    assert (len(calls), outcomes) == (1, [True] * 5)


async def test_parallel_deliveries_share_one_failure() -> None:
    """When the first one fails, those that waited fail too and do not run it at once."""
    handled, calls, outcomes, release = HandledEvents(), list[str](), list[bool](), anyio.Event()

    async def slow_failure() -> None:
        await release.wait()
        await counting(calls, fails=True)()

    async def first() -> None:
        with pytest.raises(RuntimeError):
            await handled.once(KEY, slow_failure)

    async def second() -> None:
        outcomes.append(await handled.once(KEY, counting(calls)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        release.set()
    assert (len(calls), outcomes) == (1, [False])


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that takes too long does not hold up other deliveries for ever."""
    monkeypatch.setattr(duplicates, "DUPLICATE_TIMEOUT", 0.01)
    handled = HandledEvents()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(handled.once, KEY, anyio.sleep_forever)
        await anyio.wait_all_tasks_blocked()
        assert not await handled.once(KEY, anyio.sleep_forever)
        tasks.cancel_scope.cancel()


async def test_a_cancelled_handler_leaves_no_trace() -> None:
    """A sender that hangs up may cancel the handler; the next delivery runs it again."""
    handled, calls = HandledEvents(), list[str]()
    with anyio.move_on_after(0):
        await handled.once(KEY, anyio.sleep_forever)
    assert await handled.once(KEY, counting(calls))
    assert len(calls) == 1


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the most recent events are remembered; a repetition counts as recent."""
    monkeypatch.setattr(duplicates, "MAX_REMEMBERED", 2)
    handled, calls = HandledEvents(), list[str]()
    for event in ("one", "two", "one", "three", "one"):
        await handled.once((event, "payment.created"), counting(calls))
    assert len(calls) == 3
    await handled.once(("two", "payment.created"), counting(calls))
    assert len(calls) == 4
