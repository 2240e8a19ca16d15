"""What a receiver has done so far, as numbers: for a look, and for Prometheus.

Each process counts for itself. Its numbers carry its id, so that scrapes of several processes behind one address are
different series instead of one that jumps. The numbers of the inbox are the same whichever process is asked.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from nexi_async.webhooks._log_fields import escaped, logger

Cause: TypeAlias = Literal[
    "address",
    "authorization",
    "authorization_lookup",
    "too_large",
    "too_slow",
    "not_an_event",
    "no_handler",
    "handler",
    "inbox",
]
"""Why a delivery was refused or an event not handled, as the value of a label."""

MAX_ERROR_LENGTH = 1000


@attrs.frozen(kw_only=True)
class ErrorStats:
    """Errors and refusals of one cause.

    Attributes:
        count: how many.
        last: the text of the last one, as logged; after a handler failed with the text of its exception.
        last_at: when that was.
    """

    count: int
    last: str
    last_at: datetime


@attrs.frozen(kw_only=True)
class InboxStats:
    """An inbox right now, whichever process put the events there.

    Attributes:
        waiting: events that are not handled yet, those being worked on too.
        oldest_waiting: seconds since the oldest of them came in.
        dead: events that failed too often.
        is_working: whether the workers of this process are alive. If they are not, what comes in waits until a process
            is started whose workers are.
    """

    waiting: int
    oldest_waiting: float
    dead: int
    is_working: bool


@attrs.frozen(kw_only=True)
class ReceiverStats:
    """A receiver since its process began.

    Attributes:
        responses: how often each HTTP status was answered.
        handled: events whose handler returned, by the event's name; "other" for names that this package does not know.
        failed: handlers that raised, in the same way; one event may fail several times.
        duplicates: deliveries that brought nothing new.
        process: the id of the process that counted all this.
        inbox: the inbox, if there is one; it is the same for all processes.
    """

    responses: Mapping[int, int]
    handled: Mapping[str, int]
    failed: Mapping[str, int]
    duplicates: int
    errors: Mapping[Cause, ErrorStats] = attrs.field(factory=dict)
    process: int = attrs.field(factory=os.getpid)
    inbox: InboxStats | None = None

    @property
    def last_error(self) -> ErrorStats | None:
        """The most recent error or refusal of all causes."""
        return max(self.errors.values(), key=lambda error: error.last_at, default=None)


@attrs.frozen(eq=False)
class Counters:
    """Counts while a receiver works."""

    responses: Counter[int] = attrs.field(factory=Counter)
    handled: Counter[str] = attrs.field(factory=Counter)
    failed: Counter[str] = attrs.field(factory=Counter)
    errors: dict[Cause, ErrorStats] = attrs.field(factory=dict)

    def report(
        self,
        cause: Cause,
        message: str,
        *values: object,
        level: int = logging.WARNING,
        error: Exception | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Log an error or a refusal, and count it; `message` and `values` as for `logger.log`."""
        logger.log(level, message, *values, exc_info=error, extra=extra)
        self.count_error(cause, message % values, error)

    def count_error(self, cause: Cause, text: str, error: Exception | None = None) -> None:
        """Count an error that is logged elsewhere."""
        if error is not None:
            text = f"{text}: {type(error).__name__}: {error}"
        so_far = self.errors[cause].count if cause in self.errors else 0
        last_at = datetime.now(UTC)
        self.errors[cause] = ErrorStats(count=so_far + 1, last=escaped(text)[:MAX_ERROR_LENGTH], last_at=last_at)


class MetricsApp:
    """An ASGI app that shows the numbers to Prometheus, in its text format.

    The connection is closed after each answer: kept open, it would lead to the same one of several workers for ever.
    """

    def __init__(self, stats: Callable[[], Awaitable[ReceiverStats]]) -> None:
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request with the numbers of now."""
        text = "".join(f"{line}\n" for line in _lines(await self._stats()))
        page = PlainTextResponse(text, media_type="text/plain; version=0.0.4")
        if scope.get("http_version", "1.1").startswith("1"):  # later versions forbid the header
            page.headers["connection"] = "close"
        await page(scope, receive, send)


def _lines(stats: ReceiverStats) -> Iterator[str]:
    process = f'process="{stats.process}"'
    responses = {f'{process},status="{status}"': count for status, count in sorted(stats.responses.items())}
    yield from _metric("deliveries_total", "counter", "Deliveries answered, by HTTP status.", responses)
    events = {f'{process},event="{name}",result="handled"': count for name, count in stats.handled.items()}
    events |= {f'{process},event="{name}",result="failed"': count for name, count in stats.failed.items()}
    yield from _metric("events_total", "counter", "Runs of handlers, by event and result.", events)
    yield from _metric("duplicates_total", "counter", "Deliveries of known events.", {process: stats.duplicates})
    yield from _error_lines({f'{process},cause="{cause}"': error for cause, error in stats.errors.items()})
    if stats.inbox is not None:
        yield from _inbox_lines(stats.inbox)
        working = {process: int(stats.inbox.is_working)}
        yield from _metric("inbox_working", "gauge", "Whether the workers of this process are alive.", working)


def _error_lines(errors: Mapping[str, ErrorStats]) -> Iterator[str]:
    counts = {labels: error.count for labels, error in errors.items()}
    yield from _metric("errors_total", "counter", "Errors and refusals, by cause.", counts)
    times = {labels: error.last_at.timestamp() for labels, error in errors.items()}
    yield from _metric("last_error_seconds", "gauge", "When the last one was, in seconds since 1970.", times)


def _inbox_lines(inbox: InboxStats) -> Iterator[str]:
    events = {'state="waiting"': inbox.waiting, 'state="dead"': inbox.dead}
    yield from _metric("inbox_events", "gauge", "Events in the inbox, by state.", events)
    oldest = {"": inbox.oldest_waiting}
    yield from _metric("inbox_oldest_seconds", "gauge", "Age of the oldest event that waits.", oldest)


def _metric(name: str, kind: str, help_text: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP nexi_webhooks_{name} {help_text}"
    yield f"# TYPE nexi_webhooks_{name} {kind}"
    for labels, value in values.items():
        yield f"nexi_webhooks_{name}{{{labels}}} {value}" if labels else f"nexi_webhooks_{name} {value}"
