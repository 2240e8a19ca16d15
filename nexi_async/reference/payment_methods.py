"""How shoppers can pay: the types and methods that a payment reports, and what each method allows."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from nexi_async.reference.open_enum import OpenEnum

__all__ = [
    "CONFIGURABLE_TYPES",
    "PAYMENT_METHODS",
    "MethodTraits",
    "PaymentMethod",
    "PaymentType",
    "is_configurable",
    "look_up",
]


class PaymentType(OpenEnum):
    """The type of a payment method, as a retrieved payment reports it."""

    CARD = "CARD"
    INVOICE = "INVOICE"
    A2A = "A2A"
    INSTALLMENT = "INSTALLMENT"
    WALLET = "WALLET"
    PREPAID_INVOICE = "PREPAID-INVOICE"


class PaymentMethod(OpenEnum):
    """The means of payment a shopper chose, by the name that the API uses."""

    VISA = "Visa"
    MASTERCARD = "MasterCard"
    AMERICAN_EXPRESS = "AmericanExpress"
    DANKORT = "Dankort"
    MAESTRO = "Maestro"
    FORBRUGSFORENINGEN = "Forbrugsforeningen"
    VIPPS = "Vipps"
    MOBILE_PAY = "MobilePay"
    SWISH = "Swish"
    PAYPAL = "PayPal"
    APPLE_PAY = "ApplePay"
    GOOGLE_PAY = "GooglePay"
    KLARNA = "Klarna"
    ARVATO = "Arvato"
    EASY_INVOICE = "EasyInvoice"
    EASY_INSTALLMENT = "EasyInstallment"
    EASY_CAMPAIGN = "EasyCampaign"
    RATEPAY_INVOICE = "RatePayInvoice"
    RATEPAY_INSTALLMENT = "RatePayInstallment"
    RATEPAY_SEPA = "RatePaySepa"
    SOFORT = "Sofort"
    TRUSTLY = "Trustly"


@attrs.frozen
class MethodTraits:
    """What a payment method is called and what can be done with a payment made by it."""

    method: PaymentMethod
    shopper_name: str
    types: tuple[PaymentType, ...]
    """The types it is reported as, the likeliest first; official for Apple Pay, else from guides and plugins."""
    is_configurable: bool = attrs.field(default=True, kw_only=True)
    """Whether `paymentMethodsConfiguration` takes its name."""
    charges_at_once: bool = attrs.field(default=False, kw_only=True)
    """Whether the shopper's money moves without a reservation, so that there is nothing to charge or cancel."""
    has_payment_refund: bool = attrs.field(default=True, kw_only=True)
    """Whether `payments.refund` works; without it, refund each charge with `charges.refund`."""

    @property
    def has_partial_cancel(self) -> bool:
        """Whether part of a reservation can be cancelled: cards and wallets that reserve."""
        return self.types[0] in (PaymentType.CARD, PaymentType.WALLET) and not self.charges_at_once


_CARD, _WALLET, _A2A = (PaymentType.CARD,), (PaymentType.WALLET,), (PaymentType.A2A,)
_INVOICE, _INSTALLMENT = (PaymentType.INVOICE,), (PaymentType.INSTALLMENT,)

_ROWS = (
    MethodTraits(PaymentMethod.VISA, "Visa", _CARD),
    MethodTraits(PaymentMethod.MASTERCARD, "Mastercard", _CARD),
    MethodTraits(PaymentMethod.AMERICAN_EXPRESS, "American Express", _CARD),
    MethodTraits(PaymentMethod.DANKORT, "Dankort", _CARD),
    MethodTraits(PaymentMethod.MAESTRO, "Maestro", _CARD, is_configurable=False),
    MethodTraits(PaymentMethod.FORBRUGSFORENINGEN, "Forbrugsforeningen", _CARD),
    MethodTraits(PaymentMethod.VIPPS, "Vipps", _WALLET),
    MethodTraits(PaymentMethod.MOBILE_PAY, "MobilePay", _WALLET + _CARD),
    MethodTraits(PaymentMethod.SWISH, "Swish", _WALLET + _A2A, charges_at_once=True),
    MethodTraits(PaymentMethod.PAYPAL, "PayPal", _WALLET, has_payment_refund=False),
    MethodTraits(PaymentMethod.APPLE_PAY, "Apple Pay", _WALLET),
    MethodTraits(PaymentMethod.GOOGLE_PAY, "Google Pay", _WALLET),
    MethodTraits(PaymentMethod.KLARNA, "Klarna", _INVOICE + _INSTALLMENT),
    MethodTraits(PaymentMethod.ARVATO, "Riverty", _INVOICE + _INSTALLMENT, has_payment_refund=False),
    MethodTraits(PaymentMethod.EASY_INVOICE, "Nets Easy invoice", _INVOICE, has_payment_refund=False),
    MethodTraits(PaymentMethod.EASY_INSTALLMENT, "Easy instalment", _INSTALLMENT, has_payment_refund=False),
    MethodTraits(PaymentMethod.EASY_CAMPAIGN, "Easy campaign", _INVOICE + _INSTALLMENT, has_payment_refund=False),
    MethodTraits(PaymentMethod.RATEPAY_INVOICE, "Ratepay invoice", _INVOICE, has_payment_refund=False),
    MethodTraits(PaymentMethod.RATEPAY_INSTALLMENT, "Ratepay instalment", _INSTALLMENT, has_payment_refund=False),
    MethodTraits(PaymentMethod.RATEPAY_SEPA, "Ratepay SEPA direct debit", _A2A, has_payment_refund=False),
    MethodTraits(PaymentMethod.SOFORT, "Sofort", _A2A, charges_at_once=True),
    MethodTraits(PaymentMethod.TRUSTLY, "Trustly", _A2A, charges_at_once=True),
)

PAYMENT_METHODS: Mapping[PaymentMethod, MethodTraits] = MappingProxyType({row.method: row for row in _ROWS})
"""Every listed payment method."""

CONFIGURABLE_TYPES = ("Card", "Invoice", "Installment", "A2A", "Wallet")
"""The type names that `paymentMethodsConfiguration` takes beside those of methods."""


def look_up(name: str) -> MethodTraits | None:
    """The traits of a payment method by its API name, however spelt; None for one that is not listed."""
    return PAYMENT_METHODS.get(PaymentMethod(name))


def is_configurable(name: str) -> bool:
    """Whether `paymentMethodsConfiguration` takes this name of a method or type, spelt exactly so."""
    return name in CONFIGURABLE_TYPES or any(row.method == name and row.is_configurable for row in _ROWS)
