"""Reading a body as far as it can be read.

A response or an event reports money that has moved, so one member of an unexpected type must not hide the rest. Such a
member is dropped and named, but only where its absence claims nothing: it becomes None, details of which nothing is
known, or no order lines (the API leaves them out at will; the amount stands beside them). What would claim something,
such as an amount that is 0 or a list that is empty when it is left out, is never guessed: a body in which that can't be
read is refused.
"""

from __future__ import annotations

import functools
import re
import typing
from typing import Any, TypeVar

import attrs
from cattrs.preconf.orjson import OrjsonConverter

from nexi_async._codec import Malformed, structure
from nexi_async._errors import Fault
from nexi_async._models.order import OrderItem
from nexi_async._wire_names import wire_name, without_none

T = TypeVar("T")
Place = list[str | int]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def read(document: object, kind: type[T], converter: OrjsonConverter) -> tuple[T, tuple[Fault, ...]]:
    """Plain JSON values as a model, and what had to be dropped for that.

    Raises:
        Malformed: a member that the model can't do without is missing or can't be read; every fault is named.
    """
    try:
        return structure(document, kind, converter), ()
    except Malformed as malformed:
        faults = malformed.faults
    left = document
    for fault in faults:
        place = _droppable_place(kind, [int(index) if index else name for name, index in _STEP.findall(fault.path)])
        if place is None:
            raise Malformed(faults)
        left = _without(left, place)
    return structure(left, kind, converter), faults


def _droppable_place(kind: Any, steps: Place) -> Place | None:
    """The innermost member on the way to a fault whose absence claims nothing."""
    found = None
    for depth, step in enumerate(steps, 1):
        if isinstance(step, int):
            kind = typing.get_args(kind)[0]
            continue
        member = _members(kind).get(step) if attrs.has(kind) else None
        if member is None:
            break
        kind, is_droppable = member
        if is_droppable:
            found = steps[:depth]
    return found


@functools.cache
def _members(model: type[attrs.AttrsInstance]) -> dict[str, tuple[Any, bool]]:
    """The members of a model by their names on the wire: the type, and whether absence claims nothing."""
    hints = typing.get_type_hints(model)
    members = {}
    for attribute in attrs.fields(model):
        kind = without_none(hints[attribute.name])
        members[wire_name(attribute) or ""] = kind, _claims_nothing(attribute, kind)
    return members


def _claims_nothing(attribute: attrs.Attribute[Any], kind: Any) -> bool:
    if attribute.default is None:
        return bool(attribute.metadata.get("droppable", True))
    if attribute.default == ():
        return typing.get_args(kind)[:1] == (OrderItem,)
    details = attribute.default is not attrs.NOTHING and attrs.has(kind)
    return details and all(is_droppable for _, is_droppable in _members(kind).values())


def _without(value: Any, place: Place) -> Any:
    """The same with one member left out; what is shared is not touched."""
    step, *rest = place
    if isinstance(value, dict) and step not in value:
        return value  # it went with what held it
    changed = value.copy()
    if rest:
        changed[step] = _without(value[step], rest)
    else:
        del changed[step]
    return changed
