r"""The API's limits, stated in the annotations of the models, and their validation.

A model says `name: ItemText`; `ItemText` is `Annotated[str, max_length(128), without("<>\")]`. Rules that span several
members are a method `_own_faults` of the model that holds them.

Theory of operation. A rule exists once, and is used in two ways. `is_sound()` only answers yes or no, with a function
that is written and compiled once for each model from the rules' own conditions, as attrs writes `__init__`: nearly
every request is valid and costs one pass over its values, and a `CheckedOnce` model inside it not even that. If it is
not, `faults()` walks it with its annotations and reports each breach with its JSON path.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, cast

import attrs

from nexi_async._errors import Fault, InvalidRequest
from nexi_async._wire_names import wire_name, without_none

Rule = Callable[[Any], str | None]
"""Says what is wrong with a value, or None. It never repeats the value, which may be personal."""


# --- rules ------------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Condition:
    """A rule with its condition as source too, so that it can be part of a compiled check.

    Attributes:
        source: an expression of `x`, and of `helper` if there is one, that is true if `x` keeps the rule.
        explain: what is wrong with a value, or None; agrees with the expression.
        helper: a function that the expression calls.
    """

    source: str
    explain: Rule
    helper: Callable[[Any], object] | None = None

    def __call__(self, value: Any) -> str | None:
        return self.explain(value)


def max_length(limit: int, *, min_length: int = 0) -> Rule:
    """The text has at most `limit` characters, and at least `min_length`."""

    def explain(text: str) -> str | None:
        if len(text) > limit:
            return f"has {len(text)} characters, at most {limit} are allowed"
        if len(text) < min_length:
            return "must not be empty" if min_length == 1 else f"must have at least {min_length} characters"
        return None

    return _Condition(f"{min_length} <= len(x) <= {limit}" if min_length else f"len(x) <= {limit}", explain)


def without(forbidden: str) -> Rule:
    """The text has none of these characters."""
    pattern = re.compile(f"[{re.escape(forbidden)}]")

    def explain(text: str) -> str | None:
        found = pattern.search(text)
        if found is None:
            return None
        return f"has {found.group()} at position {found.start() + 1}; the API forbids {' '.join(forbidden)} here"

    return _Condition(" and ".join(f"{character!r} not in x" for character in forbidden), explain)


def matching(pattern: str, meaning: str) -> Rule:
    """The whole text matches; `meaning` completes "must be ..."."""
    compiled = re.compile(pattern)

    def explain(text: str) -> str | None:
        return None if compiled.fullmatch(text) else f"must be {meaning}"

    return _Condition("helper(x)", explain, compiled.fullmatch)


def between(minimum: int, maximum: int) -> Rule:
    """The number is neither smaller nor larger."""

    def explain(number: int) -> str | None:
        return None if minimum <= number <= maximum else f"must be from {minimum} to {maximum}, is {number}"

    return _Condition(f"{minimum} <= x <= {maximum}", explain)


_COUNTRY = re.compile(r"[A-Z]{3}")


def _has_time_zone(moment: datetime) -> str | None:
    return None if moment.utcoffset() is not None else "needs a time zone, e.g. datetime(..., tzinfo=UTC)"


def _valid_quantity(quantity: Decimal) -> str | None:
    if not quantity.is_finite() or not _ZERO <= quantity <= _MAX_QUANTITY:
        return f"must be a number from 0 to {INT32}"
    if len(str(quantity)) > DOUBLE_DIGITS and _significant_digits(quantity) > DOUBLE_DIGITS:
        return f"has more than {DOUBLE_DIGITS} digits, more than the API can hold"
    return None


def _significant_digits(number: Decimal) -> int:
    return len("".join(map(str, number.as_tuple().digits)).rstrip("0"))


def _explain_country(code: str) -> str | None:
    if _COUNTRY.fullmatch(code):
        return None
    from nexi_async.reference import countries  # a long table, read only to name the right code

    meant = countries.look_up(code)
    example = "e.g. SWE" if meant is None else f"here {meant.alpha3} ({meant.name})"
    return f"must be a three-letter ISO 3166 code in capitals, {example}"


# --- vocabulary: the limits of the official field tables --------------------------------------------------------------

INT32 = 2**31 - 1
DOUBLE_DIGITS = 15
_ZERO, _MAX_QUANTITY = Decimal(0), Decimal(INT32)
SPECIAL = "<>'\"&\\"
ITEM_SPECIAL = "<>\\"
URL_SPECIAL = "<>'\"\\"

_int32 = between(-INT32 - 1, INT32)

Amount = Annotated[int, _int32]
"""Minor units (12500 = 125.00 SEK), a whole number that fits 32 bits; may be negative on discount lines."""
NotNegative = Annotated[int, between(0, INT32)]
"""A whole number from 0."""
Positive = Annotated[int, between(1, INT32)]
"""Minor units, more than nothing."""
Rate = Annotated[int, between(0, 99_999)]
"""Percent x 100: 2500 is 25 %."""
Quantity = Annotated[Decimal, _valid_quantity]
"""How many; a Decimal, since the API takes fractions such as 0.333."""
Currency = Annotated[str, matching(r"[A-Z]{3}", "a three-letter ISO 4217 code in capitals, e.g. SEK")]
CountryCode = Annotated[str, _Condition("helper(x)", _explain_country, _COUNTRY.fullmatch)]
ItemText = Annotated[str, max_length(128), without(ITEM_SPECIAL)]
Text = Annotated[str, max_length(128), without(SPECIAL)]
PlainText = Annotated[str, max_length(128)]
Name = Annotated[str, max_length(128, min_length=1), without(SPECIAL)]
MyReference = Annotated[str, max_length(36), without(SPECIAL)]
Url = Annotated[str, max_length(256, min_length=1), without(URL_SPECIAL)]
MerchantNumber = Annotated[str, matching(r"[0-9]{1,18}", "digits only")]
Email = Annotated[str, max_length(128), matching(r"[^@\s]+@[^@\s]+", "an e-mail address")]


# --- whether and what -------------------------------------------------------------------------------------------------


class CheckedOnce:
    """The base of models that are checked on their own, and again inside the request: a sound one remembers it.

    What is frozen does not change, so that a second check would find nothing new. The mark names the model by whose
    rules it was given; copies don't have it, whether by `attrs.evolve`, `copy` or `pickle`.
    """

    __slots__ = ("_sound_as",)
    _sound_as: type


def check(request: object) -> None:
    """Raise `InvalidRequest` with every fault of the request, or return."""
    if found := faults(request):
        raise InvalidRequest(found)


def is_sound(request: object) -> bool:
    """Whether the request has no faults."""
    model: Any = type(request)
    return _compiled(model)(request)


def faults(request: object) -> list[Fault]:
    """Every breach of the rules in a request model, with its JSON path."""
    model: Any = type(request)
    return [] if _compiled(model)(request) else _faults_of_model(request, model, "")


# --- the walk ---------------------------------------------------------------------------------------------------------


def _faults_of_model(value: Any, model: type[attrs.AttrsInstance], path: str) -> list[Fault]:
    if not isinstance(value, model):
        return [Fault(path, f"must be {_with_article(model.__name__)}, is {_type_of(value)}")]
    prefix = f"{path}." if path else ""
    found = [
        fault for name, wire, hint in _members(model) for fault in _faults_of(getattr(value, name), hint, prefix + wire)
    ]
    own_faults = getattr(model, "_own_faults", None)
    if found or own_faults is None:
        return found
    return [Fault(prefix + where, text) for where, text in own_faults(value)]


@functools.cache
def _members(model: type[attrs.AttrsInstance]) -> Sequence[tuple[str, str, Any]]:
    """The members that travel: name, name on the wire, and annotation."""
    hints = typing.get_type_hints(model, include_extras=True)
    names = ((attribute.name, wire_name(attribute)) for attribute in attrs.fields(model))
    return [(name, wire, hints[name]) for name, wire in names if wire is not None]


def _faults_of(value: Any, hint: Any, path: str) -> list[Fault]:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _faults_of_scalar(value, typing.get_args(hint)[0], path, hint.__metadata__)
    if (inner := without_none(hint)) is not hint:
        return [] if value is None else _faults_of(value, inner, path)
    if origin is tuple:
        kind = typing.get_args(hint)[0]
        return [fault for index, item in enumerate(value) for fault in _faults_of(item, kind, f"{path}[{index}]")]
    return _faults_of_model(value, hint, path) if attrs.has(hint) else _faults_of_scalar(value, hint, path)


def _faults_of_scalar(value: Any, kind: Any, path: str, rules: Sequence[Rule] = ()) -> list[Fault]:
    if not (isinstance(value, kind) if _is_open(kind) else type(value) is kind):
        expected = _TYPE_NAMES.get(kind) or _with_article(kind.__name__)
        return [Fault(path, f"must be {expected}, is {_type_of(value)}")]
    texts = [rule(value) for rule in (*_TYPE_RULES.get(kind, ()), *rules)]
    return [Fault(path, text) for text in texts if text is not None]


def _is_open(kind: type) -> bool:
    """Whether a subclass will do; a bool that passes for an int will not."""
    return issubclass(kind, str | datetime)


def _encodable(text: str) -> str | None:
    if text.isascii() or not _SURROGATE.search(text):
        return None
    return "has half of a surrogate pair, which is no character"


_SURROGATE = re.compile("[\ud800-\udfff]")
_TYPE_RULES: dict[type, tuple[Rule, ...]] = {
    str: (_Condition("(x.isascii() or not helper(x))", _encodable, _SURROGATE.search),),
    datetime: (_has_time_zone,),
}

_TYPE_NAMES: dict[type, str] = {
    int: "a whole number (int)",
    str: "text (str)",
    bool: "True or False",
    Decimal: "a Decimal",
    datetime: "a datetime",
}


def _type_of(value: object) -> str:
    return "missing" if value is None else _with_article(type(value).__name__)


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiouAEIOU" else f"a {noun}"


# --- the compiled predicate ------------------------------------------------------------------------------------------

Predicate = Callable[[Any], bool]


@functools.cache
def _compiled(model: type[attrs.AttrsInstance]) -> Predicate:
    """Whether a value is this model and keeps all its rules, as one function without a loop over members."""
    source = _Source()
    name, is_marked = source.name(model), issubclass(model, CheckedOnce)
    lines = [f"if getattr(value, '_sound_as', None) is {name}: return True"] if is_marked else []
    lines.append(f"if not isinstance(value, {name}): return False")
    for member, _, hint in _members(model):
        lines += [f"x = value.{member}", f"if not ({source.condition(hint)}): return False"]
    own_faults = getattr(model, "_own_faults", None)
    if own_faults is not None:
        lines.append(f"for _ in {source.name(own_faults)}(value): return False")
    if is_marked:
        lines.append(f"{source.name(object.__setattr__)}(value, '_sound_as', {name})")
    return source.compiled([*lines, "return True"])


class _Source:
    """Conditions as Python source, and what their names stand for."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def compiled(self, lines: Sequence[str]) -> Predicate:
        """A function of `value` with this body."""
        body = "".join(f"\n  {line}" for line in lines)
        exec(f"def predicate(value):{body}", self.names)  # noqa: S102 - from annotations alone, never from values
        return cast("Predicate", self.names["predicate"])

    def name(self, value: object) -> str:
        """A name of its own for a value."""
        name = f"v{len(self.names)}"
        self.names[name] = value
        return name

    def condition(self, hint: Any) -> str:
        """True if `x` is what the annotation says."""
        origin = typing.get_origin(hint)
        if origin is Annotated:
            return self._scalar(typing.get_args(hint)[0], hint.__metadata__)
        if (inner := without_none(hint)) is not hint:
            return f"x is None or ({self.condition(inner)})"
        if origin is tuple:
            return f"{self.name(_each_sound(typing.get_args(hint)[0]))}(x)"
        return self._model(hint) if attrs.has(hint) else self._scalar(hint, ())

    def _model(self, model: type[attrs.AttrsInstance]) -> str:
        mark = f"getattr(x, '_sound_as', None) is {self.name(model)} or " if issubclass(model, CheckedOnce) else ""
        return f"({mark}{self.name(_compiled(model))}(x))"

    def _scalar(self, kind: Any, rules: Sequence[Rule]) -> str:
        name = self.name(kind)
        is_kind = f"isinstance(x, {name})" if _is_open(kind) else f"type(x) is {name}"
        return " and ".join([is_kind, *map(self._rule, (*_TYPE_RULES.get(kind, ()), *rules))])

    def _rule(self, rule: Rule) -> str:
        if not isinstance(rule, _Condition):
            return f"{self.name(rule)}(x) is None"
        return rule.source if rule.helper is None else rule.source.replace("helper", self.name(rule.helper))


def _each_sound(hint: Any) -> Predicate:
    source = _Source()
    return source.compiled(["for x in value:", f"  if not ({source.condition(hint)}): return False", "return True"])
