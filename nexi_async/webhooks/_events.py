"""The 15 events of a payment, one class each. To add one, write its class here and list it in `Event`.

Members are flat and named as on the wire, in snake case; what a delivery leaves out is None. Events may come twice and
in any order. The two generations of one occurrence ("payment.charge.created" and "payment.charge.created.v2") share
their `id`. What several events carry means the same in all of them:

    amount, surcharge_amount        minor units; the surcharge comes on top
    order, order_items              the whole order; the lines that this event is about
    error                           why it failed; `error.decline` says whether to try again
    reserve_id, charge_id,          the operation that the event is about, usually equal to `id`
      refund_id, cancel_id
    my_reference                    the merchant's own text
    reconciliation_reference        finds the operation in the payout reports
    payment_account_reference       recognises a returning cardholder, never in a repr
    card_details, invoice_details   for cards only, for invoice methods only
    consumer                        the shopper, never in a repr

A class requires only what every known source has always had: the official reference, the official PHP SDK, recorded
deliveries, and the code of integrators. The rest is None, or without lines, when a delivery leaves it out or has
something unreadable in its place; then `faults` says so. A delivery that lacks what its class requires is an
`UnreadableEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, TypeAlias, get_args

import attrs

from nexi_async._models.order import OrderItem
from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.webhooks._details import (
    EventError,
    Money,
    WebhookCard,
    WebhookConsumer,
    WebhookInvoice,
    WebhookOrder,
)
from nexi_async.webhooks._event_base import PaymentEvent, UnknownEvent, UnreadableEvent


@attrs.frozen(kw_only=True)
class _Operation(PaymentEvent):
    """An event of an operation: a reservation, a charge, a refund or a cancel."""

    amount: Money
    surcharge_amount: int | None = None


@attrs.frozen(kw_only=True)
class _OperationWithItems(_Operation):
    """An event of an operation on lines of the order."""

    order_items: tuple[OrderItem, ...] = ()
    my_reference: str | None = None


# --- checkout ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class PaymentCreated(PaymentEvent):
    """The shopper pressed Pay; creating the payment over the API does not send it.

    Every source has the order.

    Attributes:
        subscription_id: when the payment signs up for a subscription.
    """

    name: ClassVar[str] = "payment.created"
    order: WebhookOrder
    my_reference: str | None = None
    subscription_id: str | None = None


@attrs.frozen(kw_only=True)
class CheckoutCompleted(PaymentEvent):
    """The shopper finished the checkout; for Swish, Sofort and Trustly no reservation event follows.

    Every source has the order; integrators have seen it without the consumer.
    """

    name: ClassVar[str] = "payment.checkout.completed"
    order: WebhookOrder
    consumer: WebhookConsumer | None = attrs.field(default=None, repr=False)
    my_reference: str | None = None


# --- reservations --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class _Reservation(_Operation):
    """What both generations of a reservation have."""

    payment_method: PaymentMethod
    payment_type: PaymentType
    my_reference: str | None = None
    reconciliation_reference: str | None = None
    payment_account_reference: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ReservationCreated(_Reservation):
    """The amount is reserved: the rich variant, with card and shopper.

    Every source has amount, method and type; the official PHP SDK reads the reservation's id as optional.
    """

    name: ClassVar[str] = "payment.reservation.created"
    reserve_id: str | None = None
    consumer: WebhookConsumer | None = attrs.field(default=None, repr=False)
    card_details: WebhookCard | None = None
    reservation_reference: str | None = None


@attrs.frozen(kw_only=True)
class ReservationCreatedV2(_Reservation):
    """The amount is reserved: the slim variant; its `id` is the reservation's.

    Every source has amount, method and type.

    Attributes:
        subscription_id: the subscription that was set up, scheduled or unscheduled.
    """

    name: ClassVar[str] = "payment.reservation.created.v2"
    subscription_id: str | None = None


@attrs.frozen(kw_only=True)
class ReservationFailed(_Operation):
    """A reservation was declined; a shopper may try another card on the same payment.

    Every source has the amount.
    """

    name: ClassVar[str] = "payment.reservation.failed"
    error: EventError | None = None
    order_items: tuple[OrderItem, ...] = ()


# --- charges -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class _Charge(_OperationWithItems):
    """What the four events of a charge have."""

    charge_id: str
    reconciliation_reference: str | None = None


@attrs.frozen(kw_only=True)
class ChargeCreated(_Charge):
    """A charge succeeded: the variant with invoice and reservation.

    Every source has amount and charge.

    Attributes:
        amount: what was charged, a part for a partial charge.
        charge_id: the charge, the same as `id`.
        reservation_id: what it was charged against.
    """

    name: ClassVar[str] = "payment.charge.created"
    invoice_details: WebhookInvoice | None = None
    reservation_id: str | None = None


@attrs.frozen(kw_only=True)
class ChargeCreatedV2(_Charge):
    """A charge succeeded: the variant with method and subscription, sent for subscription charges too.

    Every source has amount, charge, method and type.

    Attributes:
        amount: what was charged, a part for a partial charge.
        subscription_id: the subscription that was charged, scheduled or unscheduled.
    """

    name: ClassVar[str] = "payment.charge.created.v2"
    payment_method: PaymentMethod
    payment_type: PaymentType
    subscription_id: str | None = None


@attrs.frozen(kw_only=True)
class ChargeFailed(_Charge):
    """A charge failed: the variant with invoice and reservation.

    Every source has amount, charge and error.

    Attributes:
        charge_id: the attempt.
        reservation_id: what it was to be charged against.
    """

    name: ClassVar[str] = "payment.charge.failed"
    error: EventError
    invoice_details: WebhookInvoice | None = None
    reservation_id: str | None = None


@attrs.frozen(kw_only=True)
class ChargeFailedV2(_Charge):
    """A charge failed: the variant with method and subscription.

    Its only source, the official reference, has amount, charge and error.

    Attributes:
        charge_id: the attempt.
        subscription_id: the subscription that was to be charged, scheduled or unscheduled.
    """

    name: ClassVar[str] = "payment.charge.failed.v2"
    error: EventError
    payment_method: PaymentMethod | None = None
    payment_type: PaymentType | None = None
    subscription_id: str | None = None


# --- refunds -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RefundInitiated(_OperationWithItems):
    """A refund was accepted; it is completed with `RefundCompleted`.

    Every source has amount, refund and charge.

    Attributes:
        charge_id: the charge that it gives back.
    """

    name: ClassVar[str] = "payment.refund.initiated"
    refund_id: str
    charge_id: str


@attrs.frozen(kw_only=True)
class RefundInitiatedV2(_OperationWithItems):
    """A refund was accepted; it is completed with `RefundCompleted`.

    Every source has the amount. Recorded deliveries and the official reference have refund and charge; the official PHP
    SDK knows neither, but reconciliation reference, `executed` and `payment_action_id`.

    Attributes:
        refund_id: the refund; without it, the event's `id` is the same in recorded deliveries.
        charge_id: the charge that it gives back.
        executed: when it was carried out, in the PHP SDK's shape only.
        payment_action_id: the operation, in the PHP SDK's shape only.
    """

    name: ClassVar[str] = "payment.refund.initiated.v2"
    refund_id: str | None = None
    charge_id: str | None = None
    reconciliation_reference: str | None = None
    executed: datetime | None = None
    payment_action_id: str | None = None


@attrs.frozen(kw_only=True)
class _FinishedRefund(_Operation):
    """What a refund has that succeeded or failed."""

    refund_id: str
    invoice_details: WebhookInvoice | None = None
    reconciliation_reference: str | None = None


@attrs.frozen(kw_only=True)
class RefundCompleted(_FinishedRefund):
    """A refund was completed; its charge is found through the refund.

    Every source has amount and refund.
    """

    name: ClassVar[str] = "payment.refund.completed"


@attrs.frozen(kw_only=True)
class RefundFailed(_FinishedRefund):
    """A refund failed; nothing was refunded.

    Every source has amount, refund and error.
    """

    name: ClassVar[str] = "payment.refund.failed"
    error: EventError


# --- cancels -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class _Cancel(_OperationWithItems):
    """What a cancel has that succeeded or failed."""

    cancel_id: str


@attrs.frozen(kw_only=True)
class CancelCreated(_Cancel):
    """The reservation was released.

    Every source has the amount and the cancel's id.
    """

    name: ClassVar[str] = "payment.cancel.created"


@attrs.frozen(kw_only=True)
class CancelFailed(_Cancel):
    """The reservation could not be released.

    Every source has the amount, the cancel's id and the error.
    """

    name: ClassVar[str] = "payment.cancel.failed"
    error: EventError


Event: TypeAlias = (
    PaymentCreated
    | CheckoutCompleted
    | ReservationCreated
    | ReservationCreatedV2
    | ReservationFailed
    | ChargeCreated
    | ChargeCreatedV2
    | ChargeFailed
    | ChargeFailedV2
    | RefundInitiated
    | RefundInitiatedV2
    | RefundCompleted
    | RefundFailed
    | CancelCreated
    | CancelFailed
    | UnknownEvent
    | UnreadableEvent
)
"""Whatever a webhook can bring, for `match` and for handlers of several events."""

UNREADABLE = "UnreadableEvent"
"""What stands in for the names of all events that their class can't hold, where handlers are registered."""

EVENT_CLASSES: Mapping[str, type[PaymentEvent]] = MappingProxyType(
    {kind.name: kind for kind in get_args(Event) if issubclass(kind, PaymentEvent)}
)
"""The class of each event, by the event's name."""
