"""The objects that every part of the shop works with."""

import attrs

from nexi_async import AsyncCheckout
from nexi_async._demo.listener import WebhookListener
from nexi_async._demo.sources import PaymentRecord
from nexi_async._demo.timeline import Timeline
from nexi_async.emulator import CheckoutEmulator


@attrs.frozen(kw_only=True)
class ShopServices:
    """The dependencies of the shop, and its records: what the SDK's responses said, by payment id."""

    checkout: AsyncCheckout
    emulator: CheckoutEmulator
    site_url: str
    listener: WebhookListener
    timeline: Timeline
    records: dict[str, PaymentRecord] = attrs.field(factory=dict)

    def log(self, label: str, text: str) -> None:
        """Print what the shop does."""
        self.timeline.log(label, "shop", text)

    async def wait_for_events(self, record: PaymentRecord, *events: str, times: int = 1) -> None:
        """Wait until this many of these events were received; after the timeout log that they are missing and go on."""
        if not await self.listener.wait_for(record.payment_id, *events, times=times):
            self.log(record.label, f"has not received {' or '.join(events)}")
