"""OpenTelemetry: a span for each attempt and the durations of all, after the conventions for HTTP clients.

    checkout = AsyncCheckout(secret_key, hooks=telemetry.hooks())

Needs `pip install 'nexi-async[otel]'`. No key, body or personal data gets into a span; ids do, in the path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexi_async._errors import APIError, NexiError
from nexi_async._transport.hooks import Attempt, Hooks
from nexi_async._transport.request import Response

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["hooks"]

SCOPE = "nexi_async"

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as the conventions advise for this histogram; the SDK's own would suit milliseconds."""


def hooks(*, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> Hooks:
    """Hooks that report to OpenTelemetry.

    Args:
        tracer_provider: takes the spans; the global one when left out.
        meter_provider: takes the durations; the global one when left out.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """
    try:
        from opentelemetry import metrics, trace
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError("OpenTelemetry is missing: pip install 'nexi-async[otel]'") from missing
    tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
    durations = metrics.get_meter(SCOPE, meter_provider=meter_provider).create_histogram(
        "http.client.request.duration",
        unit="s",
        description="Duration of attempts at calls of Nexi Checkout.",
        explicit_bucket_boundaries_advisory=BUCKETS,
    )
    open_spans: dict[Attempt, Span] = {}

    def begin(attempt: Attempt) -> None:
        open_spans[attempt] = tracer.start_span(
            attempt.operation, kind=trace.SpanKind.CLIENT, attributes=_of_attempt(attempt)
        )

    def end(attempt: Attempt, ended: Response | NexiError | None, seconds: float) -> None:
        facts = _of_end(ended)
        durations.record(seconds, _of_call(attempt) | facts)
        span = open_spans.pop(attempt, None)
        if span is None:
            return  # it could not begin, which was logged then
        span.set_attributes(facts)
        if "error.type" in facts:
            span.set_status(trace.StatusCode.ERROR, str(facts["error.type"]))
        span.end()

    return Hooks(on_request=begin, on_response=end)


def _of_call(attempt: Attempt) -> dict[str, Any]:
    """What has few different values."""
    return {
        "nexi.operation": attempt.operation,
        "http.request.method": attempt.method,
        "server.address": attempt.host,
        "server.port": attempt.port,
    }


def _of_attempt(attempt: Attempt) -> dict[str, Any]:
    facts = _of_call(attempt) | {"url.path": attempt.path}
    return facts if attempt.number == 1 else facts | {"http.request.resend_count": attempt.number - 1}


def _of_end(ended: Response | NexiError | None) -> dict[str, Any]:
    if ended is None:
        return {"error.type": "cancelled", "nexi.outcome": "unknown"}
    if isinstance(ended, Response):
        return {"http.response.status_code": ended.status}
    facts: dict[str, Any] = {"error.type": type(ended).__name__, "nexi.outcome": ended.outcome.value}
    return facts | {"http.response.status_code": ended.status} if isinstance(ended, APIError) else facts
