"""What becomes of each order: how its shopper pays and what the shop does next, decided by its place in the file.

Twelve endings follow each other round and round, so that 25 orders show every one of them twice.
"""

from __future__ import annotations

import enum

import attrs

from nexi_async.reference.sandbox import CARDS, Behaviour

__all__ = ["Ending", "Story", "story_of"]


class Ending(enum.Enum):
    """What the shop does once the shopper is done."""

    CHARGED = "charge it all"
    CHARGED_IN_PARTS = "charge it in two parts"
    REFUNDED = "charge it all, give it all back"
    PARTLY_REFUNDED = "charge it all, give a line back"
    CANCELLED = "release it all"
    PARTLY_CHARGED = "charge a part, release the rest"
    REFUND_STOPPED = "charge it all, stop the refund while it is pending"
    RESERVED = "leave it reserved"
    CHARGE_REFUSED = "try to charge it, release it once the acquirer says no"
    REFUND_FAILED = "charge it all, ask for a refund that the acquirer refuses"
    ABANDONED = "end the session that the shopper walked away from"
    PARTLY_SHIPPED = "charge a part, leave the rest reserved"


@attrs.frozen
class Story:
    """One order's fate.

    Attributes:
        ending: what the shop does.
        cards: the cards that the shopper tries, one after the other.
        method: another way to pay, which charges at once; None for cards.
    """

    ending: Ending
    cards: tuple[str, ...]
    method: str | None = None


_ENDINGS = tuple(Ending)
_SWISH_ENDINGS = {Ending.CHARGED, Ending.REFUNDED}
_BEHAVIOURS = {Ending.CHARGE_REFUSED: Behaviour.CHARGE_FAILS, Ending.REFUND_FAILED: Behaviour.REFUND_FAILS}
_DECLINED_AT = 3
_DECLINED_EVERY = 5


def story_of(place: int, currency: str) -> Story:
    """The fate of the order at this place of the file, counted from 0."""
    ending = _ENDINGS[place % len(_ENDINGS)]
    if ending in _SWISH_ENDINGS and currency == "SEK":
        return Story(ending, cards=(), method="Swish")
    card = _card(_BEHAVIOURS.get(ending, Behaviour.SUCCEEDS), place)
    if place % _DECLINED_EVERY == _DECLINED_AT:
        return Story(ending, cards=(_card(Behaviour.RESERVATION_FAILS, place), card))
    return Story(ending, cards=(card,))


def _card(behaviour: Behaviour, place: int) -> str:
    numbers = [card.number for card in CARDS.values() if card.behaviour is behaviour]
    return numbers[place % len(numbers)]
