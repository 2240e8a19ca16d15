"""JSON and models: camelCase on the wire, strict about numbers, tolerant of unknown members.

Reading refuses what would have to be guessed (a text where an amount must be) and says where it stands; it ignores
members that no model knows, takes null for "not there", and keeps unknown values of open enumerations. Writing leaves
out what is not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, get_args, get_origin

import attrs
import orjson
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    IterableValidationError,
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.orjson import OrjsonConverter, make_converter

from nexi_async._errors import Fault
from nexi_async._wire_names import wire_name
from nexi_async.reference.open_enum import OpenEnum

T = TypeVar("T")

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class Malformed(ValueError):
    """A body that is not JSON, or not the JSON that was expected.

    Attributes:
        faults: each place and what is wrong there; values are never repeated.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.faults,)


def encode(value: object) -> bytes:
    """A request model as the bytes that travel."""
    return orjson.dumps(strict.unstructure(value))


def plain(value: object) -> Any:
    """A request model as plain JSON values."""
    return strict.unstructure(value)


def decode(body: bytes, kind: type[T]) -> T:
    """The bytes of a response as a model.

    Raises:
        Malformed: the body is not JSON or does not fit, with every fault's JSON path.
    """
    return structure(read_json(body), kind)


def read_json(body: bytes) -> Any:
    """The bytes as plain JSON values; `Malformed` if they are not JSON in UTF-8."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed((Fault("body", f"is not JSON: {error.msg} at character {error.pos}"),)) from None


def as_json(value: object) -> bytes:
    """Plain JSON values as bytes."""
    return orjson.dumps(value)


def structure(value: object, kind: type[T], converter: OrjsonConverter | None = None) -> T:
    """Plain JSON values as a model; `Malformed` with every fault's JSON path if they don't fit."""
    try:
        return (converter or strict).structure(value, kind)
    except (ClassValidationError, IterableValidationError, ValueError, TypeError, KeyError) as error:
        raise Malformed(tuple(_faults_of(error, ""))) from None


# --- reading scalars -----------------------------------------------------------------------------------------------


def _strict(kind: type[T], expected: str) -> Callable[[Any, Any], T]:
    def read(value: object, _: object) -> T:
        if type(value) is not kind:
            raise ValueError(f"must be {expected}, is {_json_kind(value)}")
        return value

    return read


def _read_decimal(value: object, _: object) -> Decimal:
    if type(value) is int or type(value) is float:
        return Decimal(str(value))
    raise ValueError(f"must be a number, is {_json_kind(value)}")


def _read_whole_or_digits(value: object, _: object) -> int:
    """Amounts in webhooks: recorded deliveries carry numbers, the official samples texts of digits."""
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError(f"must be a whole number or digits, is {_json_kind(value)}")


def _read_text_or_number(value: object, _: object) -> str:
    """Codes, postcodes and numbers of invoices: texts in all recorded bodies, but nothing is lost if one is not."""
    if type(value) is int:
        return str(value)
    if type(value) is str:
        return value
    raise ValueError(f"must be text, is {_json_kind(value)}")


def _read_decimal_or_digits(value: object, kind: object) -> Decimal:
    if type(value) is str and _NUMBER.fullmatch(value):
        return Decimal(value)
    return _read_decimal(value, kind)


def _read_date_time(value: object, _: object) -> datetime:
    """RFC 3339 with 0 to 9 fraction digits; Python keeps six."""
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise ValueError("must be a date-time as in RFC 3339, e.g. 2026-09-14T08:15:09.5523+00:00")
    return datetime.fromisoformat(value.upper())


def _read_date(value: object, _: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date, e.g. 2026-09-14")
    return date.fromisoformat(value)


def _read_open_enum(value: object, kind: type[OpenEnum]) -> OpenEnum:
    if not isinstance(value, str):
        raise ValueError(f"must be text, is {_json_kind(value)}")
    return kind(value)


def _json_kind(value: object) -> str:
    kinds: Mapping[type, str] = {
        type(None): "null",
        bool: "a boolean",
        str: "text",
        int: "a number",
        float: "a fraction",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), "something else")


# --- reading and writing models ------------------------------------------------------------------------------------


def _read_model(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    build = make_dict_structure_fn(kind, converter, **_renamed(kind))

    def read(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise ValueError(f"must be an object, is {_json_kind(value)}")
        return build(_without_null(value), kind)

    return read


def _without_null(members: dict[str, Any]) -> dict[str, Any]:
    if None not in members.values():
        return members
    return {name: value for name, value in members.items() if value is not None}


def _read_array(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    build = converter.get_structure_hook(list[get_args(kind)[0]])  # type: ignore[misc]

    def read(value: object, _: object) -> Any:
        if type(value) is not list:
            raise ValueError(f"must be an array, is {_json_kind(value)}")
        return tuple(build(value, list))

    return read


def _write_model(kind: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    return make_dict_unstructure_fn(kind, converter, **_renamed(kind))


def _write_decimal(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _renamed(kind: type[attrs.AttrsInstance]) -> dict[str, Any]:
    return {
        attribute.name: override(rename=wire, omit_if_default=attribute.default is None)
        if (wire := wire_name(attribute)) is not None
        else override(omit=True)
        for attribute in attrs.fields(kind)
    }


def _is_array(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _new_converter() -> OrjsonConverter:
    converter = make_converter()
    converter.register_structure_hook(int, _strict(int, "a whole number"))
    converter.register_structure_hook(str, _strict(str, "text"))
    converter.register_structure_hook(bool, _strict(bool, "true or false"))
    converter.register_structure_hook(Decimal, _read_decimal)
    converter.register_structure_hook(datetime, _read_date_time)
    converter.register_structure_hook(date, _read_date)
    converter.register_structure_hook(OpenEnum, _read_open_enum)
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
    converter.register_structure_hook_factory(attrs.has, _read_model)
    converter.register_structure_hook_factory(_is_array, _read_array)
    converter.register_unstructure_hook_factory(attrs.has, _write_model)
    converter.register_unstructure_hook(Decimal, _write_decimal)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    return converter


strict = _new_converter()
"""Reads responses of the API and writes requests."""

lenient = _new_converter()
"""Reads webhooks, whose numbers may come as texts of digits, and answers that `strict` can't read."""
lenient.register_structure_hook(int, _read_whole_or_digits)
lenient.register_structure_hook(str, _read_text_or_number)
lenient.register_structure_hook(Decimal, _read_decimal_or_digits)


# --- faults --------------------------------------------------------------------------------------------------------


def _faults_of(error: BaseException, path: str) -> Iterator[Fault]:
    if isinstance(error, ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            yield from _faults_of(inner, _join(path, _member(error.cl, note)))
        for rest in error.group_exceptions()[1]:
            yield from _faults_of(rest, path)
    elif isinstance(error, IterableValidationError):
        for item, place in error.group_exceptions()[0]:
            yield from _faults_of(item, f"{path}[{place.index}]")
    elif isinstance(error, KeyError):
        yield Fault(path, "is missing")
    else:
        yield Fault(path or "body", str(error))


def _member(kind: type, note: AttributeValidationNote) -> str:
    attribute = attrs.fields_dict(kind).get(note.name)
    return note.name if attribute is None else wire_name(attribute) or note.name


def _join(path: str, member: str) -> str:
    return f"{path}.{member}" if path else member
