"""The till keeps a receipt for what happened, and none for what did not."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from rich.console import Console

from nexi_async import ServerError
from nexi_async._demo import listener as listening
from nexi_async._demo.business import Business
from nexi_async._demo.cash_operations import Till
from nexi_async._demo.listener import Listener
from nexi_async._demo.sources import Receipts
from nexi_async._demo.timeline import Timeline
from tests.scripted import ScriptedAPI, answer, client


@asynccontextmanager
async def till_with(*script: httpx.Response) -> AsyncIterator[tuple[Till, io.StringIO]]:
    """A till whose API answers by a script, and what it prints."""
    paper = io.StringIO()
    async with client(ScriptedAPI(*script)) as checkout:
        business = Business(
            checkout=checkout,
            site_url="https://shop.test",
            listener=Listener(lambda _: None),
            timeline=Timeline(Console(file=paper, width=80)),
        )
        yield Till(business), paper


@pytest.fixture
def receipts() -> Receipts:
    """The receipts of a payment with 100.00 SEK reserved."""
    return Receipts(payment_id="p1", label="A-1", currency="SEK", reserved=10000)


async def test_a_charge_without_its_webhook_is_noted_and_told(
    receipts: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt counts; that the webhook did not come is said, and nothing waits for it for ever."""
    monkeypatch.setattr(listening, "PATIENCE", 0.01)
    async with till_with(answer(201, {"chargeId": "c1"})) as (till, paper):
        assert await till.charge(receipts, 10000)

    assert receipts.charges == {"c1": 10000}
    assert "has not heard of payment.charge.created.v2" in paper.getvalue()


async def test_a_refused_charge_leaves_no_receipt(receipts: Receipts) -> None:
    """A 402 is an answer: the till says why and goes on."""
    refusal = answer(402, {"code": "51", "message": "Not sufficient funds", "source": "Issuer"})
    async with till_with(refusal) as (till, paper):
        assert not await till.charge(receipts, 10000)

    assert receipts.charges == {}
    assert "may not charge: Not sufficient funds (51)" in paper.getvalue()


async def test_a_failed_release_leaves_no_receipt(receipts: Receipts) -> None:
    """What failed is not counted, and the error is not hidden."""
    async with till_with(answer(500)) as (till, _):
        with pytest.raises(ServerError):
            await till.release(receipts, 10000)

    assert receipts.cancelled == 0
