"""Changes to a payment that move no money, and the cancel that releases what was reserved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import attrs
from attrs.converters import optional

from nexi_async._models.create_payment import PaymentMethodFee
from nexi_async._models.order import OrderItem, PartOfOrder, sum_faults
from nexi_async._models.rules import MyReference, NotNegative, Url, max_length


@attrs.frozen(kw_only=True)
class ShippingCost:
    """Whether the merchant has worked out what shipping costs."""

    cost_specified: bool


@attrs.frozen(kw_only=True)
class UpdateOrder:
    """The body of `PUT /v1/payments/{paymentId}/orderitems`; see `payments.update_order`."""

    amount: NotNegative
    items: tuple[OrderItem, ...] = attrs.field(converter=tuple[OrderItem, ...])
    shipping: ShippingCost | None = None
    payment_methods: tuple[PaymentMethodFee, ...] | None = attrs.field(
        default=None, converter=optional(tuple[PaymentMethodFee, ...])
    )

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        if not self.items:
            yield "items", "must have at least one line"
        yield from sum_faults(self.amount, self.items)


@attrs.frozen(kw_only=True)
class UpdateReference:
    """The body of `PUT /v1/payments/{paymentId}/referenceinformation`; see `payments.update_reference`."""

    checkout_url: Url
    reference: Annotated[str, max_length(128, min_length=1)]


@attrs.frozen(kw_only=True)
class UpdateMyReference:
    """The body of `PUT /v1/payments/{paymentId}/myreference`; see `payments.update_my_reference`."""

    my_reference: MyReference


@attrs.frozen(kw_only=True)
class CancelPayment(PartOfOrder):
    """The body of `POST /v1/payments/{paymentId}/cancels`; see `payments.cancel`."""
