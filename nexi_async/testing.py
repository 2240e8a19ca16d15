"""Fixtures for pytest, there as soon as this package is installed: Nexi Checkout in the test's own process.

    async def test_a_sale(nexi_emulator, nexi_receiver):
        transport = httpx.ASGITransport(nexi_emulator)
        async with nexi_emulator, AsyncCheckout(nexi_emulator.secret_key, transport=transport) as checkout:
            payment = await checkout.payments.create(..., notifications=nexi_receiver.notifications())
            nexi_emulator.pay(payment.payment_id)
            await nexi_receiver.wait_for("payment.checkout.completed", payment.payment_id)

To have the webhooks delivered to an app of one's own, define the fixture `nexi_webhook_app` so that it returns it.
"""

# pytest loads this before it measures coverage: what is imported here counts for nobody's tests. So nothing is.

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from nexi_async.emulator import CheckoutEmulator
    from nexi_async.webhooks.collector import CollectingReceiver

__all__ = ["nexi_emulator", "nexi_receiver", "nexi_webhook_app"]


@pytest.fixture
def nexi_receiver() -> CollectingReceiver:
    """A webhook receiver that keeps every event, and lets the test wait for it."""
    from nexi_async.webhooks.collector import CollectingReceiver

    return CollectingReceiver()


@pytest.fixture
def nexi_webhook_app(nexi_receiver: CollectingReceiver) -> ASGIApp:
    """The app that webhooks are delivered to, whatever host their URL names: `nexi_receiver`, unless overridden."""
    return nexi_receiver


@pytest.fixture
def nexi_emulator(nexi_webhook_app: ASGIApp) -> CheckoutEmulator:
    """An emulated Nexi Checkout; inside `async with nexi_emulator` its webhooks are delivered. Needs `[emulator]`."""
    import httpx

    from nexi_async.emulator import CheckoutEmulator
    from nexi_async.webhooks.deliveries import SENDER

    transport = httpx.ASGITransport(nexi_webhook_app, client=SENDER)
    return CheckoutEmulator(seed=1, webhook_transport=transport)
