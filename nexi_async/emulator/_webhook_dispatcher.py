"""The webhook dispatcher: sends pending deliveries over HTTP when they are due, several at a time."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import anyio
import httpx
from attrs import evolve

from nexi_async.emulator._engine.clock import Wakeup
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.deliveries import NotDelivered, described, record
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.state import Delivery

MOST_CONCURRENT_ATTEMPTS = 16


class WebhookDispatcher:
    """Sends the pending deliveries of an engine, as long as `run` runs; over the network, if no transport is given."""

    def __init__(self, engine: Engine, transport: httpx.AsyncBaseTransport | None) -> None:
        self._engine = engine
        self._transport = transport
        self._changed = Wakeup()
        engine.on_change = self._changed.notify

    async def run(self) -> None:
        async with self._sending() as transport:
            await self._deliver_with(transport)

    async def deliver_due(self) -> int:
        """Send what is due now, and what becomes due by that, one after the other; returns how many were delivered.

        Raises:
            NotDelivered: Some were not answered 200.
        """
        tried: list[Delivery] = []
        async with self._sending() as transport:
            while (context := self._engine.context()).state.pending_deliveries.is_due(context.now):
                _, delivery = context.state.pending_deliveries.take()
                await self._send(transport, delivery)
                tried.append(delivery)
        context = self._engine.context()
        missed = [described(context, delivery) for delivery in dict.fromkeys(tried) if delivery.state != "delivered"]
        if missed:
            raise NotDelivered("not delivered:", missed)
        return len(tried)

    async def wait_delivered(self, seconds: float, hint: Callable[[], str]) -> None:
        """Wait until no delivery is pending.

        Raises:
            NotDelivered: A delivery was still pending after so many real seconds; `hint` says what may be missing.
        """
        with anyio.move_on_after(seconds):
            while self._engine.context().state.undelivered:
                await self._changed.wait()
        context = self._engine.context()
        if context.state.undelivered:
            pending = [entry for entry in context.state.deliveries if entry.state == "pending"]
            why = f"still pending after {seconds:g} s{hint()}:"
            raise NotDelivered(why, [described(context, delivery) for delivery in pending])

    def _sending(self) -> AbstractAsyncContextManager[httpx.AsyncBaseTransport]:
        """The transport, which is only closed afterwards if the dispatcher opened it."""
        return httpx.AsyncHTTPTransport() if self._transport is None else nullcontext(self._transport)

    async def _deliver_with(self, transport: httpx.AsyncBaseTransport) -> None:
        free = anyio.Semaphore(MOST_CONCURRENT_ATTEMPTS)
        async with anyio.create_task_group() as attempts:
            while True:
                context = self._engine.context()
                while context.state.pending_deliveries.is_due(context.now):
                    await free.acquire()
                    _, delivery = context.state.pending_deliveries.take()
                    attempts.start_soon(self._attempt, transport, delivery, free)
                await self._changed.wait(self._seconds_until_next(self._engine.context()))

    def _seconds_until_next(self, context: Context) -> float | None:
        state = context.state
        times = [due for due in (state.pending_deliveries.next_due(), state.schedule.next_due()) if due is not None]
        return self._engine.clock.real_seconds_until(min(times)) if times else None

    async def _attempt(self, transport: httpx.AsyncBaseTransport, delivery: Delivery, free: anyio.Semaphore) -> None:
        try:
            await self._send(transport, delivery)
        finally:
            free.release()

    async def _send(self, transport: httpx.AsyncBaseTransport, delivery: Delivery) -> None:
        context = self._engine.context()
        try:
            result = await _post(transport, delivery, context.settings.delivery_timeout)
        except anyio.get_cancelled_exc_class():
            context.state.pending_deliveries.add(delivery.due, delivery)  # the next dispatcher sends it
            raise
        record(evolve(self._engine.context(), state=context.state), delivery, result)
        self._engine.commit()
        self._changed.notify()


async def _post(transport: httpx.AsyncBaseTransport, delivery: Delivery, seconds: float) -> int | str:
    """The status of one attempt, or what kept it from getting one."""
    try:
        with anyio.fail_after(seconds):
            response = await transport.handle_async_request(_request(delivery))
            try:
                await response.aread()
            finally:
                await response.aclose()
    except Exception as error:  # noqa: BLE001  whatever a receiver does, it only costs this attempt
        return type(error).__name__
    return response.status_code


def _request(delivery: Delivery) -> httpx.Request:
    webhook = delivery.webhook
    headers = [("Content-Type", "application/json"), *webhook.headers]
    if webhook.authorization is not None:
        headers.append(("Authorization", webhook.authorization))
    return httpx.Request("POST", webhook.url, headers=headers, content=delivery.body)
