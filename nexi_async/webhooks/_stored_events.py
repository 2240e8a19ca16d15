"""A stored event, and its transitions between states.

    waiting --leased--> waiting, with a worker --succeeded---> done
       ^                          |
       |                          +--failed--> waiting again, later each time
       |                          +--failed too often--> dead
       +--------replayed----------------------------------+

A worker leases an event; when the lease runs out, the event is due again. So the events of a worker that dies are
retried without any cleaning up. The attempt is counted when the lease begins, before the handler runs: an event that
kills its worker each time is dead-lettered after its last attempt too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs

EventState: TypeAlias = Literal["waiting", "done", "dead"]
Queue: TypeAlias = Literal["first", "retry"]
"""Where events wait that had no attempt, and those to retry, which may occupy a part of the workers only."""

FIRST_DELAY = 5.0
MAX_DELAY = 3600.0
MAX_ERROR_LENGTH = 1000


class PermanentFailure(Exception):
    """A failure that no retry can change: the event is dead-lettered at once, until it is replayed."""


@attrs.frozen(kw_only=True)
class StoredEvent:
    """An event in an inbox.

    Attributes:
        number: counts the events of an inbox.
        payment_id: the payment, if the event is about one.
        body: the delivery as it came.
        happened: when the event happened, by Nexi's clock, in seconds since 1970.
        received: when it came in, in seconds since 1970.
        state: "waiting", "done" or "dead".
        due: when a waiting event is handled next, or later if it waits for an older event of its payment; when a done
            or dead one ended. In seconds since 1970.
        attempts: how often its handler was started since it came in or was replayed.
        error: why it failed last.
    """

    number: int
    id: str
    event: str
    payment_id: str | None = None
    body: bytes = attrs.field(repr=False)
    happened: float
    received: float
    state: EventState = "waiting"
    due: float
    attempts: int = 0
    worker: str | None = attrs.field(default=None, repr=False)
    error: str | None = attrs.field(default=None, repr=False)

    @property
    def received_at(self) -> datetime:
        """When it came in."""
        return datetime.fromtimestamp(self.received, UTC)

    @property
    def due_at(self) -> datetime:
        """When a waiting event is handled next; when a done or dead one ended."""
        return datetime.fromtimestamp(self.due, UTC)


def done(event: StoredEvent, now: float) -> StoredEvent:
    """The event once it is handled."""
    return attrs.evolve(event, state="done", due=now, error=None)


def failed(event: StoredEvent, error: Exception, now: float, *, max_attempts: int, jitter: float) -> StoredEvent:
    """The event that is to be retried later, or is dead: after its last attempt, or when a retry can't help.

    `jitter` is random, from 0 to 1.
    """
    text = _describe(error)
    if event.attempts >= max_attempts or isinstance(error, PermanentFailure):
        return attrs.evolve(event, state="dead", due=now, error=text)
    return attrs.evolve(event, state="waiting", due=now + backoff(event.attempts, jitter), error=text)


def released(event: StoredEvent, now: float) -> StoredEvent:
    """The event whose attempt was interrupted, not by itself; the attempt does not count."""
    return attrs.evolve(event, due=now, attempts=event.attempts - 1)


def backoff(attempts: int, jitter: float) -> float:
    """Seconds to wait after so many attempts: about 5, 10, 20 and so on up to an hour, less up to a half of it."""
    longest = min(FIRST_DELAY * 2.0 ** min(attempts - 1, 30), MAX_DELAY)
    return longest * (1 - jitter / 2)


def _describe(error: Exception) -> str:
    """An error as text that any database takes: one that can't be written would keep all others from being written."""
    text = f"{type(error).__name__}: {error}"
    return text[:MAX_ERROR_LENGTH].encode(errors="replace").decode().replace("\0", "")
