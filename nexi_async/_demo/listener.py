"""The shop's webhook receiver, and the events it has received."""

from collections import defaultdict
from collections.abc import Callable

import anyio

from nexi_async import Notifications
from nexi_async.webhooks import Event, EventName, WebhookReceiver, new_authorization

WEBHOOK_TIMEOUT = 10.0
"""Seconds to wait for a webhook."""

CHARGED: EventName = "payment.charge.created.v2"
EVENTS: tuple[EventName, ...] = (
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
"""The events the shop subscribes to: one version of each, since the other would only repeat it."""


class WebhookListener:
    """Receives webhooks from this machine, records their events by payment, and lets tasks wait for them.

    `on_event` is called with every recorded event.
    """

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._authorization = new_authorization()
        self._on_event = on_event
        self._arrivals: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self.events: defaultdict[str, list[Event]] = defaultdict(list)
        self.receiver = WebhookReceiver(
            authorization=self._authorization, networks=["127.0.0.0/8", "::1"], fallback=self.record
        )

    def notifications(self, site_url: str, *events: EventName) -> Notifications:
        """The webhooks to create a payment with, so that this listener receives its events."""
        return Notifications.to(f"{site_url}/nexi/webhooks", authorization=self._authorization, events=events)

    async def record(self, event: Event) -> None:
        """Record an event and wake the tasks that wait for it."""
        payment_id = event.payment_id or ""
        self.events[payment_id].append(event)
        self._on_event(event)
        self._arrivals.pop(payment_id, anyio.Event()).set()

    async def wait_for(self, payment_id: str, *names: str, times: int = 1) -> bool:
        """Whether this many events of these names were received for a payment within the timeout."""
        with anyio.move_on_after(WEBHOOK_TIMEOUT):
            while sum(event.name in names for event in self.events[payment_id]) < times:
                await self._arrivals[payment_id].wait()
            return True
        return False
