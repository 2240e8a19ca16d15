"""Field types of request bodies: each reads a JSON value, recording every error under its path, and has a JSON Schema.

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
from nexi_async.emulator._engine.responses import invalid
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.wire import JSON, Document


@define
class FieldErrors:
    """The errors of a body, texts by path, and the settings that decide what is accepted."""

    settings: Settings = Factory(Settings)
    by_path: dict[str, list[str]] = Factory(dict)

    def __len__(self) -> int:
        return len(self.by_path)

    def add(self, path: str, text: str) -> None:
        """Add an error; one path may have several."""
        self.by_path.setdefault(path, []).append(text)

    def raise_any(self) -> None:
        """Raise a `Refusal` with all errors, if there are any."""
        if self.by_path:
            raise invalid(self.by_path)


Rule = Callable[[dict[str, Any], str, FieldErrors], None]

BAD6 = "<>'\"&\\"
BAD3 = "<>\\"
INT32 = 2**31

_ID_PATTERN = "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
_DIGITS = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


class FieldType(Protocol):
    """How one member is read, and what its JSON Schema is."""

    def read(self, value: JSON, path: str, errors: FieldErrors, /) -> JSON:
        """The value as the emulator keeps it; errors are recorded under `path`."""

    def schema(self, named: dict[str, Document], /) -> Document:
        """The JSON Schema; objects that have a name are added to `named` and referred to."""


@frozen
class Required:
    """Marks a member that must be present."""

    kind: FieldType


@frozen
class String:
    maximum: int = 128
    minimum: int = 0
    forbidden: str = BAD6
    pattern: re.Pattern[str] | None = None

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if not isinstance(value, str):
            errors.add(path, "Must be a string")
            return ""
        if not self.minimum <= len(value) <= self.maximum:
            errors.add(path, f"Must be between {self.minimum} and {self.maximum} characters long")
        if any(character in value for character in self.forbidden):
            errors.add(path, f"Must not contain any of {' '.join(self.forbidden)}")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            errors.add(path, f"Must match {self.pattern.pattern}")
        return value

    def schema(self, _: dict[str, Document]) -> Document:
        found: Document = {"type": "string", "maxLength": self.maximum}
        if self.minimum:
            found["minLength"] = self.minimum
        if self.pattern is not None or self.forbidden:
            found["pattern"] = self._pattern_without_forbidden()
        return found

    def _pattern_without_forbidden(self) -> str:
        """One pattern for the whole text, in the dialect of ECMA 262."""
        refused = "".join(map(_escaped, self.forbidden))
        if self.pattern is None:
            return f"^[^{refused}]*$"
        text = self.pattern.pattern
        if self.pattern.flags & re.DOTALL:
            text = text.replace(".", r"[\s\S]")
        if self.pattern.flags & re.IGNORECASE:
            text = re.sub("[a-z]+(?=[?]?:)", _any_case, text)
        return f"^(?![\\s\\S]*[{refused}])(?:{text})$" if refused else f"^(?:{text})$"


def _any_case(found: "re.Match[str]") -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in found[0])


def _escaped(character: str) -> str:
    """A character as it stands in a character class."""
    controls = {"\r": r"\r", "\n": r"\n", "\0": r"\0"}
    return controls.get(character, f"\\{character}" if character in "\\]^-" else character)


def _frozen(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen
class Choice:
    """One of some strings, case-sensitive."""

    choices: frozenset[str] = field(converter=_frozen)

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if not isinstance(value, str) or value not in self.choices:
            errors.add(path, f"Must be one of {', '.join(sorted(self.choices))}")
        return value

    def schema(self, _: dict[str, Document]) -> Document:
        return {"type": "string", "enum": sorted(self.choices)}


@frozen
class Integer:
    """A 32-bit integer within limits."""

    minimum: int = -INT32
    maximum: int = INT32 - 1

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if _is_text_of(_DIGITS, value, errors):
            value = int(value)
        if type(value) is not int:
            errors.add(path, "Must be an integer")
            return 0
        if not self.minimum <= value <= self.maximum:
            errors.add(path, f"Must be between {self.minimum} and {self.maximum}")
        return value

    def schema(self, _: dict[str, Document]) -> Document:
        """An integer with those limits that are narrower than 32 bits."""
        found: Document = {"type": "integer", "format": "int32"}
        if self.minimum != -INT32:
            found["minimum"] = self.minimum
        if self.maximum != INT32 - 1:
            found["maximum"] = self.maximum
        return found


@frozen
class Number:
    """A number that is not negative, kept as a float."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if _is_text_of(_DECIMAL, value, errors):
            value = float(value)
        if type(value) not in (int, float) or not math.isfinite(value):
            errors.add(path, "Must be a number")
            return 0.0
        if value < 0:
            errors.add(path, "Must not be negative")
        return float(value)

    def schema(self, _: dict[str, Document]) -> Document:
        return {"type": "number", "minimum": 0}


def _is_text_of(number: re.Pattern[str], value: JSON, errors: FieldErrors) -> bool:
    """Whether a value is a number as a text, where the settings allow that."""
    return errors.settings.numbers_as_text and isinstance(value, str) and bool(number.fullmatch(value))


@frozen
class Boolean:
    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if not isinstance(value, bool):
            errors.add(path, "Must be true or false")
        return value

    def schema(self, _: dict[str, Document]) -> Document:
        return {"type": "boolean"}


@frozen
class Instant:
    """A date-time, kept as POSIX seconds."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        try:
            at = timestamps.parse(value)
            timestamps.render(at)  # the first and last hours of the calendar cannot be shown in UTC
        except (TypeError, ValueError, OverflowError):
            errors.add(path, "Must be a date-time as in RFC 3339")
            return 0.0
        return at

    def schema(self, _: dict[str, Document]) -> Document:
        return {"type": "string", "format": "date-time"}


@frozen
class Id:
    """An id with or without dashes, kept in its normal form."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if not isinstance(value, str) or not is_id(value):
            errors.add(path, "Must be a UUID")
            return ""
        return normal_id(value)

    def schema(self, _: dict[str, Document]) -> Document:
        return {"type": "string", "pattern": _ID_PATTERN}


@frozen
class EmptyAllowed:
    """A member that may be empty if a setting says so; an empty one is kept as it is."""

    kind: FieldType
    setting: str

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if value == "" and getattr(errors.settings, self.setting):
            return value
        return self.kind.read(value, path, errors)

    def schema(self, named: dict[str, Document]) -> Document:
        """That of the kind: that it may be empty is a lenience for clients, nothing to build on."""
        return self.kind.schema(named)


@frozen
class AnyValue:
    """A member whose shape is not documented; it is kept as it comes."""

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:  # noqa: ARG002
        return value

    def schema(self, _: dict[str, Document]) -> Document:
        return {}


@frozen
class Array:
    kind: FieldType
    minimum: int = 0
    maximum: int | None = None

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        if not isinstance(value, list):
            errors.add(path, "Must be an array")
            return []
        if len(value) < self.minimum:
            errors.add(path, f"Must have at least {self.minimum} entries")
        if self.maximum is not None and len(value) > self.maximum:
            errors.add(path, f"Must have at most {self.maximum} entries")
        return [self.kind.read(entry, f"{path}[{place}]", errors) for place, entry in enumerate(value)]

    def schema(self, named: dict[str, Document]) -> Document:
        found: Document = {"type": "array", "items": self.kind.schema(named)}
        if self.minimum:
            found["minItems"] = self.minimum
        if self.maximum is not None:
            found["maxItems"] = self.maximum
        return found


@frozen
class Object:
    """An object with these members, a rule across them, defaults of some, and its name in the document."""

    given: Mapping[str, FieldType | Required] = field(repr=False)
    rule: Rule | None = None
    defaults: Mapping[str, Any] = field(factory=dict)
    name: str | None = None
    members: Mapping[str, tuple[str, FieldType]] = field(init=False)
    required: tuple[str, ...] = field(init=False)

    @members.default
    def _by_lower_name(self) -> Mapping[str, tuple[str, FieldType]]:
        kinds = {name: kind.kind if isinstance(kind, Required) else kind for name, kind in self.given.items()}
        return {name.lower(): (name, kind) for name, kind in kinds.items()}

    @required.default
    def _names_of_required(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.given.items() if isinstance(kind, Required))

    def read(self, value: JSON, path: str, errors: FieldErrors) -> JSON:
        """The known members that are there, under their documented names."""
        if not isinstance(value, dict):
            errors.add(path or "instance", "Must be an object")
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
                errors.add(join(path, name), "Is required")
        if self.rule is not None and len(errors) == before:
            self.rule(found, path, errors)
        return found

    def schema(self, named: dict[str, Document]) -> Document:
        if self.name is None:
            return self.own_schema(named)
        named[self.name] = self.own_schema(named)
        return reference(self.name)

    def own_schema(self, named: dict[str, Document]) -> Document:
        properties = {name: kind.schema(named) for name, kind in self.members.values()}
        for name, value in self.defaults.items():
            properties[name]["default"] = value
        found: Document = {"type": "object", "properties": properties}
        return found | ({"required": list(self.required)} if self.required else {})


def reference(name: str) -> Document:
    """A reference to a schema of the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{name}"}
