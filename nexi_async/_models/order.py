"""The order: what is bought, line by line, in amounts that always add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Self, cast

import attrs
from attrs.converters import optional

from nexi_async._models import rules
from nexi_async._models.rules import (
    Amount,
    CheckedOnce,
    Currency,
    ItemText,
    NotNegative,
    PlainText,
    Positive,
    Quantity,
    Rate,
    Text,
)
from nexi_async.reference.currencies import CurrencyCode

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
"""Enough digits for a price times a quantity that nothing is rounded but the final amount; halves go away from zero, as
on receipts."""


@attrs.frozen(kw_only=True)
class OrderItem(CheckedOnce):
    r"""One line of an order; build it with `OrderItem.of`, which does the arithmetic.

    Attributes:
        reference: the article number, at most 128 characters, none of `< > \`.
        name: what the shopper reads, same limits.
        quantity: how many, from 0; fractions are allowed.
        unit: e.g. "pcs" or "kg", at most 128 characters, none of `< > ' " & \`.
        unit_price: minor units for one, without VAT; negative on discount lines.
        tax_rate: percent x 100, 0 to 99999.
        tax_amount: minor units, VAT of the whole line.
        net_total_amount: minor units, the line without VAT.
        gross_total_amount: minor units, the line with VAT.
        image_url: a picture, shown by Riverty invoices only.
    """

    reference: ItemText
    name: ItemText
    quantity: Quantity
    unit: Text
    unit_price: Amount
    gross_total_amount: Amount
    net_total_amount: Amount
    tax_rate: Rate = 0
    tax_amount: Amount = 0
    image_url: PlainText | None = None

    @classmethod
    def of(
        cls,
        *,
        reference: str,
        name: str,
        quantity: Decimal | int = 1,
        unit: str = "pcs",
        unit_price: int | None = None,
        unit_price_with_tax: int | None = None,
        tax_rate: int = 0,
        image_url: str | None = None,
    ) -> Self:
        """Work out a line from one price, a quantity and a VAT rate.

        Args:
            reference: the article number.
            name: what the shopper reads.
            quantity: a Decimal or an int; never a float.
            unit: what is counted.
            unit_price: minor units for one without VAT; give this or `unit_price_with_tax`.
            unit_price_with_tax: minor units for one with VAT; the line's gross total is then exactly price x quantity.
            tax_rate: percent x 100 (2500 = 25 %).
            image_url: a picture, for Riverty invoices.

        Amounts are rounded once per line, halves away from zero; net + VAT is always gross.

        Raises:
            InvalidRequest: a value is not a whole number where it must be, is out of range, or both prices or none
                are given.
        """
        price, net, tax = _amounts(quantity, unit_price, unit_price_with_tax, tax_rate)
        item = cls(
            reference=reference,
            name=name,
            quantity=_exact(quantity),
            unit=unit,
            unit_price=price,
            tax_rate=tax_rate,
            tax_amount=tax,
            net_total_amount=net,
            gross_total_amount=net + tax,
            image_url=image_url,
        )
        if not rules.is_sound(item):
            # if what it was worked out from is wrong, so are the amounts, which are not worth a word
            rules.check(_Line(_exact(quantity), unit_price, unit_price_with_tax, tax_rate))
            rules.check(item)
        return item


def _amounts(
    quantity: Decimal | int, unit_price: int | None, unit_price_with_tax: int | None, tax_rate: int
) -> tuple[int, int, int]:
    """The price without VAT, net and VAT of a line; whole numbers are multiplied first and checked in the item."""
    if type(quantity) is int and type(unit_price) is int and type(tax_rate) is int and unit_price_with_tax is None:
        net = unit_price * quantity
        return unit_price, net, _divided(net * tax_rate, 10_000)
    exact = _exact(quantity)
    rules.check(_Line(exact, unit_price, unit_price_with_tax, tax_rate))
    if unit_price is not None:
        net = _times(unit_price, exact)
        return unit_price, net, _divided(net * tax_rate, 10_000)
    price_with_tax = unit_price_with_tax or 0
    gross = _times(price_with_tax, exact)
    net = _without_tax(gross, tax_rate)
    return _without_tax(price_with_tax, tax_rate), net, gross - net


@attrs.frozen
class _Line:
    """What a line is worked out from."""

    quantity: Quantity
    unit_price: Amount | None
    unit_price_with_tax: Amount | None
    tax_rate: Rate

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        if (self.unit_price is None) == (self.unit_price_with_tax is None):
            yield "unitPrice", "give either unit_price (without VAT) or unit_price_with_tax"


def _times(price: int, quantity: Decimal) -> int:
    whole = int(quantity)
    if whole == quantity:
        return price * whole
    return int(_EXACT.multiply(Decimal(price), quantity).to_integral_value(context=_EXACT))


def _without_tax(amount: int, tax_rate: int) -> int:
    return _divided(amount * 10_000, 10_000 + tax_rate)


def _exact(quantity: Decimal | int) -> Decimal:
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return cast("Decimal", quantity)
    return Decimal(quantity)


def _divided(amount: int, by: int) -> int:
    """Rounded to a whole number, halves away from zero."""
    size = (2 * abs(amount) + by) // (2 * by)
    return size if amount >= 0 else -size


@attrs.frozen(kw_only=True)
class Order(CheckedOnce):
    r"""What the shopper pays for; build it with `Order.of`, which adds the lines up.

    Attributes:
        items: the lines, at least one.
        amount: minor units with VAT; must be the sum of the lines' gross totals. 0 only when a payment signs up for a
            subscription.
        currency: ISO 4217 in capitals.
        reference: the order number, at most 128 characters, none of `< > ' " & \`.
    """

    items: tuple[OrderItem, ...] = attrs.field(converter=tuple[OrderItem, ...])
    amount: NotNegative
    currency: Currency
    reference: Text | None = None

    @classmethod
    def of(cls, *, items: Iterable[OrderItem], currency: CurrencyCode, reference: str | None = None) -> Self:
        """An order whose amount is the sum of its lines.

        Raises:
            InvalidRequest: a line or the sum breaks a rule of the API.
        """
        lines = tuple(items)
        try:
            order = cls(items=lines, amount=sum_of(lines), currency=currency, reference=reference)
        except (AttributeError, TypeError):  # what is no line, or has no number, can't be added up
            rules.check(_Lines(items=lines))
            raise
        if not rules.is_sound(order):
            rules.check(_Lines(items=lines))  # if a line is wrong, so is their sum, which is not worth a word
            rules.check(order)
        return order

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        if not self.items:
            return [("items", "must have at least one line")]
        return sum_faults(self.amount, self.items)


@attrs.frozen
class _Lines:
    """Order lines that could not be added up."""

    items: tuple[OrderItem, ...]


def sum_of(items: tuple[OrderItem, ...]) -> int:
    """The lines' gross totals added up, in minor units."""
    return sum([item.gross_total_amount for item in items])


def sum_faults(amount: int, items: tuple[OrderItem, ...] | None) -> Sequence[tuple[str, str]]:
    """The rule that holds wherever an amount travels with lines: the two must agree."""
    if not items or (total := sum_of(items)) == amount:
        return ()
    return [("amount", f"is {amount}, but the lines add up to {total} (difference {amount - total})")]


def zero_faults(order: Order) -> Sequence[tuple[str, str]]:
    """The rule that holds wherever money is taken at once: it is more than nothing."""
    return () if order.amount else [("order.amount", "must be greater than 0")]


@attrs.frozen(kw_only=True)
class PartOfOrder:
    """An amount of a payment's order, the whole or a part, and the lines that it is for."""

    amount: Positive
    order_items: tuple[OrderItem, ...] | None = attrs.field(default=None, converter=optional(tuple[OrderItem, ...]))

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        return sum_faults(self.amount, self.order_items)
