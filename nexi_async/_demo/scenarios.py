"""The scenario of each order: how its shopper pays and what the shop does next, chosen by its place in the file.

The twelve actions repeat in turn, so that 25 orders show each of them at least twice.
"""

import enum

import attrs

from nexi_async.reference.sandbox import CARDS, Behaviour


class ShopAction(enum.Enum):
    """What the shop does after the checkout."""

    CHARGED = "charge it all"
    CHARGED_IN_PARTS = "charge it in two parts"
    REFUNDED = "charge it all, refund it all"
    PARTLY_REFUNDED = "charge it all, refund one item"
    CANCELLED = "cancel the reservation"
    PARTLY_CHARGED = "charge a part, cancel the rest"
    REFUND_CANCELLED = "charge it all, cancel the refund while it is pending"
    RESERVED = "leave it reserved"
    CHARGE_REFUSED = "try to charge it, cancel it when the acquirer declines"
    REFUND_FAILED = "charge it all, request a refund that the acquirer declines"
    ABANDONED = "terminate the payment that the shopper abandoned"
    PARTLY_SHIPPED = "charge a part, leave the rest reserved"


@attrs.frozen
class Scenario:
    """What happens to one order.

    Attributes:
        cards: the cards that the shopper tries, one after the other; none if they abandon the page.
        method: another way to pay, which charges at once; None for cards.
    """

    action: ShopAction
    cards: tuple[str, ...] = ()
    method: str | None = None


_ACTIONS = tuple(ShopAction)
_SWISH_ACTIONS = {ShopAction.CHARGED, ShopAction.REFUNDED}
_BEHAVIOURS = {ShopAction.CHARGE_REFUSED: Behaviour.CHARGE_FAILS, ShopAction.REFUND_FAILED: Behaviour.REFUND_FAILS}
_DECLINED_AT = 3
_DECLINED_EVERY = 5


def scenario_for(place: int, currency: str) -> Scenario:
    """The scenario of the order at this place of the file, counted from 0."""
    action = _ACTIONS[place % len(_ACTIONS)]
    if action in _SWISH_ACTIONS and currency == "SEK":
        return Scenario(action, method="Swish")
    if action is ShopAction.ABANDONED:
        return Scenario(action)
    card = card_number(_BEHAVIOURS.get(action, Behaviour.SUCCEEDS), place)
    if place % _DECLINED_EVERY == _DECLINED_AT:
        return Scenario(action, cards=(card_number(Behaviour.RESERVATION_FAILS, place), card))
    return Scenario(action, cards=(card,))


def card_number(behaviour: Behaviour, place: int = 0) -> str:
    """A test card that behaves so; other places of the file have other cards."""
    numbers = [card.number for card in CARDS.values() if card.behaviour is behaviour]
    return numbers[place % len(numbers)]
