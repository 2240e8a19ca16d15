"""PostgreSQL is restarted under a running receiver, and is away when it starts: nothing is lost, the log is short."""

from __future__ import annotations

import logging

import anyio
import pytest
from anyio import to_thread

from nexi_async.webhooks import Event, SQLInbox, WebhookReceiver, deliveries
from nexi_async.webhooks import _inbox as inbox
from nexi_async.webhooks import _worker_pool as workers
from tests.postgres import DURABLE, controlled_server
from tests.webhooks.support import AUTHORIZATION, deliver

pytestmark = pytest.mark.slow

RESTARTS = 3
EVENTS = 60
TIMEOUT = 60.0


class Shop:
    """A receiver with an inbox, and what it has handled."""

    def __init__(self, url: str) -> None:
        self.handled: set[str] = set()
        self.receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=self.handle, inbox=SQLInbox(url))

    async def handle(self, event: Event) -> None:
        """Record an event."""
        await anyio.sleep(0.01)
        self.handled.add(event.id)

    async def take(self, event_id: str) -> None:
        """Let Nexi send an event until it is answered 200."""
        body = deliveries.sample("payment.created", id=event_id)
        while (await deliver(self.receiver, body)).status != 200:  # noqa: ASYNC110 - as Nexi does
            await anyio.sleep(0.1)

    async def has_handled(self, count: int) -> None:
        """Wait until it has handled so many events."""
        while len(self.handled) < count:  # noqa: ASYNC110 - there is nothing to wait on
            await anyio.sleep(0.01)


@pytest.mark.timeout(120)
async def test_restarts_lose_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Every event is handled; each outage, also that at the start, is a line when it begins and one at its end."""
    monkeypatch.setattr(workers, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(inbox, "STARTUP_RETRY_INTERVAL", 0.1)
    caplog.set_level(logging.WARNING, "nexi_async.webhooks")
    with controlled_server(DURABLE) as server:
        shop = Shop(server.url.format(database="postgres"))
        server.stop()
        has_started = anyio.Event()

        async def start() -> None:
            await to_thread.run_sync(server.start)
            has_started.set()

        with anyio.fail_after(TIMEOUT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(start)
                async with shop.receiver:
                    for restart in range(RESTARTS):
                        for number in range(EVENTS // RESTARTS):
                            tasks.start_soon(shop.take, f"{restart}-{number}")
                        await shop.has_handled(restart * EVENTS // RESTARTS + 1)
                        await has_started.wait()
                        await to_thread.run_sync(server.stop)
                        await anyio.sleep(0.2)
                        await to_thread.run_sync(server.start)
                        await shop.has_handled((restart + 1) * EVENTS // RESTARTS)
                    stats = await shop.receiver.stats()
    assert len(shop.handled) == EVENTS
    assert stats.inbox is not None
    assert stats.inbox.is_working
    lines = [record.getMessage() for record in caplog.records if record.name == "nexi_async.webhooks"]
    assert len(lines) <= 2 * (RESTARTS + 1), "\n".join(lines)
    assert sum("can't be used" in line for line in lines) == RESTARTS + 1
