"""Tests that the table is complete: every call, every method of the SDK, every documented status."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable

import pytest

from nexi_async import AsyncCheckout
from nexi_async.emulator._engine.endpoints import ENDPOINTS
from tests.contract.catalogue import CARD_PAYMENTS, CATALOGUE, PAYMENTS, REPORTS, SUBSCRIPTIONS
from tests.contract.refusals import USUAL
from tests.contract.row import Row
from tests.contract.world import new_world

BUILT_ON_OTHERS = {"subscriptions.resolve_charge", "unscheduled_subscriptions.resolve_charge"}
"""Methods that only make other calls of the SDK: these call `charge_status`."""


def public_methods() -> set[str]:
    """Every call that a user finds on a client, as "group.method"."""
    checkout = AsyncCheckout("secret-key")
    names = [name for name, value in vars(AsyncCheckout).items() if isinstance(value, functools.cached_property)]
    groups = {name: getattr(checkout, name) for name in names}
    return {
        f"{name}.{method}"
        for name, group in groups.items()
        for method, _ in inspect.getmembers(group, inspect.ismethod)
        if not method.startswith("_")
    }


def test_all_calls_of_both_apis_are_there() -> None:
    """31 calls of the Payment API, eight for each kind of subscription among them, and 3 of the Reporting API."""
    assert (len(PAYMENTS), len(SUBSCRIPTIONS), len(CARD_PAYMENTS), len(REPORTS)) == (14, 8, 1, 3)
    assert len({row.call for row in CATALOGUE}) == len(CATALOGUE) == 34


def test_every_method_of_the_client_is_reached() -> None:
    """A method that the table or the client lacks is found."""
    assert public_methods() == {name for row in CATALOGUE for name in row.through} | BUILT_ON_OTHERS


def in_the_emulators_words(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Method and path in lower case, where every id is called "{id}"."""
    return {(row.method, re.sub(r"\{\w+\}", "{id}", row.path.lower())) for row in rows}


def test_emulator_has_the_same_calls() -> None:
    """The emulator takes the calls of the table and no others."""
    assert {(wire.method, wire.path) for wire in ENDPOINTS} == in_the_emulators_words(CATALOGUE)


def test_emulator_remembers_the_same_keys() -> None:
    """A POST takes a key in the table exactly if the emulator's endpoint is keyed."""
    keyed = in_the_emulators_words(row for row in CATALOGUE if row.keyed and row.method == "POST")
    assert {(wire.method, wire.path) for wire in ENDPOINTS if wire.keyed} == keyed


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.call)
def test_every_documented_status_can_be_brought_about(row: Row) -> None:
    """Each status has its way, and no way is kept for a status that the call does not have."""
    assert set(row.provoked) <= set(row.error_statuses)
    assert set(row.error_statuses) <= set(row.provoked) | set(USUAL)
    assert list(row.error_statuses) == sorted(set(row.error_statuses))


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.call)
async def test_every_id_in_a_path_is_known(row: Row) -> None:
    """What must have happened before a call leaves behind the ids that it needs."""
    async with new_world(row.given) as world:
        assert set(re.findall(r"\{(\w+)\}", row.path)) <= set(world.ids)
