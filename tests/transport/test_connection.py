"""Tests of nexi_async.transport.connection, on streams without sockets."""

from __future__ import annotations

import math

import anyio
import httpx
import pytest

from nexi_async.transport import connection as connection_module
from nexi_async.transport.connection import Connection, StepLimits
from nexi_async.transport.http1 import ReplyReader
from tests.transport.streams import ScriptedStream

SMALL = b"POST /v1/payments HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
LARGE = SMALL + b"x" * 100_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
QUICK = StepLimits(write=0.05, read=0.05)
RESET = ConnectionResetError(104, "Connection reset by peer")

REQUESTS = pytest.mark.parametrize("request_bytes", [SMALL, LARGE], ids=["small", "large"])


async def exchange(stream: ScriptedStream, request: bytes = SMALL, **options: object) -> tuple[ReplyReader, bool]:
    """The answer, and whether the connection may serve another request."""
    connection = Connection(stream)
    limits = options.get("limits", QUICK)
    deadline = options.get("deadline", math.inf)
    assert isinstance(limits, StepLimits)
    assert isinstance(deadline, float)
    reply = await connection.exchange(
        request, head_only=bool(options.get("head_only")), limits=limits, deadline=deadline
    )
    return reply, connection.is_reusable


async def failure(stream: ScriptedStream, request: bytes = SMALL) -> type[Exception]:
    """How an exchange ends that does not succeed; its connection is of no use any more."""
    connection = Connection(stream)
    with pytest.raises(httpx.TransportError) as caught:
        await connection.exchange(request, head_only=False, limits=QUICK)
    assert not connection.is_reusable
    return type(caught.value)


@REQUESTS
async def test_exchange(request_bytes: bytes) -> None:
    """The whole request goes out, the whole answer comes in, and the connection can be used again."""
    stream = ScriptedStream(OK[:10], OK[10:])
    reply, reusable = await exchange(stream, request_bytes)
    assert (stream.sent, reply.status, reply.body, reusable) == (request_bytes, 200, b"{}", True)


async def test_nothing_is_read_after_the_answer() -> None:
    """What comes later stays where `is_quiet` finds it."""
    stream = ScriptedStream(OK, OK)
    await exchange(stream)
    assert stream.pieces == [OK]


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
    """The answer counts, but the connection serves nobody else."""
    reply, reusable = await exchange(ScriptedStream(wire))
    assert (reply.status, reply.body, reusable) == (200, b"{}", False)


async def test_until_close() -> None:
    """A body without a length ends with the connection."""
    reply, reusable = await exchange(ScriptedStream(b"HTTP/1.0 200 OK\r\n\r\n{", b"}", b""))
    assert (reply.body, reusable) == (b"{}", False)


async def test_head() -> None:
    """The answer to HEAD is over with its head."""
    reply, _ = await exchange(ScriptedStream(OK[:-2]), head_only=True)
    assert (reply.status, reply.body) == (200, b"")


async def test_interim_answers() -> None:
    """A 100 is not the answer."""
    reply, reusable = await exchange(ScriptedStream(b"HTTP/1.1 100 Continue\r\n\r\n", OK))
    assert (reply.status, reusable) == (200, True)


# --- failures ---------------------------------------------------------------------------------------------------------


@REQUESTS
async def test_broken_before_a_byte_was_sent(request_bytes: bytes) -> None:
    """What never left this machine has not happened, and the error says so."""
    stream = ScriptedStream(RESET)
    stream.taken = 0
    assert await failure(stream, request_bytes) is httpx.ConnectError


@REQUESTS
async def test_broken_after_a_byte_was_sent(request_bytes: bytes) -> None:
    """A part of a request is not a request, but who knows what became of it."""
    stream = ScriptedStream(RESET)
    stream.taken = 1
    assert await failure(stream, request_bytes) in {httpx.WriteError, httpx.ReadError}


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        pytest.param([RESET], httpx.ReadError, id="reset"),
        pytest.param([OK[:20], RESET], httpx.ReadError, id="reset inside"),
        pytest.param([b""], httpx.RemoteProtocolError, id="hang-up"),
        pytest.param([OK[:-1], b""], httpx.RemoteProtocolError, id="hang-up inside"),
        pytest.param([b"what?\r\n"], httpx.RemoteProtocolError, id="nonsense"),
        pytest.param([None], httpx.ReadTimeout, id="silence"),
        pytest.param([OK[:-1], None], httpx.ReadTimeout, id="silence inside"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", None], httpx.ReadTimeout, id="silence after 100"),
    ],
)
@REQUESTS
async def test_no_whole_answer(
    pieces: list[bytes | Exception | None], kind: type[Exception], request_bytes: bytes
) -> None:
    """Each way to fail has its name."""
    assert await failure(ScriptedStream(*pieces), request_bytes) is kind


@REQUESTS
async def test_server_that_does_not_read(request_bytes: bytes) -> None:
    """Writing has its own limit; a server that says nothing then is given up soon."""
    stream = ScriptedStream()
    stream.taken, stream.broken = 10, None
    assert await failure(stream, request_bytes) is httpx.WriteTimeout


@REQUESTS
async def test_last_words(request_bytes: bytes) -> None:
    """A server that stops reading in the middle of a request may have said why, and that counts."""
    stream = ScriptedStream(OK.replace(b"200 OK", b"413 Too Large"))
    stream.taken = 10
    reply, reusable = await exchange(stream, request_bytes)
    assert (reply.status, reusable) == (413, False)


async def test_last_words_that_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not waited for as long as an answer."""
    monkeypatch.setattr(connection_module, "LAST_WORDS", 0.01)
    stream = ScriptedStream()
    stream.taken = 10
    with pytest.raises(httpx.WriteError), anyio.fail_after(5):
        await exchange(stream, limits=StepLimits())


async def test_early_answer() -> None:
    """An answer that comes while a large request is still being written is not waited with, and ends the connection."""
    stream = ScriptedStream(OK.replace(b"200 OK", b"429 Slow Down"))
    stream.taken, stream.broken = 70_000, None
    with anyio.fail_after(5):
        reply, reusable = await exchange(stream, LARGE, limits=StepLimits())
    assert (reply.status, reusable) == (429, False)


async def test_deadline() -> None:
    """Whatever the steps may take, the whole has its end."""
    began = anyio.current_time()
    with pytest.raises(httpx.ReadTimeout):
        await exchange(ScriptedStream(), limits=StepLimits(read=60.0), deadline=began + 0.05)
    assert anyio.current_time() - began < 1.0


async def test_trickle() -> None:
    """A server that always sends a little more does not get more time."""
    stream = ScriptedStream(*([b"HTTP/1.1 100 Continue\r\n\r\n"] * 10), None)
    with pytest.raises(httpx.ReadTimeout):
        await exchange(stream, limits=StepLimits(read=0.05, total=0.1), deadline=anyio.current_time() + 0.1)


@REQUESTS
@pytest.mark.parametrize("taken", [0, 10, math.inf])
async def test_cancelled(request_bytes: bytes, taken: float) -> None:
    """A cancelled exchange leaves a connection of no use."""
    stream = ScriptedStream()
    stream.taken, stream.broken = taken, None
    connection = Connection(stream)
    with anyio.move_on_after(0.02) as scope:
        await connection.exchange(request_bytes, head_only=False, limits=StepLimits())
    assert scope.cancelled_caught
    assert not connection.is_reusable


async def test_close() -> None:
    """A closed connection is of no use."""
    stream = ScriptedStream()
    connection = Connection(stream)
    assert connection.is_quiet()
    stream.surprise = True
    assert not connection.is_quiet()
    connection.close()
    assert (stream.closed, connection.is_reusable) == (1, False)
