"""The checkout: where the shopper pays and what they are shown there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

import attrs
from attrs.converters import optional

from nexi_async._models.consumer import Consumer
from nexi_async._models.rules import CountryCode, Url, matching

EMBEDDED = "EmbeddedCheckout"
HOSTED = "HostedPaymentPage"
LONGEST_SESSION = timedelta(days=45)

_BUTTON_TEXTS = "pay purchase order book reserve signup subscribe accept"
ConsumerKind = Annotated[str, matching("B2C|B2B", "B2C or B2B")]


@attrs.frozen
class Country:
    """A country by its ISO 3166 alpha-3 code, e.g. `Country("SWE")`."""

    country_code: CountryCode


@attrs.frozen(kw_only=True)
class Shipping:
    """Where goods can go and who works out what that costs.

    Attributes:
        countries: the only countries offered; all when left out.
        merchant_handles_shipping_cost: the shopper can pay only after `payments.update_order` with
            `shipping_cost_specified=True`.
        enable_billing_address: offer a separate form for it.
    """

    countries: tuple[Country, ...] | None = attrs.field(default=None, converter=optional(tuple[Country, ...]))
    merchant_handles_shipping_cost: bool | None = None
    enable_billing_address: bool | None = None


@attrs.frozen(kw_only=True)
class ConsumerType:
    """Who may buy.

    Attributes:
        default: the form shown first, "B2C" or "B2B".
        supported_types: which of the two are offered; only B2C when left out.
    """

    default: ConsumerKind | None = None
    supported_types: tuple[ConsumerKind, ...] | None = attrs.field(default=None, converter=optional(tuple[str, ...]))


@attrs.frozen(kw_only=True)
class DisplayOptions:
    """What the hosted page shows beside the payment form; both are shown by default."""

    show_merchant_name: bool | None = None
    show_order_summary: bool | None = None


@attrs.frozen(kw_only=True)
class TextOptions:
    """The word on the button: pay, purchase, order, book, reserve, signup, subscribe or accept."""

    complete_payment_button_text: (
        Annotated[str, matching(_BUTTON_TEXTS.replace(" ", "|"), f"one of {_BUTTON_TEXTS}")] | None
    ) = None


@attrs.frozen(kw_only=True)
class Appearance:
    """How the checkout looks."""

    display_options: DisplayOptions | None = None
    text_options: TextOptions | None = None


@attrs.frozen(kw_only=True)
class Checkout:
    r"""How the shopper checks out; start from `Checkout.hosted` or `Checkout.embedded`.

    Attributes:
        terms_url: the shop's terms. All addresses: at most 256 characters, none of `< > ' " \`.
        integration_type: "HostedPaymentPage" or "EmbeddedCheckout", in exactly this case; embedded when left out.
        url: embedded only: the page that loads checkout.js.
        return_url: hosted only: where the shopper goes after paying.
        cancel_url: hosted only: where the shopper goes after cancelling.
        merchant_terms_url: privacy and cookie terms.
        consumer: what is known of the shopper; never in a repr.
        shipping_countries: the older place of `shipping.countries`.
        shipping: where goods can go.
        consumer_type: persons, companies or both; ignored with `merchant_handles_consumer_data`.
        charge: charge at once, without a separate call.
        public_device: do not remember or look up the shopper.
        merchant_handles_consumer_data: hide the shopper's form; then `consumer` has one of person or company, or
            is left out.
        appearance: how it looks.
        country_code: the merchant's country, alpha-3; Klarna needs it.
        expires_at: when the session ends, at most 45 days ahead; after 48 hours when left out.
    """

    terms_url: Url
    integration_type: Annotated[str, matching(f"{EMBEDDED}|{HOSTED}", f"{EMBEDDED} or {HOSTED}")] | None = None
    url: Url | None = None
    return_url: Url | None = None
    cancel_url: Url | None = None
    merchant_terms_url: Url | None = None
    consumer: Consumer | None = attrs.field(default=None, repr=False)
    shipping_countries: tuple[Country, ...] | None = attrs.field(default=None, converter=optional(tuple[Country, ...]))
    shipping: Shipping | None = None
    consumer_type: ConsumerType | None = None
    charge: bool | None = None
    public_device: bool | None = None
    merchant_handles_consumer_data: bool | None = None
    appearance: Appearance | None = None
    country_code: CountryCode | None = None
    expires_at: datetime | None = None

    @classmethod
    def hosted(
        cls,
        *,
        return_url: str,
        terms_url: str,
        cancel_url: str | None = None,
        consumer: Consumer | None = None,
        charge: bool | None = None,
    ) -> Self:
        """The shopper pays on a page of Nexi's; for more options use `attrs.evolve`."""
        return cls(
            integration_type=HOSTED,
            return_url=return_url,
            terms_url=terms_url,
            cancel_url=cancel_url,
            consumer=consumer,
            charge=charge,
        )

    @classmethod
    def embedded(
        cls, *, url: str, terms_url: str, consumer: Consumer | None = None, charge: bool | None = None
    ) -> Self:
        """The shopper pays in a frame on the merchant's own page; for more options use `attrs.evolve`."""
        return cls(integration_type=EMBEDDED, url=url, terms_url=terms_url, consumer=consumer, charge=charge)

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        if self.integration_type == HOSTED and self.return_url is None:
            yield "returnUrl", "is required on a hosted page"
        if self.integration_type != HOSTED and self.url is None:
            yield "url", "is required for an embedded checkout"
        consumer = self.consumer if self.merchant_handles_consumer_data else None
        if consumer is not None and (consumer.private_person is None) == (consumer.company is None):
            yield "consumer", "needs one of privatePerson or company when the merchant handles consumer data"
        if self.expires_at is not None and self.expires_at > datetime.now(UTC) + LONGEST_SESSION:
            yield "expiresAt", f"must be at most {LONGEST_SESSION.days} days ahead"
