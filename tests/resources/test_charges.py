"""Tests of nexi_async._resources.charges."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from nexi_async import InvalidRequest, NotFound, OrderItem, UnexpectedResponse
from tests.scripted import ScriptedAPI, answer, client

MUG = OrderItem.of(reference="mug", name="Mug", unit_price=100)


async def test_retrieve() -> None:
    """A charge tells its amount, and for invoices where to read it."""
    body = {"chargeId": "c1", "amount": 12500, "surchargeAmount": 25, "invoiceDetails": {"link": "https://i.test/1"}}
    api = ScriptedAPI(answer(200, body))
    async with client(api) as checkout:
        charge = await checkout.charges.retrieve("c1")
    assert api.calls == ["GET /v1/charges/c1"]
    assert (charge.charge_id, charge.amount, charge.surcharge_amount) == ("c1", 12500, 25)
    assert charge.invoice_details is not None
    assert charge.invoice_details.link == "https://i.test/1"


async def test_retrieve_what_is_not_there() -> None:
    """The API's 404 has no body."""
    async with client(ScriptedAPI(answer(404))) as checkout:
        with pytest.raises(NotFound):
            await checkout.charges.retrieve("c1")


async def test_retrieved_another_charge() -> None:
    """An answer that belongs to another request is not taken for this one."""
    async with client(ScriptedAPI(answer(200, {"chargeId": "c2", "amount": 1}))) as checkout:
        with pytest.raises(UnexpectedResponse, match="not with what was asked for"):
            await checkout.charges.retrieve("c1")


async def test_refund() -> None:
    """A refund of a charge carries a key, is repeated with it, and the receipt tells it."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(201, {"refundId": "r1"}))
    async with client(api) as checkout:
        receipt = await checkout.charges.refund("c1", amount=100, order_items=[MUG], my_reference="mine")
    assert api.calls == ["POST /v1/charges/c1/refunds"] * 2
    assert api.bodies[0]["amount"] == 100
    assert api.bodies[0]["orderItems"][0]["reference"] == "mug"
    assert api.bodies[0]["myReference"] == "mine"
    assert receipt.refund_id == "r1"
    assert api.keys == [receipt.idempotency_key] * 2


async def test_refund_with_a_given_key() -> None:
    """The caller's key is the one that travels."""
    api = ScriptedAPI(answer(201, {"refundId": "r1"}))
    async with client(api) as checkout:
        receipt = await checkout.charges.refund("c1", amount=100, idempotency_key="refund-1")
    assert api.bodies == [{"amount": 100}]
    assert api.keys == ["refund-1"] == [receipt.idempotency_key]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"amount": 1.0}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": 99, "order_items": [MUG]}, "amount"),
        ({"amount": 1, "my_reference": "<"}, "myReference"),
        ({"amount": 1, "idempotency_key": ""}, "Idempotency-Key"),
        ({"charge_id": "", "amount": 1}, "charge_id"),
    ],
    ids=str,
)
async def test_bad_input_is_never_sent(arguments: dict[str, Any], path: str) -> None:
    """What the API would refuse is refused here, with its place."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await checkout.charges.refund(**{"charge_id": "c1", **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]
    assert not api.requests
