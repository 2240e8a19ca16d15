"""A fresh emulator for each test, on a clock that stands still, and a client that speaks raw JSON to it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator, Clock
from tests.emulator.raw import START, Wire


@pytest.fixture
def emulator() -> CheckoutEmulator:
    """An emulator with fixed ids and a clock that only `advance` moves."""
    return CheckoutEmulator(seed=1, clock=Clock(time_scale=0, start=START))


@pytest.fixture
async def wire(emulator: CheckoutEmulator) -> AsyncIterator[Wire]:
    """A client with the right key."""
    transport = httpx.ASGITransport(app=emulator)
    async with httpx.AsyncClient(transport=transport, base_url="https://emulator.test") as client:
        client.headers["Authorization"] = emulator.secret_key
        yield Wire(client)
