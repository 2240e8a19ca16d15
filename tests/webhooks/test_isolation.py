"""Whatever a handler does to itself, its caller goes on; whatever happens to the caller, the handler is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from nexi_async.webhooks import Event, SQLInbox, WebhookReceiver, deliveries
from nexi_async.webhooks._isolation import HandlerFailed, run_isolated
from tests.webhooks.support import AUTHORIZATION, deliver

TIMEOUT = 20.0


async def await_a_cancelled_task() -> None:
    """What a handler does that waits for a job of its shop, which is cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


async def cancel_itself() -> None:
    """Return before the cancellation takes effect."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    """A handler that raises it."""

    async def handle() -> None:
        raise error

    return handle


def every_base_exception() -> list[BaseException]:
    """All that a handler can raise on any event loop and that is no `Exception`."""
    group = BaseExceptionGroup("several", [SystemExit(1), ValueError("one")])
    return [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), group, BaseException("bare")]


@pytest.mark.parametrize("error", every_base_exception(), ids=lambda error: type(error).__name__)
async def test_a_base_exception_is_a_failure(error: BaseException) -> None:
    """It comes out as an exception that ends neither task nor process, with what was raised as its cause."""
    with pytest.raises(HandlerFailed, match=type(error).__name__) as failed:
        await run_isolated(raising(error)())
    assert failed.value.__cause__ is error


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_stray_cancellation_is_a_failure() -> None:
    """Awaiting a cancelled task does not cancel the caller."""
    with pytest.raises(HandlerFailed, match="CancelledError"):
        await run_isolated(await_a_cancelled_task())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_handler_can_not_cancel_its_caller() -> None:
    """A cancellation that it leaves behind is dropped."""
    await run_isolated(cancel_itself())
    await anyio.lowlevel.checkpoint()


async def test_a_caller_that_is_cancelled_stops() -> None:
    """The cancellation of the scope around it passes."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_isolated(anyio.sleep_forever())
        pytest.fail("it went on")
    assert scope.cancelled_caught


async def test_an_exception_comes_out_as_it_is() -> None:
    """Also a time-out of the handler's own."""
    for error in (ValueError("one"), TimeoutError("own"), ExceptionGroup("two", [ValueError()])):
        with pytest.raises(type(error)) as raised:
            await run_isolated(raising(error)())
        assert raised.value is error


async def test_an_error_without_text_is_replaced() -> None:
    """Logging it must not fail too."""

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise SystemExit(1)

    with pytest.raises(HandlerFailed, match="raised Unprintable, whose text"):
        await run_isolated(raising(Unprintable())())


@pytest.mark.parametrize("error", every_base_exception(), ids=lambda error: type(error).__name__)
async def test_without_an_inbox_it_is_answered_500(error: BaseException) -> None:
    """Nexi sends the event again, and the next delivery is handled."""
    errors = [error]

    async def handle(_: Event) -> None:
        if errors:
            raise errors.pop()

    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=handle)
    body = deliveries.sample("payment.created")
    assert [(await deliver(receiver, body)).status for _ in range(2)] == [500, 200]
    assert (await receiver.stats()).failed == {"payment.created": 1}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_without_an_inbox_a_handler_that_cancels_itself_loses_no_event() -> None:
    """Its work is done: however the task of its delivery ends, the next delivery is answered 200."""
    handled: list[Event] = []

    async def handle(event: Event) -> None:
        handled.append(event)
        await cancel_itself()

    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=handle)
    body = deliveries.sample("payment.created")
    await asyncio.wait([asyncio.ensure_future(deliver(receiver, body))])
    assert (await deliver(receiver, body)).status == 200
    assert len(handled) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_with_an_inbox_a_handler_that_cancels_itself_stops_no_worker(tmp_path: Path) -> None:
    """The events after it are handled, each once."""
    handled: list[str | None] = []

    async def handle(event: Event) -> None:
        handled.append(event.payment_id)
        await cancel_itself()

    inbox = SQLInbox(f"sqlite:///{tmp_path}/inbox.db", concurrency=1)
    async with WebhookReceiver(authorization=AUTHORIZATION, fallback=handle, inbox=inbox) as receiver:
        for payment_id in ("1", "2", "3"):
            await deliver(receiver, deliveries.sample("payment.created", payment_id=payment_id))
        with anyio.fail_after(TIMEOUT):
            while (await inbox.stats()).waiting:  # noqa: ASYNC110 - there is nothing to wait on
                await anyio.sleep(0.01)
    assert handled == ["1", "2", "3"]


async def test_without_an_inbox_a_handler_that_hangs_is_answered_500() -> None:
    """After the receiver's time limit."""

    async def hang(_: Event) -> None:
        await anyio.sleep_forever()

    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=hang, handler_timeout=0.01)
    assert (await deliver(receiver, deliveries.sample("payment.created"))).status == 500


async def test_with_an_inbox_a_handler_that_hangs_fails(tmp_path: Path) -> None:
    """After the receiver's time limit, long before its lease runs out."""

    async def hang(_: Event) -> None:
        await anyio.sleep_forever()

    inbox = SQLInbox(f"sqlite:///{tmp_path}/inbox.db", max_attempts=1)
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=hang, handler_timeout=0.01, inbox=inbox)
    async with receiver:
        await deliver(receiver, deliveries.sample("payment.created"))
        with anyio.fail_after(TIMEOUT):
            while not (await inbox.stats()).dead:  # noqa: ASYNC110 - there is nothing to wait on
                await anyio.sleep(0.01)


async def test_sixty_handlers_that_hang_delay_no_other_for_a_lease(tmp_path: Path) -> None:
    """What comes in after them is handled when their time limit has run out; their retries leave it room."""
    hanging, handled = {f"hangs-{number}" for number in range(60)}, set[str | None]()

    async def handle(event: Event) -> None:
        if event.payment_id in hanging:
            await anyio.sleep_forever()
        handled.add(event.payment_id)

    inbox = SQLInbox(f"sqlite:///{tmp_path}/inbox.db")
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=handle, handler_timeout=0.05, inbox=inbox)
    async with receiver:
        for payment_id in (*sorted(hanging), *map(str, range(20))):
            await deliver(receiver, deliveries.sample("payment.created", payment_id=payment_id))
        with anyio.fail_after(inbox.lease / 3):
            while len(handled) < 20:  # noqa: ASYNC110 - there is nothing to wait on
                await anyio.sleep(0.01)


def test_a_time_limit_must_be_one() -> None:
    """Zero would stop every handler."""
    with pytest.raises(ValueError, match="handler_timeout: must be more than 0"):
        WebhookReceiver(authorization=AUTHORIZATION, handler_timeout=0)
