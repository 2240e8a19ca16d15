"""The sources agree only if they report the same for every payment."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._demo.reconciliation import SOURCES, UNTOUCHED, PaymentBalance, Total, reconcile

CHARGED = PaymentBalance.of("SEK", reserved=12500, charged=12500, refunded=0, cancelled=0)
REFUNDED = PaymentBalance.of("SEK", reserved=12500, charged=12500, refunded=12500, cancelled=0)
LABELS = {"p1": "A-1", "p2": "A-2"}


def test_equal_sources_agree() -> None:
    """Equal columns agree, and no payment is a difference."""
    column = {"p1": CHARGED, "p2": REFUNDED}
    result = reconcile(column, column, column, labels=LABELS)

    assert result.agrees
    assert result.differences == ()
    assert [(line.payment_id, line.label) for line in result.payments] == [("p1", "A-1"), ("p2", "A-2")]


@pytest.mark.parametrize("source", SOURCES)
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
def test_any_deviation_of_one_source_is_a_difference(source: str, change: dict[str, Any]) -> None:
    """Whichever source deviates, and in whatever, the difference is found at its payment."""
    columns = {name: {"p1": CHARGED, "p2": REFUNDED} for name in SOURCES}
    columns[source]["p1"] = attrs.evolve(CHARGED, **change)
    result = reconcile(*columns.values(), labels=LABELS)

    assert not result.agrees
    assert [line.label for line in result.differences] == ["A-1"]


def test_a_charge_known_to_one_source_only_is_a_difference() -> None:
    """An unrecorded second charge is a payment of its own, and is found."""
    column = {"p1": CHARGED}
    result = reconcile(column, column, column | {"p9": CHARGED}, labels=LABELS)

    assert [(line.payment_id, line.label) for line in result.differences] == [("p9", "unknown order")]


def test_a_payment_without_money_needs_no_source() -> None:
    """A payment terminated before any money moved equals one that a source does not know."""
    unpaid = PaymentBalance.of("SEK", reserved=0, charged=0, refunded=0, cancelled=0)
    result = reconcile({"p1": unpaid}, {}, {"p1": unpaid}, labels=LABELS)

    assert unpaid == UNTOUCHED
    assert result.agrees


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
    balance = PaymentBalance.of("SEK", reserved=reserved, charged=charged, refunded=refunded, cancelled=cancelled)

    assert balance.state == state


@given(st.lists(st.tuples(st.sampled_from(["SEK", "EUR"]), st.integers(1, 1000), st.integers(0, 1000)), max_size=20))
def test_totals_lose_nothing(payments: list[tuple[str, int, int]]) -> None:
    """The groups of a source add up to the sum of its payments."""
    column = {
        str(place): PaymentBalance.of(
            currency, reserved=0, charged=charged, refunded=min(charged, refunded), cancelled=0
        )
        for place, (currency, charged, refunded) in enumerate(payments)
    }
    totals = reconcile(column, {}, column, labels={}).totals()

    assert sum(sdk.net for sdk, _, _ in totals.values()) == sum(entry.net for entry in column.values())
    assert sum(emulator.payments for _, _, emulator in totals.values()) == len(column)
    assert all(webhooks == Total() for _, webhooks, _ in totals.values())
