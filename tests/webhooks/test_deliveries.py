"""A sample is a delivery as Nexi makes it, changed at will."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async._models.order import OrderItem
from nexi_async.webhooks import (
    EVENT_NAMES,
    ChargeCreatedV2,
    Event,
    InvalidEvent,
    Money,
    WebhookReceiver,
    deliveries,
    parse_event,
)
from tests.webhooks.support import AUTHORIZATION

OPERATION_IDS = {
    "payment.reservation.created": "reserveId",
    "payment.charge.created": "chargeId",
    "payment.charge.created.v2": "chargeId",
    "payment.charge.failed": "chargeId",
    "payment.charge.failed.v2": "chargeId",
    "payment.refund.initiated": "refundId",
    "payment.refund.initiated.v2": "refundId",
    "payment.refund.completed": "refundId",
    "payment.refund.failed": "refundId",
    "payment.cancel.created": "cancelId",
    "payment.cancel.failed": "cancelId",
}


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_one_merchant_member_travels(name: str) -> None:
    """Recorded deliveries of the newer generation say `merchantNumber`, the others `merchantId`, none says both."""
    document = json.loads(deliveries.sample(name))
    merchant = "merchantNumber" if name.endswith(".v2") else "merchantId"
    assert document.keys() == {"id", "timestamp", "event", "data", merchant}


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_ids_hang_together(name: str) -> None:
    """The delivery's id is that of the operation, as recorded, also when one of them is given."""
    for given in ({}, {"id": "aa01"}):
        document = json.loads(deliveries.sample(name, **given))
        assert document["id"] == given.get("id", document["id"])
        assert document["data"].get(OPERATION_IDS.get(name), document["id"]) == document["id"]


def test_a_given_operation_names_the_delivery() -> None:
    """Who gives the operation's id need not give the delivery's."""
    document = json.loads(deliveries.sample("payment.refund.completed", refund_id="ee05"))
    assert (document["id"], document["data"]["refundId"]) == ("ee05", "ee05")


def test_no_two_samples_are_duplicates() -> None:
    """Two samples in one test are two occurrences."""
    first, second = (json.loads(deliveries.sample("payment.created")) for _ in range(2))
    assert first["id"] != second["id"]
    assert first["data"]["paymentId"] != second["data"]["paymentId"]


def test_the_timestamp_has_four_digits() -> None:
    """Real deliveries have exactly four fraction digits and a numeric offset."""
    document = json.loads(deliveries.sample("payment.created"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{4}\+00:00", document["timestamp"])


def test_members_go_by_either_name() -> None:
    """Python and wire names mean the same member; values may be plain JSON or this package's own."""
    item = OrderItem.of(reference="T", name="Tea", unit_price=1000, tax_rate=2500)
    body = deliveries.sample(
        "payment.charge.created.v2",
        id="aa01",
        merchant=7,
        timestamp=datetime(2026, 5, 2, 10, tzinfo=UTC),
        payment_id="bb02",
        chargeId="cc03",
        amount=Money(amount=1250, currency="DKK"),
        order_items=[item],
        subscriptionId="dd04",
        my_reference=None,
    )
    event = parse_event(body)
    assert isinstance(event, ChargeCreatedV2)
    assert (event.id, event.merchant, event.timestamp) == ("aa01", 7, datetime(2026, 5, 2, 10, tzinfo=UTC))
    assert (event.payment_id, event.charge_id, event.subscription_id) == ("bb02", "cc03", "dd04")
    assert (event.amount, event.order_items) == (Money(amount=1250, currency="DKK"), (item,))
    assert b"myReference" not in body


def test_a_misspelt_member_is_refused() -> None:
    """A change that would have no effect is a mistake in the test."""
    with pytest.raises(TypeError, match=re.escape("payment.created has no member chargeId")):
        deliveries.sample("payment.created", charge_id="cc03")


def test_an_invalid_sample_is_refused() -> None:
    """A sample is always something that Nexi could have sent."""
    with pytest.raises(InvalidEvent, match=re.escape("data.amount.amount")):
        deliveries.sample("payment.charge.created", amount={"amount": 12.5, "currency": "SEK"})


def test_a_sample_can_lack_a_merchant() -> None:
    """None leaves a member of the envelope out, too."""
    assert parse_event(deliveries.sample("payment.created", merchant=None)).merchant is None


async def take(_: Event) -> None:
    """Everything is fine."""


async def test_a_delivery_reaches_an_app() -> None:
    """It seems to come from Nexi's test environment, so a receiver lets it in; from elsewhere it does not."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take)
    body = deliveries.sample("payment.created")
    assert await deliveries.send(receiver, body, authorization=AUTHORIZATION) == (200, "handled")
    assert (await deliveries.send(receiver, body, authorization="wrong-value")).status == 401
    assert (await deliveries.send(receiver, body, authorization=AUTHORIZATION, client=("10.0.0.1", 5))).status == 403
    mounted = Starlette(routes=[Mount("/elsewhere", receiver)])
    assert (await deliveries.send(mounted, body, authorization=AUTHORIZATION)).status == 404
    assert (await deliveries.send(mounted, body, authorization=AUTHORIZATION, path="/elsewhere/hooks")).status == 200


async def test_there_is_no_server() -> None:
    """A URL without a server is an error of the transport."""
    with pytest.raises(httpx.ConnectError):
        await deliveries.send("http://127.0.0.1:1/", b"{}", authorization=AUTHORIZATION)
