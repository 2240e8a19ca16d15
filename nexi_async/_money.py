"""Amounts as people write them: "125.00 SEK" is 12500 minor units, exactly or not at all."""

from __future__ import annotations

import re

import attrs

from nexi_async.reference.currencies import CURRENCIES, Currency, CurrencyCode, format_amount, look_up

_AMOUNT = re.compile(r"(?P<whole>[0-9]+)(?:[.,](?P<decimals>[0-9]+))?")
_CURRENCY_LAST = re.compile(r"(?P<number>[0-9][0-9.,' \u00a0\u202f]*?)\s*(?P<code>[A-Za-z]{3})")
_CURRENCY_FIRST = re.compile(r"(?P<code>[A-Za-z]{3})\s*(?P<number>[0-9][0-9.,' \u00a0\u202f]*)")
_PERCENT = re.compile(r"(?P<whole>[0-9]+)(?:[.,](?P<decimals>[0-9]{1,2}))?\s*%?")

MOST_DIGITS = 12
"""More than any amount that the API takes, which ends at ten digits of minor units."""


class InvalidAmount(ValueError):
    """A text is not an amount of money, or could be read as more than one."""


@attrs.frozen
class Money:
    """An amount in minor units of its currency; as text it reads "1,234.56 SEK"."""

    amount: int
    currency: CurrencyCode

    def __str__(self) -> str:
        return format_amount(self.amount, self.currency)


def parse_money(text: str) -> Money:
    """The amount that a person has written, with its currency before or after it.

    Point and comma both separate decimals. Thousands are not separated, since "1,234" could be either.

    Raises:
        InvalidAmount: it is none, its currency is not known, it has more decimals than the currency, or it could be
            read in two ways.
    """
    found = _CURRENCY_LAST.fullmatch(text.strip()) or _CURRENCY_FIRST.fullmatch(text.strip())
    if found is None:
        raise InvalidAmount(f'{text!r} is not an amount with its currency, such as "125.00 SEK"')
    currency = look_up(found["code"])
    if currency is None:
        raise InvalidAmount(f"{found['code']} is not a currency of Nexi Checkout, which takes {', '.join(CURRENCIES)}")
    return Money(_minor_units(found["number"].strip(), currency), currency.code)


def _minor_units(number: str, currency: Currency) -> int:
    found = _AMOUNT.fullmatch(number)
    if found is None or len(number) > MOST_DIGITS:
        raise InvalidAmount(f"{number!r} is not an amount: write it without separators of thousands, such as 1234.56")
    decimals = found["decimals"] or ""
    if len(decimals) > currency.exponent:
        text = f"{number!r} has {len(decimals)} decimals, but {currency.code} has {currency.exponent}"
        raise InvalidAmount(f"{text}; thousands are written without a separator, such as 1234.56")
    return _scaled(found, currency.exponent)


def parse_percent(text: str) -> int:
    """A VAT rate as a person writes it, in percent x 100: "25" and "25 %" are 2500, "12.5" is 1250.

    Raises:
        InvalidAmount: it is none.
    """
    found = _PERCENT.fullmatch(text.strip())
    if found is None or len(text) > MOST_DIGITS:
        raise InvalidAmount(f"{text!r} is not a rate in percent with two decimals at most, such as 25 or 12.5")
    return _scaled(found, 2)


def _scaled(found: re.Match[str], exponent: int) -> int:
    """The number times 10 to the exponent, by its digits: a program may have set the precision of decimals."""
    return int(found["whole"] + (found["decimals"] or "").ljust(exponent, "0"))
