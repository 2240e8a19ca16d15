"""Field types of request bodies: each reads a JSON value and records every error under its path.

A body is read by one `Object`. Names are matched without regard to case (the real back end does so), unknown
members are dropped, and null counts as left out.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from attrs import Factory, define, field, frozen

from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._engine.random_source import is_id, normal_id
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.wire import JSON


@define
class FieldErrors:
    """The errors of a body, texts by path, and the settings that decide what is accepted."""

    settings: Settings = Factory(Settings)
    by_path: dict[str, list[str]] = Factory(dict)

    def __len__(self) -> int:
        return len(self.by_path)


Rule = Callable[[dict[str, Any], str, FieldErrors], None]

BAD6 = "<>'\"&\\"
BAD3 = "<>\\"
INT32 = 2**31

_DIGITS = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def add_error(errors: FieldErrors, path: str, text: str) -> None:
    """Add an error; one path may have several."""
    errors.by_path.setdefault(path, []).append(text)


def join(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else name


class FieldType(Protocol):
    """How one member is read."""

    def read(self, value: JSON, path: str, errors: FieldErrors, /) -> JSON:
        """The value as the emulator keeps it; faults are noted under `path`."""


@frozen
class Required:
    """Marks a member that must be present."""

    kind: FieldType


@frozen
class String:
    """A string with limits."""

    maximum: int = 128
    minimum: int = 0
    forbidden: str = BAD6
    pattern: re.Pattern[str] | None = None

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The text itself."""
        if not isinstance(value, str):
            add_error(errors, path, "Must be a string")
            return ""
        if not self.minimum <= len(value) <= self.maximum:
            add_error(errors, path, f"Must be between {self.minimum} and {self.maximum} characters long")
        if any(character in value for character in self.forbidden):
            add_error(errors, path, f"Must not contain any of {' '.join(self.forbidden)}")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            add_error(errors, path, f"Must match {self.pattern.pattern}")
        return value


def _frozen(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen
class Choice:
    """One of some strings, case-sensitive."""

    choices: frozenset[str] = field(converter=_frozen)

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The text itself."""
        if not isinstance(value, str) or value not in self.choices:
            add_error(errors, path, f"Must be one of {', '.join(sorted(self.choices))}")
        return value


@frozen
class Integer:
    """A 32-bit integer within limits."""

    minimum: int = -INT32
    maximum: int = INT32 - 1

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The number itself."""
        if _is_digits(value, errors):
            value = int(value)
        if type(value) is not int:
            add_error(errors, path, "Must be an integer")
            return 0
        if not self.minimum <= value <= self.maximum:
            add_error(errors, path, f"Must be between {self.minimum} and {self.maximum}")
        return value


@frozen
class Number:
    """A number that is not negative, kept as a float."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The number as a float."""
        if _is_decimal(value, errors):
            value = float(value)
        if type(value) not in (int, float) or not math.isfinite(value):
            add_error(errors, path, "Must be a number")
            return 0.0
        if value < 0:
            add_error(errors, path, "Must not be negative")
        return float(value)


def _is_digits(value: JSON, errors: FieldErrors) -> bool:
    return errors.settings.numbers_as_text and isinstance(value, str) and bool(_DIGITS.fullmatch(value))


def _is_decimal(value: JSON, errors: FieldErrors) -> bool:
    return errors.settings.numbers_as_text and isinstance(value, str) and bool(_DECIMAL.fullmatch(value))


@frozen
class Boolean:
    """True or false."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The value itself."""
        if not isinstance(value, bool):
            add_error(errors, path, "Must be true or false")
        return value


@frozen
class Instant:
    """A date-time, kept as POSIX seconds."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The instant in POSIX seconds."""
        try:
            at = timestamps.parse(value)
            timestamps.render(at)  # the first and last hours of the calendar cannot be shown in UTC
        except (TypeError, ValueError, OverflowError):
            add_error(errors, path, "Must be a date-time as in RFC 3339")
            return 0.0
        return at


@frozen
class Id:
    """An id with or without dashes, kept in its normal form."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """32 lower-case hex digits."""
        if not isinstance(value, str) or not is_id(value):
            add_error(errors, path, "Must be a UUID")
            return ""
        return normal_id(value)


@frozen
class EmptyAllowed:
    """A member that may be empty if a setting says so; an empty one is kept as it is."""

    kind: FieldType
    setting: str

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """An empty text, or what the kind makes of it."""
        if value == "" and getattr(errors.settings, self.setting):
            return value
        return self.kind.read(value, path, errors)


@frozen
class AnyValue:
    """A member whose shape is not documented; it is kept as it comes."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:  # noqa: ARG002
        """The value itself."""
        return value


@frozen
class Array:
    """An array of one kind."""

    kind: FieldType
    minimum: int = 0
    maximum: int | None = None

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The list of what was read."""
        if not isinstance(value, list):
            add_error(errors, path, "Must be an array")
            return []
        if len(value) < self.minimum:
            add_error(errors, path, f"Must have at least {self.minimum} entries")
        if self.maximum is not None and len(value) > self.maximum:
            add_error(errors, path, f"Must have at most {self.maximum} entries")
        return [self.kind.read(entry, f"{path}[{place}]", errors) for place, entry in enumerate(value)]


@frozen
class Object:
    """An object: its members by lower-case name, its defaults, and a rule across members."""

    members: Mapping[str, tuple[str, FieldType]]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    rule: Rule | None

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The known members that are there, under their documented names."""
        if not isinstance(value, dict):
            add_error(errors, path or "instance", "Must be an object")
            return {}
        found = dict(self.defaults)
        before = len(errors)
        for given, content in value.items():
            member = self.members.get(given.lower())
            if member is not None and content is not None:
                name, kind = member
                found[name] = kind.read(content, join(path, name), errors)
        for name in self.required:
            if name not in found:
                add_error(errors, join(path, name), "Is required")
        if self.rule is not None and len(errors) == before:
            self.rule(found, path, errors)
        return found


def json_object(
    members: Mapping[str, FieldType | Required], *, rule: Rule | None = None, defaults: Mapping[str, Any] | None = None
) -> Object:
    """A table of these members."""
    kinds = {name: kind.kind if isinstance(kind, Required) else kind for name, kind in members.items()}
    return Object(
        members={name.lower(): (name, kind) for name, kind in kinds.items()},
        required=tuple(name for name, kind in members.items() if isinstance(kind, Required)),
        defaults=defaults or {},
        rule=rule,
    )
