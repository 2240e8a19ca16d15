"""An operation is recorded if the API confirmed it, and only then."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from rich.console import Console

from nexi_async import ServerError
from nexi_async._demo import cash_operations as operations
from nexi_async._demo import listener as listening
from nexi_async._demo.listener import WebhookListener
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async._demo.timeline import Timeline
from nexi_async.emulator import CheckoutEmulator
from tests.scripted import ScriptedAPI, answer, client


@asynccontextmanager
async def services_with(*script: httpx.Response) -> AsyncIterator[tuple[ShopServices, io.StringIO]]:
    """A shop whose API responds by a script, and what it prints."""
    paper = io.StringIO()
    async with client(ScriptedAPI(*script)) as checkout:
        services = ShopServices(
            checkout=checkout,
            emulator=CheckoutEmulator(),
            site_url="https://shop.test",
            listener=WebhookListener(lambda _: None),
            timeline=Timeline(Console(file=paper, width=80)),
        )
        yield services, paper


@pytest.fixture
def record() -> PaymentRecord:
    """A payment with 100.00 SEK reserved."""
    return PaymentRecord(payment_id="p1", label="A-1", currency="SEK", reserved=10000)


async def test_a_charge_without_its_webhook_is_recorded_and_logged(
    record: PaymentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt counts; the missing webhook is logged, and the wait for it is bounded."""
    monkeypatch.setattr(listening, "WEBHOOK_TIMEOUT", 0.01)
    async with services_with(answer(201, {"chargeId": "c1"})) as (services, paper):
        assert await operations.charge(services, record, 10000)

    assert record.charges == {"c1": 10000}
    assert "has not received payment.charge.created.v2" in paper.getvalue()


async def test_a_declined_charge_is_not_recorded(record: PaymentRecord) -> None:
    """A 402 is a decline: it is logged with its reason, and the shop goes on."""
    refusal = answer(402, {"code": "51", "message": "Not sufficient funds", "source": "Issuer"})
    async with services_with(refusal) as (services, paper):
        assert not await operations.charge(services, record, 10000)

    assert record.charges == {}
    assert "is declined the charge: Not sufficient funds (51)" in paper.getvalue()


async def test_a_failed_cancellation_is_not_recorded(record: PaymentRecord) -> None:
    """What failed is not recorded, and the error is raised."""
    async with services_with(answer(500)) as (services, _):
        with pytest.raises(ServerError):
            await operations.cancel(services, record, 10000)

    assert record.cancelled == 0
