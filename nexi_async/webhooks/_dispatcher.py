"""Dispatch: an event to its handler, with the payment if the handler takes it."""

from __future__ import annotations

import logging

import attrs

from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._event_base import UnreadableEvent
from nexi_async.webhooks._events import EVENT_CLASSES, UNREADABLE, Event
from nexi_async.webhooks._isolation import contain
from nexi_async.webhooks._log_fields import facts, logger
from nexi_async.webhooks._payment_fetcher import PaymentFetcher
from nexi_async.webhooks._router import Registered, WebhookRouter
from nexi_async.webhooks._stats import Counters
from nexi_async.webhooks._stored_events import PermanentFailure

NO_HANDLER_TEXT = "no handler for %r: register one with `on`, or give the receiver a `fallback`"
UNREADABLE_TEXT = (
    "can't read %r, id %r: %s; register a handler `on(UnreadableEvent)`, or give the receiver a `fallback`"
)


class NoHandler(LookupError):
    """There is no handler for the event."""


class Unreadable(PermanentFailure, NoHandler):
    """An event that its class can't hold, and no handler for such; no retry changes that."""


@attrs.frozen
class Dispatcher:
    """Calls handlers, limits their time and counts their outcomes, for events just received and for stored ones.

    Args:
        fetcher: fetches the payment for handlers that take it.
        timeout: seconds that a handler may take, fetching the payment included.
    """

    _router: WebhookRouter
    _fetcher: PaymentFetcher | None
    _counters: Counters
    _deadlines: Deadlines
    _timeout: float

    def has_handler(self, event: Event) -> bool:
        """Whether there is a handler for this event; if not, that is logged."""
        if self._handler_of(event) is not None:
            return True
        extra = facts(event.name, event.id, event.payment_id)
        message, values = _why_not(event)
        self._counters.report("no_handler", message, *values, level=logging.ERROR, extra=extra)
        return False

    async def handle(self, event: Event, received: float) -> None:
        """Handle an event that was received at that time, by the clock of the inbox or of the process.

        Raises:
            Exception: what the handler raised, or why it was not called. Never a `BaseException`, unless the caller is
                cancelled.
            TimeoutError: the handler took too long.
        """
        label = event.name if event.name in EVENT_CLASSES else "other"
        try:
            await contain(self._deadlines.limit(self._timeout, self._call(event, received)))
        except Exception as error:
            self._counters.failed[label] += 1
            self._counters.count_error("handler", f"the handler of {event.name} failed", error)
            raise
        self._counters.handled[label] += 1
        if logger.isEnabledFor(logging.INFO):
            extra = facts(event.name, event.id, event.payment_id)
            logger.info("handled %s of payment %s", event.name, event.payment_id, extra=extra)

    def _handler_of(self, event: Event) -> Registered | None:
        return self._router.find(UNREADABLE if isinstance(event, UnreadableEvent) else event.name)

    async def _call(self, event: Event, received: float) -> None:
        registered = self._handler_of(event)
        if registered is None:
            message, values = _why_not(event)
            raise (Unreadable if isinstance(event, UnreadableEvent) else NoHandler)(message % values)
        if self._fetcher is not None and registered.takes_payment and event.payment_id is not None:
            await registered.handler(event, await self._fetcher.payment(event.payment_id, received))
        else:
            await registered.handler(event)


def _why_not(event: Event) -> tuple[str, tuple[object, ...]]:
    """Why there is no handler for the event, as a message and its values."""
    if isinstance(event, UnreadableEvent):
        return UNREADABLE_TEXT, (event.name, event.id, "; ".join(map(str, event.faults)))
    return NO_HANDLER_TEXT, (event.name,)
