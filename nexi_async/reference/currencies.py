"""The currencies that Nexi Checkout takes."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import attrs

__all__ = ["CURRENCIES", "Currency", "CurrencyCode", "format_amount", "format_major_units", "look_up"]

CurrencyCode = Literal["CHF", "CZK", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "USD"]
"""The codes of the currencies, for type checkers; `look_up(text)` has the code of a text as one of them."""


@attrs.frozen
class Currency:
    """A currency; amounts in it are integers in its minor unit."""

    code: CurrencyCode
    """ISO 4217, upper case, as requests carry it."""
    name: str
    exponent: int = 2
    """How many decimals the minor unit has: 100.00 NOK is 10000."""
    is_confirmed: bool = attrs.field(default=True, kw_only=True)
    """False where neither Nexi's documents nor its own plugins were seen to name the currency."""


_ROWS = (
    Currency("CHF", "Swiss franc"),
    Currency("CZK", "Czech koruna", is_confirmed=False),
    Currency("DKK", "Danish krone"),
    Currency("EUR", "euro"),
    Currency("GBP", "pound sterling"),
    Currency("NOK", "Norwegian krone"),
    Currency("PLN", "Polish złoty"),
    Currency("SEK", "Swedish krona"),
    Currency("USD", "US dollar"),
)

CURRENCIES: Mapping[str, Currency] = MappingProxyType({row.code: row for row in _ROWS})
"""Every currency, by its ISO 4217 code."""


def look_up(code: str) -> Currency | None:
    """The currency of an ISO 4217 code in any case; None if Nexi Checkout is not known to take it."""
    return CURRENCIES.get(code.upper()) if code.isascii() else None


def format_amount(amount: int, currency: str) -> str:
    """An amount as text: 123456 SEK is "1,234.56 SEK".

    Args:
        amount: minor units.
        currency: ISO 4217; one that is not known is written in minor units.
    """
    known = look_up(currency)
    if known is None:
        return f"{amount:,} minor units {currency}"
    return f"{_in_major_units(amount, known):,} {currency}"


def format_major_units(amount: int, currency: str) -> str | None:
    """An amount for spreadsheets: 123456 SEK is "1234.56".

    Args:
        amount: minor units.
        currency: ISO 4217.

    Returns:
        None for a currency that is not known, since nothing says how many decimals it has.
    """
    known = look_up(currency)
    return None if known is None else f"{_in_major_units(amount, known)}"


def _in_major_units(amount: int, currency: Currency) -> Decimal:
    """Exact, whatever precision a program has set for decimals: only arithmetic is rounded to it, literals are not."""
    return Decimal(f"{amount}E-{currency.exponent}")
