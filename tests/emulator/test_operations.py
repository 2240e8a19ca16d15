"""The catalogue: all 34 calls are there, and each takes its key, its path and its errors."""

import re

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint
from tests.emulator.raw import Wire

PAYMENT_API, REPORTING_API = 31, 3
KEYED = {
    "/v1/payments/{id}/charges",
    "/v1/payments/{id}/refunds",
    "/v1/charges/{id}/refunds",
    "/v1/subscriptions/{id}/charges",
    "/v1/unscheduledsubscriptions/{id}/charges",
    "/v1/cardpayments",
}
PATHS = {(wire.method, wire.path) for wire in ENDPOINTS}
WITH_ID = [wire for wire in ENDPOINTS if "{id}" in wire.path]


def without_id(wire: Endpoint) -> str:
    """The path that is left when the id is empty."""
    return wire.path.removesuffix("{id}").replace("{id}", "")


# Where the rest of the path is another call, or looks like one whose id is "charges", that one answers.
LACKING = [wire for wire in WITH_ID if (wire.method, without_id(wire).rstrip("/")) not in PATHS]
LACKING = [wire for wire in LACKING if not re.fullmatch(r".*subscriptions/\w+/\{id\}", wire.path)]


def name(wire: Endpoint) -> str:
    """A test's name."""
    return f"{wire.method} {wire.path}"


def test_all_calls_are_there() -> None:
    """31 calls of the Payment API and 3 of the Reporting API, none twice."""
    assert len({(wire.method, wire.path) for wire in ENDPOINTS}) == len(ENDPOINTS) == PAYMENT_API + REPORTING_API


def test_keys_are_taken_where_they_are_documented() -> None:
    """Exactly six calls remember an idempotency key."""
    assert {wire.path for wire in ENDPOINTS if wire.keyed} == KEYED
    assert all(wire.method == "POST" for wire in ENDPOINTS if wire.keyed)


@pytest.mark.parametrize("wire_call", ENDPOINTS, ids=name)
async def test_every_call_needs_the_key(wire: Wire, wire_call: Endpoint) -> None:
    """Without the secret key every call is an empty 401, whatever else it has."""
    path = wire_call.path.replace("{id}", "0" * 32)
    response = await wire.client.request(wire_call.method, path, json={}, headers={"Authorization": ""})
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("wire_call", WITH_ID, ids=name)
async def test_unknown_ids_are_404(wire: Wire, emulator: CheckoutEmulator, wire_call: Endpoint) -> None:
    """A well-formed request for an unknown id is an empty 404."""
    body = {
        "amount": 1,
        "reference": "r",
        "checkoutUrl": "https://shop.test/",
        "order": {"items": [LINE], "amount": 1, "currency": "SEK"},
    }
    path = wire_call.path.replace("{id}", "0" * 32)
    response = await wire.client.request(wire_call.method, path, json=body, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.content) == (404, b"")
    assert emulator.state()["payments"] == []


@pytest.mark.parametrize("wire_call", LACKING, ids=name)
async def test_paths_without_their_id_are_405(wire: Wire, wire_call: Endpoint) -> None:
    """Where the id is empty the path collapses into one that does not take the method."""
    response = await wire.client.request(wire_call.method, without_id(wire_call), json={})
    assert response.status_code == 405


async def test_malformed_ids_are_a_switch(wire: Wire, emulator: CheckoutEmulator) -> None:
    """What is no id is 404, or 400 in the shape of every 400 if so set."""
    assert (await wire.get("/v1/payments/next")).status_code == 404
    emulator.settings = Settings(malformed_id_status=400)
    response = await wire.get("/v1/payments/next")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["id"])


LINE = {
    "reference": "r",
    "name": "n",
    "quantity": 1,
    "unit": "pcs",
    "unitPrice": 1,
    "grossTotalAmount": 1,
    "netTotalAmount": 1,
}
