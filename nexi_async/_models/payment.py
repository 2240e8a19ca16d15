"""A payment as the API returns it, and its status, derived from the amounts."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

from nexi_async._models.charge import PaymentCharge
from nexi_async._models.refund import PaymentRefund
from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.reference.states import RefundState


class PaymentStatus(enum.Enum):
    """The status of a payment, derived from its amounts."""

    NEW = "new"
    RESERVED = "reserved"
    PARTIALLY_CHARGED = "partially charged"
    CHARGED = "charged"
    PENDING_REFUND = "pending refund"
    PARTIALLY_REFUNDED = "partially refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


@attrs.frozen(kw_only=True)
class Summary:
    """The money of a payment in minor units, surcharges apart.

    Attributes:
        reserved_amount: what was reserved at first; charging and cancelling do not lower it. 0 for methods that
            charge at once, such as Swish.
        charged_amount: all charges added up; refunds do not lower it.
        refunded_amount: all completed refunds added up.
        cancelled_amount: all that was released.
    """

    reserved_amount: int = 0
    reserved_surcharge_amount: int = 0
    charged_amount: int = 0
    charged_surcharge_amount: int = 0
    refunded_amount: int = 0
    refunded_surcharge_amount: int = 0
    cancelled_amount: int = 0
    cancelled_surcharge_amount: int = 0


@attrs.frozen(kw_only=True, repr=False)
class PhoneDetails:
    """A phone number as the shopper gave it."""

    prefix: str | None = None
    number: str | None = None


@attrs.frozen(kw_only=True, repr=False)
class AddressDetails:
    """An address as the shopper gave it."""

    address_line1: str | None = None
    address_line2: str | None = None
    receiver_line: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    phone_number: PhoneDetails | None = None


@attrs.frozen(kw_only=True, repr=False)
class PersonDetails:
    """A shopper who is a person."""

    merchant_reference: str | None = None
    date_of_birth: str | None = None
    """As received, e.g. 1984-05-17T00:00:00, without a time zone."""
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone_number: PhoneDetails | None = None


@attrs.frozen(kw_only=True, repr=False)
class ContactDetails:
    """The contact person of a company."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone_number: PhoneDetails | None = None


@attrs.frozen(kw_only=True, repr=False)
class CompanyDetails:
    """A shopper that is a company."""

    merchant_reference: str | None = None
    name: str | None = None
    registration_number: str | None = None
    contact_details: ContactDetails | None = None


@attrs.frozen(kw_only=True, repr=False)
class ConsumerDetails:
    """Who pays; empty objects where nothing is known. No part of it appears in a repr."""

    shipping_address: AddressDetails | None = None
    billing_address: AddressDetails | None = None
    private_person: PersonDetails | None = None
    company: CompanyDetails | None = None


@attrs.frozen(kw_only=True)
class InvoiceDetails:
    """The invoice of an invoice method; all but the number come from older versions of the API."""

    invoice_number: str | None = None
    due_date: str | None = None
    ocr: str | None = None
    pdf_link: str | None = None


@attrs.frozen(kw_only=True)
class CardDetails:
    """The card, masked: `masked_pan` shows six digits and four, `expiry_date` is MMYY."""

    masked_pan: str | None = None
    expiry_date: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class PaymentDetails:
    """The payment method and card; empty until the shopper has paid."""

    payment_type: PaymentType | None = None
    payment_method: PaymentMethod | None = None
    invoice_details: InvoiceDetails | None = None
    card_details: CardDetails | None = None


@attrs.frozen(kw_only=True)
class OrderDetails:
    """The order's amount in minor units, its currency and number; the API does not return its lines."""

    amount: int
    currency: str
    reference: str | None = None


@attrs.frozen(kw_only=True)
class CheckoutDetails:
    """The hosted page, or the merchant's own page that embeds the checkout."""

    url: str | None = None
    cancel_url: str | None = None


@attrs.frozen(kw_only=True)
class SubscriptionLink:
    """The subscription that this payment set up or belongs to."""

    id: str


@attrs.frozen(kw_only=True)
class UnscheduledSubscriptionLink:
    """The unscheduled subscription that this payment set up or belongs to."""

    unscheduled_subscription_id: str


@attrs.frozen(kw_only=True)
class Payment:
    """A payment as `payments.retrieve` returns it.

    Attributes:
        payment_id: opaque text.
        order_details: amount, currency and number of the order.
        created: when the payment was made; always sent, and None only if it can't be read.
        summary: the money, in minor units.
        consumer: who pays; never in a repr.
        payment_details: what they paid with.
        checkout: where they paid.
        charges: what was taken, oldest first.
        refunds: what was refunded, pending refunds included.
        terminated: when the session was ended by the merchant.
        expires_at: when an unfinished session ends.
        my_reference: the merchant's own text.
        payment_account_reference: identifies a returning cardholder; never in a repr.
    """

    payment_id: str
    order_details: OrderDetails
    created: datetime | None = None
    summary: Summary = attrs.field(factory=Summary)
    consumer: ConsumerDetails | None = attrs.field(default=None, repr=False)
    payment_details: PaymentDetails = attrs.field(factory=PaymentDetails)
    checkout: CheckoutDetails = attrs.field(factory=CheckoutDetails)
    charges: tuple[PaymentCharge, ...] = ()
    refunds: tuple[PaymentRefund, ...] = ()
    terminated: datetime | None = attrs.field(default=None, metadata={"droppable": False})
    expires_at: datetime | None = None
    subscription: SubscriptionLink | None = None
    unscheduled_subscription: UnscheduledSubscriptionLink | None = None
    my_reference: str | None = None
    payment_account_reference: str | None = attrs.field(default=None, repr=False)

    @property
    def status(self) -> PaymentStatus:
        """The status, derived from the amounts as the official PHP SDK does.

        For methods that charge at once, and so reserve nothing, refunds are compared with the charged amount.
        """
        return self._money_status() or (PaymentStatus.TERMINATED if self.terminated else PaymentStatus.NEW)

    def _money_status(self) -> PaymentStatus | None:
        money = self.summary
        whole = money.reserved_amount or money.charged_amount
        if money.cancelled_amount and money.cancelled_amount == money.reserved_amount:
            return PaymentStatus.CANCELLED
        if money.refunded_amount and money.refunded_amount == whole:
            return PaymentStatus.REFUNDED
        if any(refund.state is RefundState.PENDING for refund in self.refunds):
            return PaymentStatus.PENDING_REFUND
        if money.refunded_amount:
            return PaymentStatus.PARTIALLY_REFUNDED
        if money.charged_amount:
            return PaymentStatus.CHARGED if money.charged_amount == whole else PaymentStatus.PARTIALLY_CHARGED
        return PaymentStatus.RESERVED if money.reserved_amount else None


@attrs.frozen(kw_only=True)
class RetrievedPayment:
    """The envelope of `GET /v1/payments/{paymentId}`."""

    payment: Payment
