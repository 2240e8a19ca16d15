"""The orders that the demo sells, read from a file of JSON lines.

One order a line, in UTF-8; empty lines are skipped:

    {"customer": "Saga Holm", "currency": "SEK", "lines": [
        {"name": "Coffee beans, kg", "quantity": 0.333, "unit_price": 28900, "vat_rate": 1200}]}

    customer     who buys: first and last name
    currency     ISO 4217 in capitals, e.g. SEK
    reference    the order number; may be left out
    lines        at least one, each with all of
      name         what is bought
      quantity     how many, from 0; a fraction such as 0.333 is kept exactly
      unit_price   one of them in minor units without VAT, a whole number: 28900 is 289.00; negative for a discount
      vat_rate     percent x 100, a whole number: 2500 is 25 %

As in Nexi's test environment, an order of 0.01 to 1.99 is declined, and one of 3.00 to 3.99 is answered late.

A file with one bad line is refused whole, with every bad line's number and reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, NoReturn

import attrs

from nexi_async import Consumer, InvalidRequest, Order, OrderItem, PrivatePerson
from nexi_async._models import rules
from nexi_async.reference import currencies
from nexi_async.reference.currencies import CurrencyCode

ORDER_MEMBERS = {"customer": True, "currency": True, "lines": True, "reference": False}
"""The members of an order, and whether each is needed."""

LINE_MEMBERS = {"name": True, "quantity": True, "unit_price": True, "vat_rate": True}

_HINTS = {
    "quantity": "a number from 0, e.g. 2 or 0.333",
    "unit_price": "minor units without VAT, e.g. 12500 for 125.00",
    "vat_rate": "percent x 100, e.g. 2500 for 25 %",
}
_KINDS = {bool: "true or false", type(None): "null", str: "text", list: "an array", dict: "an object"}
_OWN_NAMES = {"unitPrice": "unit_price", "taxRate": "vat_rate"}


@attrs.frozen(kw_only=True)
class CustomerOrder:
    """An order and who placed it.

    Attributes:
        customer: who buys, as passed to the checkout.
        order: what they buy; its reference is the order number.
    """

    customer: Consumer = attrs.field(repr=False)
    order: Order

    @property
    def reference(self) -> str:
        """The order number, as the file or its line number gives it."""
        return self.order.reference or ""


@attrs.frozen
class InvalidLine:
    """A line that can't be used: its number, from 1, and why."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


class InvalidOrders(ValueError):
    """A file that can't be used.

    Attributes:
        lines: every bad line, one entry for each thing that is wrong with it.
    """

    def __init__(self, lines: list[InvalidLine]) -> None:
        self.lines = tuple(lines)
        super().__init__("; ".join(map(str, lines)))


def sample_orders() -> bytes:
    """The 25 orders that come with the package."""
    return (files("nexi_async._demo") / "orders.jsonl").read_bytes()


def read_orders(content: bytes) -> list[CustomerOrder]:
    """The orders of a file.

    Raises:
        InvalidOrders: a line can't be used, or there is none; names every bad line.
    """
    orders: list[CustomerOrder] = []
    bad: list[InvalidLine] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            orders.append(_read_order(_read_line(line), number))
        except _InvalidOrder as invalid:
            bad.extend(InvalidLine(number, reason) for reason in invalid.reasons)
    if not orders and not bad:
        bad.append(InvalidLine(1, "there is no order in the file"))
    if bad:
        raise InvalidOrders(bad)
    return orders


class _InvalidOrder(Exception):
    """A line can't be used, for these reasons."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


# --- JSON ----------------------------------------------------------------------------------------------------------


def _read_line(line: bytes) -> Any:
    try:
        return json.loads(
            line.decode(), parse_float=_fraction, parse_constant=_refuse_constant, object_pairs_hook=_members
        )
    except UnicodeDecodeError as error:
        raise _InvalidOrder(f"is not UTF-8 text, at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise _InvalidOrder(f"is not JSON: {error.msg} at character {error.colno}") from None
    except RecursionError:
        raise _InvalidOrder("is nested too deeply") from None
    except ValueError:
        raise _InvalidOrder("has a number with too many digits") from None


def _fraction(text: str) -> Decimal:
    """Never a float: 0.333 is to stay 0.333."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _InvalidOrder("has a number that is out of all bounds") from None


def _refuse_constant(name: str) -> NoReturn:
    raise _InvalidOrder(f"has {name}, which is no number")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _InvalidOrder("has a member twice")
    return members


# --- orders --------------------------------------------------------------------------------------------------------


def _read_order(document: Any, number: int) -> CustomerOrder:
    reasons = [*_shape_faults(document, ORDER_MEMBERS, "")]
    if reasons:
        raise _InvalidOrder(*reasons)
    customer = _collect(reasons, _customer, document["customer"])
    currency = _collect(reasons, _currency, document["currency"])
    reference = _collect(reasons, _text, document.get("reference", f"{number}"), "reference")
    items = _collect(reasons, _items, document["lines"])
    if reasons:
        raise _InvalidOrder(*reasons)
    return CustomerOrder(customer=customer, order=_order(items, currency, reference))


def _collect(reasons: list[str], read: Any, *arguments: Any) -> Any:
    """What is read, or None and one reason more."""
    try:
        return read(*arguments)
    except _InvalidOrder as invalid:
        reasons.extend(invalid.reasons)
        return None


def _shape_faults(document: Any, members: Mapping[str, bool], path: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{path.removesuffix('.') or 'the order'} must be an object, is {_kind(document)}"
        return
    for name, is_needed in members.items():
        if is_needed and name not in document:
            yield f"{path}{name} is missing{_hint(name)}"
    for name in document:
        if name not in members:
            yield f"{path}{name!r} is not known: the members are {', '.join(members)}"


def _order(items: list[OrderItem], currency: CurrencyCode, reference: str) -> Order:
    try:
        order = Order.of(items=items, currency=currency, reference=reference)
    except InvalidRequest as invalid:
        raise _InvalidOrder(*map(str, invalid.faults)) from None
    if order.amount == 0:
        raise _InvalidOrder("the lines add up to 0, but something must be paid")
    return order


def _customer(name: Any) -> Consumer:
    first, _, last = _text(name, "customer").strip().rpartition(" ")
    person = PrivatePerson(first_name=first or last, last_name=last if first else None)
    consumer = Consumer(private_person=person)
    faults = [f"customer {fault.message}" for fault in rules.faults(consumer)]
    if faults:
        raise _InvalidOrder(faults[0])
    return consumer


def _currency(code: Any) -> CurrencyCode:
    known = currencies.CURRENCIES.get(_text(code, "currency"))
    if known is None:
        raise _InvalidOrder(f"currency must be one of {', '.join(currencies.CURRENCIES)}")
    return known.code


def _items(lines: Any) -> list[OrderItem]:
    if not isinstance(lines, list) or not lines:
        raise _InvalidOrder(f"lines must be an array of at least one, is {_kind(lines) if lines != [] else 'empty'}")
    reasons: list[str] = []
    items = [_collect(reasons, _item, line, index) for index, line in enumerate(lines)]
    if reasons:
        raise _InvalidOrder(*reasons)
    return items


def _item(line: Any, index: int) -> OrderItem:
    path = f"lines[{index}]."
    reasons = [*_shape_faults(line, LINE_MEMBERS, path)]
    if reasons:
        raise _InvalidOrder(*reasons)
    name = _collect(reasons, _text, line["name"], f"{path}name")
    quantity = _collect(reasons, _quantity, line["quantity"], f"{path}quantity")
    unit_price = _collect(reasons, _whole, line["unit_price"], path, "unit_price")
    vat_rate = _collect(reasons, _whole, line["vat_rate"], path, "vat_rate")
    if reasons:
        raise _InvalidOrder(*reasons)
    try:
        return OrderItem.of(
            reference=f"{index + 1}", name=name, quantity=quantity, unit_price=unit_price, tax_rate=vat_rate
        )
    except InvalidRequest as invalid:
        raise _InvalidOrder(*(_in_own_words(path, fault.path, fault.message) for fault in invalid.faults)) from None


def _in_own_words(path: str, wire_name: str, text: str) -> str:
    name = _OWN_NAMES.get(wire_name, wire_name)
    return f"{path}{name} {text}{_hint(name)}"


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _InvalidOrder(f"{path} must be text, is {_kind(value) if value != '' else 'empty'}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _InvalidOrder(f"{path} has half of a character (a lone surrogate)")
    return value


def _whole(value: Any, path: str, name: str) -> int:
    if type(value) is not int:
        raise _InvalidOrder(f"{path}{name} must be a whole number, is {_kind(value)}{_hint(name)}")
    return value


def _quantity(value: Any, path: str) -> Decimal:
    if type(value) not in (int, Decimal):
        raise _InvalidOrder(f"{path} must be a number, is {_kind(value)}{_hint('quantity')}")
    return Decimal(value)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value)) or ("a fraction" if isinstance(value, Decimal) else "a number")


def _hint(name: str) -> str:
    return f" ({_HINTS[name]})" if name in _HINTS else ""
