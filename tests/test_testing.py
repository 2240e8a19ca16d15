"""The fixtures work, also in a project that does nothing but install this package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nexi_async import AsyncCheckout, Checkout, CreatedPayment, Order, OrderItem
from nexi_async.emulator import CheckoutEmulator
from nexi_async.testing import nexi_emulator, nexi_receiver, nexi_webhook_app
from nexi_async.webhooks import CheckoutCompleted
from nexi_async.webhooks.collector import CollectingReceiver

__all__ = ["nexi_emulator", "nexi_receiver", "nexi_webhook_app"]

CONFIGURATION = """
[pytest]
anyio_mode = auto
filterwarnings = error
"""
OWN_APP = """
import pytest
from nexi_async.webhooks import WebhookReceiver, deliveries

SECRET = "Kq7ZtB9fRw4LmXc2"
seen = []


async def remember(event):
    seen.append(event)


@pytest.fixture
def nexi_webhook_app():
    return WebhookReceiver(authorization=SECRET, fallback=remember)


async def test_own_app(nexi_emulator, nexi_webhook_app):
    async with nexi_emulator:
        answer = await deliveries.send(nexi_webhook_app, deliveries.sample("payment.created"), authorization=SECRET)
        assert (answer.status, len(seen)) == (200, 1)
"""


async def create_payment(checkout: AsyncCheckout, receiver: CollectingReceiver) -> CreatedPayment:
    """A payment of 125.00 SEK whose events the receiver hears of."""
    line = OrderItem.of(reference="mug", name="Mug", unit_price=10_000, tax_rate=2500)
    return await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url="https://shop.test/thanks", terms_url="https://shop.test/terms"),
        notifications=receiver.notifications(),
    )


async def test_a_sale_is_heard_of(nexi_emulator: CheckoutEmulator, nexi_receiver: CollectingReceiver) -> None:
    """Create, pay, and wait for the webhook: no account, no server, no socket."""
    transport = httpx.ASGITransport(nexi_emulator)
    async with nexi_emulator, AsyncCheckout(nexi_emulator.secret_key, transport=transport) as checkout:
        payment = await create_payment(checkout, nexi_receiver)
        nexi_emulator.pay(payment.payment_id)
        event = await nexi_receiver.wait_for("payment.checkout.completed", payment.payment_id)
    assert isinstance(event, CheckoutCompleted)
    assert event.order.amount.amount == 12_500
    assert event in nexi_receiver.events


async def test_what_does_not_come_is_not_waited_for_long(nexi_receiver: CollectingReceiver) -> None:
    """A test that waits in vain fails."""
    with pytest.raises(TimeoutError):
        await nexi_receiver.wait_for("payment.created", seconds=0.01)


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project in a process of its own."""
    (folder / "pytest.ini").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    # a process like a user's, whose coverage is not measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=50)


def test_a_project_finds_the_fixtures(tmp_path: Path) -> None:
    """Without importing or configuring anything, with an app of its own to deliver to."""
    (tmp_path / "test_shop.py").write_text(OWN_APP)
    done = run_pytest(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_explain_themselves(tmp_path: Path) -> None:
    """`pytest --fixtures` lists them with what they are for."""
    shown = run_pytest(tmp_path, "--fixtures").stdout
    for text in ("nexi_emulator", "An emulated Nexi Checkout", "nexi_receiver", "nexi_webhook_app"):
        assert text in shown
