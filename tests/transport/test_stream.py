"""Tests of nexi_async.transport.stream, on pairs of real sockets."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import anyio
import pytest
import trustme
from anyio.lowlevel import checkpoint

from nexi_async.transport.stream import PlainStream, SecureStream
from nexi_async.transport.watch import Watch
from tests.transport.lines import CHUNK, NO_LINGER, HungUp, Line
from tests.transport.servers import client_context, server_context

MEGABYTES = bytes(range(256)) * 20_000


@pytest.fixture
def ends() -> Iterator[tuple[PlainStream, socket.socket]]:
    """A stream, and the socket at its other end, which does not block."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        stack.enter_context(far)
        near.setblocking(False)
        far.setblocking(False)
        stream = PlainStream(near, Watch())
        stack.callback(stream.close)
        yield stream, far


async def receive_exactly(far: socket.socket, count: int) -> bytes:
    """So many bytes from the other end."""
    found = b""
    with anyio.fail_after(5):
        while len(found) < count:
            await anyio.wait_readable(far)
            found += far.recv(count - len(found))
    return found


async def send_all(far: socket.socket, data: bytes) -> None:
    """All the bytes, from the other end."""
    with anyio.fail_after(5):
        while data:
            await anyio.wait_writable(far)
            data = data[far.send(data) :]


def fill(near: socket.socket) -> None:
    """Send until not a byte more fits in."""
    for size in (CHUNK, 1):
        with suppress(BlockingIOError):
            while True:
                near.send(bytes(size))


async def noticed(stream: PlainStream | SecureStream) -> bool:
    """Whether a surprise comes within a while."""
    for _ in range(100):
        if stream.has_surprise():
            return True
        await anyio.sleep(0.001)
    return False


# --- plain ------------------------------------------------------------------------------------------------------------


async def test_small(ends: tuple[PlainStream, socket.socket]) -> None:
    """What is sent arrives, and the other way round."""
    stream, far = ends
    await stream.send(b"ping", math.inf)
    assert await receive_exactly(far, 4) == b"ping"
    far.send(b"pong")
    assert await stream.receive(math.inf) == b"pong"
    assert stream.bytes_sent == 4


async def test_more_than_the_buffers_hold(ends: tuple[PlainStream, socket.socket]) -> None:
    """A large message goes out bit by bit, and whole."""
    stream, far = ends
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send, MEGABYTES, math.inf)
        assert await receive_exactly(far, len(MEGABYTES)) == MEGABYTES
    assert stream.bytes_sent == len(MEGABYTES)


async def test_nobody_reads(ends: tuple[PlainStream, socket.socket]) -> None:
    """Sending ends when its time is up; into full buffers not a byte more goes."""
    stream, _ = ends
    with pytest.raises(TimeoutError):
        await stream.send(MEGABYTES * 2, anyio.current_time() + 0.05)
    sent = stream.bytes_sent
    assert 0 < sent < len(MEGABYTES) * 2
    fill(stream._socket)
    with pytest.raises(TimeoutError):
        await stream.send(b"more", anyio.current_time() + 0.02)
    assert stream.bytes_sent == sent


async def test_nobody_sends(ends: tuple[PlainStream, socket.socket]) -> None:
    """Receiving ends when its time is up, and can be tried again."""
    stream, far = ends
    with pytest.raises(TimeoutError):
        await stream.receive(anyio.current_time() + 0.02)
    far.send(b"late")
    assert await stream.receive(anyio.current_time() + 5) == b"late"


async def test_end(ends: tuple[PlainStream, socket.socket]) -> None:
    """What came before the end is read first."""
    stream, far = ends
    far.send(b"last words")
    far.close()
    assert await stream.receive(math.inf) == b"last words"
    assert await stream.receive(math.inf) == b""


async def test_reset(ends: tuple[PlainStream, socket.socket]) -> None:
    """A reset connection is an `OSError`, and nothing of what is sent then has left."""
    stream, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    far.close()
    assert await noticed(stream)
    with pytest.raises(OSError, match=r"Connection reset|Broken pipe"):
        await stream.send(b"ping", math.inf)
    assert stream.bytes_sent == 0


async def test_reset_while_waiting(ends: tuple[PlainStream, socket.socket]) -> None:
    """Who waits for something is told of it."""
    stream, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    async def reset() -> None:
        await checkpoint()
        far.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reset)
        with pytest.raises(ConnectionResetError):
            await stream.receive(anyio.current_time() + 5)


@pytest.mark.parametrize("act", [lambda far: far.send(b"x"), lambda far: far.close()], ids=["a byte", "the end"])
async def test_surprise(ends: tuple[PlainStream, socket.socket], act: Callable[[socket.socket], object]) -> None:
    """Whatever comes unasked is noticed, and not taken."""
    stream, far = ends
    assert not stream.has_surprise()
    act(far)
    assert await noticed(stream)
    assert stream.has_surprise()


async def test_close_twice(ends: tuple[PlainStream, socket.socket]) -> None:
    """A closed stream may be closed again, and is good for nothing."""
    stream, far = ends
    stream.close()
    stream.close()
    assert stream.has_surprise()
    await anyio.wait_readable(far)
    assert far.recv(1) == b""


def test_no_room_on_the_watch_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is out of file descriptors gets the socket back at once."""

    def fail(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Watch, "add", fail)
    near, far = socket.socketpair()
    with far:
        with pytest.raises(OSError, match="Too many open files"):
            PlainStream(near, Watch())
        assert near.fileno() == -1


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom both ends trust."""
    return trustme.CA()


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def server(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext:
    """Either version."""
    context = server_context(authority)
    context.minimum_version = context.maximum_version = request.param
    return context


@pytest.fixture(scope="module")
def client(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the authority."""
    return client_context(authority, ssl.create_default_context())


async def secured(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> tuple[SecureStream, Line]:
    """Both ends after the handshake."""
    stream, peer = SecureStream(ends[0], client, "127.0.0.1"), Line(ends[1], server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.handshake)
        await stream.handshake(anyio.current_time() + 5)
    return stream, peer


async def test_secure_exchange(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """Both ways, and nothing is left over afterwards; the session tickets of TLS 1.3 are no surprise then."""
    stream, peer = await secured(ends, client, server)
    await stream.send(b"ping", math.inf)
    assert await peer.read(4) == b"ping"
    await peer.send(b"pong")
    assert await stream.receive(math.inf) == b"pong"
    await anyio.sleep(0.01)
    assert not stream.has_surprise()
    assert stream.bytes_sent == ends[0].bytes_sent > 4


async def test_much_both_ways_at_once(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """What is too large for any buffer travels whole, while as much comes in."""
    stream, peer = await secured(ends, client, server)
    found = bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send, MEGABYTES, anyio.current_time() + 20)
        tasks.start_soon(peer.send, MEGABYTES)
        while len(found) < len(MEGABYTES):
            found += await stream.receive(anyio.current_time() + 5)
        assert await peer.read(len(MEGABYTES)) == MEGABYTES
    assert found == MEGABYTES


async def test_surprise_left_in_the_buffers(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """A second record that came along with the first is noticed, though the socket is empty."""
    stream, peer = await secured(ends, client, server)
    await peer.send(b"answer", b"surplus")
    assert await stream.receive(math.inf) == b"answer"
    assert not ends[0].has_surprise()
    assert stream.has_surprise()


async def test_surprise_inside_a_record(
    ends: tuple[PlainStream, socket.socket],
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So is the rest of a record that was read in part."""
    stream, peer = await secured(ends, client, server)
    monkeypatch.setattr("nexi_async.transport.stream.CHUNK", 6)
    await peer.send(b"answer and more")
    found = b""
    while found != b"answer":
        found += await stream.receive(anyio.current_time() + 5)
    assert stream.has_surprise()


async def test_part_of_a_record_is_a_surprise(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """Even one byte of the next record."""
    stream, peer = await secured(ends, client, server)
    await send_all(ends[1], peer.sealed(b"answer") + peer.sealed(b"more")[:1])
    assert await stream.receive(math.inf) == b"answer"
    assert stream.has_surprise()


async def test_any_split_of_records(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """A record may trickle in byte by byte."""
    stream, peer = await secured(ends, client, server)
    wire = peer.sealed(b"answer")

    async def trickle() -> None:
        for byte in wire:
            await send_all(ends[1], bytes([byte]))
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(trickle)
        assert await stream.receive(anyio.current_time() + 5) == b"answer"


async def test_secure_end(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """A server that says goodbye has come to the end."""
    stream, peer = await secured(ends, client, server)
    await peer.send(b"answer")
    await peer.goodbye()
    assert await stream.receive(math.inf) == b"answer"
    assert await noticed(stream)
    assert await stream.receive(math.inf) == b""


async def test_insecure_end(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """Without its goodbye anybody may have cut the connection, so this is no end but an error."""
    stream, _ = await secured(ends, client, server)
    ends[1].close()
    with pytest.raises(ssl.SSLError, match="EOF"):
        await stream.receive(math.inf)


async def test_forged_record(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """What somebody else put into the connection is an error."""
    stream, peer = await secured(ends, client, server)
    wire = bytearray(peer.sealed(b"answer"))
    wire[-1] ^= 1
    await send_all(ends[1], bytes(wire))
    with pytest.raises(ssl.SSLError):
        await stream.receive(math.inf)


async def test_why_the_handshake_failed(
    ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    """A server whose certificate is not for this name is told so."""
    stream, peer = SecureStream(ends[0], client, "elsewhere.test"), Line(ends[1], server)
    failures = []

    async def shake() -> None:
        try:
            await peer.handshake()
            await peer.read(1)
        except HungUp as end:
            failures.append(end.__cause__)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(shake)
        with pytest.raises(ssl.SSLCertVerificationError):
            await stream.handshake(anyio.current_time() + 5)
    assert "ALERT" in str(failures[0])


async def test_handshake_takes_too_long(ends: tuple[PlainStream, socket.socket], client: ssl.SSLContext) -> None:
    """A server that says nothing is given up."""
    with pytest.raises(TimeoutError):
        await SecureStream(ends[0], client, "127.0.0.1").handshake(anyio.current_time() + 0.02)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while sending"])
async def test_certificate_asked_for_later(
    ends: tuple[PlainStream, socket.socket], authority: trustme.CA, busy: bool
) -> None:
    """TLS 1.3 lets a server ask for a certificate in the middle; what TLS answers is sent while we only read."""
    client, server = client_context(authority, ssl.create_default_context()), server_context(authority)
    client.post_handshake_auth = True
    authority.issue_cert("shop.test").configure_cert(client)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    server.post_handshake_auth = True
    stream, peer = await secured(ends, client, server)
    assert isinstance(peer.tls, ssl.SSLObject)
    peer.tls.verify_client_post_handshake()
    much = MEGABYTES if busy else b"ping"
    heard = []

    async def listen() -> None:
        while b"thanks" not in heard:
            heard.append(await stream.receive(anyio.current_time() + 5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send, much, anyio.current_time() + 5)
        tasks.start_soon(listen)
        await peer.send(b"first")
        assert await peer.read(len(much)) == much
        while not peer.tls.getpeercert():
            await peer.fill()
            with suppress(ssl.SSLWantReadError):
                peer.tls.read(1)
        await peer.send(b"thanks")
    assert heard == [b"first", b"thanks"]
