"""Creating a payment: the request of `payments.create`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import attrs
from attrs.converters import optional

from nexi_async._models.checkout import Checkout
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, OrderItem
from nexi_async._models.rules import MerchantNumber, MyReference, NotNegative, PlainText, Text, max_length
from nexi_async.reference import payment_methods
from nexi_async.reference.payment_methods import PaymentType


@attrs.frozen(kw_only=True)
class SubscriptionSetup:
    """Sign the shopper up for a scheduled subscription.

    Attributes:
        end_date: no charge is possible after it.
        interval: the minimum number of days between two charges; 0 sets no limit.
        subscription_id: give it to change the card of that subscription instead of making a new one.
        allow_variable_amount: whether later charges may differ from the first.
    """

    end_date: datetime | None = None
    interval: NotNegative | None = None
    subscription_id: PlainText | None = None
    allow_variable_amount: bool | None = None


@attrs.frozen(kw_only=True)
class UnscheduledSubscriptionSetup:
    """Sign the shopper up for an unscheduled subscription.

    Attributes:
        create: True for a new agreement.
        unscheduled_subscription_id: the agreement whose card is to be changed.
    """

    create: bool | None = None
    unscheduled_subscription_id: PlainText | None = None


@attrs.frozen(kw_only=True)
class PaymentMethodConfiguration:
    """One entry of the list of allowed methods ("Visa", "Swish" ...) or types ("Card", "Wallet" ...).

    With one entry or more, whatever is not listed is not offered. A type and a method of that type exclude each other.
    """

    name: Text
    enabled: bool | None = None


@attrs.frozen(kw_only=True)
class PaymentMethodFee:
    """A fee added when the shopper picks a method; the official reference knows "easy-invoice" only."""

    name: Text
    fee: OrderItem


@attrs.frozen
class MethodOrderReference:
    """An order number that a payment method shows its own customers: unique, at most 127 characters."""

    order_reference: Annotated[str, max_length(127, min_length=1)]


@attrs.frozen(kw_only=True)
class AdditionalPaymentMethodData:
    """Order numbers for single payment methods.

    Attributes:
        riverty: Riverty's parent transaction reference.
        pay_pal: PayPal's invoice id; made by Nexi when left out.
    """

    riverty: MethodOrderReference | None = None
    pay_pal: MethodOrderReference | None = None


@attrs.frozen(kw_only=True)
class CreatePayment:
    """The body of `POST /v1/payments`; see `payments.create`."""

    order: Order
    checkout: Checkout
    notifications: Notifications | None = None
    subscription: SubscriptionSetup | None = None
    unscheduled_subscription: UnscheduledSubscriptionSetup | None = None
    payment_methods_configuration: tuple[PaymentMethodConfiguration, ...] | None = attrs.field(
        default=None, converter=optional(tuple[PaymentMethodConfiguration, ...])
    )
    payment_methods: tuple[PaymentMethodFee, ...] | None = attrs.field(
        default=None, converter=optional(tuple[PaymentMethodFee, ...])
    )
    my_reference: MyReference | None = None
    additional_payment_method_data: AdditionalPaymentMethodData | None = None
    merchant_number: MerchantNumber | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        signs_up = self.subscription is not None or self.unscheduled_subscription is not None
        if self.order.amount == 0 and not signs_up:
            yield "order.amount", "must be greater than 0, unless the payment signs up for a subscription"
        if self.subscription is not None and self.unscheduled_subscription is not None:
            yield "subscription", "and unscheduledSubscription exclude each other"
        yield from _doubly_listed({entry.name for entry in self.payment_methods_configuration or ()})


def _doubly_listed(names: set[str]) -> Iterator[tuple[str, str]]:
    """A type covers its methods; the API refuses a list that names both."""
    for name in sorted(names):
        traits = payment_methods.look_up(name)
        kinds = set() if traits is None or len(traits.types) > 1 else {traits.types[0]}
        for kind in sorted(kind for kind in names if PaymentType(kind) in kinds):
            yield "paymentMethodsConfiguration", f"has the type {kind}, which excludes its own method {name}"


@attrs.frozen(kw_only=True)
class CreatedPayment:
    """A new payment, which the shopper has not paid yet.

    Attributes:
        payment_id: opaque text.
        hosted_payment_page_url: where to send the shopper; None for an embedded checkout.
        expires_at: when the session ends.
    """

    payment_id: str
    hosted_payment_page_url: str | None = None
    expires_at: datetime | None = None
