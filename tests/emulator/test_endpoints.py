"""The endpoints: all 34 are there, and each requires the secret key, its path and its id."""

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
PATHS = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
WITH_ID = [endpoint for endpoint in ENDPOINTS if "{id}" in endpoint.path]


def without_id(endpoint: Endpoint) -> str:
    """The path that is left when the id is empty."""
    return endpoint.path.removesuffix("{id}").replace("{id}", "")


# Where the rest of the path is another call, or looks like one whose id is "charges", that endpoint responds.
LACKING = [endpoint for endpoint in WITH_ID if (endpoint.method, without_id(endpoint).rstrip("/")) not in PATHS]
LACKING = [endpoint for endpoint in LACKING if not re.fullmatch(r".*subscriptions/\w+/\{id\}", endpoint.path)]


def name(endpoint: Endpoint) -> str:
    """A test's name."""
    return f"{endpoint.method} {endpoint.path}"


def test_all_calls_are_there() -> None:
    """31 calls of the Payment API and 3 of the Reporting API, none twice."""
    assert (
        len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS})
        == len(ENDPOINTS)
        == PAYMENT_API + REPORTING_API
    )


def test_keys_are_taken_where_they_are_documented() -> None:
    """Exactly six endpoints accept an idempotency key."""
    assert {endpoint.path for endpoint in ENDPOINTS if endpoint.keyed} == KEYED
    assert all(endpoint.method == "POST" for endpoint in ENDPOINTS if endpoint.keyed)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
async def test_every_call_needs_the_key(wire: Wire, endpoint: Endpoint) -> None:
    """Without the secret key every call is an empty 401, whatever else it has."""
    path = endpoint.path.replace("{id}", "0" * 32)
    response = await wire.client.request(endpoint.method, path, json={}, headers={"Authorization": ""})
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("endpoint", WITH_ID, ids=name)
async def test_unknown_ids_are_404(wire: Wire, emulator: CheckoutEmulator, endpoint: Endpoint) -> None:
    """A well-formed request for an unknown id is an empty 404."""
    body = {
        "amount": 1,
        "reference": "r",
        "checkoutUrl": "https://shop.test/",
        "order": {"items": [LINE], "amount": 1, "currency": "SEK"},
    }
    path = endpoint.path.replace("{id}", "0" * 32)
    response = await wire.client.request(endpoint.method, path, json=body, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.content) == (404, b"")
    assert emulator.state()["payments"] == []


@pytest.mark.parametrize("endpoint", LACKING, ids=name)
async def test_paths_without_their_id_are_405(wire: Wire, endpoint: Endpoint) -> None:
    """Where the id is empty the path collapses into one that does not take the method."""
    response = await wire.client.request(endpoint.method, without_id(endpoint), json={})
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
