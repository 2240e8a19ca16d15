"""Delivering events: ten attempts with growing delays, and only a 200 counts."""

from collections.abc import Callable

import anyio
import httpx
from attrs import evolve

from nexi_async.emulator.books import Attempt, Delivery
from nexi_async.emulator.clock import Bell, Clock
from nexi_async.emulator.moment import Moment

AT_ONCE = 16


def record(moment: Moment, delivery: Delivery, result: int | str) -> None:
    """Note an attempt: delivered after a 200, else due again after the schedule's delay, dropped at its end."""
    delivery.attempts.append(Attempt(moment.now, result))
    delays = moment.settings.delivery_retry_delays
    if result == httpx.codes.OK:
        _close(moment, delivery, "delivered")
    elif len(delivery.attempts) > len(delays):
        _close(moment, delivery, "dropped")
    else:
        delivery.due = moment.now + delays[len(delivery.attempts) - 1]
        moment.books.outbox.add(delivery.due, delivery)


def _close(moment: Moment, delivery: Delivery, state: str) -> None:
    delivery.state = state
    moment.books.undelivered -= 1


class Courier:
    """Takes due deliveries out of the books and sends them, as long as `run` runs.

    Args:
        clock: The emulator's clock.
        present: The moment that is now, with all that was due done.
        transport: How requests are sent; the network by default.
    """

    def __init__(self, clock: Clock, present: Callable[[], Moment], transport: httpx.AsyncBaseTransport | None) -> None:
        self._clock = clock
        self._present = present
        self._transport = transport
        self._news = Bell()
        self._progress = Bell()

    def look_again(self) -> None:
        """Something may have become due, or everything may be gone."""
        self._news.ring()
        self._progress.ring()

    async def run(self) -> None:
        """Deliver until cancelled."""
        if self._transport is not None:
            await self._deliver_with(self._transport)
        async with httpx.AsyncHTTPTransport() as transport:
            await self._deliver_with(transport)

    async def wait_delivered(self, seconds: float) -> None:
        """Wait until nothing is on its way.

        Raises:
            TimeoutError: Something still was after so many real seconds.
        """
        with anyio.fail_after(seconds):
            while self._present().books.undelivered:
                await self._progress.wait()

    async def _deliver_with(self, transport: httpx.AsyncBaseTransport) -> None:
        free = anyio.Semaphore(AT_ONCE)
        async with anyio.create_task_group() as attempts:
            while True:
                moment = self._present()
                while moment.books.outbox.is_due(moment.now):
                    await free.acquire()
                    _, delivery = moment.books.outbox.take()
                    attempts.start_soon(self._attempt, transport, delivery, free)
                await self._news.wait(self._seconds_until_next(self._present()))

    def _seconds_until_next(self, moment: Moment) -> float | None:
        books = moment.books
        times = [due for due in (books.outbox.next_due(), books.agenda.next_due()) if due is not None]
        return self._clock.real_seconds_until(min(times)) if times else None

    async def _attempt(self, transport: httpx.AsyncBaseTransport, delivery: Delivery, free: anyio.Semaphore) -> None:
        moment = self._present()
        try:
            result = await _post(transport, delivery, moment.settings.delivery_timeout)
        except anyio.get_cancelled_exc_class():
            moment.books.outbox.add(delivery.due, delivery)  # for whoever delivers next
            raise
        finally:
            free.release()
        record(evolve(self._present(), books=moment.books), delivery, result)
        self.look_again()


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
    hook = delivery.hook
    headers = [("Content-Type", "application/json"), *hook.headers]
    if hook.authorization is not None:
        headers.append(("Authorization", hook.authorization))
    return httpx.Request("POST", hook.url, headers=headers, content=delivery.body)
