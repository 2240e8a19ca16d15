"""A receiver with an inbox runs as long as the app that it is in, however it got there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from nexi_async._errors import NexiError
from nexi_async._models.payment import Payment
from nexi_async.webhooks import Event, PaymentCreated, SQLInbox, WebhookReceiver, deliveries, parse_event
from nexi_async.webhooks import _worker_pool as workers
from tests.webhooks.support import AUTHORIZATION, NEXI, a_payment, converse, deliver

HEADERS = {"Authorization": AUTHORIZATION}
TIMEOUT = 20.0


class Shop:
    """A merchant's side: a receiver with an inbox, whose fallback records everything."""

    def __init__(self, url: str) -> None:
        self.seen: list[Event] = []
        self.news = anyio.Event()
        self.receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=self.take, inbox=SQLInbox(url))

    async def take(self, event: Event) -> None:
        """Handle an event."""
        self.seen.append(event)
        self.news.set()

    async def has_seen_one(self) -> None:
        """Wait for the first event."""
        with anyio.fail_after(TIMEOUT):
            await self.news.wait()


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has stored is noticed soon."""
    monkeypatch.setattr(workers, "POLL_INTERVAL", 0.02)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file for the inbox."""
    return f"sqlite:///{tmp_path / 'inbox.db'}"


@pytest.fixture
def shop(url: str) -> Shop:
    """A shop in working order."""
    return Shop(url)


def deliver_to(app: ASGIApp, backend: str, path: str = "/nexi/webhooks") -> int:
    """Start the app, deliver one event, stop it."""
    with TestClient(app, client=NEXI, backend=backend) as client:  # type: ignore[arg-type]
        return client.post(path, content=deliveries.sample("payment.created"), headers=HEADERS).status_code


def test_as_the_lifespan_of_its_app(shop: Shop, anyio_backend: str) -> None:
    """An app without a lifespan of its own takes the receiver's."""
    app = FastAPI(lifespan=shop.receiver.lifespan)
    app.mount("/nexi", shop.receiver)
    assert deliver_to(app, anyio_backend) == 200


def test_within_the_lifespan_of_its_app(shop: Shop, anyio_backend: str) -> None:
    """An app with a lifespan of its own enters the receiver there."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with shop.receiver:
            yield

    app = FastAPI(lifespan=lifespan)
    app.mount("/nexi", shop.receiver)
    assert deliver_to(app, anyio_backend) == 200


def test_by_itself(shop: Shop, anyio_backend: str) -> None:
    """Served by itself it needs no other app."""
    assert deliver_to(shop.receiver, anyio_backend, "/") == 200


async def test_what_is_stored_is_handled(shop: Shop) -> None:
    """The same handlers as without an inbox; what was handled is counted."""
    body = deliveries.sample("payment.created")
    async with shop.receiver:
        assert (await deliver(shop.receiver, body)).status == 200
        assert (await deliver(shop.receiver, body)).status == 200
        await shop.has_seen_one()
    assert [event.raw for event in shop.seen] == [body]
    async with shop.receiver:
        stats = await shop.receiver.stats()
    assert (stats.responses, stats.handled, stats.duplicates) == ({200: 2}, {"payment.created": 1}, 1)
    assert stats.inbox is not None
    assert (stats.inbox.waiting, stats.inbox.dead) == (0, 0)


async def test_what_was_stored_before_a_stop_is_handled_after_it(url: str) -> None:
    """Another process goes on where the first one ended."""
    first, second = Shop(url), Shop(url)

    async def hang(_: Event) -> None:
        await anyio.sleep_forever()

    first.receiver.on("payment.created")(hang)
    with anyio.CancelScope() as killed:
        async with first.receiver:
            assert (await deliver(first.receiver, deliveries.sample("payment.created"))).status == 200
            killed.cancel()
    async with second.receiver:
        await second.has_seen_one()


async def test_a_receiver_that_does_not_run_stores_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It would not be handled: Nexi keeps sending, and the log says what is missing."""
    assert (await deliver(shop.receiver, deliveries.sample("payment.created"))).status == 500
    assert "pass receiver.lifespan to the app" in caplog.text


async def test_an_event_without_a_handler_is_not_stored(url: str) -> None:
    """Without handler and fallback it is refused, as without an inbox."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, inbox=SQLInbox(url))
    async with receiver:
        assert (await deliver(receiver, deliveries.sample("payment.created"))).status == 500
        stats = await receiver.stats()
    assert stats.inbox is not None
    assert stats.inbox.waiting == 0


async def test_a_stored_event_without_a_handler_fails(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that was dropped after its events had been stored is missed."""
    inbox = SQLInbox(url)
    receiver = WebhookReceiver(authorization=AUTHORIZATION, inbox=inbox)
    async with SQLInbox(url) as other:
        await other.put(parse_event(deliveries.sample("payment.created")))
        async with receiver:
            await other.put(parse_event(deliveries.sample("payment.cancel.created")))
            with anyio.fail_after(TIMEOUT):
                while len((await receiver.stats()).failed) < 2:  # noqa: ASYNC110 - there is nothing to wait on
                    await anyio.sleep(0.01)
    assert "no handler for 'payment.created'" in caplog.text


async def test_stored_events_get_the_payment_too(url: str) -> None:
    """One fetch serves the events of a payment that came in before it."""
    asked, seen, all_seen = list[str](), list[Payment](), anyio.Event()

    async def retrieve(payment_id: str) -> Payment:
        asked.append(payment_id)
        return a_payment(payment_id)

    receiver = WebhookReceiver(authorization=AUTHORIZATION, inbox=SQLInbox(url), refetch=retrieve)

    @receiver.on("payment.created")
    async def created(_: PaymentCreated, payment: Payment) -> None:
        seen.append(payment)
        if len(seen) == 5:
            all_seen.set()

    async with SQLInbox(url) as inbox:
        for _ in range(5):
            await inbox.put(parse_event(deliveries.sample("payment.created", payment_id="bb02")))
    async with receiver:
        with anyio.fail_after(TIMEOUT):
            await all_seen.wait()
    assert asked == ["bb02"]


async def test_it_runs_once(shop: Shop) -> None:
    """Entered twice, by mistake, it says so; left, it can be entered again."""
    async with shop.receiver:
        with pytest.raises(RuntimeError, match="running already"):
            await shop.receiver.__aenter__()
    async with shop.receiver:
        pass


async def test_without_an_inbox_there_is_nothing_to_run() -> None:
    """Entering it does no harm, and is not needed."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION)
    async with receiver.lifespan():
        assert (await receiver.stats()).inbox is None


async def test_a_failed_start_is_reported_to_the_server(tmp_path: Path) -> None:
    """A server must not go on as if all was well."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, inbox=SQLInbox(f"sqlite:///{tmp_path}/nowhere/inbox.db"))
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        said.append(message)

    with pytest.raises(Exception, match="can't be opened"):
        await receiver({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in said] == ["lifespan.startup.failed"]
    async with WebhookReceiver(authorization=AUTHORIZATION):
        pass


async def test_it_stops_with_its_server(shop: Shop) -> None:
    """Startup, shutdown, in the words of the protocol."""
    said = await converse(
        shop.receiver, {"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    )
    assert [message["type"] for message in said] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_error_of_the_app_comes_out_as_it_is(shop: Shop) -> None:
    """What is raised inside is not wrapped into a group."""
    with pytest.raises(NexiError, match="in the shop"):
        async with shop.receiver:
            raise NexiError("in the shop")
