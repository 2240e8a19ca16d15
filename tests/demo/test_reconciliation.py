"""Three accounts agree only if they say the same of every payment."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._demo.reconciliation import UNTOUCHED, WITNESSES, Standing, Total, compare, state_of

CHARGED = Standing.of("SEK", reserved=12500, charged=12500, refunded=0, cancelled=0)
REFUNDED = Standing.of("SEK", reserved=12500, charged=12500, refunded=12500, cancelled=0)
LABELS = {"p1": "A-1", "p2": "A-2"}


def test_the_same_thrice_is_agreement() -> None:
    """Equal columns agree, and no payment is a difference."""
    column = {"p1": CHARGED, "p2": REFUNDED}
    verdict = compare(sdk=column, webhooks=column, books=column, labels=LABELS)

    assert verdict.agrees
    assert verdict.differences == ()
    assert [(line.payment_id, line.label) for line in verdict.lines] == [("p1", "A-1"), ("p2", "A-2")]


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize(
    "change",
    [
        {"charged": 12499},
        {"refunded": 1},
        {"cancelled": 1},
        {"reserved": 1},
        {"currency": "NOK"},
        {"state": "reserved"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_witness_off_by_anything_is_a_difference(witness: str, change: dict[str, Any]) -> None:
    """Whichever column is off, and in whatever, it is found at its payment."""
    columns = {name: {"p1": CHARGED, "p2": REFUNDED} for name in WITNESSES}
    columns[witness]["p1"] = attrs.evolve(CHARGED, **change)
    verdict = compare(sdk=columns["sdk"], webhooks=columns["webhooks"], books=columns["books"], labels=LABELS)

    assert not verdict.agrees
    assert [line.label for line in verdict.differences] == ["A-1"]


def test_a_charge_that_only_the_books_know_is_a_difference() -> None:
    """A second charge that nobody noted is a payment of its own, and is found."""
    column = {"p1": CHARGED}
    verdict = compare(sdk=column, webhooks=column, books=column | {"p9": CHARGED}, labels=LABELS)

    assert [(line.payment_id, line.label) for line in verdict.differences] == [("p9", "not the shop's")]


def test_a_payment_without_money_needs_no_witness() -> None:
    """A session that ended before any money moved is the same as one that a witness never heard of."""
    unpaid = Standing.of("SEK", reserved=0, charged=0, refunded=0, cancelled=0)
    verdict = compare(sdk={"p1": unpaid}, webhooks={}, books={"p1": unpaid}, labels=LABELS)

    assert unpaid == UNTOUCHED
    assert verdict.agrees


@pytest.mark.parametrize(
    ("reserved", "charged", "refunded", "cancelled", "state"),
    [
        (0, 0, 0, 0, "unpaid"),
        (100, 0, 0, 0, "reserved"),
        (100, 40, 0, 0, "partly charged"),
        (100, 40, 0, 60, "partly charged"),
        (100, 100, 0, 0, "charged"),
        (0, 100, 0, 0, "charged"),
        (100, 100, 30, 0, "partly refunded"),
        (100, 40, 40, 0, "partly refunded"),
        (100, 100, 100, 0, "refunded"),
        (0, 100, 100, 0, "refunded"),
        (100, 0, 0, 100, "cancelled"),
    ],
)
def test_the_state_follows_from_the_money(
    reserved: int, charged: int, refunded: int, cancelled: int, state: str
) -> None:
    """The rules hold for methods that reserve and for those that charge at once."""
    assert state_of(reserved=reserved, charged=charged, refunded=refunded, cancelled=cancelled) == state


@given(st.lists(st.tuples(st.sampled_from(["SEK", "EUR"]), st.integers(1, 1000), st.integers(0, 1000)), max_size=20))
def test_totals_lose_nothing(payments: list[tuple[str, int, int]]) -> None:
    """What the groups of a witness add up to is what its payments add up to."""
    column = {
        str(place): Standing.of(currency, reserved=0, charged=charged, refunded=min(charged, refunded), cancelled=0)
        for place, (currency, charged, refunded) in enumerate(payments)
    }
    totals = compare(sdk=column, webhooks={}, books=column, labels={}).totals()

    assert sum(group["sdk"].kept for group in totals.values()) == sum(entry.kept for entry in column.values())
    assert sum(group["books"].payments for group in totals.values()) == len(column)
    assert all(group["webhooks"] == Total() for group in totals.values())
