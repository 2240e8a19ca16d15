"""Amounts and rates as arguments of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from nexi_async._errors import InvalidRequest
from nexi_async._models.order import OrderItem
from nexi_async._money import InvalidAmount, Money, parse_money, parse_percent

AmountArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="AMOUNT CURRENCY", show_default=False, help='With its currency, e.g. 125.00 SEK, "125,00 SEK", EUR 20.'
    ),
]
_TAX_RATE = typer.Option("--tax-rate", metavar="PERCENT", help="VAT that the amount includes, e.g. 25 or 12.5.")
TaxRateOption = Annotated[str, _TAX_RATE]
PartTaxRateOption = Annotated[str | None, _TAX_RATE]


def amount_of(words: list[str]) -> Money:
    """The amount that an argument gives, more than 0.

    Raises:
        InvalidRequest: it is no amount.
    """
    try:
        money = parse_money(" ".join(words))
    except InvalidAmount as error:
        raise InvalidRequest([("AMOUNT", str(error))]) from None
    if not money.amount:
        raise InvalidRequest([("AMOUNT", "must be more than 0")])
    return money


def rate_of(percent: str) -> int:
    """The rate that an option gives, in percent x 100.

    Raises:
        InvalidRequest: it is no rate.
    """
    try:
        return parse_percent(percent)
    except InvalidAmount as error:
        raise InvalidRequest([("--tax-rate", str(error))]) from None


def check_currency(money: Money, currency: str) -> None:
    """Refuse an amount in another currency than the payment's, which the API would take for the payment's own.

    Raises:
        InvalidRequest: it is in another one.
    """
    if money.currency != currency:
        raise InvalidRequest([("AMOUNT", f"is in {money.currency}, but the payment is in {currency}")])


def line_of(money: Money, *, name: str, reference: str, tax_rate: int) -> OrderItem:
    """The one line of an order of this amount, VAT included."""
    return OrderItem.of(reference=reference, name=name, unit_price_with_tax=money.amount, tax_rate=tax_rate)
