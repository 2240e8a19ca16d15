"""The fixtures work, also in a project that does nothing but install this package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexi_async import AsyncCheckout, Checkout, CreatedPayment, Order, OrderItem
from nexi_async._testing_transport import SENDERS, AcceptedSender
from nexi_async.emulator import CheckoutEmulator
from nexi_async.testing import nexi_emulator, nexi_receiver, nexi_seed, nexi_webhook_app, nexi_webhook_senders
from nexi_async.webhooks import CheckoutCompleted, CollectingReceiver, WebhookReceiver, deliveries

pytestmark = pytest.mark.slow

__all__ = ["nexi_emulator", "nexi_receiver", "nexi_seed", "nexi_webhook_app", "nexi_webhook_senders"]

TIMEOUT = 150.0
"""Seconds for a whole run of pytest, on a machine that is busy with others."""

CONFIGURATION = """
[pytest]
anyio_mode = auto
addopts = -p no:asyncio
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
    """A payment of 125.00 SEK whose events the receiver gets."""
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
    """A test that waits in vain fails, and says what came instead."""
    body = deliveries.sample("payment.created", payment_id="0" * 32)
    await deliveries.send(nexi_receiver, body, authorization=nexi_receiver.authorization)
    with pytest.raises(TimeoutError, match=r"cancel\.created of x did not .*; came: payment\.created of 0{32}$"):
        await nexi_receiver.wait_for("payment.cancel.created", "x", seconds=0.01)


async def ignore(event: object) -> None:
    """A handler for everything."""


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ({"environment": "test"}, SENDERS[0]),
        ({"environment": "live"}, SENDERS[1]),
        ({"networks": ["127.0.0.1"]}, "127.0.0.1"),
        ({"networks": ["192.0.2.0/24"]}, None),
    ],
)
async def test_deliveries_come_from_where_they_are_taken(options: dict[str, Any], accepted: str | None) -> None:
    """Whichever addresses a receiver takes, it is reached, and from then on at the first try."""
    receiver = WebhookReceiver(authorization="Kq7ZtB9fRw4LmXc2", fallback=ignore, **options)
    sender = AcceptedSender(receiver)
    for _ in range(2):
        body = deliveries.sample("payment.created")
        headers = {"Authorization": "Kq7ZtB9fRw4LmXc2"}
        request = httpx.Request("POST", "https://shop.test/nexi", content=body, headers=headers)
        response = await sender.handle_async_request(request)
        assert response.status_code == (403 if accepted is None else 200)
    refused = (await receiver.stats()).responses.get(403, 0)
    assert refused == (2 * len(SENDERS) if accepted is None else SENDERS.index(accepted))


def test_deliveries_come_from_somewhere() -> None:
    """Without any address there is nothing to try."""
    with pytest.raises(ValueError, match="at least one"):
        AcceptedSender(CollectingReceiver(), [])


def run_pytest(folder: Path, *options: str, configuration: str = CONFIGURATION) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project in a process of its own."""
    (folder / "pytest.ini").write_text(configuration)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    # a process like a user's, whose coverage is not measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )


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
