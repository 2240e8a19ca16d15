"""Tests of nexi_async._resources.refunds."""

from __future__ import annotations

import httpx
import pytest

from nexi_async import ConnectionLost, InvalidRequest, Outcome, UnexpectedResponse
from tests.scripted import ScriptedAPI, answer, client


async def test_retrieve() -> None:
    """A refund tells its amount; its state is the payment's to tell."""
    api = ScriptedAPI(answer(200, {"refundId": "r1", "amount": 100}))
    async with client(api) as checkout:
        refund = await checkout.refunds.retrieve("r1")
    assert api.calls == ["GET /v1/refunds/r1"]
    assert (refund.refund_id, refund.amount, refund.invoice_details) == ("r1", 100, None)


async def test_retrieved_another_refund() -> None:
    """An answer that belongs to another request is not taken for this one."""
    async with client(ScriptedAPI(answer(200, {"refundId": "r2", "amount": 1}))) as checkout:
        with pytest.raises(UnexpectedResponse, match="not with what was asked for"):
            await checkout.refunds.retrieve("r1")


async def test_cancel_pending() -> None:
    """A pending refund is stopped without a body or a key."""
    api = ScriptedAPI(answer(204))
    async with client(api) as checkout:
        await checkout.refunds.cancel_pending("r1")
    assert api.calls == ["POST /v1/pending-refunds/r1/cancel"]
    assert (api.bodies, api.keys) == ([None], [None])


async def test_cancel_pending_is_not_repeated_when_its_answer_is_lost() -> None:
    """The API takes no key here."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(204))
    async with client(api) as checkout:
        with pytest.raises(ConnectionLost) as caught:
            await checkout.refunds.cancel_pending("r1")
    assert (caught.value.outcome, len(api.requests)) == (Outcome.UNKNOWN, 1)


@pytest.mark.parametrize("refund_id", ["", " ", ".."])
async def test_empty_ids_are_never_sent(refund_id: str) -> None:
    """An empty id would reach another endpoint."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest):
            await checkout.refunds.retrieve(refund_id)
        with pytest.raises(InvalidRequest):
            await checkout.refunds.cancel_pending(refund_id)
    assert not api.requests
