"""Refunds: giving charged money back."""

from __future__ import annotations

from datetime import datetime

import attrs

from nexi_async._models.charge import InvoiceLink
from nexi_async._models.order import OrderItem, PartOfOrder
from nexi_async._models.rules import MyReference
from nexi_async.reference.states import RefundState


@attrs.frozen(kw_only=True)
class RefundRequest(PartOfOrder):
    """The body of both refund calls; see `payments.refund` and `charges.refund`."""

    my_reference: MyReference | None = None


@attrs.frozen(kw_only=True)
class RefundReceipt:
    """A refund that was accepted; the money is returned once it is `Completed`.

    Attributes:
        refund_id: opaque text.
        idempotency_key: the key it was made with; the same key never refunds again.
    """

    refund_id: str
    idempotency_key: str = attrs.field(default="", metadata={"wire": None})


@attrs.frozen(kw_only=True)
class Refund:
    """A refund as `refunds.retrieve` returns it; its state is found only in the payment. Amounts in minor units."""

    refund_id: str
    amount: int
    surcharge_amount: int | None = None
    invoice_details: InvoiceLink | None = None


@attrs.frozen(kw_only=True)
class PaymentRefund:
    """A refund as a retrieved payment lists it; amounts in minor units.

    Attributes:
        state: Pending, Completed, Failed, Cancelled or Expired; only a pending one can be cancelled.
        last_updated: when the state changed.
    """

    refund_id: str
    amount: int
    state: RefundState
    last_updated: datetime | None = None
    surcharge_amount: int | None = None
    order_items: tuple[OrderItem, ...] = ()
