"""Tests of nexi_async._transport.proxy, and of proxies, through a real one that tunnels with CONNECT."""

from __future__ import annotations

import base64
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import ByteStream

from nexi_async import AsyncCheckout, ConnectFailed, InvalidRequest, NexiError, Outcome, RetryPolicy, TimedOut
from nexi_async._transport import proxied_transport
from nexi_async._transport.origin import Origin
from nexi_async._transport.proxy import check_proxy, proxy_of_environment
from nexi_async._transport.tls import new_context
from tests.scripted import KEY
from tests.transport.leaks import open_files
from tests.transport.servers import client_context, read_request, response, server_context, serving

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority of the test's own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> ssl.SSLContext:
    """What the server shows."""
    return server_context(authority)


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """The context of the SDK, trusting the authority too."""
    return client_context(authority, new_context())


class Tunnel:
    """A proxy that connects whom it is asked to connect, and notes what it sees in the open."""

    def __init__(self, refusal: bytes | None = None) -> None:
        self.heads: list[str] = []
        self.refusal = refusal
        self.seen = b""

    async def __call__(self, stream: ByteStream) -> None:
        head, _ = await read_request(stream)
        self.heads.append(head)
        if self.refusal is not None:
            await stream.send(self.refusal)
            return
        host, _, port = head.split()[1].rpartition(":")
        async with await anyio.connect_tcp(host.strip("[]"), int(port)) as target:
            await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.relay, stream, target, tasks.cancel_scope)
                tasks.start_soon(self.relay, target, stream, tasks.cancel_scope)

    async def relay(self, source: ByteStream, sink: ByteStream, both: anyio.CancelScope) -> None:
        try:
            async for data in source:
                self.seen += data
                await sink.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        both.cancel()


async def found(stream: ByteStream) -> None:
    """A server that knows one charge, and answers as often as it is asked."""
    try:
        while True:
            await read_request(stream)
            await stream.send(response(200, b'{"chargeId": "c1", "amount": 100}'))
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass


def checkout(url: str, **settings: Any) -> AsyncCheckout:
    """A client that tries once."""
    return AsyncCheckout(KEY, **{"base_url": url, "retry": RetryPolicy(attempts=1), "timeout": 5.0, **settings})


@asynccontextmanager
async def tunnelled(
    proxy: Tunnel, server: ssl.SSLContext, trusting: ssl.SSLContext, **settings: Any
) -> AsyncIterator[AsyncCheckout]:
    """A client that reaches a server through a proxy."""
    async with (
        serving(found, tls=server) as url,
        serving(proxy) as address,
        checkout(url, proxy=address, ssl_context=trusting, **settings) as client,
    ):
        yield client


async def test_tunnel(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """The proxy learns where the calls go, and not a word of them; the certificate is the server's."""
    tunnel = Tunnel()
    async with (
        serving(found, tls=server) as url,
        serving(tunnel) as proxy,
        checkout(url, proxy=proxy, ssl_context=trusting) as client,
    ):
        for _ in range(2):
            assert (await client.charges.retrieve("c1")).amount == 100
    (head,) = tunnel.heads
    assert head.startswith(f"CONNECT {url.removeprefix('https://')} HTTP/1.1\r\n")
    assert KEY not in head
    assert KEY.encode() not in tunnel.seen
    assert len(tunnel.seen) > 1000


async def test_certificate_is_checked_through_the_tunnel(server: ssl.SSLContext) -> None:
    """A proxy cannot put itself in the server's place."""
    async with serving(found, tls=server) as url, serving(Tunnel()) as proxy, checkout(url, proxy=proxy) as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.charges.retrieve("c1")
    assert caught.value.outcome is Outcome.NOT_SENT


async def test_proxy_that_wants_a_password(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """It stands in the proxy's address and is shown to nobody but the proxy."""
    tunnel = Tunnel()
    async with serving(found, tls=server) as url, serving(tunnel) as proxy:
        address = proxy.replace("http://", "http://shop:s3cret@")
        async with checkout(url, proxy=address, ssl_context=trusting) as client:
            assert "s3cret" not in repr(client)
            await client.charges.retrieve("c1")
    expected = base64.b64encode(b"shop:s3cret").decode()
    assert f"proxy-authorization: basic {expected}".lower() in tunnel.heads[0].lower()


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_proxy_that_refuses(server: ssl.SSLContext, trusting: ssl.SSLContext, refusal: bytes) -> None:
    """A proxy's own answer is not the API's: nothing was sent."""
    async with tunnelled(Tunnel(refusal), server, trusting) as client:
        with pytest.raises(NexiError) as caught:
            await client.payments.charge("p1", amount=100)
    assert (type(caught.value), caught.value.outcome) == (ConnectFailed, Outcome.NOT_SENT)


async def test_proxy_that_is_silent(trusting: ssl.SSLContext) -> None:
    """A proxy that never answers is given up in time."""

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        await anyio.sleep_forever()

    async with (
        serving(silent) as proxy,
        checkout("https://api.test", proxy=proxy, ssl_context=trusting, timeout=0.3) as client,
    ):
        with anyio.fail_after(5), pytest.raises(TimedOut):
            await client.payments.charge("p1", amount=100)


# --- its connections --------------------------------------------------------------------------------------------------


class BreakingTunnel(Tunnel):
    """A proxy that hangs up on those who want to greet the server, until it works again."""

    works = False

    async def relay(self, source: ByteStream, sink: ByteStream, both: anyio.CancelScope) -> None:
        if self.works:
            await super().relay(source, sink, both)
        both.cancel()


async def test_cancelled_calls_cost_no_connection(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """However many calls were cancelled before they got through, the next one does."""
    async with tunnelled(Tunnel(), server, trusting, max_connections=2) as client:
        for _ in range(3):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await client.charges.retrieve("c1")
        assert (await client.charges.retrieve("c1")).amount == 100


async def test_failed_handshakes_cost_no_connection(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """However many tunnels broke before the server's certificate was seen, the next one is used."""
    tunnel = BreakingTunnel()
    async with tunnelled(tunnel, server, trusting, max_connections=2) as client:
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await client.charges.retrieve("c1")
        tunnel.works = True
        assert (await client.charges.retrieve("c1")).amount == 100


async def test_connections_are_limited_and_used_again(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """Calls that are more than the connections wait for one."""
    tunnel = Tunnel()
    async with tunnelled(tunnel, server, trusting, max_connections=2) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(client.charges.retrieve, "c1")
        assert len(tunnel.heads) == 2


async def test_connections_that_nobody_needs_are_closed(
    server: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many calls at once, what stays idle is closed bit by bit."""
    before = open_files()
    async with tunnelled(Tunnel(), server, trusting) as client:
        await client.charges.retrieve("c1")
        one = open_files() - before
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.charges.retrieve, "c1")
        assert (open_files() - before)["socket"] > one["socket"]
        monkeypatch.setattr(proxied_transport, "IDLE_SECONDS", 0.3)
        await anyio.sleep(0.4)
        with anyio.fail_after(5):
            while (open_files() - before)["socket"] > one["socket"]:
                await client.charges.retrieve("c1")


async def test_no_connection_is_free_in_time(trusting: ssl.SSLContext) -> None:
    """Who waited in vain for another call has sent nothing."""
    received = anyio.Event()

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        received.set()
        await anyio.sleep_forever()

    async with (
        serving(silent) as proxy,
        checkout("https://api.test", proxy=proxy, max_connections=1, ssl_context=trusting, timeout=30.0) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(client.charges.retrieve, "c1")
        await received.wait()
        with pytest.raises(TimedOut) as caught:
            await client.with_options(timeout=0.3).payments.charge("p1", amount=100)
        tasks.cancel_scope.cancel()
    assert caught.value.outcome is Outcome.NOT_SENT


async def test_closing_closes_connections(server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    """Idle connections are closed with the client, those in use once their call is over."""
    held, go_on = anyio.Event(), anyio.Event()

    async def hold(stream: ByteStream) -> None:
        held.set()
        await go_on.wait()
        await found(stream)

    before = open_files()
    async with (
        serving(found, tls=server) as url,
        serving(hold, tls=server) as slow,
        serving(Tunnel()) as proxy,
        anyio.create_task_group() as tasks,
    ):
        async with checkout(url, proxy=proxy, ssl_context=trusting) as client:
            await client.charges.retrieve("c1")
        async with checkout(slow, proxy=proxy, ssl_context=trusting) as client:
            tasks.start_soon(client.charges.retrieve, "c1")
            await held.wait()
        go_on.set()
    assert not (open_files() - before)["socket"]


# --- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("with_scheme", [True, False])
async def test_proxy_of_the_environment(
    server: ssl.SSLContext,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    with_scheme: bool,
) -> None:
    """It is used by those who say so, also if its address has no scheme, as is common."""
    tunnel = Tunnel()
    async with serving(found, tls=server) as url, serving(tunnel) as proxy:
        monkeypatch.setenv(name, proxy if with_scheme else proxy.removeprefix("http://"))
        async with checkout(url, trust_env=True, ssl_context=trusting) as client:
            assert (await client.charges.retrieve("c1")).amount == 100
    assert len(tunnel.heads) == 1


@pytest.mark.parametrize("exception", ["127.0.0.1", "*", "api.test, 127.0.0.1", "127.0.0.1:{port}"])
async def test_no_proxy(
    server: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    """Whoever is excepted is talked to directly."""
    tunnel = Tunnel()
    async with serving(found, tls=server) as url, serving(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", exception.format(port=url.rpartition(":")[2]))
        async with checkout(url, trust_env=True, ssl_context=trusting) as client:
            assert (await client.charges.retrieve("c1")).amount == 100
    assert tunnel.heads == []


async def test_environment_is_not_trusted_by_default(
    server: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is ignored unless it is asked for."""
    tunnel = Tunnel()
    async with serving(found, tls=server) as url, serving(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with checkout(url, ssl_context=trusting) as client:
            await client.charges.retrieve("c1")
    assert tunnel.heads == []


async def test_given_proxy_comes_first(
    server: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the caller says outright beats the environment."""
    given, other = Tunnel(), Tunnel()
    async with serving(found, tls=server) as url, serving(given) as proxy, serving(other) as elsewhere:
        monkeypatch.setenv("HTTPS_PROXY", elsewhere)
        async with checkout(url, proxy=proxy, trust_env=True, ssl_context=trusting) as client:
            await client.charges.retrieve("c1")
    assert (len(given.heads), len(other.heads)) == (1, 0)


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://api.test", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.test", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "http://a:2"}, "https://api.test", "http://p:1"),
        ({"ALL_PROXY": "http://a:2"}, "https://api.test", "http://a:2"),
        ({"HTTP_PROXY": "http://p:1"}, "https://api.test", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://127.0.0.1", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://api.test", "http://p:1"),
        ({"HTTPS_PROXY": "shop:pw@p:1"}, "https://api.test", "http://shop:pw@p:1"),
        ({"HTTPS_PROXY": ""}, "https://api.test", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, "https://api.test", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "test"}, "https://api.test", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.test"}, "https://api.test", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.test:443"}, "https://api.test", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.test:444"}, "https://api.test", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "::1"}, "https://[::1]:8400", None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: str | None
) -> None:
    """As curl and others read the variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of_environment(Origin.of(url)) == expected


# --- passwords --------------------------------------------------------------------------------------------------------

NO_ADDRESSES = [
    "shop:s3cret@proxy.test:3128",
    "http://shop:s3cret@proxy.test:port",
    "http://shop:s3cret@proxy.test:99999",
    "http://shop:s3cret@proxy.test:0",
    "http://shop:s3cret@[::1",
    "http://shop:s3cret@",
    "ftp://shop:s3cret@proxy.test",
    "http://shop:s3cret/@proxy.test:3128",
    "http://shop:1/s3cret@proxy.test:3128",
    "http://shop:1#s3cret@proxy.test:3128",
    "http://shop:1?s3cret@proxy.test:3128",
    "http://shop:@s3cret@proxy.test:3128",
    "http://shop:s3cret@proxy.test\n:3128",
    "s3cret",
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_password_of_a_proxy_is_in_no_error(address: str) -> None:
    """What is no address is refused before anything is opened, and nothing of it is repeated, however it is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        checkout("https://api.test", proxy=address)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert [fault.path for fault in caught.value.faults] == ["proxy"]


@pytest.mark.parametrize("address", [*NO_ADDRESSES[1:2], "shop:s3cret@proxy.test:port"])
def test_password_of_the_environments_proxy_is_in_no_error(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """The variables are read as carefully as the option."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(InvalidRequest) as caught:
        checkout("https://api.test", trust_env=True)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "address",
    ["http://proxy.test", "http://proxy.test:3128/", "https://shop:s3%2Fcret%40@[::1]:3128", "socks5://127.0.0.1:1080"],
)
def test_addresses_of_proxies(address: str) -> None:
    """Every address that httpx can use is taken."""
    check_proxy(address)


async def test_password_of_a_proxy_that_is_away() -> None:
    """The error for a proxy that can't be reached does not contain its password."""
    async with checkout("https://api.test", proxy="http://shop:s3cret@127.0.0.1:1") as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.charges.retrieve("c1")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
