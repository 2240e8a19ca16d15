"""What a receiver has done so far, as numbers: for a look, and for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping

import attrs
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

__all__ = ["InboxStats", "MetricsPage", "ReceiverStats", "Tally"]


@attrs.frozen(kw_only=True)
class InboxStats:
    """An inbox right now, whichever process put the letters there.

    Attributes:
        waiting: letters that are not handled yet, those being worked on too.
        oldest_waiting: seconds since the oldest of them came in.
        dead: letters that failed too often.
    """

    waiting: int
    oldest_waiting: float
    dead: int


@attrs.frozen(kw_only=True)
class ReceiverStats:
    """A receiver since its process began.

    Attributes:
        answers: how often each HTTP status was answered.
        handled: events whose handler returned, by the event's name; "other" for names that this package does not know.
        failed: handlers that raised, in the same way; one event may fail several times.
        repeated: deliveries that brought nothing new.
        inbox: the inbox, if there is one.
    """

    answers: Mapping[int, int]
    handled: Mapping[str, int]
    failed: Mapping[str, int]
    repeated: int
    inbox: InboxStats | None = None


class Tally:
    """Counts while a receiver works."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.handled: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()


class MetricsPage:
    """An ASGI app that shows the numbers to Prometheus, in its text format."""

    def __init__(self, stats: Callable[[], Awaitable[ReceiverStats]]) -> None:
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request with the numbers of now."""
        text = "".join(f"{line}\n" for line in _lines(await self._stats()))
        page = PlainTextResponse(text, media_type="text/plain; version=0.0.4")
        await page(scope, receive, send)


def _lines(stats: ReceiverStats) -> Iterator[str]:
    answers = {f'status="{status}"': count for status, count in sorted(stats.answers.items())}
    yield from _metric("deliveries_total", "counter", "Deliveries answered, by HTTP status.", answers)
    events = {f'event="{name}",result="handled"': count for name, count in stats.handled.items()}
    events |= {f'event="{name}",result="failed"': count for name, count in stats.failed.items()}
    yield from _metric("events_total", "counter", "Runs of handlers, by event and result.", events)
    yield from _metric("repeated_total", "counter", "Deliveries that brought nothing new.", {"": stats.repeated})
    if stats.inbox is not None:
        yield from _inbox_lines(stats.inbox)


def _inbox_lines(inbox: InboxStats) -> Iterator[str]:
    letters = {'state="waiting"': inbox.waiting, 'state="dead"': inbox.dead}
    yield from _metric("inbox_letters", "gauge", "Letters in the inbox, by state.", letters)
    oldest = {"": inbox.oldest_waiting}
    yield from _metric("inbox_oldest_seconds", "gauge", "Age of the oldest letter that waits.", oldest)


def _metric(name: str, kind: str, help_text: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP nexi_webhooks_{name} {help_text}"
    yield f"# TYPE nexi_webhooks_{name} {kind}"
    for labels, value in values.items():
        yield f"nexi_webhooks_{name}{{{labels}}} {value}" if labels else f"nexi_webhooks_{name} {value}"
