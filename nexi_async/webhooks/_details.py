"""What several events have in common: money, order, shopper, card, invoice, error."""

from __future__ import annotations

import attrs

from nexi_async._models.order import OrderItem
from nexi_async._models.payment import PhoneDetails
from nexi_async.reference import acquirer_codes
from nexi_async.reference.acquirer_codes import AcquirerCode


@attrs.frozen(kw_only=True)
class Money:
    """An amount in minor units (12500 = 125.00 SEK) and its ISO 4217 currency."""

    amount: int
    currency: str


@attrs.frozen(kw_only=True)
class WebhookOrder:
    """The whole order, with VAT in its amount; its lines may be left out."""

    amount: Money
    reference: str | None = None
    description: str | None = None
    order_items: tuple[OrderItem, ...] = ()


@attrs.frozen(kw_only=True, repr=False)
class WebhookAddress:
    """An address as the shopper gave it; `country` is free text, a code or a name."""

    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    country: str | None = None
    postcode: str | None = None
    receiver_line: str | None = None


@attrs.frozen(kw_only=True, repr=False)
class WebhookConsumer:
    """The shopper, often known by `ip` alone; no part of it appears in a repr."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    ip: str | None = None
    country: str | None = None
    merchant_reference: str | None = None
    phone_number: PhoneDetails | None = None
    billing_address: WebhookAddress | None = None
    shipping_address: WebhookAddress | None = None


@attrs.frozen(kw_only=True)
class ThreeDSecure:
    """How the shopper proved to be the cardholder; statuses and ECI as the card scheme writes them."""

    acs_url: str | None = None
    authentication_enrollment_status: str | None = None
    authentication_status: str | None = None
    eci: str | None = None


@attrs.frozen(kw_only=True)
class WebhookCard:
    """The card, masked.

    Attributes:
        credit_debit_indicator: "C" for credit, "D" for debit.
        expiry_month: 1 to 12; never in a repr.
        expiry_year: two digits; never in a repr.
        issuer_country: ISO 3166 alpha-2.
        truncated_pan: first six and last four digits.
        three_d_secure: the result of authenticating the shopper.
    """

    credit_debit_indicator: str | None = None
    expiry_month: int | None = attrs.field(default=None, repr=False)
    expiry_year: int | None = attrs.field(default=None, repr=False)
    issuer_country: str | None = None
    truncated_pan: str | None = None
    three_d_secure: ThreeDSecure | None = None


@attrs.frozen(kw_only=True)
class WebhookInvoice:
    """The invoice, for invoice methods only.

    Attributes:
        account_number: where to pay to.
        distribution_type: how it was sent, e.g. "Email".
        invoice_due_date: e.g. "2026-10-14"; older deliveries add a time without a zone.
        ocr_orkid: the payment reference that the shopper quotes.
        our_reference: the seller's; never in a repr.
        your_reference: the buyer's; never in a repr.
    """

    account_number: str | None = None
    distribution_type: str | None = None
    invoice_due_date: str | None = None
    invoice_number: str | None = None
    ocr_orkid: str | None = None
    our_reference: str | None = attrs.field(default=None, repr=False)
    your_reference: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class EventError:
    """Why it failed.

    Attributes:
        code: the issuer's response code when the source is the issuer, else one of Nexi's own.
        message: free text for logs; decide by `code`, not by this.
        source: the party that declined, e.g. "Issuer" or "Internal".
    """

    code: str
    message: str | None = None
    source: str | None = None

    @property
    def decline(self) -> AcquirerCode | None:
        """The meaning of the issuer's code, and whether, when and how often to retry; None for other sources."""
        if (self.source or "").lower() != "issuer":
            return None
        return acquirer_codes.look_up(self.code)
