"""Tests of nexi_async._models.rules: the compiled answer and the walk that explains it are of one mind."""

from __future__ import annotations

import copy
import functools
import importlib
import pickle
import pkgutil
import re
import typing
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import _models as models
from nexi_async._errors import InvalidRequest
from nexi_async._models import rules
from nexi_async._models.order import Order, OrderItem
from nexi_async._models.rules import between, matching, max_length, without
from nexi_async.batch._job import ChargeJob

LENGTHS = (0, 1, 4, 5, 12, 13, 20, 21, 36, 37, 63, 64, 65, 128, 129, 255, 256, 257)
TEXTS = [
    *("a" * length for length in LENGTHS),
    *("1" * length for length in (1, 2, 3, 4, 5, 12, 16, 18, 19)),
    *(f"a{character}b" for character in "<>'\"&\\ \n\u00e5\u0000\U0001f9e6"),
    *("SEK", "sek", "SWE", "+46", "+4600", "12345", "a@b.test", "a@b@c", "4711", "123", "2030", "01", "12", "13"),
    *(
        "https://shop.test/x",
        "http://shop.test",
        "https://",
        "http://127.0.0.1:8000/x",
        "https://[",
        "sv-SE",
        "Reserve",
    ),
    *("half \ud83d", "payment.created", "abcd1234abcd1234", "pay", "B2C", "purchase", "HostedPaymentPage"),
]
NUMBERS = [1, 0, -1, 2, -(2**31) - 1, -(2**31), 99_999, 100_000, 2**31 - 1, 2**31, 10**30, True, False]
OTHERS = [
    *(None, 1.5, b"bytes", (), [], {}, object(), (1,), ("a",)),
    *map(Decimal, ("0", "1", "0.333", "-1", "2147483647", "2147483648", "NaN", "Infinity", "1.0000000000000001")),
    *(datetime(2026, 9, 14, tzinfo=UTC), datetime(2026, 9, 14)),  # noqa: DTZ001 - to be refused
]
VALUES: list[Any] = [*TEXTS, *NUMBERS, *OTHERS]


def walked(value: Any) -> bool:
    """Whether the walk finds nothing."""
    return not rules._faults_of_model(value, type(value), "")


def are_of_one_mind(value: object) -> bool:
    """Whether the answer is yes exactly if the walk finds nothing; what can't be walked to its end is not sound."""
    said, found = outcome(rules.is_sound, value), outcome(walked, value)
    return said == found or (said is False and isinstance(found, type))


def outcome(ask: Any, value: object) -> bool | type[Exception]:
    """What is said of a value, or how saying it fails."""
    try:
        return bool(ask(value))
    except (AttributeError, TypeError, ValueError) as error:
        return type(error)


def models_of_requests() -> Iterator[type[attrs.AttrsInstance]]:
    """Every model that has only what a request may have, private ones too."""
    for module in pkgutil.iter_modules(models.__path__, "nexi_async._models."):
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and attrs.has(value)
                and value.__module__ != rules.__name__
                and is_walkable(value)
            ):
                yield value
    yield ChargeJob


def is_walkable(model: type[attrs.AttrsInstance]) -> bool:
    """Whether the walk knows the kinds of all members."""
    try:
        rules._compiled(model)
    except (AttributeError, NameError, TypeError):
        return False
    return True


MODELS = list(dict.fromkeys(models_of_requests()))


@functools.cache
def sound(model: type[attrs.AttrsInstance]) -> Any:
    """An instance that breaks no rule of a single member."""
    hints = typing.get_type_hints(model, include_extras=True)
    values = {
        attribute.name.lstrip("_"): sound_value(hints[attribute.name])
        for attribute in attrs.fields(model)
        if attribute.init
    }
    return model(**values)


def sound_value(hint: Any) -> Any:
    """A value for a member, not None if there is another."""
    for part in typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,):
        if attrs.has(part):
            return sound(part)
        if typing.get_origin(part) is tuple:
            return (sound_value(typing.get_args(part)[0]),)
        if part is not type(None):
            return next(value for value in candidates(part) if is_sound_scalar(part, value))
    return None


def candidates(kind: Any) -> Iterator[object]:
    """Values among which a member of this kind finds one."""
    yield from VALUES
    yield date(2026, 9, 14)
    if isinstance(kind, type) and issubclass(kind, str):  # an enumeration, open or not
        yield from (kind(value) for value in vars(kind).values() if isinstance(value, str) and value.isidentifier())


def is_sound_scalar(hint: Any, value: object) -> bool:
    """Whether the walk finds nothing wrong with a single value."""
    return not rules._faults_of(value, hint, "")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_answer_and_walk_agree_on_every_member(model: type[attrs.AttrsInstance]) -> None:
    """Whatever stands in a member of a model that is sound otherwise, the answer is yes exactly if nothing is found."""
    for attribute in attrs.fields(model):
        for value in VALUES:
            changed = with_member(sound(model), attribute.name, value)
            assert are_of_one_mind(changed), (attribute.name, value)


def with_member(instance: Any, name: str, value: object) -> Any:
    """A copy with another value in a member, past all converters."""
    changed = copy.copy(instance)
    object.__setattr__(changed, name, value)
    return changed


@given(model=st.sampled_from(MODELS), data=st.data())
def test_answer_and_walk_agree_on_any_instance(model: type[attrs.AttrsInstance], data: st.DataObject) -> None:
    """However many members are wrong at once, deep inside or not, both come to the same end."""
    changed = sound(model)
    for attribute in attrs.fields(model):
        kept = getattr(changed, attribute.name)
        values = st.just(kept) | st.just(None) | st.sampled_from(VALUES) | st.text() | st.integers()
        if attrs.has(type(kept)):
            values = values | inner(kept)
        elif isinstance(kept, tuple) and kept and attrs.has(type(kept[0])):
            values = values | st.lists(inner(kept[0]), max_size=40).map(tuple)
        changed = with_member(changed, attribute.name, data.draw(values))
    assert are_of_one_mind(changed)


def inner(instance: Any) -> st.SearchStrategy[Any]:
    """An instance within another, with one member changed at most."""
    names = [attribute.name for attribute in attrs.fields(type(instance))]
    return st.just(instance) | st.builds(
        with_member, st.just(instance), st.sampled_from(names), st.sampled_from(VALUES)
    )


def test_there_are_sound_ones_among_them() -> None:
    """The tests above compare more than refusals."""
    assert [model for model in MODELS if walked(sound(model))]
    assert len(MODELS) > 25


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (max_length(5), st.text(max_size=8)),
        (max_length(5, min_length=2), st.text(max_size=8)),
        (without("<>\\"), st.text("ab<>\\'\"{}%")),
        (without("'\"&{}"), st.text("ab<>\\'\"&{}%")),
        (between(-3, 7), st.integers(-10, 10)),
        (matching("[a-z]+", "lower"), st.text("abAB\n", max_size=5)),
    ],
)
@given(data=st.data())
def test_a_rule_is_its_condition(rule: Any, values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    """The source of a rule is true exactly if the rule has nothing to say."""
    value = data.draw(values)
    is_kept = eval(rule.source, {"x": value, "helper": rule.helper})
    assert bool(is_kept) is (rule(value) is None)


@attrs.frozen
class Plain:
    """A model with a rule that is a plain function."""

    name: Annotated[str, lambda text: None if text == text.strip() else "has blanks around it"]


@pytest.mark.parametrize(("name", "expected"), [("a", True), (" a", False), (1, False), (None, False)])
def test_a_rule_that_is_a_plain_function(name: Any, expected: bool) -> None:
    """Rules need not have source; they are called then."""
    assert rules.is_sound(Plain(name)) is expected
    assert walked(Plain(name)) is expected


@attrs.frozen(kw_only=True)
class LaxItem(OrderItem):
    """A line whose name follows another rule."""

    name: str


def test_a_sound_model_is_checked_once() -> None:
    """It remembers by whose rules it was found sound, which takes no part in what it equals."""
    item = OrderItem.of(reference="A", name="B", unit_price=1)
    assert item._sound_as is OrderItem
    assert item == attrs.evolve(item)
    assert hash(item) == hash(attrs.evolve(item))


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, attrs.evolve, lambda item: pickle.loads(pickle.dumps(item))],
    ids=["copy", "deepcopy", "evolve", "pickle"],
)
def test_a_copy_is_checked_again(copied: Any) -> None:
    """What may differ from what was found sound is not taken for it."""
    changed = copied(OrderItem.of(reference="A", name="B", unit_price=1))
    object.__setattr__(changed, "name", "<")
    assert not rules.is_sound(changed)


def test_an_unsound_model_is_refused_every_time() -> None:
    """Only soundness is remembered."""
    item = OrderItem.of(reference="A", name="B", unit_price=1)
    bad = attrs.evolve(item, name="<")
    assert [rules.is_sound(bad), rules.is_sound(bad)] == [False, False]
    order = Order(items=(bad,), amount=1, currency="SEK")
    assert not rules.is_sound(order)


def test_a_subclass_is_checked_by_the_rules_of_where_it_stands() -> None:
    """A line that is sound by the rules of its own class is no sound line of an order for that."""
    lax = LaxItem.of(reference="A", name="<", unit_price=1)
    assert rules.is_sound(lax)
    assert not rules.is_sound(Order(items=(lax,), amount=1, currency="SEK"))


def test_a_subclass_of_text_is_text() -> None:
    """An enumeration of texts will do; a bool is no number."""

    class Shout(str):
        __slots__ = ()

    item = OrderItem.of(reference=Shout("A"), name=Shout("B"), unit_price=1)
    rules.check(item)
    with pytest.raises(InvalidRequest, match=re.escape("taxRate: must be a whole number (int), is a bool")):
        rules.check(attrs.evolve(item, tax_rate=True))
