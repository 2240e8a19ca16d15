"""The listener records events, and lets tasks wait for them."""

from __future__ import annotations

import anyio
import httpx
import pytest
from starlette.types import ASGIApp

from nexi_async._demo import listener as module
from nexi_async._demo.listener import EVENTS, WebhookListener
from nexi_async.webhooks import Event, parse_event
from nexi_async.webhooks.deliveries import sample

CREATED = "payment.created"


def event(name: str, payment_id: str = "p1") -> Event:
    """An event about a payment."""
    return parse_event(sample(name, payment_id=payment_id))


@pytest.fixture
def logged() -> list[Event]:
    """The events passed to `on_event`."""
    return []


@pytest.fixture
def listener(logged: list[Event]) -> WebhookListener:
    """A listener with a callback."""
    return WebhookListener(logged.append)


async def test_a_waiter_is_woken_by_its_event(listener: WebhookListener, logged: list[Event]) -> None:
    """Neither another event nor another payment wakes it for good."""
    received: list[bool] = []

    async def wait() -> None:
        received.append(await listener.wait_for("p1", "payment.cancel.created"))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        for name, payment_id in ((CREATED, "p1"), ("payment.cancel.created", "p2")):
            await listener.record(event(name, payment_id))
            await anyio.wait_all_tasks_blocked()
        assert not received
        await listener.record(event("payment.cancel.created"))

    assert received == [True]
    assert len(logged) == 3


async def test_several_events_can_be_waited_for(listener: WebhookListener) -> None:
    """Events of two names count together; those received before do too."""
    await listener.record(event("payment.refund.completed"))
    await listener.record(event("payment.refund.failed"))

    assert await listener.wait_for("p1", "payment.refund.completed", "payment.refund.failed", times=2)


async def test_waiting_is_bounded(listener: WebhookListener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that never arrives ends the wait at the timeout."""
    monkeypatch.setattr(module, "WEBHOOK_TIMEOUT", 0.01)

    assert not await listener.wait_for("p1", CREATED)


async def post(receiver: ASGIApp, authorization: str) -> int:
    """The status of a delivery from this machine."""
    transport = httpx.ASGITransport(app=receiver, client=("127.0.0.1", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.test") as client:
        headers = {"Authorization": authorization}
        answer = await client.post("/nexi/webhooks", content=sample(CREATED, payment_id="p1"), headers=headers)
        return answer.status_code


async def test_only_its_own_webhooks_are_accepted(listener: WebhookListener) -> None:
    """Deliveries carry the secret that the notifications were made with; others are refused and not recorded."""
    notifications = listener.notifications("https://shop.test", *EVENTS)

    assert await post(listener.receiver, "wrong-secret") == 401
    assert not listener.events["p1"]
    assert await post(listener.receiver, notifications.web_hooks[0].authorization) == 200
    assert [event.name for event in listener.events["p1"]] == [CREATED]
