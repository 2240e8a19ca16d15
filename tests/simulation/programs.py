"""The programs that simulated processes run: a charger, a webhook receiver, a shop that sells."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import anyio

from nexi_async import (
    AsyncCheckout,
    Attempt,
    Checkout,
    Hooks,
    NexiError,
    NotFound,
    Notifications,
    Order,
    OrderItem,
    Outcome,
    Response,
)
from nexi_async.batch import BatchCharger, JobResult, Ledger
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.webhooks import Event, EventName, SQLInbox, WebhookReceiver
from tests.simulation.http_server import serve
from tests.simulation.processes import current
from tests.simulation.trace import CallRecord, HandlerRun

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

OnRequest: TypeAlias = Callable[[Attempt], None]
OnEnd: TypeAlias = Callable[[Attempt, object], None]

RUN = "october"
RECEIVER = ("127.0.0.1", 8000)
AUTHORIZATION = "Kq7ZtB9fRw4LmXc2"
EVENTS: tuple[EventName, ...] = ("payment.checkout.completed", "payment.charge.created.v2", "payment.refund.completed")
ATTEMPT_SECONDS = 30.0
CALL_SECONDS = 90.0
TOLERANCE = 0.01
FOR_EVER = 1e12
NO_EFFECT = (Outcome.NOT_SENT, Outcome.REJECTED)


def order(reference: str, amount: int) -> Order:
    """An order of one line."""
    return Order(items=[line(amount)], amount=amount, currency="SEK", reference=reference)


def line(amount: int) -> OrderItem:
    """An order line of that total, without tax."""
    return OrderItem.of(reference="plan", name="Plan", unit_price=amount)


def notifications(*events: EventName) -> Notifications:
    """Events to the simulated receiver."""
    return Notifications.to(f"http://{RECEIVER[0]}:{RECEIVER[1]}/nexi", authorization=AUTHORIZATION, events=events)


def client(
    simulation: Simulation, *, on_request: OnRequest | None = None, on_end: OnEnd | None = None
) -> AsyncCheckout:
    """A client of the emulated API, whose attempts are held to their time limit."""

    def check(attempt: Attempt, end: object, seconds: float) -> None:
        process = current()
        if seconds > ATTEMPT_SECONDS + TOLERANCE and process is not None and not process.was_suspended:
            simulation.violate(f"an attempt at {attempt.operation} took {seconds:.3f} s")
        if on_end is not None:
            on_end(attempt, end)

    return AsyncCheckout(
        simulation.emulator.secret_key,
        base_url=simulation.api_url,
        max_connections=simulation.scenario.concurrency,
        ssl_context=_unused_context(),
        hooks=Hooks(on_request=on_request, on_response=check),
    )


@functools.cache
def _unused_context() -> ssl.SSLContext:
    """Making one takes longer than many scenarios; no connection of the simulation uses TLS."""
    return ssl.create_default_context()


class ChargerProgram:
    """Charges the run, in a block or by a plain loop.

    Args:
        simulation: where.
        in_block: whether to charge beside the loop.
    """

    def __init__(self, simulation: Simulation, *, in_block: bool) -> None:
        self._simulation = simulation
        self._in_block = in_block
        self._charger: BatchCharger | None = None
        self._to_ask: set[str] = set()
        self._references: dict[str | None, str] = {}
        self.is_leaving = False
        """Whether to leave the loop after the next result."""

    def stop(self) -> None:
        """Ask the charger to end gracefully."""
        if self._charger is not None:
            self._charger.stop()

    async def __call__(self) -> None:
        """Run."""
        scenario = self._simulation.scenario
        checking = client(self._simulation, on_request=self._check_request, on_end=self._note_end)
        async with checking as checkout, Ledger.open(self._simulation.ledger_url) as ledger:
            charger = self._charger = BatchCharger(
                checkout,
                ledger,
                run=RUN,
                concurrency=scenario.concurrency,
                rate=scenario.rate,
                strategy=scenario.strategy,
            )
            if self._in_block:
                async with charger as results:
                    await self._read(results)
            else:
                await self._read(charger)

    def note_start(self, job: ClaimedJob) -> None:
        """The charging of a job begins: if it may have been sent before, it has to be asked for first."""
        self._references[job.key] = job.reference
        is_ours = self._simulation.look_up(job.reference)[1] == job.fence
        if job.may_have_been_sent or (is_ours and self._simulation.undecided[job.key]):
            self._to_ask.add(job.key)

    def _check_request(self, attempt: Attempt) -> None:
        """Before a charge leaves it is sending in the ledger, and asked for if it may have left before."""
        if attempt.method != "POST" or self._simulation.scenario.strategy == "bulk":
            return
        reference = self._references.get(attempt.idempotency_key)
        if attempt.idempotency_key in self._to_ask:
            self._simulation.violate(f"{reference} was sent again without being asked for")
        if reference is None or self._simulation.look_up(reference)[0] == "planned":
            self._simulation.violate(f"{reference} is sent, and the ledger does not say so")
        self._simulation.undecided[attempt.idempotency_key] += 1

    def _note_end(self, attempt: Attempt, end: object) -> None:
        if attempt.method == "POST" and isinstance(end, NexiError) and end.outcome in NO_EFFECT:
            self._simulation.undecided[attempt.idempotency_key] -= 1
        if attempt.method == "GET" and isinstance(end, Response | NotFound):
            self._to_ask.discard(attempt.idempotency_key or "")

    async def _read(self, results: AsyncIterable[JobResult]) -> None:
        async for result in results:
            self._simulation.log(f"{result.reference} is {result.state}")
            self._simulation.trace.results.append(result)
            if result.state.is_final and self._simulation.look_up(result.reference)[0] != result.state:
                self._simulation.violate(f"{result.reference} was handed out as {result.state} before that was on disk")
            if self.is_leaving:
                self._simulation.log("leaves the results")
                break


class ReceiverProgram:
    """Receives events and works through the inbox, until it is asked to stop.

    Args:
        simulation: where.
        port: what it listens on.
    """

    def __init__(self, simulation: Simulation, port: int) -> None:
        self._simulation = simulation
        self._port = port
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Ask it to end gracefully."""
        self._stopped.set()

    async def __call__(self) -> None:
        """Run."""
        receiver = WebhookReceiver(
            authorization=AUTHORIZATION,
            networks=["127.0.0.1"],
            inbox=SQLInbox(self._simulation.inbox_url),
            fallback=self._handle,
        )
        process = current()
        assert process is not None
        async with receiver:
            serve(self._simulation.network, receiver, (RECEIVER[0], self._port), process)
            await self._stopped.wait()

    async def _handle(self, event: Event) -> None:
        simulation, process = self._simulation, current()
        assert process is not None
        assert event.timestamp is not None
        key, happened = (event.id, event.name), event.timestamp.timestamp()
        run = HandlerRun(key, event.payment_id, happened, simulation.loop.time())
        simulation.trace.handlers.append(run)
        await asyncio.sleep(simulation.chance.uniform(0, 0.5))
        run.was_suspended = process.was_suspended
        if simulation.handler_fails():
            raise RuntimeError("the handler fails")
        run.ended = simulation.loop.time()
        simulation.log(f"handled {event.name} {event.id}")


class ShopProgram:
    """Sells one order: it is paid, charged in two parts and refunded in part, with second clicks and time limits.

    Args:
        simulation: where.
        number: of the shopper.
    """

    def __init__(self, simulation: Simulation, number: int) -> None:
        self._simulation = simulation
        self._chance = random.Random(f"shopper {simulation.scenario.seed} {number}")
        self._number = number

    async def __call__(self) -> None:
        """Run."""
        async with client(self._simulation) as self._checkout:
            payment_id = await self._create()
            if payment_id is None:
                return
            self._simulation.emulator.pay(payment_id)
            payments = self._checkout.payments
            for amount in (3000, 4000):
                await self._click("charge", payment_id, amount, payments.charge)
            await self._click("refund", payment_id, 1000, payments.refund)

    async def _create(self) -> str | None:
        for place in range(3):
            reference = f"order-{self._number}-{place}"
            record = CallRecord("create", reference, 9900, None)
            made: list[str] = []

            async def create(reference: str = reference, made: list[str] = made) -> None:
                created = await self._checkout.payments.create(
                    order=order(reference, 9900),
                    checkout=Checkout.hosted(
                        return_url="https://shop.example/", terms_url="https://shop.example/terms"
                    ),
                    notifications=notifications(*EVENTS),
                )
                made.append(created.payment_id)

            await self._call(record, create, limit=None)
            if made:
                return made[0]
        return None

    async def _click(self, kind: str, payment_id: str, amount: int, act: Callable[..., Awaitable[object]]) -> None:
        """One effect, asked for once or more; what remains unknown is asked for again with the same key."""
        key = f"{kind}-{self._number}-{amount}"

        async def once() -> None:
            await act(payment_id, amount=amount, order_items=[line(amount)], idempotency_key=key)

        async with asyncio.TaskGroup() as clicks:
            for _ in range(self._chance.choice((1, 1, 2, 3))):
                limit = self._chance.choice((None, None, 0.05, 1.0))
                record = CallRecord(kind, payment_id, amount, key)
                clicks.create_task(self._call(record, once, limit))
                await asyncio.sleep(self._chance.choice((0.0, 0.02)))
        for _ in range(3):
            if self._is_decided(key):
                break
            await self._call(CallRecord(kind, payment_id, amount, key), once, limit=None)

    def _is_decided(self, key: str) -> bool:
        return any(call.has_receipt for call in self._simulation.trace.calls if call.key == key)

    async def _call(self, record: CallRecord, act: Callable[[], Awaitable[None]], limit: float | None) -> None:
        simulation = self._simulation
        simulation.trace.calls.append(record)
        began = simulation.loop.time()
        try:
            with anyio.fail_after(limit or 2 * CALL_SECONDS):
                await act()
            record.has_receipt = True
        except NexiError as error:
            record.outcome = error.outcome
            record.effects = simulation.count_effects(record)
            record.is_alone = (
                sum(call.target == record.target and call.key == record.key for call in simulation.trace.calls) == 1
            )
        except TimeoutError:
            record.outcome = Outcome.UNKNOWN
        seconds = simulation.loop.time() - began
        simulation.log(f"{record.kind} {record.target} {record.amount}: {record.outcome or 'receipt'}")
        if seconds > CALL_SECONDS + TOLERANCE:
            simulation.violate(f"a call took {seconds:.3f} s")
