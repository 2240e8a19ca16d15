"""How the members of models are called on the wire; the one place where `order_items` becomes `orderItems`."""

from __future__ import annotations

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
