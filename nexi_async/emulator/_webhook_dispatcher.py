"""Delivering events: ten attempts with growing delays, and only a 200 counts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
from attrs import evolve

from nexi_async.emulator._clock import Bell, Clock
from nexi_async.emulator._context import Moment
from nexi_async.emulator._state import Attempt, Delivery

AT_ONCE = 16
_MOST_NAMED = 10
_HINTS = {
    401: "another Authorization than the receiver accepts",
    403: "the receiver takes nothing from the sender's address, see its networks=",
    500: "the handler failed, or there is none for the event: see the receiver's log",
}


class NotDelivered(TimeoutError):
    """Webhooks are still pending; the text names each with what its receiver answered.

    Attributes:
        deliveries: A line for each of them.
    """

    def __init__(self, why: str, deliveries: list[str]) -> None:
        super().__init__(why, deliveries)
        self.deliveries = deliveries

    def __str__(self) -> str:
        why, lines = self.args
        more = len(lines) - _MOST_NAMED
        return "\n  ".join([why, *lines[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def described(moment: Moment, delivery: Delivery) -> str:
    """What is on its way where, what was answered so far, and what happens next."""
    event, results = delivery.event, [attempt.result for attempt in delivery.attempts]
    answered = "answered " + ", ".join(map(str, results)) if results else "not sent yet"
    hint = f" ({_HINTS[results[-1]]})" if results and results[-1] in _HINTS else ""
    seconds = max(0.0, delivery.due - moment.now)
    then = f"sent again in {seconds:.1f} s of the emulator's clock" if delivery.state == "pending" else delivery.state
    return f"{event.name} of payment {event.payment_id} to {delivery.hook.url}: {answered}{hint}, {then}"


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
        async with self._sending() as transport:
            await self._deliver_with(transport)

    async def deliver_due(self) -> int:
        """Send what is due now, and what becomes due by that, one after the other; returns how many were delivered.

        Raises:
            NotDelivered: Some were not answered 200.
        """
        tried: list[Delivery] = []
        async with self._sending() as transport:
            while (moment := self._present()).books.outbox.is_due(moment.now):
                _, delivery = moment.books.outbox.take()
                await self._send(transport, delivery)
                tried.append(delivery)
        moment = self._present()
        missed = [described(moment, delivery) for delivery in dict.fromkeys(tried) if delivery.state != "delivered"]
        if missed:
            raise NotDelivered("not delivered:", missed)
        return len(tried)

    async def wait_delivered(self, seconds: float, hint: Callable[[], str]) -> None:
        """Wait until nothing is on its way.

        Raises:
            NotDelivered: Something still was after so many real seconds; `hint` says what may be missing.
        """
        with anyio.move_on_after(seconds):
            while self._present().books.undelivered:
                await self._progress.wait()
        moment = self._present()
        if moment.books.undelivered:
            pending = [entry for entry in moment.books.deliveries if entry.state == "pending"]
            why = f"still pending after {seconds:g} s{hint()}:"
            raise NotDelivered(why, [described(moment, delivery) for delivery in pending])

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """The transport, which is only closed afterwards if it is the courier's own."""
        if self._transport is not None:
            yield self._transport
            return
        transport = httpx.AsyncHTTPTransport()
        try:
            yield transport
        finally:
            await transport.aclose()

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
        try:
            await self._send(transport, delivery)
        finally:
            free.release()

    async def _send(self, transport: httpx.AsyncBaseTransport, delivery: Delivery) -> None:
        moment = self._present()
        try:
            result = await _post(transport, delivery, moment.settings.delivery_timeout)
        except anyio.get_cancelled_exc_class():
            moment.books.outbox.add(delivery.due, delivery)  # for whoever delivers next
            raise
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
