"""Charges, refunds and cancellations of payments, each recorded once the API has confirmed it.

Each waits for the webhook that confirms it, too; the API sends none for a refund that is cancelled.
"""

from collections.abc import Sequence

from nexi_async import ChargeDeclined, OrderItem
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.reference.currencies import format_amount

Items = Sequence[OrderItem]


async def charge(services: ShopServices, record: PaymentRecord, amount: int, items: Items | None = None) -> bool:
    """Charge everything, or the items given; False if the acquirer declines."""
    _log(services, record, "charges", amount)
    try:
        receipt = await services.checkout.payments.charge(record.payment_id, amount=amount, order_items=items)
    except ChargeDeclined as declined:
        services.log(record.label, f"is declined the charge: {declined.message} ({declined.code})")
        return False
    record.charges[receipt.charge_id] = amount
    await services.wait_for_events(record, CHARGED, times=len(record.charges))
    return True


async def refund(services: ShopServices, record: PaymentRecord, items: Items | None = None) -> str:
    """Refund everything that was charged, or the items given of the first charge; returns the refund's id."""
    if items is None:
        amount = sum(record.charges.values())
        _log(services, record, "requests a full refund of", amount)
        receipt = await services.checkout.payments.refund(record.payment_id, amount=amount)
    else:
        amount = sum(item.gross_total_amount for item in items)
        _log(services, record, "requests a partial refund of", amount)
        receipt = await services.checkout.charges.refund(next(iter(record.charges)), amount=amount, order_items=items)
    record.refunds[receipt.refund_id] = amount
    await services.wait_for_events(record, "payment.refund.initiated.v2")
    return receipt.refund_id


async def cancel_refund(services: ShopServices, record: PaymentRecord, refund_id: str) -> None:
    """Cancel a pending refund."""
    _log(services, record, "cancels the refund of", record.refunds[refund_id])
    await services.checkout.refunds.cancel_pending(refund_id)
    del record.refunds[refund_id]


async def cancel(services: ShopServices, record: PaymentRecord, amount: int, items: Items | None = None) -> None:
    """Cancel the whole reservation, or the items given."""
    _log(services, record, "cancels the reservation of", amount)
    await services.checkout.payments.cancel(record.payment_id, amount=amount, order_items=items)
    record.cancelled += amount
    await services.wait_for_events(record, "payment.cancel.created")


def _log(services: ShopServices, record: PaymentRecord, action: str, amount: int) -> None:
    services.log(record.label, f"{action} {format_amount(amount, record.currency)}")
