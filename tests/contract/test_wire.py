"""The catalogue over raw HTTP: the emulator accepts and returns what the catalogue documents."""

from __future__ import annotations

import httpx
import pytest

from tests.contract import shapes
from tests.contract.catalogue import CATALOGUE, VARIANTS
from tests.contract.examples import KEY
from tests.contract.row import Row
from tests.contract.world import World, new_world

REFUSALS = [(row, status) for row in CATALOGUE for status in row.error_statuses]


async def send(world: World, row: Row) -> httpx.Response:
    """The row's request as any client would send it."""
    headers = {"Idempotency-Key": KEY} if row.keyed else {}
    return await world.send(row.method, row.path, params=row.query, json=row.body, headers=headers)


def misfits(answer: httpx.Response, shape: shapes.Shape) -> list[str]:
    """Where the body is not as documented."""
    return list(shapes.misfits(answer.json() if answer.content else None, shape))


@pytest.mark.parametrize("row", [*CATALOGUE, *VARIANTS], ids=lambda row: row.call)
async def test_success(row: Row) -> None:
    """Each call is answered with its status and a document of its shape, without anything undocumented."""
    async with new_world(row.given) as world:
        answer = await send(world, row)
    assert (answer.status_code, misfits(answer, row.shape)) == (row.answers, []), answer.text


@pytest.mark.parametrize(("row", "status"), REFUSALS, ids=[f"{row.call} {status}" for row, status in REFUSALS])
async def test_refusal(row: Row, status: int) -> None:
    """Each documented error comes with its status and in one of the documented shapes."""
    async with new_world(row.given, row.refusal(status)) as world:
        answer = await send(world, row)
    assert (answer.status_code, misfits(answer, shapes.ERRORS[status])) == (status, []), answer.text
