"""The till: charges, refunds and releases, with a receipt for each."""

from __future__ import annotations

from collections.abc import Sequence

from nexi_async import ChargeDeclined, OrderItem
from nexi_async._demo.amounts import as_text
from nexi_async._demo.business import Business
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.sources import Receipts

__all__ = ["Till"]


class Till:
    """Moves the money of payments; each step waits for the webhook that confirms it."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self._checkout = business.checkout

    async def charge(self, receipts: Receipts, amount: int, *, items: Sequence[OrderItem] | None = None) -> bool:
        """Charge all, or the lines given; False if the acquirer refuses."""
        self._say(receipts, f"charges {self._money(receipts, amount)}")
        try:
            receipt = await self._checkout.payments.charge(receipts.payment_id, amount=amount, order_items=items)
        except ChargeDeclined as declined:
            self._say(receipts, f"may not charge: {declined.message} ({declined.code})")
            return False
        receipts.charges[receipt.charge_id] = amount
        await self._business.hear_of(receipts, CHARGED, times=len(receipts.charges))
        return True

    async def refund(self, receipts: Receipts) -> str:
        """Give back all that was charged; returns the refund's id."""
        amount = sum(receipts.charges.values())
        self._say(receipts, f"asks for a refund of {self._money(receipts, amount)}")
        receipt = await self._checkout.payments.refund(receipts.payment_id, amount=amount)
        return await self._note_refund(receipts, receipt.refund_id, amount)

    async def refund_lines(self, receipts: Receipts, items: Sequence[OrderItem]) -> str:
        """Give back some lines of the first charge; returns the refund's id."""
        amount = sum(item.gross_total_amount for item in items)
        charge_id = next(iter(receipts.charges))
        self._say(receipts, f"asks for a refund of {self._money(receipts, amount)}, a part")
        receipt = await self._checkout.charges.refund(charge_id, amount=amount, order_items=items)
        return await self._note_refund(receipts, receipt.refund_id, amount)

    async def stop_refund(self, receipts: Receipts, refund_id: str) -> None:
        """Stop a refund while it is pending; no webhook tells of it."""
        self._say(receipts, f"stops the refund of {self._money(receipts, receipts.refunds[refund_id])}")
        await self._checkout.refunds.cancel_pending(refund_id)
        del receipts.refunds[refund_id]

    async def release(self, receipts: Receipts, amount: int, *, items: Sequence[OrderItem] | None = None) -> None:
        """Release all that was reserved, or the lines given."""
        self._say(receipts, f"releases {self._money(receipts, amount)}")
        await self._checkout.payments.cancel(receipts.payment_id, amount=amount, order_items=items)
        receipts.cancelled += amount
        await self._business.hear_of(receipts, "payment.cancel.created")

    async def _note_refund(self, receipts: Receipts, refund_id: str, amount: int) -> str:
        receipts.refunds[refund_id] = amount
        await self._business.hear_of(receipts, "payment.refund.initiated.v2")
        return refund_id

    def _say(self, receipts: Receipts, text: str) -> None:
        self._business.timeline.say(receipts.label, "shop", text)

    def _money(self, receipts: Receipts, amount: int) -> str:
        return as_text(amount, receipts.currency)
