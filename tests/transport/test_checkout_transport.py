"""Tests of nexi_async._transport.checkout_transport, and of the session above it, over real sockets."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from nexi_async import (
    AsyncCheckout,
    ChargeReceipt,
    ConnectFailed,
    ConnectionLost,
    NexiError,
    Outcome,
    RetryPolicy,
    TimedOut,
)
from nexi_async._transport.checkout_transport import CheckoutTransport
from nexi_async._transport.tls import new_context
from tests.scripted import KEY, SWIFT
from tests.time_limits import given_up
from tests.transport.servers import (
    Handler,
    client_context,
    nobody,
    read_request,
    response,
    server_context,
    serving,
)

ONCE = RetryPolicy(attempts=1)
CHARGED = response(201, b'{"chargeId": "c1"}')


def checkout(base_url: str, **settings: Any) -> AsyncCheckout:
    """A client with connections of its own."""
    return AsyncCheckout(KEY, **{"base_url": base_url, "retry": ONCE, "timeout": 5.0, **settings})


async def charge(client: AsyncCheckout) -> ChargeReceipt:
    """A call that moves money."""
    return await client.payments.charge("p1", amount=12500, idempotency_key="key-1")


async def failure(base_url: str, **settings: Any) -> NexiError:
    """How a charge ends that does not succeed."""
    async with checkout(base_url, **settings) as client:
        with pytest.raises(NexiError) as caught:
            await charge(client)
    return caught.value


class Server:
    """Answers each request with a charge, and counts connections and requests."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[tuple[str, bytes]] = []

    async def __call__(self, stream: ByteStream) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await read_request(stream))
                await stream.send(CHARGED)
        except anyio.EndOfStream:
            pass


async def test_connections_are_kept() -> None:
    """One connection serves one call after the other."""
    server = Server()
    async with serving(server) as url, checkout(url) as client:
        for _ in range(3):
            assert (await charge(client)).charge_id == "c1"
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_every_task_gets_its_own_answer() -> None:
    """However many calls are on their way, no answer goes astray."""

    async def echo(stream: ByteStream) -> None:
        try:
            while True:
                head, _ = await read_request(stream)
                charge_id = head.split()[1].rpartition("/")[2]
                await checkpoint()
                await stream.send(response(200, json.dumps({"chargeId": charge_id, "amount": 1}).encode()))
        except anyio.EndOfStream:
            pass

    found: list[str] = []

    async def retrieve(client: AsyncCheckout, charge_id: str) -> None:
        found.append((await client.charges.retrieve(charge_id)).charge_id)

    async with serving(echo) as url, checkout(url, max_connections=5) as client, anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(retrieve, client, f"c{number}")
    assert sorted(found) == sorted(f"c{number}" for number in range(40))


async def test_no_server_listens() -> None:
    """Without a connection nothing was sent."""
    async with nobody() as url:
        error = await failure(url)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)


async def test_no_connection_left() -> None:
    """A call that never got a connection was not sent, although another one is stuck."""
    is_stuck = anyio.Event()

    async def stuck(stream: ByteStream) -> None:
        await read_request(stream)
        is_stuck.set()
        await anyio.sleep_forever()

    settings = {"max_connections": 1, "timeout": 0.6}
    async with serving(stuck) as url, checkout(url, **settings) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(charge, client)
        await is_stuck.wait()
        with pytest.raises(TimedOut) as caught:
            await charge(client)
        tasks.cancel_scope.cancel()
    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("through_proxy", [False, True], ids=["directly", "through a proxy"])
async def test_machine_that_was_suspended_before_a_connection_was_free(
    monkeypatch: pytest.MonkeyPatch, through_proxy: bool
) -> None:
    """A request that waited for a connection meanwhile is not sent: who knows what has happened since."""
    let_go = anyio.Event()
    server = Server()

    async def slow(stream: ByteStream) -> None:
        server.requests.append(await read_request(stream))
        await let_go.wait()
        await stream.send(CHARGED)
        await server(stream)

    async def wait_in_line(client: AsyncCheckout) -> None:
        with pytest.raises(TimedOut) as caught:
            await charge(client)
        assert caught.value.outcome is Outcome.NOT_SENT

    async with (
        serving(slow) as url,
        checkout(url, max_connections=1, proxy=url if through_proxy else None) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(charge, client)
        await anyio.sleep(0.05)
        tasks.start_soon(wait_in_line, client)
        await anyio.sleep(0.05)
        tomorrow = time.time() + 86_400
        monkeypatch.setattr("time.time", lambda: tomorrow)
        let_go.set()
    assert len(server.requests) == 1


def cut(*, read: int | None = None, send: int = 0) -> Handler:
    """Reads so many bytes of a request, or all of it, sends so many of the answer, and hangs up."""

    async def handle(stream: ByteStream) -> None:
        if read is None:
            await read_request(stream)
        elif read:
            await stream.receive(read)
        if send:
            await stream.send(CHARGED[:send])

    return handle


@pytest.mark.parametrize(
    "handle",
    [
        cut(read=0),
        cut(read=1),
        cut(),
        cut(send=5),
        cut(send=20),
        cut(send=CHARGED.index(b"\r\n\r\n") + 4),
        cut(send=len(CHARGED) - 1),
    ],
    ids=[
        "at once",
        "after a byte",
        "before the answer",
        "in the status",
        "in the headers",
        "before the body",
        "in the body",
    ],
)
@pytest.mark.filterwarnings("ignore:Async generator .*ByteStream.__aiter__:ResourceWarning")  # httpcore drops the body
async def test_connection_cut(handle: Handler) -> None:
    """Once there was a connection, wherever it breaks, the charge may have been made."""
    async with serving(handle) as url:
        error = await failure(url)
    assert (type(error), error.outcome, error.idempotency_key) == (ConnectionLost, Outcome.UNKNOWN, "key-1")


async def test_lost_answer_is_asked_for_again() -> None:
    """The second request is the first one byte for byte, so that the API can tell that it is."""
    requests = []

    async def forgetful(stream: ByteStream) -> None:
        requests.append(await read_request(stream))
        if len(requests) == 2:
            await stream.send(CHARGED)

    async with serving(forgetful) as url, checkout(url, retry=SWIFT) as client:
        receipt = await charge(client)
    assert (receipt.charge_id, receipt.idempotency_key) == ("c1", "key-1")
    assert requests[0] == requests[1]
    assert "\r\nidempotency-key: key-1" in requests[0][0].lower()
    assert requests[0][1] == b'{"amount":12500}'


async def test_connection_that_died_while_idle_is_replaced() -> None:
    """A server that hung up between two calls does not hurt the second."""
    hung_up = anyio.Event()

    async def one_each(stream: ByteStream) -> None:
        await read_request(stream)
        await stream.send(CHARGED)
        await stream.aclose()
        hung_up.set()

    async with serving(one_each) as url, checkout(url) as client:
        await charge(client)
        await hung_up.wait()
        await anyio.sleep(0.05)
        assert (await charge(client)).charge_id == "c1"


@pytest.mark.parametrize(
    "garbage",
    [
        b"what?\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 201 X\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_server_that_speaks_something_else(garbage: bytes) -> None:
    """What is not HTTP says nothing about the charge."""

    async def babble(stream: ByteStream) -> None:
        await read_request(stream)
        await stream.send(garbage)

    async with serving(babble) as url:
        error = await failure(url)
    assert (type(error), error.outcome) == (ConnectionLost, Outcome.UNKNOWN)


async def test_silent_server() -> None:
    """A server that got the request and is silent may be at it."""
    received = anyio.Event()

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        received.set()
        await anyio.sleep_forever()

    async with serving(silent) as url:
        error = await given_up(lambda limit: failure(url, timeout=limit), received.is_set)
    assert (type(error), error.outcome) == (TimedOut, Outcome.UNKNOWN)


async def test_proxy_of_the_machine_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is ignored unless it is asked for."""
    async with nobody() as nowhere, serving(Server()) as url:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, nowhere)
        async with checkout(url) as client:
            assert (await charge(client)).charge_id == "c1"


async def test_given_proxy_is_used() -> None:
    """The call goes to the proxy, with the address of its target."""
    proxy = Server()
    async with nobody() as nowhere, serving(proxy) as url, checkout(nowhere, proxy=url) as client:
        assert (await charge(client)).charge_id == "c1"
    assert proxy.requests[0][0].startswith(f"POST {nowhere}/v1/payments/p1/charges HTTP/1.1\r\n")


async def test_proxy_that_is_down() -> None:
    """Without its proxy nothing was sent."""
    async with nobody() as nowhere, serving(Server()) as url:
        error = await failure(url, proxy=nowhere)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)


async def test_no_layer_logs_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """Not even with all logging on does a key or a body get into a log."""
    caplog.set_level(logging.DEBUG)
    async with serving(Server()) as url, checkout(url) as client:
        await charge(client)
    assert caplog.records
    assert not any(secret in caplog.text for secret in (KEY, "key-1", "12500"))


# --- as a transport of httpx ------------------------------------------------------------------------------------------


async def test_serves_httpx() -> None:
    """Any client of httpx can use it: bodies whole or in pieces, and none."""
    server = Server()

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    async with serving(server) as url, httpx.AsyncClient(transport=CheckoutTransport(), base_url=url) as client:
        for answered in (
            await client.post("/a?b=c", json={"a": 1}, headers={"X-Shop": "s"}),
            await client.post("/a", content=pieces()),
            await client.post("/a"),
            await client.get("/a"),
        ):
            assert (answered.status_code, answered.json()) == (201, {"chargeId": "c1"})
    heads, bodies = zip(*server.requests, strict=True)
    assert bodies == (b'{"a":1}', b'{"a":1}', b"", b"")
    assert heads[0].startswith("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "x-shop: s\r\n" in heads[0].lower()
    assert all("\r\ncontent-length: " in head.lower() for head in heads[:3])
    assert all("transfer-encoding" not in head.lower() for head in heads)
    assert "content-length" not in heads[3].lower()
    assert server.connections == 1


async def test_httpx_head_and_compression() -> None:
    """HEAD has no body; a compressed body is undone by httpx."""
    packed = gzip.compress(b"hello")

    async def pack(stream: ByteStream) -> None:
        head, _ = await read_request(stream)
        found = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        await stream.send(found + (b"" if head.startswith("HEAD") else packed))

    async with serving(pack) as url, httpx.AsyncClient(transport=CheckoutTransport(), base_url=url) as client:
        assert (await client.head("/")).content == b""
        assert (await client.get("/")).text == "hello"


async def test_httpx_time_limits() -> None:
    """The limits are those of the client's timeout, and the errors those of httpx."""

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        await anyio.sleep_forever()

    async with serving(silent) as url, httpx.AsyncClient(transport=CheckoutTransport(), base_url=url) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/", timeout=httpx.Timeout(None, read=0.05))


async def test_httpx_server_name() -> None:
    """The certificate of another name can be asked for."""
    authority = trustme.CA()
    context = client_context(authority, new_context())
    async with (
        serving(Server(), tls=server_context(authority, "api.test")) as url,
        httpx.AsyncClient(transport=CheckoutTransport(ssl_context=context), base_url=url) as client,
    ):
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        assert (await client.get("/", extensions={"sni_hostname": "api.test"})).status_code == 201


async def test_own_transport_is_used_directly() -> None:
    """A `CheckoutTransport` that is given needs no adapter, and is closed with the client."""
    transport = CheckoutTransport(max_connections=1)
    async with serving(Server()) as url:
        async with checkout(url, transport=transport) as client:
            await charge(client)
            (pool,) = transport._pools.values()
            assert pool.open_connections == 1
        assert pool.open_connections == 0


async def test_method_that_would_be_two_requests() -> None:
    """Nothing given to `request` can smuggle in a second request."""
    server = Server()
    async with serving(server) as url, checkout(url) as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.request("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST", "/v1/payments")
        assert caught.value.outcome is Outcome.NOT_SENT
    assert server.connections == 0


async def test_name_that_cannot_be_looked_up() -> None:
    """A host that is no name is like one that does not exist."""
    error = await failure("https://foo..bar")
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)
