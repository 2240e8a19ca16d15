"""Who is measured: each charges one subscription per call over the connections it is given.

A contender is an asynchronous context manager that yields `charge()`, a coroutine function that makes one call.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import attrs
import httptools
import httpx
import httpx2
import httpx_aiohttp
import stripe

from nexi_async import AsyncCheckout, Order, OrderItem, new_key
from nexi_async import _codec as codec
from nexi_async._models.subscription import ChargeSubscription

SUBSCRIPTION = "0197f0c1a2b34c5d8e9f0a1b2c3d4e5f"
PATH = f"/v1/subscriptions/{SUBSCRIPTION}/charges"


def _order() -> Order:
    """As a user does for every charge."""
    return Order.of(items=[OrderItem.of(reference="box", name="Box", unit_price=15900, tax_rate=2500)], currency="SEK")


ORDER = _order()
BODY = codec.encode(ChargeSubscription(order=ORDER))
DOCUMENT: dict[str, Any] = json.loads(BODY)

Charge = Callable[[], Awaitable[object]]


@attrs.frozen
class Ground:
    """Where a contender runs."""

    url: str
    context: ssl.SSLContext
    ca_file: str
    connections: int


Contender = Callable[[Ground], AbstractAsyncContextManager[Charge]]


def _headers() -> dict[str, str]:
    return {"Authorization": "key", "Idempotency-Key": new_key()}


class _Floor(asyncio.Protocol):
    """One connection: as little parsing as tells where an answer ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self.body = b""
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.answer.set_result(self.body)


@asynccontextmanager
async def floor(ground: Ground) -> AsyncIterator[Charge]:
    """A bare protocol with TLS by the event loop: the same bytes, no pool, no checks, no time limit."""
    host, _, port = ground.url.removeprefix("https://").partition(":")
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}\r\nAuthorization: key\r\n\r\n"
    request = head.encode() + BODY
    loop = asyncio.get_running_loop()
    free: list[_Floor] = []

    async def charge() -> object:
        if free:
            connection = free.pop()
        else:
            _, connection = await loop.create_connection(_Floor, host, int(port), ssl=ground.context)
        body = await connection.ask(request)
        free.append(connection)
        return json.loads(body)

    yield charge
    for connection in free:
        connection.transport.abort()


@asynccontextmanager
async def nexi_async(ground: Ground) -> AsyncIterator[Charge]:
    """`checkout.subscriptions.charge`: typed, checked, with key and retries."""
    async with AsyncCheckout(
        "key", base_url=ground.url, ssl_context=ground.context, max_connections=ground.connections
    ) as checkout:

        async def charge() -> object:
            return await checkout.subscriptions.charge(SUBSCRIPTION, order=_order())

        yield charge


@asynccontextmanager
async def nexi_async_raw(ground: Ground) -> AsyncIterator[Charge]:
    """`checkout.request`: the transport, key and retries without the types; of a dict, as the others."""
    async with AsyncCheckout(
        "key", base_url=ground.url, ssl_context=ground.context, max_connections=ground.connections
    ) as checkout:

        async def charge() -> object:
            return (await checkout.request("POST", PATH, json=DOCUMENT, idempotency_key=new_key())).json()

        yield charge


@asynccontextmanager
async def nexi_async_over_httpx(ground: Ground) -> AsyncIterator[Charge]:
    """The same over httpx's own pool."""
    transport = httpx.AsyncHTTPTransport(verify=ground.context, limits=_limits(ground), trust_env=False)
    async with AsyncCheckout("key", base_url=ground.url, transport=transport, timeout=300) as checkout:
        yield lambda: checkout.subscriptions.charge(SUBSCRIPTION, order=_order())


@asynccontextmanager
async def bare_aiohttp(ground: Ground) -> AsyncIterator[Charge]:
    """Plain aiohttp: POST of a dict, JSON back."""
    connector = aiohttp.TCPConnector(limit=ground.connections, ssl=ground.context)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def charge() -> object:
            async with session.post(ground.url + PATH, json=DOCUMENT, headers=_headers()) as response:
                return await response.json()

        yield charge


@asynccontextmanager
async def bare_httpx(ground: Ground) -> AsyncIterator[Charge]:
    """Plain httpx: POST of a dict, JSON back."""
    async with httpx.AsyncClient(verify=ground.context, limits=_limits(ground), timeout=300, trust_env=False) as client:

        async def charge() -> object:
            return (await client.post(ground.url + PATH, json=DOCUMENT, headers=_headers())).json()

        yield charge


@asynccontextmanager
async def bare_httpx2(ground: Ground) -> AsyncIterator[Charge]:
    """Plain httpx2: POST of a dict, JSON back."""
    limits = httpx2.Limits(max_connections=ground.connections, max_keepalive_connections=ground.connections)
    async with httpx2.AsyncClient(verify=ground.context, limits=limits, timeout=300, trust_env=False) as client:

        async def charge() -> object:
            return (await client.post(ground.url + PATH, json=DOCUMENT, headers=_headers())).json()

        yield charge


@asynccontextmanager
async def bare_niquests(ground: Ground) -> AsyncIterator[Charge]:
    """Plain niquests: POST of a dict, JSON back; measured where it is installed, for it replaces urllib3."""
    niquests = importlib.import_module("niquests")
    adapter = niquests.adapters.AsyncHTTPAdapter(pool_connections=1, pool_maxsize=ground.connections)
    async with niquests.AsyncSession() as session:
        session.mount("https://", adapter)

        async def charge() -> object:
            return (
                await session.post(ground.url + PATH, json=DOCUMENT, headers=_headers(), verify=ground.ca_file)
            ).json()

        yield charge


@asynccontextmanager
async def httpx_over_aiohttp(ground: Ground) -> AsyncIterator[Charge]:
    """Plain httpx with httpx-aiohttp's transport."""
    connector = aiohttp.TCPConnector(limit=ground.connections, ssl=ground.context)
    async with aiohttp.ClientSession(connector=connector) as session:
        transport = httpx_aiohttp.AiohttpTransport(client=session)
        async with httpx.AsyncClient(transport=transport, timeout=300, trust_env=False) as client:

            async def charge() -> object:
                return (await client.post(ground.url + PATH, json=DOCUMENT, headers=_headers())).json()

            yield charge


@asynccontextmanager
async def stripe_python(ground: Ground) -> AsyncIterator[Charge]:
    """stripe-python: a payment intent, its nearest call, with its own key and retries; its pool cannot be sized."""
    stripe.ca_bundle_path = ground.ca_file
    http = stripe.HTTPXClient(timeout=300)
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": ground.url}, http_client=http)
    params: Any = {"amount": 19875, "currency": "sek", "customer": "cus_x", "confirm": True}
    yield lambda: client.v1.payment_intents.create_async(params)
    await http.close_async()  # type: ignore[no-untyped-call]


def _limits(ground: Ground) -> httpx.Limits:
    return httpx.Limits(max_connections=ground.connections, max_keepalive_connections=ground.connections)


CONTENDERS: dict[str, Contender] = {
    "floor: bare protocol": floor,
    "nexi-async charge": nexi_async,
    "nexi-async charge (uvloop)": nexi_async,
    "nexi-async raw request": nexi_async_raw,
    "nexi-async over httpx": nexi_async_over_httpx,
    "aiohttp": bare_aiohttp,
    "aiohttp (uvloop)": bare_aiohttp,
    "httpx": bare_httpx,
    "httpx2": bare_httpx2,
    "httpx + httpx-aiohttp": httpx_over_aiohttp,
    "stripe-python": stripe_python,
}
if importlib.util.find_spec("niquests"):
    CONTENDERS["niquests"] = bare_niquests
