"""Test data of the test environment: cards, persons for invoices, and amounts that cause declines or delays.

Any future expiry date, any security code and any name will do. The cards come from integrators' test kits, the
persons and amounts from Nexi's guide.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import attrs

from nexi_async.reference.payment_methods import PaymentMethod

__all__ = [
    "CARDS",
    "INVOICE_PERSONS",
    "Behaviour",
    "Card",
    "InvoicePerson",
    "amount_declined_with",
    "amount_delayed_by",
    "code_of",
    "delay_of",
    "look_up",
]


class Behaviour(StrEnum):
    """What happens to a payment with a test card."""

    SUCCEEDS = "succeeds"
    RESERVATION_FAILS = "reservation fails"
    CHARGE_FAILS = "charge fails"
    REFUND_FAILS = "refund fails"


@attrs.frozen
class Card:
    """A card that works in the test environment only."""

    number: str
    brand: PaymentMethod
    behaviour: Behaviour


@attrs.frozen
class InvoicePerson:
    """A fictitious person for invoices in the test environment."""

    national_id: str
    postal_code: str
    street: str
    is_approved: bool
    """Whether the reservation succeeds; keep amounts small."""


_ROWS = (
    Card("4268270087374847", PaymentMethod.VISA, Behaviour.SUCCEEDS),
    Card("4925000000000004", PaymentMethod.VISA, Behaviour.SUCCEEDS),
    Card("4925000000000087", PaymentMethod.VISA, Behaviour.RESERVATION_FAILS),
    Card("4925000000000079", PaymentMethod.VISA, Behaviour.CHARGE_FAILS),
    Card("4925000000000061", PaymentMethod.VISA, Behaviour.REFUND_FAILS),
    Card("5213199803453465", PaymentMethod.MASTERCARD, Behaviour.SUCCEEDS),
    Card("5544330000000235", PaymentMethod.MASTERCARD, Behaviour.SUCCEEDS),
    Card("376206000000009", PaymentMethod.AMERICAN_EXPRESS, Behaviour.SUCCEEDS),
)

CARDS: Mapping[str, Card] = MappingProxyType({row.number: row for row in _ROWS})
"""Every test card, by its number."""

INVOICE_PERSONS = (
    InvoicePerson("420913-1111", "79021", "Vasavägen", is_approved=True),
    InvoicePerson("421101-1111", "83162", "Centralvägen", is_approved=True),
    InvoicePerson("440424-1111", "14552", "Bruksgatan", is_approved=False),
)
"""The persons to try an invoice with."""


def look_up(number: str) -> Card | None:
    """The test card of a number, with or without blanks and hyphens; None if it is none."""
    return CARDS.get(number.replace(" ", "").replace("-", ""))


def code_of(amount: int) -> str | None:
    """The acquirer code that an order of this many minor units is declined with in test; None if by none.

    Amounts 1-99 and 101-199 provoke the code of their last two digits. 0 and 100 would provoke "00", which is no
    refusal, so they are taken to succeed.
    """
    code = amount % 100
    return f"{code:02}" if 0 < amount < 200 and code else None


def delay_of(amount: int) -> int:
    """How many seconds an order of this many minor units is answered late in test: 310 is 10 seconds late."""
    return amount - 300 if 300 <= amount < 400 else 0


def amount_declined_with(code: str | int) -> int:
    """The order amount, in minor units, that is declined with this acquirer code ("51" or 1-99) in test.

    Raises:
        ValueError: the code is not one of 1-99, so no amount provokes it.
    """
    return 100 + _within_99(int(code), "an acquirer code that an amount can provoke", least=1)


def amount_delayed_by(seconds: int) -> int:
    """The order amount, in minor units, that is answered this many seconds (0-99) late in test.

    Raises:
        ValueError: no amount delays that long.
    """
    return 300 + _within_99(seconds, "a delay in seconds that an amount can provoke", least=0)


def _within_99(number: int, what: str, *, least: int) -> int:
    if not least <= number <= 99:
        raise ValueError(f"{number} is not {what}: choose {least} to 99")
    return number
