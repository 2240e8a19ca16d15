"""The catalogue through the SDK: the same table gives models, and errors with their outcome."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from nexi_async import (
    APIError,
    Attempt,
    BadRequest,
    ChargeDeclined,
    Conflict,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    Unauthorized,
)
from tests.contract.catalogue import CATALOGUE, VARIANTS
from tests.contract.examples import KEY
from tests.contract.row import Ask, Row
from tests.contract.world import World, new_world

ERRORS: dict[int, tuple[type[APIError], Outcome]] = {
    400: (BadRequest, Outcome.REJECTED),
    401: (Unauthorized, Outcome.REJECTED),
    402: (ChargeDeclined, Outcome.REJECTED),
    404: (NotFound, Outcome.REJECTED),
    405: (APIError, Outcome.REJECTED),
    409: (Conflict, Outcome.REJECTED),
    429: (RateLimited, Outcome.REJECTED),
    500: (ServerError, Outcome.UNKNOWN),
}
PARTNER = "100512877"

ENDPOINTS = [(row, name, ask) for row in CATALOGUE for name, ask in row.through.items()]
EXAMPLES = [(row, ask) for row in [*CATALOGUE, *VARIANTS] for ask in row.through.values()]
REFUSALS = [(row, status, ask) for row, _, ask in ENDPOINTS for status in row.error_statuses]

NAMES = [name for _, name, _ in ENDPOINTS]

each_call = pytest.mark.parametrize(("row", "ask"), [(row, ask) for row, _, ask in ENDPOINTS], ids=NAMES)


def only_request(world: World) -> httpx.Request:
    """The one request that was sent."""
    (request,) = world.transport.requests
    return request


def sent_json(request: httpx.Request) -> Any:
    """The request's body, or None."""
    return json.loads(request.content) if request.content else None


@pytest.mark.parametrize(
    ("row", "ask"), EXAMPLES, ids=[f"{row.call} {name}" for row in [*CATALOGUE, *VARIANTS] for name in row.through]
)
async def test_sends_what_the_table_documents(row: Row, ask: Ask) -> None:
    """Method, address, parameters, body and key of the SDK are those of the row, member by member."""
    async with new_world(row.given) as world, world.checkout() as checkout:
        await ask(checkout, world.ids)
        request = only_request(world)
    assert (request.method, request.url.path) == (row.method, row.path.format(**world.ids))
    assert dict(request.url.params) == row.query
    assert sent_json(request) == row.body
    assert request.headers.get("Idempotency-Key") == (KEY if row.keyed else None)


@each_call
async def test_gives_a_model(row: Row, ask: Ask) -> None:
    """A success is a model of the row's kind, and carries the key that it was sent with."""
    async with new_world(row.given) as world, world.checkout() as checkout:
        found = await ask(checkout, world.ids)
    assert found is None if row.gives is None else isinstance(found, row.gives)
    assert getattr(found, "idempotency_key", KEY) == KEY


@pytest.mark.parametrize(("row", "name", "ask"), ENDPOINTS, ids=NAMES)
async def test_hooks_get_the_operation(row: Row, name: str, ask: Ask) -> None:
    """Hooks get the operation under the name of the method that the user called."""
    attempts: list[Attempt] = []
    async with new_world(row.given) as world, world.listening(attempts) as checkout:
        await ask(checkout, world.ids)
    ((operation, method),) = ((attempt.operation, attempt.method) for attempt in attempts)
    assert (operation, method) == (name, row.method)


@each_call
async def test_names_the_partners_merchant(row: Row, ask: Ask) -> None:
    """A client for one merchant of a partner names it where the call documents it, and nowhere else."""
    async with new_world(row.given) as world, world.checkout(merchant_number=PARTNER) as checkout:
        await ask(checkout, world.ids)
        request = only_request(world)
    places = {
        "header": request.headers.get("MerchantNumber"),
        "query": {name.lower(): value for name, value in request.url.params.items()}.get("merchantnumber"),
        "body": (sent_json(request) or {}).get("merchantNumber"),
    }
    assert {place for place, number in places.items() if number == PARTNER} == {row.partner} - {None}


@pytest.mark.parametrize(
    ("row", "status", "ask"),
    REFUSALS,
    ids=[f"{name} {status}" for row, name, _ in ENDPOINTS for status in row.error_statuses],
)
async def test_refusal(row: Row, status: int, ask: Ask) -> None:
    """Each documented error is raised as its class, with its outcome, its key and the API's message."""
    async with new_world(row.given, row.refusal(status)) as world, world.checkout() as checkout:
        with pytest.raises(APIError) as caught:
            await ask(checkout, world.ids)
    error = caught.value
    kind, outcome = ERRORS[status]
    if status == 409 and row.keyed:
        outcome = Outcome.UNKNOWN  # the first request with this key is being worked on
    assert (type(error), error.status, error.outcome) == (kind, status, outcome)
    assert (error.idempotency_key, error.attempts) == (KEY if row.keyed else None, 1)
    assert has_the_apis_words(error)


def has_the_apis_words(error: APIError) -> bool:
    """The content of the body is on the error, or there was no body."""
    complaints = isinstance(error, BadRequest) and all(error.errors.values()) and bool(error.errors)
    problem = None not in (error.code, error.message, error.source)
    return complaints or problem or not error.body


async def test_limited_retrieval_says_how_long_to_wait() -> None:
    """429 has the seconds that are left of the hour."""
    (row,) = [row for row in CATALOGUE if 429 in row.error_statuses]
    async with new_world(row.given, row.refusal(429)) as world, world.checkout() as checkout:
        with pytest.raises(RateLimited) as caught:
            await checkout.payments.retrieve(world.ids["paymentId"])
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 3601
