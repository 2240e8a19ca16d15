"""Orders and jobs for the tests of the batch."""

from __future__ import annotations

from nexi_async import Order, OrderItem
from nexi_async.batch import ChargeJob


def order(amount: int = 12500, currency: str = "SEK") -> Order:
    """An order of one line, 25 % VAT included."""
    item = OrderItem.of(reference="box", name="Box", unit_price_with_tax=amount, tax_rate=2500)
    return Order.of(items=[item], currency=currency)


def job(reference: str, subscription_id: str = "s", *, amount: int = 12500, currency: str = "SEK") -> ChargeJob:
    """A job for a scheduled subscription."""
    return ChargeJob(reference=reference, subscription_id=subscription_id, order=order(amount, currency))
