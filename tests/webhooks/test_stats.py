"""The numbers are right, and Prometheus can read them."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from nexi_async.webhooks import Event, InboxStats, ReceiverStats, WebhookReceiver, deliveries
from nexi_async.webhooks.stats import MetricsPage
from tests.webhooks.support import AUTHORIZATION, deliver

STATS = ReceiverStats(
    answers={200: 3, 403: 1},
    handled={"payment.created": 2},
    failed={"other": 1},
    repeated=1,
    inbox=InboxStats(waiting=4, oldest_waiting=1.5, dead=0),
)
PAGE = """\
# HELP nexi_webhooks_deliveries_total Deliveries answered, by HTTP status.
# TYPE nexi_webhooks_deliveries_total counter
nexi_webhooks_deliveries_total{status="200"} 3
nexi_webhooks_deliveries_total{status="403"} 1
# HELP nexi_webhooks_events_total Runs of handlers, by event and result.
# TYPE nexi_webhooks_events_total counter
nexi_webhooks_events_total{event="payment.created",result="handled"} 2
nexi_webhooks_events_total{event="other",result="failed"} 1
# HELP nexi_webhooks_repeated_total Deliveries that brought nothing new.
# TYPE nexi_webhooks_repeated_total counter
nexi_webhooks_repeated_total 1
# HELP nexi_webhooks_inbox_letters Letters in the inbox, by state.
# TYPE nexi_webhooks_inbox_letters gauge
nexi_webhooks_inbox_letters{state="waiting"} 4
nexi_webhooks_inbox_letters{state="dead"} 0
# HELP nexi_webhooks_inbox_oldest_seconds Age of the oldest letter that waits.
# TYPE nexi_webhooks_inbox_oldest_seconds gauge
nexi_webhooks_inbox_oldest_seconds 1.5
"""


async def take(event: Event) -> None:
    """Handle everything but refunds."""
    if "refund" in event.name:
        raise RuntimeError("no money")


@pytest.fixture
def receiver() -> WebhookReceiver:
    """A receiver that can't refund."""
    return WebhookReceiver(authorization=AUTHORIZATION, fallback=take)


async def test_everything_is_counted(receiver: WebhookReceiver) -> None:
    """Answers by status, runs by event, repetitions; names that nobody knows are one."""
    created = deliveries.sample("payment.created")
    for body in (created, created, deliveries.sample("payment.paused"), deliveries.sample("payment.refund.completed")):
        await deliver(receiver, body)
    await deliver(receiver, created, client=None)
    assert await receiver.stats() == ReceiverStats(
        answers={200: 3, 500: 1, 403: 1},
        handled={"payment.created": 1, "other": 1},
        failed={"payment.refund.completed": 1},
        repeated=1,
    )


async def test_a_line_has_the_facts_as_fields(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Success and failure can be found by event, id and payment, without reading the sentence."""
    with caplog.at_level(logging.INFO, "nexi_async.webhooks"):
        for name in ("payment.created", "payment.refund.completed"):
            await deliver(receiver, deliveries.sample(name, id="aa01", payment_id="bb02"))
    lines = [(line.levelname, vars(line)["nexi_event"], vars(line)["nexi_payment"]) for line in caplog.records]
    assert lines == [("INFO", "payment.created", "bb02"), ("ERROR", "payment.refund.completed", "bb02")]
    assert all(vars(line)["nexi_id"] == "aa01" for line in caplog.records)


def test_the_page_is_prometheus_text() -> None:
    """Each number has its help, its type and its labels."""

    async def stats() -> ReceiverStats:
        return STATS

    answer = TestClient(MetricsPage(stats)).get("/")
    assert answer.text == PAGE
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_the_page_is_mounted_where_one_likes(receiver: WebhookReceiver) -> None:
    """The receiver offers it as an app of its own, beside the deliveries."""
    routed, added = Starlette(routes=[Route("/metrics", receiver.metrics)]), FastAPI()
    added.add_route("/metrics", receiver.metrics)  # type: ignore[arg-type]
    for app in (routed, added):
        assert "nexi_webhooks_repeated_total 0" in TestClient(app).get("/metrics").text
