"""The shop's ear: the receiver, and what its webhooks said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import anyio

from nexi_async import Notifications
from nexi_async.webhooks import Event, WebhookReceiver, new_authorization

__all__ = ["CHARGED", "EVENTS", "PATIENCE", "Listener"]

PATIENCE = 10.0
"""Seconds that a webhook may take to come in."""

CHARGED = "payment.charge.created.v2"
EVENTS = (
    "payment.created",
    "payment.reservation.created",
    "payment.reservation.failed",
    "payment.checkout.completed",
    CHARGED,
    "payment.charge.failed.v2",
    "payment.refund.initiated.v2",
    "payment.refund.completed",
    "payment.refund.failed",
    "payment.cancel.created",
    "payment.cancel.failed",
)
"""What the shop asks to be told about: one generation of each event, since a second would only repeat it."""


class Listener:
    """Receives webhooks from this machine, keeps their events by payment, and lets others wait for them."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        """Ready to be mounted.

        Args:
            on_event: told of every event that is kept.
        """
        self._authorization = new_authorization()
        self._on_event = on_event
        self._news: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self.receiver = WebhookReceiver(
            authorization=self._authorization, networks=["127.0.0.0/8", "::1"], fallback=self.keep
        )

    def notifications(self, site_url: str, *events: str) -> Notifications:
        """The webhooks to create a payment with, so that this listener hears of it."""
        return Notifications.to(f"{site_url}/nexi/webhooks", authorization=self._authorization, events=events)

    async def keep(self, event: Event) -> None:
        """Keep an event and wake who waits for it."""
        payment_id = event.payment_id or ""
        self.events[payment_id].append(event)
        self._on_event(event)
        self._news.pop(payment_id, anyio.Event()).set()

    async def wait_for(self, payment_id: str, *names: str, times: int = 1) -> bool:
        """Whether so many events of these names came in for a payment, waiting for them if need be."""
        with anyio.move_on_after(PATIENCE):
            while sum(event.name in names for event in self.events[payment_id]) < times:
                await self._news[payment_id].wait()
            return True
        return False
