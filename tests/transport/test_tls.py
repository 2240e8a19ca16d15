"""Tests of nexi_async._transport.tls, over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute

from nexi_async import AsyncCheckout, ConnectFailed, ConnectionLost, NexiError, Outcome, RetryPolicy, TimedOut
from nexi_async._transport.tls import new_context
from tests.scripted import KEY
from tests.transport.servers import client_context, read_request, response, server_context, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that is not trusted by default."""
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """The context of the SDK, trusting the authority too."""
    return client_context(authority, new_context())


async def found(stream: ByteStream) -> None:
    """A server that knows one charge."""
    await read_request(stream)
    await stream.send(response(200, b'{"chargeId": "c1", "amount": 100}'))


def checkout(url: str, **settings: Any) -> AsyncCheckout:
    """A client that tries once."""
    return AsyncCheckout(KEY, **{"base_url": url, "retry": RetryPolicy(attempts=1), "timeout": 5.0, **settings})


async def failure(url: str, **settings: Any) -> NexiError:
    """How a charge ends that does not succeed."""
    async with checkout(url, **settings) as client:
        with pytest.raises(NexiError) as caught:
            await client.payments.charge("p1", amount=100)
    return caught.value


def causes(error: BaseException) -> Iterator[BaseException]:
    """What lies underneath an error, layer by layer."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def test_context_is_strict() -> None:
    """TLS 1.2 or newer, a certificate that is trusted, and the name on it."""
    context = new_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_context_offers_what_the_api_takes() -> None:
    """The suites that the API lists first are among those offered."""
    offered = {suite["name"] for suite in new_context().get_ciphers()}
    assert {"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"} <= offered


async def test_exchange(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """A server with a trusted certificate is talked to."""
    async with serving(found, tls=server_context(authority)) as url, checkout(url, ssl_context=trusting) as client:
        assert (await client.charges.retrieve("c1")).amount == 100


async def test_exchange_by_the_apis_own_version(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """The API knows TLS 1.2 only, so a server that knows no other is talked to."""
    context = server_context(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    async with serving(found, tls=context) as url, checkout(url, ssl_context=trusting) as client:
        assert (await client.charges.retrieve("c1")).amount == 100


async def test_untrusted_certificate(authority: trustme.CA) -> None:
    """The key is not shown to a server that cannot prove itself."""
    asked = []

    async def note(stream: ByteStream) -> None:
        asked.append(await read_request(stream))

    async with serving(note, tls=server_context(authority)) as url:
        error = await failure(url)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)
    assert any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))
    assert not asked


async def test_certificate_of_another_server(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """A trusted certificate for another name proves nothing."""
    async with serving(found, tls=server_context(authority, "elsewhere.test")) as url:
        error = await failure(url, ssl_context=trusting)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)


async def test_server_without_tls(trusting: ssl.SSLContext) -> None:
    """A server that answers in the open gets nothing."""

    async def in_the_open(stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(response(200, b"{}"))

    async with serving(in_the_open) as url:
        error = await failure(url.replace("http:", "https:"), ssl_context=trusting)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)


async def test_server_that_never_shakes_hands(trusting: ssl.SSLContext) -> None:
    """Before the handshake is over nothing was sent."""

    async def stare(_: ByteStream) -> None:
        await anyio.sleep_forever()

    async with serving(stare) as url:
        error = await failure(url.replace("http:", "https:"), ssl_context=trusting, timeout=0.6)
    assert (type(error), error.outcome) == (TimedOut, Outcome.NOT_SENT)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{"])
async def test_connection_cut_within_tls(authority: trustme.CA, trusting: ssl.SSLContext, sent: bytes) -> None:
    """Once the request is through, a broken connection leaves its outcome open."""

    async def hang_up(stream: ByteStream) -> None:
        await read_request(stream)
        if sent:
            await stream.send(sent)

    async with serving(hang_up, tls=server_context(authority)) as url:
        error = await failure(url, ssl_context=trusting)
    assert (type(error), error.outcome) == (ConnectionLost, Outcome.UNKNOWN)


async def test_server_gets_the_name_that_is_meant(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """A server of many names shows the certificate for the one that was asked for; numbers are no names."""
    asked: list[str | None] = []
    context = server_context(authority)
    by_name = server_context(authority, "localhost")

    def choose(secured: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        asked.append(name)
        if name == "localhost":
            secured.context = by_name

    context.sni_callback = choose
    async with serving(found, tls=context) as url:
        for address in (url.replace("127.0.0.1", "localhost"), url):
            async with checkout(address, ssl_context=trusting) as client:
                assert (await client.charges.retrieve("c1")).amount == 100
    assert asked == ["localhost", None]


@pytest.mark.parametrize("secured", [True, False])
async def test_ipv6(authority: trustme.CA, trusting: ssl.SSLContext, secured: bool) -> None:
    """An IPv6 address is connected to, its certificate checked, and named with brackets."""
    heads = []

    async def note(stream: ByteStream) -> None:
        heads.append((await read_request(stream))[0])
        await stream.send(response(200, b'{"chargeId": "c1", "amount": 100}'))

    tls = server_context(authority, "::1") if secured else None
    async with serving(note, tls=tls, host="::1") as url, checkout(url, ssl_context=trusting) as client:
        assert (await client.charges.retrieve("c1")).amount == 100
    assert f"\r\nHost: {url.partition('://')[2]}\r\n" in heads[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_client_certificate(authority: trustme.CA, version: ssl.TLSVersion) -> None:
    """A context of the caller's brings its certificate along."""
    names: list[Any] = []

    async def note(stream: ByteStream) -> None:
        names.append(stream.extra(TLSAttribute.peer_certificate))
        await found(stream)

    server = server_context(authority)
    server.minimum_version = server.maximum_version = version
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    own = client_context(authority, ssl.create_default_context())
    authority.issue_cert("shop.test").configure_cert(own)
    async with serving(note, tls=server) as url, checkout(url, ssl_context=own) as client:
        assert (await client.charges.retrieve("c1")).amount == 100
    assert names[0]["subjectAltName"] == (("DNS", "shop.test"),)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_missing_client_certificate(
    authority: trustme.CA, trusting: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """With TLS 1.2 the handshake fails; with 1.3 the client learns of it after it has sent its request."""
    server = server_context(authority)
    server.minimum_version = server.maximum_version = version
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    async with serving(found, tls=server) as url:
        error = await failure(url, ssl_context=trusting)
    if version is ssl.TLSVersion.TLSv1_2:
        assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)
    else:
        assert error.outcome in {Outcome.NOT_SENT, Outcome.UNKNOWN}


async def test_context_that_offers_http2(authority: trustme.CA) -> None:
    """A context shared with a client of HTTP/2 offers that; nothing is sent to a server that chooses it."""
    asked = []

    async def speak_http2(stream: ByteStream) -> None:
        await stream.send(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        asked.append(await read_request(stream))

    server, shared = server_context(authority), client_context(authority, ssl.create_default_context())
    server.set_alpn_protocols(["h2", "http/1.1"])
    shared.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(speak_http2, tls=server) as url:
        error = await failure(url, ssl_context=shared)
    assert (type(error), error.outcome) == (ConnectFailed, Outcome.NOT_SENT)
    assert "the server chose h2, which the ssl_context offers" in str(error)
    assert not asked


async def test_own_context_is_used_as_it_is(authority: trustme.CA) -> None:
    """A caller who trusts only one authority is asked for no other, and nothing of the context is changed."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.minimum_version = ssl.TLSVersion.TLSv1_3
    authority.configure_trust(own)
    async with serving(found, tls=server_context(authority)) as url, checkout(url, ssl_context=own) as client:
        assert (await client.charges.retrieve("c1")).amount == 100
    assert own.minimum_version is ssl.TLSVersion.TLSv1_3
    old = server_context(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(found, tls=old) as url:
        assert (await failure(url, ssl_context=own)).outcome is Outcome.NOT_SENT
