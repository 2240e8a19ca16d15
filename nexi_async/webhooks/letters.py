"""A letter: one event in an inbox, and what becomes of it.

    waiting --handed out--> waiting, on loan --handled-----> done
       ^                          |
       |                          +--failed--> waiting again, later each time
       |                          +--failed too often--> dead
       +--------replayed----------------------------------+

A worker has a letter on loan: when the loan runs out, the letter is due again. So a worker that dies leaves nothing to
clear up, its letters come round by themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs

__all__ = ["FIRST_DELAY", "LONGEST_DELAY", "Ending", "Letter", "LetterState", "delay", "done", "failed", "given_back"]

LetterState: TypeAlias = Literal["waiting", "done", "dead"]

FIRST_DELAY = 5.0
LONGEST_DELAY = 3600.0
LONGEST_ERROR = 1000


@attrs.frozen(kw_only=True)
class Letter:
    """An event in an inbox.

    Attributes:
        number: counts the letters of an inbox.
        id: the event's id.
        event: the event's name.
        payment_id: the payment, if the event is about one.
        body: the delivery as it came.
        happened: when the event happened, by Nexi's clock, in seconds since 1970.
        received: when it came in, in seconds since 1970.
        state: "waiting", "done" or "dead".
        due: when a waiting letter is handed out next; when a done or dead one ended. In seconds since 1970.
        attempts: how often it was handed out since it came in or was replayed.
        worker: who has it on loan.
        error: why it failed last.
    """

    number: int
    id: str
    event: str
    payment_id: str | None = None
    body: bytes = attrs.field(repr=False)
    happened: float
    received: float
    state: LetterState = "waiting"
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
        """When a waiting letter is handed out next; when a done or dead one ended."""
        return datetime.fromtimestamp(self.due, UTC)


@attrs.frozen(kw_only=True)
class Ending:
    """How a loan ended: what to write over the letter, if the worker still has it."""

    number: int
    worker: str | None
    state: LetterState
    due: float
    attempts: int
    error: str | None


def done(letter: Letter, now: float) -> Ending:
    """The letter is handled."""
    return _end(letter, state="done", due=now, error=None)


def failed(letter: Letter, error: Exception, now: float, *, tries: int, chance: float) -> Ending:
    """The letter is to be tried again later, or is dead after its last try; `chance` is random, from 0 to 1."""
    words = f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\0", "")
    if letter.attempts >= tries:
        return _end(letter, state="dead", due=now, error=words)
    return _end(letter, state="waiting", due=now + delay(letter.attempts, chance), error=words)


def given_back(letter: Letter, now: float) -> Ending:
    """The letter was not worked on to the end, through no fault of its own; this try does not count."""
    return attrs.evolve(_end(letter, state="waiting", due=now, error=letter.error), attempts=letter.attempts - 1)


def delay(attempts: int, chance: float) -> float:
    """Seconds to wait after so many tries: about 5, 10, 20 and so on up to an hour, less up to a half of it."""
    longest = min(FIRST_DELAY * 2.0 ** min(attempts - 1, 30), LONGEST_DELAY)
    return longest * (1 - chance / 2)


def _end(letter: Letter, *, state: LetterState, due: float, error: str | None) -> Ending:
    return Ending(
        number=letter.number, worker=letter.worker, state=state, due=due, attempts=letter.attempts, error=error
    )
