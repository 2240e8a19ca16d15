"""Charges: taking money that was reserved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import attrs
from attrs.converters import optional

from nexi_async._models.order import OrderItem, sum_faults
from nexi_async._models.rules import MyReference, PlainText, between, max_length

Positive = Annotated[int, between(1, 2**31 - 1)]
"""Minor units, more than nothing."""


@attrs.frozen(kw_only=True)
class Shipment:
    """How the goods travel; tracking number at most 255 characters, provider at most 4."""

    tracking_number: Annotated[str, max_length(255)] | None = None
    provider: Annotated[str, max_length(4)] | None = None


@attrs.frozen(kw_only=True)
class ChargePayment:
    """The body of `POST /v1/payments/{paymentId}/charges`; see `payments.charge`."""

    amount: Positive
    order_items: tuple[OrderItem, ...] | None = attrs.field(default=None, converter=optional(tuple[OrderItem, ...]))
    shipping: Shipment | None = None
    final_charge: bool | None = None
    my_reference: MyReference | None = None
    payment_method_reference: Annotated[PlainText, max_length(20)] | None = None

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        return sum_faults(self.amount, self.order_items)


@attrs.frozen(kw_only=True)
class Invoice:
    """The invoice that an invoice method made of a charge."""

    invoice_number: str | None = None


@attrs.frozen(kw_only=True)
class ChargeReceipt:
    """A charge that went through.

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
    """Where an invoice can be read."""

    link: str | None = None
    invoice_number: str | None = None


@attrs.frozen(kw_only=True)
class Charge:
    """A charge as `charges.retrieve` returns it; amounts in minor units.

    Attributes:
        charge_id: opaque text.
        amount: what was charged, without surcharge.
        surcharge_amount: what the card's owner paid on top.
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
