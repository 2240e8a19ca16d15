"""Tests of the connections to real sockets: nexi_async._transport.asyncio_connection and trio_connection."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import httpx
import pytest
import trustme

from nexi_async._transport.asyncio_connection import AsyncioConnection
from nexi_async._transport.connect import connect
from nexi_async._transport.connection import Connection, Timeouts
from nexi_async._transport.http1 import ResponseParser
from nexi_async._transport.origin import Origin
from nexi_async._transport.trio_connection import TrioConnection
from tests.transport.leaks import open_files
from tests.transport.lines import Line, Server, hostile_server, settled
from tests.transport.servers import client_context, server_context

SMALL = b"POST /v1/payments HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
LARGE = b"POST /v1/payments HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + bytes(30_000_000)
"""More than the buffers on the way hold."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n{}"
"""An answer that ends with the connection."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
QUICK = Timeouts(write=0.1, read=0.1)
PATIENT = Timeouts(write=30.0, read=30.0)

REQUESTS = pytest.mark.parametrize(
    "request_bytes", [pytest.param(SMALL, id="small"), pytest.param(LARGE, id="large", marks=pytest.mark.slow)]
)
ON_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
Handle = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def facing(
    handle: Handle, *, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
) -> AsyncIterator[tuple[Connection, Server]]:
    """A connection to a server that does this; it is closed afterwards, and so is its socket."""
    async with hostile_server(tls and tls[0]) as server:
        server.handle = handle
        context = tls[1] if tls else ssl.create_default_context()
        connection = await connect(Origin.of(server.url), 5.0, context=context)
        try:
            yield connection, server
        finally:
            connection.close()
            with anyio.fail_after(5):
                while not connection.is_closed:
                    await settled(1)


def saying(*pieces: bytes, size: int = len(SMALL), then: str = "wait") -> Handle:
    """Reads so many bytes, sends the pieces one by one, and waits, hangs up or resets."""

    async def handle(line: Line) -> None:
        await line.read(size)
        for piece in pieces:
            await line.send(piece)
            await settled(3)
        line.limits.by_reset = then == "reset"
        if then == "wait":
            await line.wait_for_the_end()
        elif then == "goodbye":
            await line.goodbye()

    return handle


async def unread(_: Line) -> None:
    """Reads nothing, so that a large request stays in the buffers on the way."""
    await anyio.sleep_forever()


async def ask(connection: Connection, request: bytes = SMALL, timeouts: Timeouts = PATIENT) -> ResponseParser:
    """The answer to a request."""
    with anyio.fail_after(20):
        return await connection.exchange(request, head_only=False, timeouts=timeouts)


async def failure(handle: Handle, request: bytes = SMALL, timeouts: Timeouts = QUICK) -> type[Exception]:
    """How an exchange ends that does not succeed; its connection is of no use any more."""
    async with facing(handle) as (connection, _):
        with pytest.raises(httpx.TransportError) as caught:
            await ask(connection, request, timeouts)
        assert not connection.is_reusable
    return type(caught.value)


async def noticed(connection: Connection) -> bool:
    """Whether the connection is not quiet for long."""
    for _ in range(200):
        if not connection.is_healthy():
            return True
        await anyio.sleep(0.001)
    return False


# --- exchanges --------------------------------------------------------------------------------------------------------


async def test_kind_of_connection(anyio_backend: object) -> None:
    """Each event loop has its own, and the system looks after both while they are idle."""
    async with facing(saying(OK)) as (connection, _):
        if anyio_backend == "trio":
            assert isinstance(connection, TrioConnection)
            found = connection._socket
        else:
            assert isinstance(connection, AsyncioConnection)
            found = connection._transport.get_extra_info("socket")
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@REQUESTS
async def test_exchange(request_bytes: bytes) -> None:
    """The whole request goes out, the whole answer comes in, and the connection can be used again."""
    found = []

    async def handle(line: Line) -> None:
        for _ in range(2):
            found.append(await line.read(len(request_bytes)))
            await line.send(OK[:10])
            await settled()
            await line.send(OK[10:])

    async with facing(handle) as (connection, _):
        for _ in range(2):
            parser = await ask(connection, request_bytes)
            assert (parser.status, parser.body, connection.is_reusable) == (200, b"{}", True)
    assert found == [request_bytes, request_bytes]


@pytest.mark.parametrize(
    "wire",
    [
        OK + OK,
        OK + b"x",
        OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"),
        OK.replace(b"1.1", b"1.0"),
    ],
    ids=["two answers", "surplus", "connection close", "http/1.0"],
)
async def test_not_reusable_after(wire: bytes) -> None:
    """The response counts, but the connection is not reused."""
    async with facing(saying(wire)) as (connection, _):
        parser = await ask(connection)
        assert (parser.status, parser.body, connection.is_reusable) == (200, b"{}", False)


async def test_until_close() -> None:
    """A body without a length ends with the connection."""
    async with facing(saying(b"HTTP/1.0 200 OK\r\n\r\n{", b"}", then="hang up")) as (connection, _):
        assert ((await ask(connection)).body, connection.is_reusable) == (b"{}", False)


async def test_head() -> None:
    """The answer to HEAD is over with its head."""
    async with facing(saying(OK[:-2])) as (connection, _):
        parser = await connection.exchange(SMALL, head_only=True, timeouts=PATIENT)
    assert (parser.status, parser.body) == (200, b"")


async def test_interim_answers() -> None:
    """A 100 is not the answer."""
    async with facing(saying(CONTINUE, OK)) as (connection, _):
        assert ((await ask(connection)).status, connection.is_reusable) == (200, True)


@pytest.mark.parametrize("then", ["more", "hang up", "reset"])
async def test_what_comes_later(anyio_backend: object, then: str) -> None:
    """A byte or the end on an idle connection makes it useless; asyncio says so at that moment."""
    pieces = (OK, b"", b"", b"", b"x") if then == "more" else (OK, b"", b"", b"")
    async with facing(saying(*pieces, then="wait" if then == "more" else then)) as (connection, _):
        told: list[Connection] = []
        connection.on_lost = told.append
        await ask(connection)
        assert await noticed(connection)
        await anyio.sleep(0.01)
        assert bool(told) == (anyio_backend != "trio")


# --- failures ---------------------------------------------------------------------------------------------------------


@REQUESTS
async def test_closed_before_it_was_written(request_bytes: bytes) -> None:
    """What never left this machine has not happened, and the error says so."""
    async with facing(saying(OK)) as (connection, _):
        connection.close()
        with pytest.raises(httpx.ConnectError):
            await ask(connection, request_bytes)


@ON_ASYNCIO
@pytest.mark.parametrize("by_reset", [False, True], ids=["hang-up", "reset"])
async def test_lost_before_it_was_written(by_reset: bool) -> None:
    """Nor has it when the server was first, and the event loop had noticed."""

    async def hang_up(line: Line) -> None:
        line.limits.by_reset = by_reset

    async with facing(hang_up) as (connection, _):
        assert await noticed(connection)
        await anyio.sleep(0.01)
        with pytest.raises(httpx.ConnectError):
            await ask(connection)


@REQUESTS
async def test_broken_after_a_byte_was_read(request_bytes: bytes) -> None:
    """A part of a request is not a request, but who knows what became of it."""
    kinds = {httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError}
    assert await failure(saying(size=1, then="reset"), request_bytes, PATIENT) in kinds


@pytest.mark.parametrize(
    ("pieces", "then", "kinds"),
    [
        pytest.param([], "reset", {httpx.ReadError}, id="reset"),
        pytest.param([OK[:20]], "reset", {httpx.ReadError}, id="reset inside"),
        pytest.param([], "hang up", {httpx.RemoteProtocolError}, id="hang-up"),
        pytest.param([OK[:-1]], "hang up", {httpx.RemoteProtocolError}, id="hang-up inside"),
        pytest.param([b"what?\r\n"], "wait", {httpx.RemoteProtocolError}, id="nonsense"),
        pytest.param([], "wait", {httpx.ReadTimeout}, id="silence"),
        pytest.param([OK[:-1]], "wait", {httpx.ReadTimeout}, id="silence inside"),
        pytest.param([CONTINUE], "wait", {httpx.ReadTimeout}, id="silence after 100"),
    ],
)
@REQUESTS
async def test_no_whole_answer(
    pieces: list[bytes], then: str, kinds: set[type[Exception]], request_bytes: bytes
) -> None:
    """Each way to fail has its name."""
    timeouts = Timeouts(write=30.0, read=0.1) if kinds == {httpx.ReadTimeout} else PATIENT
    assert await failure(saying(*pieces, size=len(request_bytes), then=then), request_bytes, timeouts) in kinds


async def test_reading_has_its_own_limit_after_a_long_write() -> None:
    """Once a large request is written, the limit for reading counts, not what is left of the one for writing."""
    silent = saying(size=len(LARGE))
    with anyio.fail_after(10):
        assert await failure(silent, LARGE, Timeouts(write=15.0, read=0.1)) is httpx.ReadTimeout


async def test_server_that_does_not_read() -> None:
    """Writing has its own limit; a server that says nothing then is given up."""
    assert await failure(unread, LARGE) is httpx.WriteTimeout


@pytest.mark.parametrize("then", ["hang up", "reset", "wait"])
async def test_early_answer(then: str) -> None:
    """A server that stops reading a large request may say why; that counts, and ends the connection."""

    async def handle(line: Line) -> None:
        await line.read(10)
        await line.send(OK.replace(b"200 OK", b"413 Too Large"))
        await anyio.sleep(0.02)
        line.limits.by_reset = then == "reset"
        if then == "wait":
            await anyio.sleep_forever()

    async with facing(handle) as (connection, _):
        parser = await ask(connection, LARGE, Timeouts())
        assert (parser.status, connection.is_reusable) == (413, False)


async def test_deadline() -> None:
    """Whatever the steps may take, the whole has its end."""
    async with facing(saying()) as (connection, _):
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await connection.exchange(SMALL, head_only=False, timeouts=Timeouts(read=60.0), deadline=began + 0.05)
        assert 0.045 < time.monotonic() - began < 30.0


async def test_trickle() -> None:
    """A server that always sends a little more gets more time for each piece, but not for all of them."""

    async def trickle(line: Line) -> None:
        await line.read(len(SMALL))
        while True:
            await line.send(CONTINUE)
            await anyio.sleep(0.02)

    async with facing(trickle) as (connection, _):
        timeouts, began = Timeouts(read=0.2, total=0.3), time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await connection.exchange(SMALL, head_only=False, timeouts=timeouts, deadline=began + 0.3)
        assert 0.25 < time.monotonic() - began < 30.0


@REQUESTS
@pytest.mark.parametrize("size", [0, 10, 10**9], ids=["unread", "begun", "read"])
async def test_cancelled(request_bytes: bytes, size: int) -> None:
    """A cancelled exchange leaves a connection of no use."""

    async def stop(line: Line) -> None:
        await line.read(size)
        await anyio.sleep_forever()

    async with facing(stop) as (connection, _):
        with anyio.move_on_after(0.03) as scope:
            await connection.exchange(request_bytes, head_only=False, timeouts=Timeouts())
        assert scope.cancelled_caught
        assert not connection.is_reusable


async def test_close() -> None:
    """A closed connection is of no use, and may be closed again."""
    async with facing(saying(OK)) as (connection, _):
        assert connection.is_healthy()
        connection.close()
        connection.close()
        assert not connection.is_healthy()
        assert not connection.is_reusable


# --- on asyncio -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def on_asyncio(handle: Handle) -> AsyncIterator[AsyncioConnection]:
    """A connection whose inside can be looked at."""
    async with facing(handle) as (connection, _):
        assert isinstance(connection, AsyncioConnection)
        yield connection


@ON_ASYNCIO
async def test_one_timer_for_many_exchanges() -> None:
    """A deadline that comes after the one before needs no timer of its own; an earlier one does."""
    async with hostile_server(None) as server:
        connection = await connect(Origin.of(server.url), 5.0, context=ssl.create_default_context())
        assert isinstance(connection, AsyncioConnection)
        timers = set()
        for number in range(10):
            await connection.exchange(SMALL, head_only=False, timeouts=Timeouts(), deadline=time.monotonic() + 30)
            timers.add(connection._timer)
            assert len(server.seen) == 1, number
        assert len(timers) == 1
        timeouts = Timeouts(read=0.1, total=20)
        await connection.exchange(SMALL, head_only=False, timeouts=timeouts, deadline=time.monotonic() + 20)
        assert connection._timer not in timers
        connection.close()
        assert connection._timer is None
        await settled()


@ON_ASYNCIO
async def test_timer_that_is_too_early() -> None:
    """It goes off at the deadline of an exchange that is over, and cuts the next one no shorter."""

    async def slow(line: Line) -> None:
        for seconds in (0, 0.15):
            await line.read(len(SMALL))
            await anyio.sleep(seconds)
            await line.send(OK)
        await line.wait_for_the_end()

    async with on_asyncio(slow) as connection:
        for seconds in (0.05, 5.0):
            deadline = time.monotonic() + seconds
            await connection.exchange(SMALL, head_only=False, timeouts=Timeouts(), deadline=deadline)
        deadline = time.monotonic() + 0.05
        with pytest.raises(httpx.ReadTimeout):
            await connection.exchange(SMALL, head_only=False, timeouts=Timeouts(), deadline=deadline)


@ON_ASYNCIO
async def test_large_request_is_not_copied_at_once() -> None:
    """Of what the system does not take, little is kept beside the request itself."""
    async with on_asyncio(unread) as connection:
        with anyio.move_on_after(0.1):
            await connection.exchange(LARGE, head_only=False, timeouts=Timeouts())
        assert connection._unsent is not None
        assert connection._transport.get_write_buffer_size() < 200_000


@ON_ASYNCIO
async def test_task_of_asyncio_cancelled_when_answered() -> None:
    """The `Task.cancel` of asyncio itself still hits a task whose answer is there but which has not run."""
    async with on_asyncio(saying(OK)) as connection:
        task = asyncio.create_task(connection.exchange(SMALL, head_only=False, timeouts=PATIENT))
        await settled(1)
        while not connection._done.done():
            await settled(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not connection.is_reusable


# --- with TLS ---------------------------------------------------------------------------------------------------------

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom both ends trust."""
    return trustme.CA()


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def tls(request: pytest.FixtureRequest, authority: trustme.CA) -> Contexts:
    """Server and client, by either version."""
    server = server_context(authority)
    server.minimum_version = server.maximum_version = request.param
    return server, client_context(authority, ssl.create_default_context())


async def test_secure_exchange(tls: Contexts) -> None:
    """Nothing is left over afterwards; the session tickets of TLS 1.3 are no surprise then."""
    async with facing(saying(OK), tls=tls) as (connection, _):
        assert (await ask(connection)).body == b"{}"
        await anyio.sleep(0.01)
        assert connection.is_healthy()
        assert connection.is_reusable


async def test_much_both_ways_at_once(tls: Contexts) -> None:
    """What is too large for any buffer travels whole, while as much comes in."""
    size = 3_000_000
    request = LARGE[:size]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

    async def both(line: Line) -> None:
        await line.read(10)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.send, head + bytes(size - 1))
            await line.read(size - 10)
        await line.send(b"!")
        await line.wait_for_the_end()

    async with facing(both, tls=tls) as (connection, _):
        parser = await ask(connection, request)
        assert (len(parser.body), parser.body[-1:], connection.is_reusable) == (size, b"!", True)


@pytest.mark.parametrize("surplus", ["a record", "a part of one"])
async def test_surplus_record(anyio_backend: object, tls: Contexts, surplus: str) -> None:
    """What comes along with the answer is noticed, on trio even a part of it; on asyncio as soon as it is whole."""

    async def handle(line: Line) -> None:
        await line.read(len(SMALL))
        wire, more = line.sealed(OK), line.sealed(b"more")
        first = len(more) if surplus == "a record" else 1
        await line._send(wire + more[:first])
        await anyio.sleep(0.02)
        await line._send(more[first:])
        await line.wait_for_the_end()

    async with facing(handle, tls=tls) as (connection, _):
        assert (await ask(connection)).body == b"{}"
        if anyio_backend == "trio":
            assert not (connection.is_healthy() and connection.is_reusable)
        assert not connection.is_reusable or await noticed(connection)


async def test_any_split_of_records(tls: Contexts) -> None:
    """A record may trickle in byte by byte."""

    async def trickle(line: Line) -> None:
        await line.read(len(SMALL))
        for byte in line.sealed(OK):
            await line._send(bytes([byte]))
            await settled(1)
        await line.wait_for_the_end()

    async with facing(trickle, tls=tls) as (connection, _):
        assert (await ask(connection)).body == b"{}"


async def test_secure_end(tls: Contexts) -> None:
    """A server that says goodbye has come to the end."""
    async with facing(saying(ENDLESS, then="goodbye"), tls=tls) as (connection, _):
        assert (await ask(connection)).body == b"{}"


async def test_insecure_end(tls: Contexts) -> None:
    """Without its goodbye anybody may have cut the connection, so this is no end but an error."""
    async with facing(saying(ENDLESS, then="hang up"), tls=tls) as (connection, _):
        with pytest.raises(httpx.ReadError):
            await ask(connection)


async def test_forged_record(tls: Contexts) -> None:
    """What somebody else put into the connection is an error."""

    async def forge(line: Line) -> None:
        await line.read(len(SMALL))
        wire = bytearray(line.sealed(OK))
        wire[-1] ^= 1
        await line._send(bytes(wire))
        await line.wait_for_the_end()

    async with facing(forge, tls=tls) as (connection, _):
        with pytest.raises(httpx.ReadError):
            await ask(connection)
        assert not connection.is_reusable


async def test_why_the_handshake_failed(authority: trustme.CA) -> None:
    """A certificate that is not for this name is named as the reason, and no socket stays open."""
    before = open_files()
    async with hostile_server(server_context(authority, "elsewhere.test")) as server:
        context = client_context(authority, ssl.create_default_context())
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await connect(Origin.of(server.url), 5.0, context=context)
        await settled()
    assert (open_files() - before)["socket"] == 0


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while sending"])
async def test_certificate_asked_for_later(anyio_backend: object, authority: trustme.CA, busy: bool) -> None:
    """TLS 1.3 lets a server ask for a certificate in the middle; what TLS answers is sent while we only read."""
    if busy and anyio_backend == "trio":
        pytest.skip("two tasks of anyio's can't both write for TLS; such a call ends as unknown")
    client, server = client_context(authority, ssl.create_default_context()), server_context(authority)
    client.post_handshake_auth = True
    authority.issue_cert("shop.test").configure_cert(client)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    server.post_handshake_auth = True
    request = LARGE[:3_000_000] if busy else SMALL

    async def ask_back(line: Line) -> None:
        assert isinstance(line.tls, ssl.SSLObject)
        if not busy:
            await line.read(len(request))
        line.tls.verify_client_post_handshake()
        await line.send(CONTINUE)
        if busy:
            await line.read(len(request))
        while not line.tls.getpeercert():
            await line.fill()
            with suppress(ssl.SSLWantReadError):
                line.tls.read(1)
        await line.send(OK)
        await line.wait_for_the_end()

    async with facing(ask_back, tls=(server, client)) as (connection, _):
        assert (await ask(connection, request)).body == b"{}"
        assert connection.is_reusable


async def test_deadline_is_infinite_by_default() -> None:
    """Who sets no limit waits."""
    async with facing(saying(CONTINUE)) as (connection, _):
        with anyio.move_on_after(0.05) as scope:
            await connection.exchange(SMALL, head_only=False, timeouts=Timeouts(), deadline=math.inf)
        assert scope.cancelled_caught
