"""The fast path from JSON to an event: one flat function for each class, generated as attrs generates `__init__`.

It reads members of exactly the types that Nexi sends; text and numbers by one look at the type, without a call.
Whatever differs raises `Unexpected` and is left to the lenient reader, which accepts other spellings and names faults.
The result is the one that the lenient reader would return.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import attrs

from nexi_async._codec import lenient
from nexi_async._wire_names import wire_name, without_none
from nexi_async.reference.open_enum import OpenEnum

Decoder: TypeAlias = Callable[..., Any]


class Unexpected(ValueError):
    """A value of another type, an empty text, or none where there must be one."""


def decoder_of(model: type[attrs.AttrsInstance], *given: str) -> Decoder:
    """A function from a JSON object to the model; it gets the `given` members as keyword arguments.

    It raises a `ValueError`, mostly `Unexpected`, for what it does not read.
    """
    names: dict[str, Any] = {"model": model, "Unexpected": Unexpected, "absent": _absent}
    body = "\n    ".join(_lines(model, given, names))
    exec(f"def decode(document, {', '.join(given)}):\n    {body}", names)  # noqa: S102 - no text but our own names
    decode: Decoder = names["decode"]
    return decode


def _lines(model: type[attrs.AttrsInstance], given: tuple[str, ...], names: dict[str, Any]) -> Iterator[str]:
    """The body of a decoder; what it calls is put among the names."""
    yield "if type(document) is not dict: raise Unexpected"
    yield "get = document.get"
    hints, arguments = get_type_hints(model), list(given)
    for attribute in attrs.fields(model):
        name, wire, kind = attribute.name, wire_name(attribute), without_none(hints[attribute.name])
        if wire is None or name in given:
            continue
        arguments.append(name)
        names[f"default_{name}"] = attribute.default
        yield f"{name} = get({wire!r})"
        if kind in (str, int, bool):
            is_empty = f" or {name} == ''" if kind is str else ""
            yield f"if type({name}) is not {kind.__name__}{is_empty}: {name} = absent({name}, default_{name})"
        else:
            names[f"decode_{name}"] = _decoder(kind)
            yield f"{name} = absent(None, default_{name}) if {name} is None else decode_{name}({name})"
    yield f"return model({', '.join(f'{name}={name}' for name in arguments)})"


def _absent(value: object, default: Any) -> Any:
    """What stands for a member that is not there, if it need not be there."""
    if value is not None or default is attrs.NOTHING:
        raise Unexpected
    return default


def _decoder(kind: Any) -> Decoder:
    if get_origin(kind) is tuple:
        return functools.partial(_decode_array, decoder_of(get_args(kind)[0]))
    if attrs.has(kind):
        return decoder_of(kind)
    if issubclass(kind, OpenEnum):
        return functools.partial(_decode_known, {member.value: member for member in kind})
    if kind is Decimal:
        return _decode_decimal
    hook = lenient.get_structure_hook(kind)
    return lambda value: hook(value, kind)


def _decode_array(decode: Decoder, value: Any) -> tuple[Any, ...]:
    if type(value) is not list:
        raise Unexpected
    return tuple([decode(item) for item in value])


def _decode_decimal(value: Any) -> Decimal:
    if type(value) is not float and type(value) is not int:
        raise Unexpected
    return Decimal(str(value))


def _decode_known(members: Mapping[str, OpenEnum], value: Any) -> OpenEnum:
    if type(value) is not str or value not in members:
        raise Unexpected
    return members[value]
