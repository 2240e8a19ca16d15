"""Charges, refunds and cancellations of payments, each recorded once the API has confirmed it."""

from __future__ import annotations

from collections.abc import Sequence

from nexi_async import ChargeDeclined, OrderItem
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.reference.currencies import format_amount


class CashOperations:
    """Moves the money of payments; each step waits for the webhook that confirms it."""

    def __init__(self, services: ShopServices) -> None:
        self._services = services
        self._checkout = services.checkout

    async def charge(self, record: PaymentRecord, amount: int, *, items: Sequence[OrderItem] | None = None) -> bool:
        """Charge everything, or the items given; False if the acquirer declines."""
        self._log(record, "charges", amount)
        try:
            receipt = await self._checkout.payments.charge(record.payment_id, amount=amount, order_items=items)
        except ChargeDeclined as declined:
            text = f"is declined the charge: {declined.message} ({declined.code})"
            self._services.timeline.log(record.label, "shop", text)
            return False
        record.charges[receipt.charge_id] = amount
        await self._services.wait_for_events(record, CHARGED, times=len(record.charges))
        return True

    async def refund(self, record: PaymentRecord) -> str:
        """Refund everything that was charged; returns the refund's id."""
        amount = sum(record.charges.values())
        self._log(record, "requests a full refund of", amount)
        receipt = await self._checkout.payments.refund(record.payment_id, amount=amount)
        return await self._record_refund(record, receipt.refund_id, amount)

    async def refund_items(self, record: PaymentRecord, items: Sequence[OrderItem]) -> str:
        """Refund some items of the first charge; returns the refund's id."""
        amount = sum(item.gross_total_amount for item in items)
        charge_id = next(iter(record.charges))
        self._log(record, "requests a partial refund of", amount)
        receipt = await self._checkout.charges.refund(charge_id, amount=amount, order_items=items)
        return await self._record_refund(record, receipt.refund_id, amount)

    async def cancel_refund(self, record: PaymentRecord, refund_id: str) -> None:
        """Cancel a pending refund; the API sends no webhook for it."""
        self._log(record, "cancels the refund of", record.refunds[refund_id])
        await self._checkout.refunds.cancel_pending(refund_id)
        del record.refunds[refund_id]

    async def cancel(self, record: PaymentRecord, amount: int, *, items: Sequence[OrderItem] | None = None) -> None:
        """Cancel the whole reservation, or the items given."""
        self._log(record, "cancels the reservation of", amount)
        await self._checkout.payments.cancel(record.payment_id, amount=amount, order_items=items)
        record.cancelled += amount
        await self._services.wait_for_events(record, "payment.cancel.created")

    async def _record_refund(self, record: PaymentRecord, refund_id: str, amount: int) -> str:
        record.refunds[refund_id] = amount
        await self._services.wait_for_events(record, "payment.refund.initiated.v2")
        return refund_id

    def _log(self, record: PaymentRecord, action: str, amount: int) -> None:
        self._services.timeline.log(record.label, "shop", f"{action} {format_amount(amount, record.currency)}")
