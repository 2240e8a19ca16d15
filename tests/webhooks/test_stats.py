"""The numbers are right, and Prometheus can read them."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from nexi_async._errors import StorageUnavailable
from nexi_async.webhooks import (
    ErrorStats,
    Event,
    InboxStats,
    ReceiverStats,
    SQLInbox,
    WebhookReceiver,
    deliveries,
)
from nexi_async.webhooks import (
    _worker_pool as workers,
)
from nexi_async.webhooks._stats import Cause, MetricsApp
from tests.webhooks.support import AUTHORIZATION, deliver

STATS = ReceiverStats(
    responses={200: 3, 403: 1},
    handled={"payment.created": 2},
    failed={"other": 1},
    duplicates=1,
    errors={
        "address": ErrorStats(count=1, last="refused", last_at=datetime(2026, 11, 1, tzinfo=UTC)),
        "handler": ErrorStats(count=1, last="no money", last_at=datetime(2026, 11, 2, tzinfo=UTC)),
    },
    process=4711,
    inbox=InboxStats(waiting=4, oldest_waiting=1.5, dead=0, is_working=True),
)
PAGE = """\
# HELP nexi_webhooks_deliveries_total Deliveries answered, by HTTP status.
# TYPE nexi_webhooks_deliveries_total counter
nexi_webhooks_deliveries_total{process="4711",status="200"} 3
nexi_webhooks_deliveries_total{process="4711",status="403"} 1
# HELP nexi_webhooks_events_total Runs of handlers, by event and result.
# TYPE nexi_webhooks_events_total counter
nexi_webhooks_events_total{process="4711",event="payment.created",result="handled"} 2
nexi_webhooks_events_total{process="4711",event="other",result="failed"} 1
# HELP nexi_webhooks_duplicates_total Deliveries of known events.
# TYPE nexi_webhooks_duplicates_total counter
nexi_webhooks_duplicates_total{process="4711"} 1
# HELP nexi_webhooks_errors_total Errors and refusals, by cause.
# TYPE nexi_webhooks_errors_total counter
nexi_webhooks_errors_total{process="4711",cause="address"} 1
nexi_webhooks_errors_total{process="4711",cause="handler"} 1
# HELP nexi_webhooks_last_error_seconds When the last one was, in seconds since 1970.
# TYPE nexi_webhooks_last_error_seconds gauge
nexi_webhooks_last_error_seconds{process="4711",cause="address"} 1793491200.0
nexi_webhooks_last_error_seconds{process="4711",cause="handler"} 1793577600.0
# HELP nexi_webhooks_inbox_events Events in the inbox, by state.
# TYPE nexi_webhooks_inbox_events gauge
nexi_webhooks_inbox_events{state="waiting"} 4
nexi_webhooks_inbox_events{state="dead"} 0
# HELP nexi_webhooks_inbox_oldest_seconds Age of the oldest event that waits.
# TYPE nexi_webhooks_inbox_oldest_seconds gauge
nexi_webhooks_inbox_oldest_seconds 1.5
# HELP nexi_webhooks_inbox_working Whether the workers of this process are alive.
# TYPE nexi_webhooks_inbox_working gauge
nexi_webhooks_inbox_working{process="4711"} 1
"""


async def take(event: Event) -> None:
    """Handle everything but refunds."""
    if "refund" in event.name:
        raise RuntimeError("no money")


async def fail(_: object) -> None:
    """Fail at whatever it is."""
    raise RuntimeError("out of order")


async def fail_whatever(*_: object, **__: object) -> None:
    """Fail whatever is asked."""
    raise RuntimeError("out of order")


@pytest.fixture
def receiver() -> WebhookReceiver:
    """A receiver that can't refund."""
    return WebhookReceiver(authorization=AUTHORIZATION, fallback=take)


async def test_everything_is_counted(receiver: WebhookReceiver) -> None:
    """Answers by status, runs by event, repetitions; unknown names are counted as one."""
    created = deliveries.sample("payment.created")
    for body in (created, created, deliveries.sample("payment.paused"), deliveries.sample("payment.refund.completed")):
        await deliver(receiver, body)
    await deliver(receiver, created, client=None)
    stats = await receiver.stats()
    assert attrs.evolve(stats, errors={}) == ReceiverStats(
        responses={200: 3, 500: 1, 403: 1},
        handled={"payment.created": 1, "other": 1},
        failed={"payment.refund.completed": 1},
        duplicates=1,
    )
    assert {cause: error.count for cause, error in stats.errors.items()} == {"handler": 1, "address": 1}
    assert stats.process == os.getpid()


async def test_failures_of_the_workers_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that goes away while nothing comes in, and workers that fail themselves, are errors of the inbox."""
    inbox = SQLInbox(f"sqlite:///{tmp_path}/inbox.db")
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, inbox=inbox)
    for pause in ("POLL_INTERVAL", "OUTAGE_POLL_INTERVAL"):
        monkeypatch.setattr(workers, pause, 0.01)

    async def last_error() -> str:
        with anyio.fail_after(20):
            while "inbox" not in receiver._counters.errors:  # noqa: ASYNC110 - there is nothing to wait on
                await anyio.sleep(0.01)
        return receiver._counters.errors.pop("inbox").last

    async with receiver:
        for target, name, expected in [
            (inbox._database, "run", "the inbox can't be used: RuntimeError: out of order"),
            (workers.WorkerPool, "_start_due", "the workers of the inbox failed and are started again: "),
        ]:
            with monkeypatch.context() as broken:
                broken.setattr(target, name, fail_whatever)
                inbox._wakeup.set()
                assert (await last_error()).startswith(expected)
            receiver._counters.errors.clear()


async def test_the_last_error_is_reported(receiver: WebhookReceiver) -> None:
    """Of each cause and of all: what it was, and when; nothing before there is one."""
    assert (await receiver.stats()).last_error is None
    began = datetime.now(UTC)
    await deliver(receiver, deliveries.sample("payment.refund.completed"))
    first = (await receiver.stats()).last_error
    await deliver(receiver, b"{}", authorization=None)
    stats = await receiver.stats()
    assert first == stats.errors["handler"]
    assert first.last == "the handler of payment.refund.completed failed: RuntimeError: no money"
    assert began <= first.last_at <= datetime.now(UTC)
    assert stats.last_error == stats.errors["authorization"]
    assert "see `authorization`" in stats.errors["authorization"].last


@pytest.mark.parametrize(
    ("cause", "options", "request_"),
    [
        ("address", {}, {"client": ("203.0.113.9", 5)}),
        ("authorization", {}, {"authorization": None}),
        ("authorization_lookup", {"authorization": fail}, {}),
        ("too_large", {"max_body": 10}, {}),
        ("no_handler", {"fallback": None}, {}),
        ("handler", {"fallback": fail}, {}),
    ],
)
async def test_each_error_names_its_cause(
    cause: Cause, options: Any, request_: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted by cause, and the log says which setting to look at."""
    settled: Any = {"authorization": AUTHORIZATION, "fallback": take} | options
    receiver = WebhookReceiver(**settled)
    caplog.clear()
    await deliver(receiver, deliveries.sample("payment.created"), **request_)
    assert list((await receiver.stats()).errors) == [cause]
    assert "`" in caplog.text or cause == "handler"


async def test_an_event_that_is_not_stored_is_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of the inbox, whatever the reason."""
    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}")
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, inbox=inbox)
    assert (await deliver(receiver, deliveries.sample("payment.created"))).status == 500
    assert "see `inbox`" in caplog.text
    async with receiver:
        assert "the receiver is not running" in (await receiver.stats()).errors["inbox"].last


async def test_what_a_sender_wrote_stays_on_its_line(receiver: WebhookReceiver) -> None:
    """In the last error too."""
    await deliver(receiver, deliveries.sample("payment.\nrefund", id="aa01"))
    error = (await receiver.stats()).errors["handler"]
    assert error.last.startswith("the handler of payment.\\nrefund failed")


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

    answer = TestClient(MetricsApp(stats)).get("/")
    assert answer.text == PAGE
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(("version", "header"), [("1.0", "close"), ("1.1", "close"), ("2", None)])
async def test_a_scrape_keeps_no_connection(receiver: WebhookReceiver, version: str, header: str | None) -> None:
    """The next one may get to another worker; HTTP/2 has no such header."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "headers": [], "http_version": version}
    await receiver.metrics(scope, unused, send)
    assert dict(said[0]["headers"]).get(b"connection") == (header and header.encode())


async def test_an_outage_of_the_inbox_hides_no_other_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is then that they are needed; what the database alone knows is left out."""

    async def be_away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database is unavailable: no route")

    inbox = SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}")
    async with WebhookReceiver(authorization=AUTHORIZATION, fallback=take, inbox=inbox) as receiver:
        monkeypatch.setattr(inbox._database, "run", be_away)
        assert (await deliver(receiver, deliveries.sample("payment.created"))).status == 500
        with pytest.raises(StorageUnavailable):
            await receiver.stats()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver.metrics)) as client:
            page = (await client.get("https://shop.test/metrics")).text
        monkeypatch.undo()
    assert f'nexi_webhooks_deliveries_total{{process="{os.getpid()}",status="500"}} 1' in page
    assert "nexi_webhooks_inbox" not in page


async def unused() -> Any:
    """Nothing is read."""
    pytest.fail("read the body of a scrape")


def test_the_page_is_mounted_where_one_likes(receiver: WebhookReceiver) -> None:
    """The receiver offers it as an app of its own, beside the deliveries."""
    routed, added = Starlette(routes=[Route("/metrics", receiver.metrics)]), FastAPI()
    added.add_route("/metrics", receiver.metrics)  # type: ignore[arg-type]
    for app in (routed, added):
        assert f'nexi_webhooks_duplicates_total{{process="{os.getpid()}"}} 0' in TestClient(app).get("/metrics").text
