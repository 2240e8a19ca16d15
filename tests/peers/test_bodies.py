"""Bodies as others recorded or published them are read whole, in both shapes."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from nexi_async import _best_effort as best_effort
from nexi_async._codec import lenient, strict, structure
from nexi_async._models.bulk import BulkChargePage
from nexi_async._models.charge import Charge, ChargeReceipt
from nexi_async._models.create_payment import CreatedPayment
from nexi_async._models.payment import RetrievedPayment
from nexi_async._models.refund import RefundReceipt
from nexi_async._models.subscription import Subscription, SubscriptionChargeReceipt
from nexi_async.webhooks import EVENT_NAMES, Event, EventName, UnreadableEvent, WebhookReceiver, parse_event
from nexi_async.webhooks._events import EVENT_CLASSES
from tests.peers.bodies import ANSWERS, DELIVERIES, MERCHANT, ApiAnswer, Delivery
from tests.webhooks.support import AUTHORIZATION, deliver
from tests.webhooks.test_parsing import as_in_reference

KINDS: dict[str, type] = {
    "create": CreatedPayment,
    "retrieve": RetrievedPayment,
    "charge": ChargeReceipt,
    "refund": RefundReceipt,
    "charge of retrieve": Charge,
    "subscription charge": SubscriptionChargeReceipt,
    "subscription": Subscription,
    "bulk page": BulkChargePage,
}


def named(peer: Delivery | ApiAnswer) -> str:
    """What a test is called after."""
    return f"{peer[1]} {peer.source}"


def as_text(document: Any) -> Any:
    """The document with its numbers as texts, as the samples of the reference print them."""
    if isinstance(document, dict):
        return {name: as_text(member) for name, member in document.items()}
    if isinstance(document, list):
        return [as_text(member) for member in document]
    return str(document) if type(document) in (int, float) else document


@pytest.mark.parametrize("delivery", DELIVERIES, ids=named)
@pytest.mark.parametrize("shape", ["real", "docs"])
async def test_deliveries_reach_their_handlers(delivery: Delivery, shape: str) -> None:
    """Each is an event of its class without a fault, and answered 200."""
    body = json.dumps(delivery.document).encode()
    body = as_in_reference(body) if shape == "docs" else body
    seen: list[Event] = []
    receiver = WebhookReceiver(authorization=AUTHORIZATION)

    @receiver.on(cast("EventName", delivery.event))
    async def handle(event: Event) -> None:
        seen.append(event)

    assert (await deliver(receiver, body)).status == 200
    (event,) = seen
    assert type(event) is EVENT_CLASSES[delivery.event]
    assert event.faults == ()
    assert event.merchant == MERCHANT


@pytest.mark.parametrize("delivery", DELIVERIES, ids=named)
def test_both_shapes_of_a_delivery_say_the_same(delivery: Delivery) -> None:
    """Whether numbers come as numbers or as texts, the event is the same."""
    body = json.dumps(delivery.document).encode()
    assert parse_event(as_in_reference(body)) == parse_event(body)


def test_every_event_is_in_the_corpus() -> None:
    """No event is left to our own samples."""
    assert {delivery.event for delivery in DELIVERIES} == set(EVENT_NAMES)
    assert not [
        each for each in DELIVERIES if isinstance(parse_event(json.dumps(each.document).encode()), UnreadableEvent)
    ]


@pytest.mark.parametrize("answer", ANSWERS, ids=named)
def test_answers_are_read(answer: ApiAnswer) -> None:
    """Each is its model by the strict rules, and the same by the lenient ones when its numbers are texts."""
    kind = KINDS[answer.call]
    found: object = structure(answer.document, kind, strict)
    assert best_effort.read(as_text(answer.document), kind, lenient) == (found, ())
