"""Deliveries: ten attempts on the schedule, 200 ends them, and what arrives."""

import functools
from typing import Any

import anyio
import httpx
import orjson
import pytest
from anyio import from_thread
from starlette.requests import Request
from starlette.responses import Response

from nexi_async.emulator import CheckoutEmulator, Clock, NotDelivered, Settings
from nexi_async.emulator._engine.deliveries import record
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.settings import RETRY_DELAYS
from nexi_async.emulator._engine.state import Delivery, Event, WebhookSubscription
from tests.emulator.raw import START, Wire, webhooks


class Receiver:
    """A webhook receiver that answers with the statuses it is given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[Request] = []
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.bodies.append(orjson.loads(await request.body()))
        await Response(status_code=self.statuses.pop(0) if self.statuses else 200)(scope, receive, send)


class SlowReceiver(Receiver):
    """A receiver that holds its first request back, once it is `reached`, until `go_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = anyio.Event(), anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.go_on.wait()
        await super().__call__(scope, receive, send)


def emulator_for(receiver: Receiver, **settings: Any) -> CheckoutEmulator:
    """An emulator whose webhooks go to this receiver."""
    return CheckoutEmulator(
        clock=Clock(time_scale=0, start=START),
        settings=Settings(**settings),
        webhook_transport=httpx.ASGITransport(app=receiver, client=("20.31.57.60", 443)),
    )


async def pay(emulator: CheckoutEmulator, **changes: Any) -> str:
    """Create and pay a payment."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=emulator),
        base_url="https://emulator.test",
        headers={"Authorization": emulator.secret_key},
    ) as client:
        return await Wire(client).reserved(**changes)


async def all_due_are_sent(emulator: CheckoutEmulator) -> None:
    """Wait until every delivery that is due was attempted, whatever the response was."""
    with anyio.fail_after(10):
        while _has_due(emulator.state()):
            await emulator._dispatcher._changed.wait()


def _has_due(state: dict[str, Any]) -> bool:
    return any(each["state"] == "pending" and each["due"] <= state["now"] for each in state["deliveries"])


async def test_event_arrives_with_the_registered_authorization() -> None:
    """A delivery is JSON with the authorization verbatim, from the transport's address."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    async with emulator:
        payment_id = await pay(emulator, notifications=webhooks("payment.reservation.created.v2"))
        await emulator.wait_delivered()
    (request,) = receiver.requests
    assert request.headers["authorization"] == "q7Lw2ZtB9fKx4RdN"
    assert request.headers["content-type"] == "application/json"
    assert request.client == ("20.31.57.60", 443)
    (body,) = receiver.bodies
    assert list(body) == ["id", "timestamp", "merchantNumber", "event", "data"]
    assert body["data"]["paymentId"] == payment_id
    assert body["data"]["amount"] == {"amount": 12500, "currency": "SEK"}
    assert body["timestamp"] == "2027-01-15T08:00:00.0000+00:00"


@pytest.mark.parametrize("status", [201, 204, 302, 500])
async def test_anything_but_200_is_tried_again(status: int) -> None:
    """Other 2xx and redirects count as failures; the next attempt is due after five seconds."""
    receiver = Receiver(status)
    emulator = emulator_for(receiver)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await all_due_are_sent(emulator)
        emulator.advance(4.9)
        await anyio.wait_all_tasks_blocked()
        assert len(receiver.bodies) == 1
        emulator.advance(0.2)
        await emulator.wait_delivered()
    assert receiver.bodies[0] == receiver.bodies[1]
    (delivery,) = emulator.state()["deliveries"]
    assert (delivery["state"], [attempt["result"] for attempt in delivery["attempts"]]) == ("delivered", [status, 200])


async def test_ten_attempts_then_dropped() -> None:
    """After the tenth failure nothing more is sent."""
    receiver = Receiver(*[500] * 20)
    emulator = emulator_for(receiver)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        for delay in (*RETRY_DELAYS, 1e6):
            await all_due_are_sent(emulator)
            emulator.advance(delay)
        await emulator.wait_delivered()
    assert len(receiver.bodies) == 10
    assert emulator.state()["deliveries"][0]["state"] == "dropped"


def test_schedule() -> None:
    """The attempts two to ten follow the delays, and the eleventh never comes."""
    context = Engine(Settings(), clock=Clock(time_scale=0, start=START)).context()
    event = Event(1, "e", "payment.created", START, "p", {})
    delivery = Delivery(1, event, WebhookSubscription("payment.created", "https://shop.test/"), b"{}", START)
    context.state.undelivered = 1
    gaps = []
    for _ in range(9):
        record(context, delivery, 500)
        gaps.append(delivery.due - START)
    record(context, delivery, "ConnectError")
    assert tuple(gaps) == RETRY_DELAYS
    assert (delivery.state, context.state.undelivered) == ("dropped", 0)


async def test_receiver_that_hangs_costs_one_attempt() -> None:
    """A receiver that does not answer in time is a failure, and others are served meanwhile."""
    emulator = emulator_for(SlowReceiver(), delivery_timeout=0.01)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await all_due_are_sent(emulator)
        emulator.advance(5)
        await emulator.wait_delivered()
    (delivery,) = emulator.state()["deliveries"]
    assert [attempt["result"] for attempt in delivery["attempts"]] == ["TimeoutError", 200]


async def test_deliveries_queue_without_a_dispatcher() -> None:
    """The API responds without a running dispatcher; pending deliveries are sent once one runs."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    await pay(emulator, notifications=webhooks("payment.created"))
    assert emulator.state()["deliveries"][0]["state"] == "pending"
    async with emulator:
        await emulator.wait_delivered()
    assert len(receiver.bodies) == 1


async def test_duplicates_and_drops_on_demand() -> None:
    """The switches send every event twice, or never."""
    receiver = Receiver()
    emulator = emulator_for(receiver, event_duplicate_rate=1)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await emulator.wait_delivered()
        assert len(receiver.bodies) == 2
        emulator.settings = Settings(event_drop_rate=1)
        await pay(emulator, notifications=webhooks("payment.created"))
        await emulator.wait_delivered()
    assert len(receiver.bodies) == 2


async def test_the_lifespan_runs_the_dispatcher() -> None:
    """An ASGI server's lifespan delivers too."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    sends: list[str] = []
    stop = anyio.Event()
    asked = False

    async def receive() -> dict[str, str]:
        nonlocal asked
        if asked:
            await stop.wait()
            return {"type": "lifespan.shutdown"}
        asked = True
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sends.append(message["type"])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(emulator, {"type": "lifespan"}, receive, send)
        await pay(emulator, notifications=webhooks("payment.created"))
        await emulator.wait_delivered()
        stop.set()
    assert sends == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert len(receiver.bodies) == 1


async def test_an_interrupted_delivery_is_sent_by_the_next_dispatcher() -> None:
    """A delivery in progress when the dispatcher stops is not lost."""
    receiver = SlowReceiver()
    emulator = emulator_for(receiver)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await receiver.reached.wait()
    async with emulator:
        await emulator.wait_delivered()
    assert len(receiver.bodies) == 1


async def test_waiting_is_bounded() -> None:
    """Waiting for a delivery that does not come ends with an error."""
    emulator = emulator_for(Receiver())
    await pay(emulator, notifications=webhooks("payment.created"))
    with pytest.raises(TimeoutError):
        await emulator.wait_delivered(0.01)


async def test_running_twice_is_an_error() -> None:
    """One emulator has one dispatcher."""
    emulator = CheckoutEmulator()
    async with emulator:
        with pytest.raises(RuntimeError, match="already running"):
            await emulator.__aenter__()


async def test_shuffled_events_overtake_each_other() -> None:
    """With `event_shuffle_seconds` events arrive in another order than they happened, but all of them."""
    receiver = Receiver()
    emulator = emulator_for(receiver, event_shuffle_seconds=60)
    names = ["payment.created", "payment.reservation.created", "payment.checkout.completed"]
    async with emulator:
        for _ in range(5):
            await pay(emulator, notifications=webhooks(*names))
        for _ in range(6):
            emulator.advance(10)
            await all_due_are_sent(emulator)
        await emulator.wait_delivered()
    arrived = [body["event"] for body in receiver.bodies]
    assert arrived != names * 5
    assert sorted(arrived) == sorted(names * 5)


@pytest.mark.parametrize(
    "headers",
    [
        [{"X-Shop": "7"}],
        [{"name": "X-Shop", "value": "7"}],
        [{"Key": "X-Shop", "Value": "7"}],
        {"X-Shop": "7"},
        [{"X-Shop": "7"}, {}, {"X Bad": "1"}, {"X-Bad": "1\r\n2"}, {"name": 1, "value": 2}, "x"],
    ],
)
async def test_custom_headers(headers: Any) -> None:
    """Custom headers are sent along, in whatever shape a client writes them; impossible ones are left out."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created", headers=headers))
        await emulator.wait_delivered()
    assert receiver.requests[0].headers["x-shop"] == "7"
    assert "x-bad" not in receiver.requests[0].headers


async def test_reset_discards_deliveries_under_way() -> None:
    """An attempt that ends after a reset does not change the new state."""
    receiver = SlowReceiver()
    emulator = emulator_for(receiver)
    async with emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await receiver.reached.wait()
        emulator.reset()
        receiver.go_on.set()
        await emulator._dispatcher._changed.wait(10)
        assert len(receiver.bodies) == 1
        await pay(emulator, notifications=webhooks("payment.created"))
        await emulator.wait_delivered()
    assert [delivery["state"] for delivery in emulator.state()["deliveries"]] == ["delivered"]


async def test_delivering_is_ended_by_any_task() -> None:
    """A fixture may begin in one task and end in another, as those of pytest-asyncio do."""
    receiver = Receiver()
    emulator = emulator_for(receiver)

    async def begin() -> None:
        await emulator.__aenter__()

    async def end() -> None:
        await emulator.__aexit__(None, None, None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(begin)
    await pay(emulator, notifications=webhooks("payment.checkout.completed"))
    await emulator.wait_delivered()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
    assert not emulator.is_running
    assert len(receiver.bodies) == 1


async def test_waiting_in_vain_says_for_what() -> None:
    """The error lists what is pending, for which URL, with its results and a hint; never the secret."""
    emulator = emulator_for(Receiver(403, 500))
    async with emulator:
        payment_id = await pay(emulator, notifications=webhooks("payment.checkout.completed", "payment.created"))
        with pytest.raises(TimeoutError) as waited:
            await emulator.wait_delivered(0.5)
    assert isinstance(waited.value, NotDelivered)
    text = str(waited.value)
    assert text.startswith("still pending after 0.5 s:")
    first, second = waited.value.deliveries
    assert f"payment.created of payment {payment_id} to https://shop.test/hooks: answered 403" in first
    assert "networks=" in first
    assert "sent again in 5.0 s" in first
    assert "answered 500" in second
    assert "q7Lw2ZtB9fKx4RdN" not in text


async def test_waiting_without_delivering_says_so() -> None:
    """Outside its block nothing is sent, and that is the first thing to know."""
    emulator = emulator_for(Receiver())
    await pay(emulator, notifications=webhooks("payment.created"))
    with pytest.raises(NotDelivered, match="nothing is sent outside `async with emulator`") as waited:
        await emulator.wait_delivered(0.01)
    assert "not sent yet" in str(waited.value)


async def test_many_pending_are_counted() -> None:
    """The text stays short."""
    emulator = emulator_for(Receiver())
    for _ in range(12):
        await pay(emulator, notifications=webhooks("payment.created"))
    with pytest.raises(NotDelivered) as waited:
        await emulator.wait_delivered(0.01)
    assert str(waited.value).endswith("\n  and 2 more")
    assert len(waited.value.deliveries) == 12


def test_synchronous_code_delivers_all() -> None:
    """Without an event loop of its own, what is due is delivered in one call, also what became due by it."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    anyio.run(functools.partial(pay, emulator, notifications=webhooks("payment.created", "payment.checkout.completed")))
    assert receiver.bodies == []
    assert emulator.deliver_all() == 2
    assert [body["event"] for body in receiver.bodies] == ["payment.created", "payment.checkout.completed"]
    assert emulator.deliver_all() == 0


def test_delivering_all_goes_through_the_loop_of_the_app() -> None:
    """The app is called on the event loop that it runs on."""
    receiver = Receiver()
    emulator = emulator_for(receiver)
    with from_thread.start_blocking_portal() as portal:
        portal.call(functools.partial(pay, emulator, notifications=webhooks("payment.created")))
        assert emulator.deliver_all(portal) == 1


def test_failed_deliveries_are_listed_and_sent_again() -> None:
    """A refusal is an error, and the event is not lost by it."""
    receiver = Receiver(401)
    emulator = emulator_for(receiver)
    anyio.run(functools.partial(pay, emulator, notifications=webhooks("payment.created")))
    with pytest.raises(NotDelivered, match=r"payment\.created .* answered 401 \(another Authorization"):
        emulator.deliver_all()
    emulator.advance(5)
    assert emulator.deliver_all() == 1


async def test_without_a_transport_it_is_sent_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's transport is closed again."""
    closed: list[bool] = []

    class Network(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, request=request)

        async def aclose(self) -> None:
            closed.append(True)

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", Network)
    async with CheckoutEmulator() as emulator:
        await pay(emulator, notifications=webhooks("payment.created"))
        await emulator.wait_delivered()
    assert closed == [True]
