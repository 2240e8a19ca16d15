"""The scenario of an order is chosen by its place, so that every action occurs."""

from __future__ import annotations

from collections import Counter

from nexi_async._demo.orders import read_orders, sample_orders
from nexi_async._demo.scenarios import Scenario, ShopAction, scenario_for
from nexi_async.reference.sandbox import Behaviour, look_up


def sample_scenarios() -> list[tuple[str, Scenario]]:
    """The currencies of the sample with the scenarios of its orders."""
    currencies = [entry.order.currency for entry in read_orders(sample_orders())]
    return [(currency, scenario_for(place, currency)) for place, currency in enumerate(currencies)]


def behaviour_of(number: str) -> Behaviour:
    """What a test card does."""
    card = look_up(number)
    assert card is not None
    return card.behaviour


def test_the_sample_has_every_action_twice() -> None:
    """25 orders go through all twelve actions at least twice."""
    counts = Counter(scenario.action for _, scenario in sample_scenarios())

    assert all(counts[action] >= 2 for action in ShopAction)


def test_some_orders_in_kronor_are_paid_with_swish() -> None:
    """Swish appears, and for SEK alone."""
    currencies = {currency for currency, scenario in sample_scenarios() if scenario.method == "Swish"}

    assert currencies == {"SEK"}


def test_some_shoppers_need_a_second_card() -> None:
    """A declined card is always followed by one that is not."""
    tries = [scenario.cards for _, scenario in sample_scenarios() if len(scenario.cards) > 1]

    assert len(tries) >= 3
    assert all(behaviour_of(first) is Behaviour.RESERVATION_FAILS for first, _ in tries)
    assert all(behaviour_of(second) is not Behaviour.RESERVATION_FAILS for _, second in tries)


def test_the_card_fits_the_action() -> None:
    """A declined charge or refund uses the test card that causes it."""
    last_cards = {
        scenario.action: behaviour_of(scenario.cards[-1]) for _, scenario in sample_scenarios() if scenario.cards
    }

    assert last_cards[ShopAction.CHARGE_REFUSED] is Behaviour.CHARGE_FAILS
    assert last_cards[ShopAction.REFUND_FAILED] is Behaviour.REFUND_FAILS
    assert last_cards[ShopAction.CANCELLED] is Behaviour.SUCCEEDS
