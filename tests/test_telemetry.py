"""Tests of nexi_async.telemetry, with OpenTelemetry's own exporters in memory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import anyio
import attrs
import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from nexi_async import AsyncCheckout, ChargeDeclined, ConnectionLost, NexiError, telemetry
from tests.scripted import KEY, SWIFT, ScriptedAPI, Step, answer, silence

CHARGED = answer(201, {"chargeId": "c1"})


@attrs.define
class Observatory:
    """Takes spans and durations."""

    spans: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    durations: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    tracers: TracerProvider = attrs.field(init=False)
    meters: MeterProvider = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider([self.durations], shutdown_on_exit=False)

    def client(self, *script: Step) -> AsyncCheckout:
        """A client of the script that reports here."""
        hooks = telemetry.hooks(tracer_provider=self.tracers, meter_provider=self.meters)
        return AsyncCheckout(KEY, base_url="https://api.test", transport=ScriptedAPI(*script), retry=SWIFT, hooks=hooks)

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        return self.spans.get_finished_spans()

    @property
    def histogram(self) -> Histogram:
        """The one histogram."""
        data = self.durations.get_metrics_data()
        assert data is not None
        ((metric,),) = [scope.metrics for resource in data.resource_metrics for scope in resource.scope_metrics]
        assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
        assert isinstance(metric.data, Histogram)
        return metric.data

    @property
    def points(self) -> dict[frozenset[tuple[str, Any]], HistogramDataPoint]:
        return {frozenset((point.attributes or {}).items()): point for point in self.histogram.data_points}


@pytest.fixture
def observatory() -> Iterator[Observatory]:
    """A place to report to."""
    found = Observatory()
    yield found
    found.meters.shutdown()
    found.tracers.shutdown()


async def charge(client: AsyncCheckout) -> None:
    """A call that moves money."""
    async with client:
        await client.payments.charge("p1", amount=12500, idempotency_key="key-1")


async def test_span_of_an_attempt(observatory: Observatory) -> None:
    """It names the call, where it went and how it ended, and is a child of what the caller is at."""
    with observatory.tracers.get_tracer("shop").start_as_current_span("order") as order:
        await charge(observatory.client(CHARGED))
    span, _ = observatory.finished
    assert (span.name, span.kind, span.status.status_code) == ("payments.charge", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.parent is not None
    assert span.parent.span_id == order.get_span_context().span_id
    assert dict(span.attributes or {}) == {
        "nexi.operation": "payments.charge",
        "http.request.method": "POST",
        "server.address": "api.test",
        "server.port": 443,
        "url.path": "/v1/payments/p1/charges",
        "http.response.status_code": 201,
    }


async def test_span_of_each_attempt(observatory: Observatory) -> None:
    """What is sent again has a span of its own, and says so."""
    await charge(observatory.client(answer(500), httpx.ReadError("lost"), CHARGED))
    spans = [dict(span.attributes or {}) for span in observatory.finished]
    assert [span.get("http.request.resend_count") for span in spans] == [None, 1, 2]
    assert [span.get("http.response.status_code") for span in spans] == [500, None, 201]
    assert [span.get("error.type") for span in spans] == ["ServerError", "ConnectionLost", None]
    assert [span.get("nexi.outcome") for span in spans] == ["unknown", "unknown", None]
    codes = [span.status.status_code for span in observatory.finished]
    assert codes == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]


async def test_decline(observatory: Observatory) -> None:
    """A refusal is an error with a status and a known outcome."""
    with pytest.raises(ChargeDeclined):
        await charge(observatory.client(answer(402, {"code": "51", "message": "Insufficient funds of Ingrid"})))
    (span,) = observatory.finished
    found = dict(span.attributes or {})
    assert (found["http.response.status_code"], found["error.type"], found["nexi.outcome"]) == (
        402,
        "ChargeDeclined",
        "rejected",
    )
    assert span.status.description == "ChargeDeclined"


async def test_cancelled(observatory: Observatory) -> None:
    """A cancelled attempt ends its span too, and nobody knows what became of it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(charge, observatory.client(silence))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    (span,) = observatory.finished
    found = dict(span.attributes or {})
    assert (found["error.type"], found["nexi.outcome"]) == ("cancelled", "unknown")


async def test_durations(observatory: Observatory) -> None:
    """They are counted by what varies little: no path, no id, no key."""
    await charge(observatory.client(answer(500), CHARGED))
    await charge(observatory.client(CHARGED))
    common = {
        "nexi.operation": "payments.charge",
        "http.request.method": "POST",
        "server.address": "api.test",
        "server.port": 443,
    }
    failed = {"http.response.status_code": 500, "error.type": "ServerError", "nexi.outcome": "unknown"}
    points = observatory.points
    assert points.keys() == {
        frozenset((common | {"http.response.status_code": 201}).items()),
        frozenset((common | failed).items()),
    }
    assert points[frozenset((common | {"http.response.status_code": 201}).items())].count == 2


async def test_durations_have_useful_buckets(observatory: Observatory) -> None:
    """Seconds, not milliseconds: an answer after 0.2 s and one after 2 s do not fall into the same one."""
    await charge(observatory.client(CHARGED))
    (point,) = observatory.histogram.data_points
    assert sum(bound < 1.0 for bound in point.explicit_bounds) >= 5


async def test_no_secrets(observatory: Observatory) -> None:
    """Neither the secret key, nor the idempotency key, nor anything of a body is reported."""
    with pytest.raises(NexiError):
        await charge(observatory.client(answer(400, {"errors": {"amount": ["must not be 12500"]}})))
    reported = observatory.finished[0].to_json() + observatory.durations.get_metrics_data().to_json()  # type: ignore[union-attr]
    assert "payments.charge" in reported
    assert not any(secret in reported for secret in (KEY, "key-1", "must not be"))
    assert re.search(r"\b12500\b", reported) is None  # as a word: ids and times have any digits


async def test_without_providers() -> None:
    """The global providers are used; where none is set up, nothing happens."""
    client = AsyncCheckout(
        KEY, base_url="https://api.test", transport=ScriptedAPI(CHARGED), retry=SWIFT, hooks=telemetry.hooks()
    )
    await charge(client)


async def test_span_that_could_not_begin(observatory: Observatory, caplog: pytest.LogCaptureFixture) -> None:
    """A broken span processor costs its span, and neither the call nor its duration."""

    class Broken(SpanProcessor):
        def on_start(self, span: Span, parent_context: object = None) -> None:  # noqa: ARG002
            raise ZeroDivisionError("out of order")

    observatory.tracers.add_span_processor(Broken())
    await charge(observatory.client(CHARGED))
    assert [point.count for point in observatory.histogram.data_points] == [1]
    assert [record.getMessage() for record in caplog.records] == ["a hook failed; the call continues"]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nexi-async\[otel\]'"):
        telemetry.hooks()


async def test_error_type_of_a_lost_connection(observatory: Observatory) -> None:
    """What the network did has no status."""
    with pytest.raises(ConnectionLost):
        await charge(observatory.client(*[httpx.ReadError("lost")] * 4))
    assert len(observatory.finished) == 4
    assert all("http.response.status_code" not in (span.attributes or {}) for span in observatory.finished)
