"""Tests of nexi_async._transport.decoding."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache, partial

import anyio
import httpx
import pytest
from anyio.abc import ByteStream
from hypothesis import given
from hypothesis import strategies as st

from nexi_async import AsyncCheckout, BadRequest, Outcome, UnexpectedResponse
from nexi_async._transport import decoding
from nexi_async._transport.decoding import decoded
from nexi_async._transport.http1 import MAX_BODY
from tests.scripted import KEY, SWIFT
from tests.transport.servers import read_request, serving

MEGABYTE = 1_048_576

packed = partial(gzip.compress, mtime=0)
"""Packed alike whenever that is done."""


def bare_deflate(body: bytes) -> bytes:
    """Deflate without the frame of zlib, as some servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    (" GZIP ", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
]


def undone(body: bytes, *codings: str) -> bytes:
    """The body without its coding."""
    headers = [("content-encoding", coding) for coding in codings]
    return anyio.run(decoded, body, headers)


@cache
def bomb() -> bytes:
    """A megabyte that expands to one gigabyte."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    zeros = bytes(MEGABYTE)
    return b"".join([packer.compress(zeros) for _ in range(1024)]) + packer.flush()


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
@given(body=st.binary(max_size=300) | st.integers(0, 5000).map(lambda size: b"a" * size))
def test_what_is_undone(coding: str, pack: Callable[[bytes], bytes], body: bytes) -> None:
    """Both codings give back what went in."""
    assert undone(pack(body), coding) == body


@pytest.mark.parametrize("size", [MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE])
def test_pieces_are_put_together(size: int) -> None:
    """Where a body is longer than one piece nothing is lost at the seams."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert undone(gzip.compress(body, 1), "gzip") == body


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (b"not gzip", ("gzip",)),
        (b"", ("gzip",)),
        (packed(b"hello")[:-1], ("gzip",)),
        (packed(b"hello")[:12], ("gzip",)),
        (packed(b"hello") + b"more", ("gzip",)),
        (packed(packed(b"hello")), ("gzip, gzip",)),
        (packed(packed(b"hello")), ("gzip", "gzip")),
        (packed(b"hello"), ("br",)),
        (packed(b"hello"), ("zstd",)),
        (b"hello", ("identity",)),
        (b"hello", ("",)),
        (b"hello", ()),
    ],
)
def test_what_stays_as_it_came(body: bytes, codings: tuple[str, ...]) -> None:
    """A coding that is broken, cut off, repeated or unknown is left alone: the status counts all the same."""
    assert undone(body, *codings) == body


@pytest.mark.parametrize("beyond", [0, 1])
def test_limit(monkeypatch: pytest.MonkeyPatch, beyond: int) -> None:
    """A body of exactly the limit is undone, one byte more is not."""
    monkeypatch.setattr(decoding, "MAX_BODY", 100_000)
    body = b"a" * (100_000 + beyond)
    assert (undone(gzip.compress(body), "gzip") == body) is (beyond == 0)


async def test_others_have_their_turn() -> None:
    """However large a body gets, the event loop does something else after each piece."""
    turns, done = 0, False

    async def count() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await decoded(gzip.compress(bytes(20 * MEGABYTE)), [("content-encoding", "gzip")])
        done = True
    assert turns >= 10


# --- a bomb -----------------------------------------------------------------------------------------------------------


async def explode(stream: ByteStream, status: str) -> None:
    """Answer every request with the bomb."""
    try:
        while True:
            await read_request(stream)
            head = f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb())}\r\n\r\n"
            await stream.send(head.encode() + bomb())
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass


@pytest.mark.parametrize("implementation", ["ours", "httpx"])
@pytest.mark.slow
async def test_bomb(implementation: str) -> None:
    """A megabyte that expands to a gigabyte is given up at the limit; the error says that the charge has happened."""
    transport = httpx.AsyncHTTPTransport() if implementation == "httpx" else None
    async with (
        serving(lambda stream: explode(stream, "201 Created")) as url,
        AsyncCheckout(KEY, base_url=url, transport=transport, retry=SWIFT) as client,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(UnexpectedResponse) as caught:
                await client.payments.charge("p1", amount=100, idempotency_key="k1")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.ACCEPTED, "k1")
    assert (caught.value.attempts, caught.value.body) == (1, bomb())
    assert peak < 2.5 * MAX_BODY


@pytest.mark.parametrize("implementation", ["ours", "httpx"])
@pytest.mark.slow
async def test_bomb_of_a_refusal(implementation: str) -> None:
    """A refusal stays a refusal, whatever its body expands to."""
    transport = httpx.AsyncHTTPTransport() if implementation == "httpx" else None
    async with (
        serving(lambda stream: explode(stream, "400 Bad Request")) as url,
        AsyncCheckout(KEY, base_url=url, transport=transport, retry=SWIFT) as client,
    ):
        with pytest.raises(BadRequest) as caught:
            await client.payments.charge("p1", amount=100)
    assert caught.value.outcome is Outcome.REJECTED
