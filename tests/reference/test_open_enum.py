"""Open enumerations keep what they do not know and forgive how it is spelt."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.reference.open_enum import OpenEnum, normalise
from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.reference.states import BulkItemStatus, BulkStatus, PaymentAction, RefundState

ALL_ENUMS = (PaymentType, PaymentMethod, RefundState, BulkStatus, BulkItemStatus, PaymentAction)
MEMBERS: list[OpenEnum] = [member for enum in ALL_ENUMS for member in enum]


def described(payment_type: PaymentType) -> str:
    """What a user's `match` makes of a payment type."""
    match payment_type:
        case PaymentType.CARD:
            return "a card"
        case PaymentType() if not payment_type.is_known:
            return f"new: {payment_type}"
        case _:
            return "something else"


@st.composite
def respelt(draw: st.DrawFn) -> tuple[OpenEnum, str]:
    """A member, and its value with case changed and separators strewn in."""
    member = draw(st.sampled_from(MEMBERS))
    letters = [draw(st.sampled_from([c.lower(), c.upper()])) for c in normalise(member.value)]
    return member, "".join(c + draw(st.sampled_from(["", "-", "_", "-_"])) for c in letters)


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_a_known_value_is_its_member(member: OpenEnum) -> None:
    """The text on the wire leads to the one member, which is known and equals that text."""
    assert type(member)(str(member.value)) is member
    assert member.is_known
    assert member == member.value
    assert str(member) == member.value


@given(respelt())
def test_spelling_is_forgiven(case: tuple[OpenEnum, str]) -> None:
    """Case, hyphens and underscores make no difference to which member is found."""
    member, text = case
    assert type(member)(text) is member


def test_the_spellings_seen_in_the_wild_are_found() -> None:
    """The variants that official code and recorded answers use lead to the same members."""
    assert PaymentType("A2a") is PaymentType.A2A
    assert PaymentType("PREPAID_INVOICE") is PaymentType.PREPAID_INVOICE
    assert PaymentMethod("Mastercard") is PaymentMethod.MASTERCARD
    assert PaymentMethod("SWISH") is PaymentMethod.SWISH


def unlisted(text: str) -> bool:
    """Whether no spelling of a payment type is this text."""
    return normalise(text) not in {normalise(member.value) for member in PaymentType}


@given(st.text().filter(unlisted))
def test_an_unknown_value_is_kept_as_received(text: str) -> None:
    """Whatever the text, an unlisted value equals it, hashes like it and says that it is unknown."""
    value = PaymentType(text)
    assert isinstance(value, PaymentType)
    assert not value.is_known
    assert value == value.value == value.name == str(value) == text
    assert hash(value) == hash(text)
    assert value not in set(PaymentType)


def test_two_lookups_of_an_unknown_value_are_equal() -> None:
    """An unknown value works as a key, though it is made anew each time."""
    assert {PaymentType("Blik"): 1}[PaymentType("Blik")] == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_what_a_value_is(protocol: int) -> None:
    """A member comes back as the same member, an unknown value as an equal one of its class."""
    assert pickle.loads(pickle.dumps(PaymentType.PREPAID_INVOICE, protocol)) is PaymentType.PREPAID_INVOICE
    back = pickle.loads(pickle.dumps(PaymentType("Blik"), protocol))
    assert (type(back), back, back.is_known) == (PaymentType, "Blik", False)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copying_keeps_what_a_value_is(copied: Callable[[PaymentType], PaymentType]) -> None:
    """Copies of a member are the member; copies of an unknown value are still unknown."""
    assert copied(PaymentType.CARD) is PaymentType.CARD
    assert copied(PaymentType("Blik")) == "Blik"
    assert not copied(PaymentType("Blik")).is_known


def test_match_tells_members_and_unknown_values_apart() -> None:
    """A `match` statement can name members and ask for unknown values."""
    assert [described(PaymentType(t)) for t in ("card", "Blik", "WALLET")] == [
        "a card",
        "new: Blik",
        "something else",
    ]


def test_unknown_values_are_not_remembered() -> None:
    """A stream of ever new values leaves nothing behind."""
    forgotten = [weakref.ref(PaymentType(f"new-{n}")) for n in range(1000)]
    gc.collect()
    assert not any(value() for value in forgotten)
    assert len(PaymentType) == 6


@pytest.mark.parametrize("value", [None, 5, True, b"CARD", ["CARD"]])
def test_only_text_is_a_value(value: object) -> None:
    """Anything but text is refused as any enum refuses it."""
    with pytest.raises(ValueError, match="is not a valid PaymentType"):
        PaymentType(value)  # type: ignore[arg-type]


def test_repr_tells_an_unknown_value() -> None:
    """In a log line an unknown value looks different from a member."""
    assert repr(PaymentType.CARD) == "<PaymentType.CARD: 'CARD'>"
    assert repr(PaymentType("Blik")) == "<PaymentType unknown: 'Blik'>"
