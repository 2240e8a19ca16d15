"""Payment methods: their type, whether they reserve, and what a merchant lets through."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from nexi_async.emulator._engine.settings import Settings


@frozen
class Method:
    """A payment method of the API.

    Attributes:
        name: The API name, e.g. `Visa`.
        type: The type as reported by retrieve payment, e.g. `CARD`.
        direct: The shopper is charged at once, there is no reservation.
        payment_refunds: Refunds on payment level are available.
    """

    name: str
    type: str
    direct: bool = False
    payment_refunds: bool = True

    @property
    def partly_cancellable(self) -> bool:
        """Only reservations of cards and wallets can be cancelled in parts."""
        return self.type in {"CARD", "WALLET"}

    @property
    def is_invoice(self) -> bool:
        """Charges carry an invoice number."""
        return self.type in {"INVOICE", "INSTALLMENT"}


METHODS: Mapping[str, Method] = {
    method.name.lower(): method
    for method in (
        Method("Visa", "CARD"),
        Method("MasterCard", "CARD"),
        Method("AmericanExpress", "CARD"),
        Method("Dankort", "CARD"),
        Method("Maestro", "CARD"),
        Method("Forbrugsforeningen", "CARD"),
        Method("Vipps", "WALLET"),
        Method("MobilePay", "WALLET"),
        Method("Swish", "A2A", direct=True),
        Method("PayPal", "WALLET", payment_refunds=False),
        Method("ApplePay", "WALLET"),
        Method("GooglePay", "WALLET"),
        Method("Klarna", "INVOICE"),
        Method("Arvato", "INVOICE", payment_refunds=False),
        Method("EasyInvoice", "INVOICE", payment_refunds=False),
        Method("EasyInstallment", "INSTALLMENT", payment_refunds=False),
        Method("EasyCampaign", "INSTALLMENT", payment_refunds=False),
        Method("RatePayInvoice", "INVOICE", payment_refunds=False),
        Method("RatePayInstallment", "INSTALLMENT", payment_refunds=False),
        Method("RatePaySepa", "A2A", payment_refunds=False),
        Method("Sofort", "A2A", direct=True),
        Method("Trustly", "A2A", direct=True),
    )
}


def methods_of(settings: Settings) -> Mapping[str, Method]:
    """The methods by their names in lower case, with Swish of the type that the settings say."""
    return METHODS if settings.swish_type == METHODS["swish"].type else _WITH_SWISH_AS_WALLET


_WITH_SWISH_AS_WALLET: Mapping[str, Method] = {**METHODS, "swish": evolve(METHODS["swish"], type="WALLET")}

CURRENCIES = ("DKK", "EUR", "GBP", "NOK", "SEK", "USD", "PLN", "CHF")
_ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "Dankort": ("DKK",),
    "Forbrugsforeningen": ("DKK",),
    "MobilePay": ("DKK", "EUR"),
    "Sofort": ("EUR",),
    "Swish": ("SEK",),
    "Vipps": ("NOK",),
}


def currencies_of(method: Method) -> tuple[str, ...]:
    return _ONLY_IN.get(method.name, CURRENCIES)


# Type names of `paymentMethodsConfiguration` and the type that retrieve payment reports for them.
CONFIGURABLE_TYPES: Mapping[str, str] = {
    "Card": "CARD",
    "Invoice": "INVOICE",
    "Installment": "INSTALLMENT",
    "A2A": "A2A",
    "Wallet": "WALLET",
}
CONFIGURABLE_NAMES = frozenset(
    {method.name for method in METHODS.values() if method.name != "Maestro"} | CONFIGURABLE_TYPES.keys()
)


def offered(configuration: Sequence[Mapping[str, Any]], settings: Settings, *, country_given: bool) -> list[Method]:
    """The methods a shopper may choose: Klarna needs the checkout's country, a whitelist hides the rest."""
    enabled = [method for method in methods_of(settings).values() if method.name not in settings.disabled_methods]
    methods = [method for method in enabled if country_given or method.name != "Klarna"]
    if not configuration:
        return methods
    allowed = {entry["name"] for entry in configuration if entry.get("enabled", True)}
    types = {CONFIGURABLE_TYPES[name] for name in allowed & CONFIGURABLE_TYPES.keys()}
    return [method for method in methods if method.name in allowed or method.type in types]
