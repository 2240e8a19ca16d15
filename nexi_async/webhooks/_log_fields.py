"""The log of this package, "nexi_async.webhooks": sentences to read, fields to search by, never a body or a secret.

Whatever a sender wrote is shown with its control characters escaped, so that no sender can forge a line of the log.
Warnings and errors reach standard error while logging has not been configured; the first of a cause at once, further
ones within a minute as a number.
"""

from __future__ import annotations

import copy
import logging
import textwrap
import time
from collections.abc import Callable
from typing import TypeAlias

logger = logging.getLogger("nexi_async.webhooks")

MINUTE = 60.0

Cause: TypeAlias = tuple[str, object]


def facts(event: str, event_id: str, payment_id: str | None) -> dict[str, str | None]:
    """The attributes that a record about an event gets, for `extra=`: `nexi_event`, `nexi_id`, `nexi_payment`."""
    return {"nexi_event": event, "nexi_id": event_id, "nexi_payment": payment_id}


def escaped(text: str) -> str:
    """Text with everything that can't be printed written as Python writes it, e.g. a newline as two characters."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def _escape(record: logging.LogRecord) -> bool:
    """Escape the values of a record, its own attributes included, and keep its traceback off the start of a line."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_shown, record.args))
    for name, value in vars(record).items():
        if name.startswith("nexi_"):
            setattr(record, name, _shown(value))
    if record.exc_info:
        lines = logging.Formatter().formatException(record.exc_info).split("\n")
        record.exc_text = textwrap.indent("\n".join(map(escaped, lines)), "  ")
    return True


def _shown(value: object) -> object:
    if isinstance(value, BaseException):
        return escaped(str(value))
    return escaped(value) if isinstance(value, str) else value


class StandardError(logging.Handler):
    """Shows warnings and errors by `logging.lastResort`, as Python does for a logger without handlers.

    As soon as a handler is attached to this logger or to one above it, this one is silent.

    Args:
        clock: seconds from any moment on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._repeated: dict[Cause, _Repeated] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Show it, unless one of the same cause was shown within the last minute."""
        shown_by = logging.lastResort
        if shown_by is None or record.levelno < shown_by.level or self._is_configured():
            return
        now = self._clock()
        self._log_repeated(until=now)
        repeated = self._repeated.get(_cause(record))
        if repeated is not None:
            repeated.count += 1
            return
        self._repeated[_cause(record)] = _Repeated(record, until=now + MINUTE)
        shown_by.handle(record)

    def flush(self) -> None:
        """Log the counts that have not been logged yet, at the end of the program."""
        self._log_repeated(until=float("inf"))

    def _log_repeated(self, *, until: float) -> None:
        over = [cause for cause, repeated in self._repeated.items() if repeated.until <= until]
        for cause in over:
            summary = self._repeated.pop(cause).summary()
            if summary is not None and logging.lastResort is not None:
                logging.lastResort.handle(summary)

    def _is_configured(self) -> bool:
        """Whether another handler gets the records; the package's own NullHandler does not count."""
        if any(handler is not self for handler in logger.handlers):
            return True
        above = logger.parent if logger.propagate else None
        while above is not None:
            if not all(isinstance(handler, logging.NullHandler) for handler in above.handlers):
                return True
            above = above.parent if above.propagate else None
        return False


class _Repeated:
    """A record that was shown, and how many of its cause came after it."""

    def __init__(self, record: logging.LogRecord, *, until: float) -> None:
        self.until = until
        self.count = 0
        self._record = copy.copy(record)
        self._record.exc_info = self._record.exc_text = None  # a traceback would keep the handler's variables alive

    def summary(self) -> logging.LogRecord | None:
        """A record with the number of repetitions, if there were any."""
        if not self.count:
            return None
        first = self._record.getMessage()
        self._record.msg, self._record.args = "%d more within a minute, the first was: %s", (self.count, first)
        return self._record


def _cause(record: logging.LogRecord) -> Cause:
    """What records of the same cause have in common: the sentence before values are filled in, and the exception."""
    return record.msg, record.exc_info and record.exc_info[0]


def flush() -> None:
    """Log what has only been counted so far: a server that is terminated ends without running exit handlers."""
    for handler in logger.handlers:
        handler.flush()


logger.addFilter(_escape)
logger.addHandler(StandardError())
