"""How each error status is produced; a request that the SDK itself would refuse is altered in the transport."""

from __future__ import annotations

import json
from collections.abc import Mapping

import anyio
import attrs
import httpx

from tests.contract.examples import KEY, ORDER_JSON
from tests.contract.states import new_payment, reserved
from tests.contract.world import Alteration, Change, World

UNKNOWN = "0" * 32
DECLINED_CARD = "4925000000000087"
NOT_CHARGEABLE_CARD = "4925000000000079"


# --- 400: a request that can't be ------------------------------------------------------------------------------------


def body(**members: object) -> Change:
    """These members of the body are wrong."""

    def alter(request: httpx.Request) -> httpx.Request:
        return _changed(request, document=json.loads(request.content) | members)

    return _in_transit(alter)


def query(**members: str) -> Change:
    """These parameters are wrong."""
    return _in_transit(lambda request: _changed(request, url=request.url.copy_merge_params(members)))


async def no_idempotency_key(world: World) -> None:
    """The key to look up is left out."""

    def alter(request: httpx.Request) -> httpx.Request:
        del request.headers["Idempotency-Key"]
        return request

    world.transport.alter = alter


async def malformed_id(world: World) -> None:
    """The id in the path is none; the documents leave open whether that is 400 or 404."""
    world.emulator.settings = attrs.evolve(world.emulator.settings, malformed_id_status=400)
    world.ids = dict.fromkeys(world.ids, "next")


# --- 401: who is it? --------------------------------------------------------------------------------------------------


async def wrong_key(world: World) -> None:
    """The secret key is another one."""
    world.key = "another-secret-key"


# --- 402: no money ----------------------------------------------------------------------------------------------------


async def charge_refused(world: World) -> None:
    """The shopper paid with a card that can be reserved but not charged."""
    await reserved(world, card=NOT_CHARGEABLE_CARD)


def declined(kind: str) -> Change:
    """The subscription's card is declined by its issuer."""

    async def change(world: World) -> None:
        (agreement,) = world.emulator.sign_up(
            1, kind="unscheduled" if kind.startswith("un") else "scheduled", card=DECLINED_CARD
        )
        world.ids[f"{kind}Id"] = agreement

    return change


# --- 404: never heard of it -------------------------------------------------------------------------------------------


async def unknown_id(world: World) -> None:
    """The id in the path names nothing."""
    world.ids = dict.fromkeys(world.ids, UNKNOWN)


# --- 405: no id -------------------------------------------------------------------------------------------------------


async def empty_id(world: World) -> None:
    """The id in the path is empty, so that the path becomes another one; the SDK would never send it."""

    def alter(request: httpx.Request) -> httpx.Request:
        path = request.url.path
        for identifier in world.ids.values():
            path = path.replace(identifier, "")
        return _changed(request, url=request.url.copy_with(path=path))

    world.transport.alter = alter


# --- 409: not now -----------------------------------------------------------------------------------------------------


async def completed(world: World) -> None:
    """The shopper has paid in the meantime."""
    await reserved(world)


def being_charged(kind: str) -> Change:
    """A charge with the same key is being worked on."""

    async def change(world: World) -> None:
        late = [{"fault": "delay", "seconds": 60, "times": 1}]
        await world.ask("PUT", "/emulator/faults", late)
        path = f"/v1/{kind.lower()}s/{world.ids[f'{kind}Id']}/charges"
        world.tasks.start_soon(lambda: world.ask("POST", path, {"order": ORDER_JSON}, key=KEY))
        await anyio.wait_all_tasks_blocked()

    return change


# --- 429: too often ---------------------------------------------------------------------------------------------------


async def retrieved_often(world: World) -> None:
    """The payment was retrieved 30 times within this hour."""
    await new_payment(world)
    for _ in range(30):
        await world.ask("GET", "/v1/payments/{paymentId}")


# --- any status -------------------------------------------------------------------------------------------------------


def fault(status: int) -> Change:
    """The API responds so without a reason in the request."""

    async def change(world: World) -> None:
        await world.ask("PUT", "/emulator/faults", [{"fault": "status", "status": status}])

    return change


USUAL: Mapping[int, Change] = {
    400: malformed_id,
    401: wrong_key,
    404: unknown_id,
    405: empty_id,
    429: retrieved_often,
    500: fault(500),
}
"""What produces a status unless the catalogue names another way."""


def _in_transit(alter: Alteration) -> Change:
    async def change(world: World) -> None:
        world.transport.alter = alter

    return change


def _changed(request: httpx.Request, *, url: httpx.URL | None = None, document: object = None) -> httpx.Request:
    headers = [(name, value) for name, value in request.headers.items() if name != "content-length"]
    content = request.content if document is None else json.dumps(document).encode()
    return httpx.Request(request.method, url or request.url, headers=headers, content=content)
