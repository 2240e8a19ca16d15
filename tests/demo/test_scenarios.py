"""What becomes of an order is decided by its place, so that every kind of ending shows."""

from __future__ import annotations

from collections import Counter

from nexi_async._demo.orders import read_orders, sample_orders
from nexi_async._demo.scenarios import Ending, Story, story_of
from nexi_async.reference.sandbox import Behaviour, look_up


def sample_stories() -> list[tuple[str, Story]]:
    """The currencies of the sample with the stories of its orders."""
    currencies = [entry.order.currency for entry in read_orders(sample_orders())]
    return [(currency, story_of(place, currency)) for place, currency in enumerate(currencies)]


def behaviour_of(number: str) -> Behaviour:
    """What a test card does."""
    card = look_up(number)
    assert card is not None
    return card.behaviour


def test_the_sample_has_every_ending_twice() -> None:
    """25 orders go through all twelve endings two times."""
    counts = Counter(story.ending for _, story in sample_stories())

    assert all(counts[ending] >= 2 for ending in Ending)


def test_some_orders_in_kronor_are_paid_with_swish() -> None:
    """Swish appears, and for SEK alone."""
    currencies = {currency for currency, story in sample_stories() if story.method == "Swish"}

    assert currencies == {"SEK"}


def test_some_shoppers_need_a_second_card() -> None:
    """A declined card is always followed by one that is not."""
    tries = [story.cards for _, story in sample_stories() if len(story.cards) > 1]

    assert len(tries) >= 3
    assert all(behaviour_of(first) is Behaviour.RESERVATION_FAILS for first, _ in tries)
    assert all(behaviour_of(second) is not Behaviour.RESERVATION_FAILS for _, second in tries)


def test_the_card_fits_the_ending() -> None:
    """An acquirer that is to refuse a charge or a refund gets a card that makes it do so."""
    last_cards = {story.ending: behaviour_of(story.cards[-1]) for _, story in sample_stories() if story.cards}

    assert last_cards[Ending.CHARGE_REFUSED] is Behaviour.CHARGE_FAILS
    assert last_cards[Ending.REFUND_FAILED] is Behaviour.REFUND_FAILS
    assert last_cards[Ending.CANCELLED] is Behaviour.SUCCEEDS
