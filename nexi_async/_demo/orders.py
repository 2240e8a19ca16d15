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

import codecs
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any

import attrs

from nexi_async import Consumer, Fault, InvalidRequest, Order, OrderItem, PrivatePerson
from nexi_async import _codec as codec
from nexi_async._models import rules
from nexi_async.reference import currencies


@attrs.frozen(kw_only=True)
class CustomerOrder:
    """An order and who placed it."""

    customer: Consumer = attrs.field(repr=False)
    order: Order

    @property
    def reference(self) -> str:
        """The order number, as the file or its line number gives it."""
        return self.order.reference or ""


# A line of an order, and an order, as the file has them.


@attrs.frozen(kw_only=True)
class _Line:
    name: str
    quantity: Decimal
    unit_price: int = attrs.field(metadata={"wire": "unit_price"})
    vat_rate: int = attrs.field(metadata={"wire": "vat_rate"})


@attrs.frozen(kw_only=True)
class _Order:
    customer: str
    currency: str
    reference: str | None = None
    lines: tuple[_Line, ...]


_NAMES_IN_FILE = {"unitPrice": "unit_price", "taxRate": "vat_rate", "body": "the order", "items": "lines"}
_HINTS = {
    "quantity": " (a number from 0, e.g. 2 or 0.333)",
    "unit_price": " (minor units without VAT, e.g. 12500 for 125.00)",
    "vat_rate": " (percent x 100, e.g. 2500 for 25 %)",
}


def sample_orders() -> bytes:
    """The 25 orders that come with the package."""
    return (files("nexi_async._demo") / "orders.jsonl").read_bytes()


def read_orders(content: bytes) -> list[CustomerOrder]:
    """The orders of a file.

    Raises:
        InvalidRequest: a line can't be used, or there is none; the path of each fault is the number of its line.
    """
    orders: list[CustomerOrder] = []
    bad: list[tuple[str, str]] = []
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            orders.append(_read_order(_read_json(line), number))
        except (codec.Malformed, InvalidRequest) as error:
            bad += [(f"line {number}", _reason(fault)) for fault in error.faults]
    if not orders and not bad:
        bad.append(("line 1", "there is no order in the file"))
    if bad:
        raise InvalidRequest(bad)
    return orders


def _read_json(line: bytes) -> Any:
    """JSON that says one thing exactly: no member stands twice, and no number is changed by reading it."""
    codec.read_json(line)  # names what is no JSON
    try:
        return json.loads(line, object_pairs_hook=_members, parse_float=_float)
    except (RecursionError, InvalidOperation):
        raise _unusable("is nested too deeply, or has a number out of all bounds") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _unusable("has a member twice")
    return members


def _float(text: str) -> float:
    number = float(text)
    if Decimal(str(number)) != Decimal(text):
        raise _unusable(f"has the number {text[:30]}, with more digits than the API can hold")
    return number


def _unusable(text: str) -> InvalidRequest:
    return InvalidRequest([("the order", text)])


def _reason(fault: Fault) -> str:
    """Where in the line, what is wrong, and what would be right."""
    *outer, name = fault.path.split(".")
    name = _NAMES_IN_FILE.get(name, name)
    return f"{'.'.join([*outer, name])} {fault.message}{_HINTS.get(name, '')}"


def _read_order(document: Any, number: int) -> CustomerOrder:
    given = codec.structure(document, _Order)
    person = _person(given.customer)
    items, faults = _items(given.lines)
    faults += [*_unknown_members(document), *(Fault("customer", text) for _, text in rules.faults(person)[:1])]
    currency = currencies.CURRENCIES.get(given.currency)
    if currency is None:
        faults.append(Fault("currency", f"must be one of {', '.join(currencies.CURRENCIES)}"))
    if faults or currency is None:
        raise InvalidRequest(faults)
    order = Order.of(items=items, currency=currency.code, reference=given.reference or f"{number}")
    if order.amount == 0:
        raise InvalidRequest([("lines", "add up to 0, but something must be paid")])
    return CustomerOrder(customer=Consumer(private_person=person), order=order)


def _person(name: str) -> PrivatePerson:
    first, _, last = name.strip().rpartition(" ")
    return PrivatePerson(first_name=first or last, last_name=last if first else None)


def _items(lines: tuple[_Line, ...]) -> tuple[list[OrderItem], list[Fault]]:
    items, faults = [], list[Fault]()
    for place, line in enumerate(lines):
        price, rate = line.unit_price, line.vat_rate
        if not line.name.strip():
            faults.append(Fault(f"lines[{place}].name", "must not be empty"))
        try:
            items.append(
                OrderItem.of(
                    reference=f"{place + 1}", name=line.name, quantity=line.quantity, unit_price=price, tax_rate=rate
                )
            )
        except InvalidRequest as error:
            faults += [Fault(f"lines[{place}].{path}", text) for path, text in error.faults]
    return items, faults


def _unknown_members(document: Mapping[str, Any]) -> Iterator[Fault]:
    """A misspelt name must not pass for a member that was left out."""
    yield from _unknown(document, _Order, "")
    for place, line in enumerate(document["lines"]):
        yield from _unknown(line, _Line, f"lines[{place}].")


def _unknown(members: Mapping[str, Any], kind: type[attrs.AttrsInstance], path: str) -> Iterator[Fault]:
    known = attrs.fields_dict(kind)
    for name in members:
        if name not in known:
            yield Fault(f"{path}{name!r}", f"is not known: the members are {', '.join(known)}")
