"""How the members of models are called on the wire (`order_items` is `orderItems`), and of which type they are."""

from __future__ import annotations

import types
import typing
from typing import Any

import attrs


def camel(name: str) -> str:
    """The wire's spelling of a Python name: `order_items` is `orderItems`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def wire_name(attribute: attrs.Attribute[Any]) -> str | None:
    """How the attribute is called on the wire; None if it never travels."""
    wire: str | None = attribute.metadata.get("wire", camel(attribute.name))
    return wire


def without_none(hint: Any) -> Any:
    """The type of a member that may be None; the same annotation if it may not."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    return next(part for part in typing.get_args(hint) if part is not types.NoneType)
