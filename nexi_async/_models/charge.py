"""Charges: taking money that was reserved."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import attrs

from nexi_async._models.order import OrderItem, PartOfOrder
from nexi_async._models.rules import MyReference, PlainText, max_length


@attrs.frozen(kw_only=True)
class Shipment:
    """How the goods are shipped; tracking number at most 255 characters, provider at most 4."""

    tracking_number: Annotated[str, max_length(255)] | None = None
    provider: Annotated[str, max_length(4)] | None = None


@attrs.frozen(kw_only=True)
class ChargePayment(PartOfOrder):
    """The body of `POST /v1/payments/{paymentId}/charges`; see `payments.charge`."""

    shipping: Shipment | None = None
    final_charge: bool | None = None
    my_reference: MyReference | None = None
    payment_method_reference: Annotated[PlainText, max_length(20)] | None = None


@attrs.frozen(kw_only=True)
class Invoice:
    """The invoice that an invoice method made of a charge."""

    invoice_number: str | None = None


@attrs.frozen(kw_only=True)
class ChargeReceipt:
    """A charge that succeeded.

    Attributes:
        charge_id: opaque text; refunds name it.
        invoice: for invoice methods only.
        idempotency_key: the key it was made with; the same key never charges again.
    """

    charge_id: str
    invoice: Invoice | None = None
    idempotency_key: str = attrs.field(default="", metadata={"wire": None})


@attrs.frozen(kw_only=True)
class InvoiceLink:
    """The address of an invoice."""

    link: str | None = None
    invoice_number: str | None = None


@attrs.frozen(kw_only=True)
class Charge:
    """A charge as `charges.retrieve` returns it; amounts in minor units.

    Attributes:
        charge_id: opaque text.
        amount: what was charged, without surcharge.
        surcharge_amount: the surcharge that the cardholder paid in addition.
        invoice_details: for invoice methods only.
    """

    charge_id: str
    amount: int
    surcharge_amount: int | None = None
    invoice_details: InvoiceLink | None = None


@attrs.frozen(kw_only=True)
class PaymentCharge:
    """A charge as a retrieved payment lists it; amounts in minor units."""

    charge_id: str
    amount: int
    created: datetime | None = None
    surcharge_amount: int | None = None
    order_items: tuple[OrderItem, ...] = ()
