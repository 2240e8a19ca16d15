"""A receiver for tests: it takes every event, keeps it, and lets a test wait for it."""

from __future__ import annotations

import anyio

from nexi_async._models.notifications import Notifications
from nexi_async.reference.event_names import EVENT_NAMES, EventName
from nexi_async.webhooks._authorization import new_authorization
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._receiver import WebhookReceiver


class CollectingReceiver(WebhookReceiver):
    """A `WebhookReceiver` that keeps the events it receives.

    Attributes:
        authorization: the value that it accepts, made for it alone.
        events: what has come in so far, oldest first.
    """

    def __init__(self) -> None:
        self.authorization = new_authorization()
        self.events: list[Event] = []
        self._news = anyio.Event()
        super().__init__(authorization=self.authorization, fallback=self._keep)

    def notifications(self, *events: EventName, url: str = "https://shop.test/nexi/webhooks") -> Notifications:
        """The webhooks to create a payment with, so that it receives these events, or all."""
        return Notifications.to(url, authorization=self.authorization, events=events or EVENT_NAMES)

    async def wait_for(self, name: str, payment_id: str | None = None, *, seconds: float = 5.0) -> Event:
        """The first event of that name, of that payment if one is given, waiting for it if need be.

        Raises:
            TimeoutError: it did not come in time; names what did.
        """
        with anyio.move_on_after(seconds):
            while True:
                for event in self.events:
                    if event.name == name and payment_id in (None, event.payment_id):
                        return event
                await self._news.wait()
        came = ", ".join(f"{event.name} of {event.payment_id}" for event in self.events) or "nothing"
        of_payment = "" if payment_id is None else f" of {payment_id}"
        raise TimeoutError(f"{name}{of_payment} did not come within {seconds:g} s; came: {came}")

    async def _keep(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()
        self._news = anyio.Event()
