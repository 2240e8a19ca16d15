"""No authentic event is lost for its content: it is handled, kept, or asked for again, and the log says why."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import anyio
import pytest

from nexi_async.webhooks import (
    CheckoutCompleted,
    Event,
    EventName,
    PaymentCreated,
    RefundInitiatedV2,
    SQLInbox,
    StoredEvent,
    UnreadableEvent,
    WebhookReceiver,
    deliveries,
)
from nexi_async.webhooks._stored_events import EventState
from tests.webhooks.support import AUTHORIZATION, deliver

NO_CURRENCY = deliveries.sample("payment.created", id="aa01").replace(b'"currency"', b'"Currency"')
PLACE = "data.order.amount.currency: is missing"


def without(name: str, *members: str) -> bytes:
    """A delivery whose data lacks members."""
    document = json.loads(deliveries.sample(name))
    for member in members:
        del document["data"][member]
    return json.dumps(document).encode()


def a_receiver(**options: Any) -> WebhookReceiver:
    """A receiver that knows the sender."""
    return WebhookReceiver(authorization=AUTHORIZATION, **options)


async def stored_in(inbox: SQLInbox, state: EventState) -> StoredEvent:
    """The one stored event, once it is in that state."""
    with anyio.fail_after(10):
        while not (events := await inbox.events(state=state)):  # noqa: ASYNC110 - it has no event to wait for
            await anyio.sleep(0.01)
    return events[0]


@pytest.mark.parametrize(
    ("name", "members", "kind"),
    [
        ("payment.refund.initiated.v2", ("refundId", "chargeId"), RefundInitiatedV2),
        ("payment.checkout.completed", ("consumer",), CheckoutCompleted),
    ],
)
async def test_what_some_source_leaves_out_is_handled(
    name: EventName, members: tuple[str, ...], kind: type[Event]
) -> None:
    """The official PHP SDK's refund without ids and a checkout without its shopper reach their typed handlers."""
    seen: list[Event] = []
    receiver = a_receiver()

    @receiver.on(name)
    async def handle(event: Event) -> None:
        seen.append(event)

    assert (await deliver(receiver, without(name, *members))).status == 200
    assert [type(event) for event in seen] == [kind]


async def test_a_handler_takes_what_cannot_be_read() -> None:
    """It gets the event whole; the handler of the event's name, which expects its class, is not called."""
    seen: list[UnreadableEvent] = []
    receiver = a_receiver()

    @receiver.on(UnreadableEvent)
    async def look_into(event: UnreadableEvent) -> None:
        seen.append(event)

    @receiver.on("payment.created")
    async def never(event: PaymentCreated) -> None:
        raise AssertionError(event.order)

    assert (await deliver(receiver, NO_CURRENCY)).status == 200
    assert (seen[0].name, seen[0].id, seen[0].raw) == ("payment.created", "aa01", NO_CURRENCY)
    assert [str(fault) for fault in seen[0].faults] == [PLACE]


async def test_the_fallback_takes_what_cannot_be_read() -> None:
    """A fallback is for everything that has no handler of its own."""
    seen: list[Event] = []

    async def fallback(event: Event) -> None:
        seen.append(event)

    assert (await deliver(a_receiver(fallback=fallback), NO_CURRENCY)).status == 200
    assert isinstance(seen[0], UnreadableEvent)


async def test_without_either_it_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    """500, so that Nexi sends it again, and an error in the log that names the place, not the value."""
    receiver = a_receiver()

    @receiver.on("payment.created")
    async def never(event: PaymentCreated) -> None:
        raise AssertionError(event.order)

    assert (await deliver(receiver, NO_CURRENCY)).status == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert PLACE in record.getMessage()


async def test_an_inbox_keeps_it_until_it_can_be_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Answered 200, dead at once with its faults, and handled after a replay by a receiver that can take it."""
    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}", max_attempts=12)
    receiver = a_receiver(inbox=inbox)
    async with receiver:
        assert (await deliver(receiver, NO_CURRENCY)).status == 200
        dead = await stored_in(inbox, "dead")
    assert (dead.id, dead.event, dead.body, dead.attempts) == ("aa01", "payment.created", NO_CURRENCY, 1)
    assert PLACE in (dead.error or "")
    assert PLACE in caplog.text

    seen: list[Event] = []
    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}")
    newer = a_receiver(inbox=inbox)

    @newer.on(UnreadableEvent)
    async def look_into(event: UnreadableEvent) -> None:
        seen.append(event)

    async with newer:
        assert await inbox.replay() == 1
        done = await stored_in(inbox, "done")
    assert done.id == "aa01"
    assert [event.raw for event in seen] == [NO_CURRENCY]


async def test_it_does_not_hold_up_its_payment(tmp_path: Path) -> None:
    """What waits behind an event that can't be read is handled, though the events of a payment come one by one."""
    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}")
    receiver = a_receiver(inbox=inbox)
    handled = anyio.Event()

    @receiver.on("payment.cancel.created")
    async def handle(_: Event) -> None:
        handled.set()

    payment_id = json.loads(NO_CURRENCY)["data"]["paymentId"]
    async with receiver:
        assert (await deliver(receiver, NO_CURRENCY)).status == 200
        later = deliveries.sample("payment.cancel.created", payment_id=payment_id)
        assert (await deliver(receiver, later)).status == 200
        with anyio.fail_after(10):
            await handled.wait()


async def test_an_event_without_a_time_is_kept(tmp_path: Path) -> None:
    """It counts as having happened when it came in."""
    document = json.loads(deliveries.sample("payment.created"))
    del document["timestamp"]
    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}")
    receiver = a_receiver(inbox=inbox)
    async with receiver:
        assert (await deliver(receiver, json.dumps(document).encode())).status == 200
        event = await stored_in(inbox, "dead")
    assert event.happened == event.received


async def test_what_was_left_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A member that can't be read costs nothing but a warning that names it."""

    async def fallback(event: Event) -> None:
        assert isinstance(event, PaymentCreated)
        assert event.my_reference is None

    body = deliveries.sample("payment.created").replace(b'"shop-3108"', b'["secret"]')
    assert (await deliver(a_receiver(fallback=fallback), body)).status == 200
    assert "data.myReference: must be text, is an array" in caplog.text
    assert "secret" not in caplog.text
