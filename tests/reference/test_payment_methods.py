"""Each payment method says what it is and what can be done with it."""

from collections.abc import Callable

import pytest

from nexi_async.reference import payment_methods
from nexi_async.reference.payment_methods import (
    CONFIGURABLE_TYPES,
    PAYMENT_METHODS,
    MethodTraits,
    PaymentMethod,
    PaymentType,
)


def those(which: Callable[[MethodTraits], bool]) -> str:
    """The API names of the methods that a predicate picks, in order."""
    return " ".join(row.method for row in PAYMENT_METHODS.values() if which(row))


def test_every_method_has_a_row() -> None:
    """The enumeration and the table list the same methods, each with at least one known type."""
    assert list(PAYMENT_METHODS) == list(PaymentMethod)
    assert all(row.types and all(kind.is_known for kind in row.types) for row in PAYMENT_METHODS.values())


def test_apple_pay_is_a_wallet() -> None:
    """The one row that the official overview shows."""
    assert PAYMENT_METHODS[PaymentMethod.APPLE_PAY].types == (PaymentType.WALLET,)


def test_some_methods_charge_at_once() -> None:
    """Nothing is left to charge after Swish, Sofort and Trustly."""
    assert those(lambda row: row.charges_at_once) == "Swish Sofort Trustly"


def test_some_methods_are_refunded_by_charge_only() -> None:
    """The methods that the official reference names can't be refunded by payment."""
    assert those(lambda row: not row.has_payment_refund) == (
        "PayPal Arvato EasyInvoice EasyInstallment EasyCampaign RatePayInvoice RatePayInstallment RatePaySepa"
    )


def test_part_of_a_reservation_can_be_cancelled_with_cards_and_wallets() -> None:
    """No invoice, no account transfer and nothing that charges at once can be cancelled in part."""
    assert those(lambda row: row.has_partial_cancel) == (
        "Visa MasterCard AmericanExpress Dankort Maestro Forbrugsforeningen Vipps MobilePay PayPal ApplePay GooglePay"
    )


@pytest.mark.parametrize("name", ["MasterCard", "Mastercard", "MASTERCARD", "master-card"])
def test_spelling_makes_no_difference(name: str) -> None:
    """A method is found however an answer spells it."""
    assert payment_methods.look_up(name) is PAYMENT_METHODS[PaymentMethod.MASTERCARD]


def test_an_unlisted_method_is_none() -> None:
    """A method that came later has no traits yet."""
    assert payment_methods.look_up("Blik") is None


@pytest.mark.parametrize("name", [*CONFIGURABLE_TYPES, *(m for m in PaymentMethod if m != "Maestro")])
def test_types_and_methods_can_be_configured(name: str) -> None:
    """The checkout takes five types and every method of the reference."""
    assert payment_methods.is_configurable(str(name))


@pytest.mark.parametrize("name", ["Maestro", "Mastercard", "CARD", "PrepaidInvoice", "", "Blik"])
def test_only_exact_names_can_be_configured(name: str) -> None:
    """A request must spell a name as the API does."""
    assert not payment_methods.is_configurable(name)


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    visa = PAYMENT_METHODS[PaymentMethod.VISA]
    with pytest.raises(TypeError):
        PAYMENT_METHODS[PaymentMethod("Blik")] = visa  # type: ignore[index]
    with pytest.raises(AttributeError):
        visa.charges_at_once = True  # type: ignore[misc]
