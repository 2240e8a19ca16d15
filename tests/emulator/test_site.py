"""All emulators of a process share their routes, and nothing else."""

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async.emulator import CheckoutEmulator
from tests.emulator.raw import Wire


async def test_each_request_finds_its_own_emulator() -> None:
    """Two emulators behind one address know their own payments and keys, and not those of the other."""
    emulators = [CheckoutEmulator(seed=number, secret_key=f"key-{number}") for number in (0, 1)]
    app = Starlette(routes=[Mount(f"/{number}", emulator) for number, emulator in enumerate(emulators)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://shop.test") as client:
        client.headers["Authorization"] = "key-0"
        wire = Wire(client)
        client.base_url = httpx.URL("https://shop.test/0")
        payment_id = await wire.create()
        assert (await wire.get(f"v1/payments/{payment_id}")).status_code == 200
        client.base_url = httpx.URL("https://shop.test/1")
        assert (await wire.get(f"v1/payments/{payment_id}")).status_code == 401
        client.headers["Authorization"] = "key-1"
        assert (await wire.get(f"v1/payments/{payment_id}")).status_code == 404


async def test_each_portal_takes_its_own_forms() -> None:
    """The token of one emulator's forms is none of another's."""
    tokens = []
    for _ in range(2):
        transport = httpx.ASGITransport(CheckoutEmulator())
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
            page = (await client.get("/emulator/portal/settings")).text
            tokens.append(page.partition('name="token" value="')[2].partition('"')[0])
    assert all(tokens)
    assert tokens[0] != tokens[1]
