"""One member that is other than expected costs nothing but itself: no event is refused, no receipt is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import attrs
import httpx
import pytest

from nexi_async import Outcome, UnexpectedResponse
from nexi_async._codec import strict, structure
from nexi_async._wire_names import wire_name
from nexi_async.webhooks import EventName, InvalidEvent, UnreadableEvent, WebhookReceiver, parse_event
from nexi_async.webhooks._events import EVENT_CLASSES
from tests.peers.bodies import ANSWERS, DELIVERIES, ApiAnswer, Delivery
from tests.peers.mutations import Place, mutations
from tests.peers.test_bodies import KINDS, named
from tests.scripted import ScriptedAPI
from tests.transport.test_session import KEYED, opened
from tests.webhooks.support import AUTHORIZATION, deliver
from tests.webhooks.test_parsing import as_in_reference

IDENTITY = {("id",), ("event",)}
"""Without these there is no event to speak of."""

TOLD = frozenset(
    {"payment", "paymentId", "chargeId", "refundId", "subscriptionId", "summary", "orderDetails", "amount"}
)
TOLD |= {"currency", "charges", "refunds", "page", "status", "more", "state", "terminated"}
"""Members of answers that callers decide by: ids, money, states, and the lists of what was charged."""


def body_of(delivery: Delivery, shape: str) -> bytes:
    """The delivery as recorded, or as the samples of the reference print it."""
    body = json.dumps(delivery.document).encode()
    return as_in_reference(body) if shape == "docs" else body


def leaves(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a model by its place on the wire."""
    if attrs.has(type(value)):
        for attribute in attrs.fields(type(value)):
            yield from leaves(getattr(value, attribute.name), (*at, wire_name(attribute) or attribute.name))
    elif isinstance(value, tuple) and value and attrs.has(type(value[0])):
        for index, entry in enumerate(value):
            yield from leaves(entry, (*at, index))
    else:
        yield at, value


def lost_with(place: Place) -> Place:
    """What goes when that place can't be read: lines go all together, an error with its code."""
    for step in ("orderItems", "error"):
        if step in place:
            return place[: place.index(step) + 1]
    return place


def flattened(place: Place) -> Place:
    """Where a place of a delivery is in its event."""
    if place[0] == "data":
        return place[1:]
    return ("merchant",) if place[0] in {"merchantId", "merchantNumber"} else place


def differs(before: Any, after: Any, place: Place) -> list[Place]:
    """Values that are not as before, though they have nothing to do with the place."""
    lost, kept = lost_with(place), dict(leaves(after))
    return [
        where
        for where, value in leaves(before)
        if where[-1] not in {"raw", "faults"} and where[: len(lost)] != lost and lost[: len(where)] != where
        if kept.get(where, value) != value
    ]


@pytest.mark.parametrize("shape", ["real", "docs"])
@pytest.mark.parametrize("delivery", DELIVERIES, ids=named)
@pytest.mark.slow
def test_events_are_best_effort(delivery: Delivery, shape: str) -> None:
    """Whatever a member is changed to, the event arrives with its name and id, and the rest of it is right."""
    original = parse_event(body_of(delivery, shape))
    for place, document in mutations(json.loads(body_of(delivery, shape))):
        body = json.dumps(document).encode()
        try:
            event = parse_event(body)
        except InvalidEvent:
            assert place in IDENTITY
            continue
        assert event.raw == body
        if place not in IDENTITY:
            assert (event.name, event.id) == (original.name, original.id)
        if isinstance(event, UnreadableEvent):
            assert event.faults
            data = document.get("data")
            assert event.data == (data if isinstance(data, dict) else {})
        elif type(event) is EVENT_CLASSES.get(delivery.event):
            assert differs(original, event, flattened(place)) == []


@pytest.mark.slow
async def test_the_receiver_never_refuses_an_event() -> None:
    """200 for what its class can hold, 500 so that it comes again for what it can't; 400 only without identity."""
    answers: Counter[tuple[bool, int]] = Counter()
    receiver = WebhookReceiver(authorization=AUTHORIZATION)

    async def handle(_: object) -> None: ...

    for name in EVENT_CLASSES:
        receiver.on(cast("EventName", name))(handle)
    for delivery in {delivery.event: delivery for delivery in DELIVERIES}.values():
        for place, document in mutations(delivery.document):
            answer = await deliver(receiver, json.dumps(document).encode())
            answers[place in IDENTITY, answer.status] += 1
    assert {status for is_identity, status in answers if not is_identity} == {200, 500}
    assert {status for is_identity, status in answers if is_identity} == {200, 400, 500}
    assert answers[False, 200] > 2 * answers[False, 500]


@pytest.mark.parametrize("answer", ANSWERS, ids=named)
@pytest.mark.slow
async def test_answers_are_best_effort(answer: ApiAnswer) -> None:
    """A member that nobody decides by never costs the receipt; of the others nothing is guessed and nothing is lost."""
    kind = KINDS[answer.call]
    original: object = structure(answer.document, kind, strict)
    changed = list(mutations(answer.document))
    api = ScriptedAPI(*(httpx.Response(200, content=json.dumps(document).encode()) for _, document in changed))
    async with opened(api) as session:
        for place, document in changed:
            refused: UnexpectedResponse | None = None
            try:
                found: object = await session.fetch(KEYED, kind)
                assert differs(original, found, place) == [], place
            except UnexpectedResponse as error:
                refused = error
            if refused is not None:
                assert TOLD & set(map(str, place)) or str(place[-1]).endswith("Amount"), place
                assert (refused.outcome, refused.document) == (Outcome.ACCEPTED, document)


def test_the_mutations_are_many() -> None:
    """The corpus is large enough to mean something."""
    events = sum(1 for delivery in DELIVERIES for _ in mutations(delivery.document))
    answers = sum(1 for answer in ANSWERS for _ in mutations(answer.document))
    assert 2 * events + answers > 20_000
