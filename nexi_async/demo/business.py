"""What all parts of the shop work with."""

from __future__ import annotations

import attrs

from nexi_async import AsyncCheckout
from nexi_async.demo.listener import Listener
from nexi_async.demo.timeline import Timeline
from nexi_async.demo.witnesses import Receipts

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
