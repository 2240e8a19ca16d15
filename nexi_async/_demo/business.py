"""What all parts of the shop work with."""

from __future__ import annotations

import attrs

from nexi_async import AsyncCheckout
from nexi_async._demo.listener import Listener
from nexi_async._demo.sources import Receipts
from nexi_async._demo.timeline import Timeline

__all__ = ["Business"]


@attrs.frozen(kw_only=True)
class Business:
    """The shop's means.

    Attributes:
        checkout: the SDK.
        site_url: the shop's own web site.
        listener: hears the webhooks.
        timeline: is told what happens.
        receipts: what the SDK's answers said, by payment id.
    """

    checkout: AsyncCheckout
    site_url: str
    listener: Listener
    timeline: Timeline
    receipts: dict[str, Receipts] = attrs.field(factory=dict)

    async def hear_of(self, receipts: Receipts, *events: str, times: int = 1) -> None:
        """Wait until webhooks told so many of these events; if they don't, say so and go on."""
        if not await self.listener.wait_for(receipts.payment_id, *events, times=times):
            self.timeline.say(receipts.label, "shop", f"has not heard of {' or '.join(events)}")
