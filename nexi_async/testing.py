"""Fixtures for pytest, available once this package is installed: Nexi Checkout in the process of the test.

    async def test_a_sale(nexi_emulator, nexi_receiver):
        transport = httpx.ASGITransport(nexi_emulator)
        async with nexi_emulator, AsyncCheckout(nexi_emulator.secret_key, transport=transport) as checkout:
            payment = await checkout.payments.create(..., notifications=nexi_receiver.notifications())
            nexi_emulator.pay(payment.payment_id)
            await nexi_receiver.wait_for("payment.checkout.completed", payment.payment_id)

They are the same with anyio's plugin on asyncio and trio, with pytest-asyncio in both of its modes, with pytest-xdist,
and in synchronous tests, which call `nexi_emulator.deliver_all(client.portal)` instead of waiting.

To have the webhooks delivered to your own app, define a fixture `nexi_webhook_app` that returns it.
"""

# pytest loads this before coverage is measured: imports at the top would be missing from the coverage of users.

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from nexi_async.emulator import CheckoutEmulator
    from nexi_async.webhooks import CollectingReceiver

__all__ = ["nexi_emulator", "nexi_receiver", "nexi_seed", "nexi_webhook_app", "nexi_webhook_senders"]

_RUNS = pytest.StashKey[Counter[str]]()


@pytest.fixture
def nexi_receiver() -> CollectingReceiver:
    """A webhook receiver that keeps every event, and lets the test wait for it."""
    from nexi_async.webhooks import CollectingReceiver

    return CollectingReceiver()


@pytest.fixture
def nexi_webhook_app(nexi_receiver: CollectingReceiver) -> ASGIApp:
    """The app that webhooks are delivered to, whatever host their URL names: `nexi_receiver`, unless overridden."""
    return nexi_receiver


@pytest.fixture
def nexi_webhook_senders() -> Sequence[str]:
    """Addresses that webhooks come from, the first that the app accepts: Nexi's test and live ones, and 127.0.0.1."""
    from nexi_async._testing_transport import SENDERS

    return SENDERS


@pytest.fixture
def nexi_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the emulator's ids and probabilities: the same in every session, different in every test.

    So no receiver that lives longer than a test takes an event for one of an earlier test. A test that is run again in
    one session gets another seed, too.
    """
    runs = request.config.stash.setdefault(_RUNS, Counter())
    name = request.node.nodeid
    runs[name] += 1
    return int.from_bytes(hashlib.sha256(f"{name} {runs[name]}".encode()).digest()[:8])


@pytest.fixture
def nexi_emulator(nexi_webhook_app: ASGIApp, nexi_webhook_senders: Sequence[str], nexi_seed: int) -> CheckoutEmulator:
    """An emulated Nexi Checkout; inside `async with nexi_emulator` its webhooks are delivered. Needs `[emulator]`."""
    from nexi_async._testing_transport import AcceptedSender
    from nexi_async.emulator import CheckoutEmulator

    return CheckoutEmulator(seed=nexi_seed, webhook_transport=AcceptedSender(nexi_webhook_app, nexi_webhook_senders))
