"""A server that does everything wrong, at every byte: each call ends, with the right outcome and its own answer."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import attrs
import pytest
import trustme

from nexi_async import AsyncCheckout, NexiError, Outcome, RetryPolicy
from nexi_async._transport.checkout_transport import CheckoutTransport
from nexi_async._transport.pool import Pool
from tests.scripted import KEY, SWIFT
from tests.time_limits import given_up
from tests.transport.leaks import open_files
from tests.transport.lines import Limits, Line, Server, answer, hostile_server, settled
from tests.transport.servers import server_context

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

Contexts: TypeAlias = tuple[ssl.SSLContext | None, ssl.SSLContext]

ONCE = RetryPolicy(attempts=1)
NOT_SENT, UNKNOWN = Outcome.NOT_SENT, Outcome.UNKNOWN
SEND_BUFFER = Path("/proc/sys/net/ipv4/tcp_wmem")
"""Where Linux says how many bytes a socket takes at most before anybody reads them."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom both ends trust."""
    return trustme.CA()


@pytest.fixture(scope="module", params=["plain", "tls"])
def contexts(request: pytest.FixtureRequest, authority: trustme.CA) -> Contexts:
    """What the server shows, if there is TLS, and what the client trusts."""
    client = ssl.create_default_context()
    authority.configure_trust(client)
    if request.param == "plain":
        return None, client
    return server_context(authority), client  # its RSA signatures are all of one length


@pytest.fixture(scope="module")
def large() -> dict[str, str]:
    """A body of more than the buffers on the way hold."""
    most = int(SEND_BUFFER.read_text().split()[2]) if SEND_BUFFER.exists() else 16_000_000
    return {"a": "x" * (1_000_000 + most)}


@attrs.define
class Duel:
    """The client against the server."""

    server: Server
    client: AsyncCheckout
    transport: CheckoutTransport
    count: int = 0

    async def call(self, tag: str | None = None, *, json: object = None, client: AsyncCheckout | None = None) -> str:
        """The tag that stands in the answer to a call with this tag."""
        self.count += 1
        tag = tag or f"call-{self.count}"
        body = {"amount": 100} if json is None else json
        with anyio.fail_after(20):
            found = await (client or self.client).request("POST", f"/v1/{tag}", json=body, idempotency_key=tag)
        answered = str(found.json()["tag"])
        assert answered == tag
        return answered

    async def outcome(self, **options: Any) -> Outcome | None:
        """How a call ends; None if it was answered, with its own answer."""
        try:
            await self.call(**options)
        except NexiError as error:
            return error.outcome
        return None

    async def outcome_after_limit(self, **options: Any) -> Outcome | None:
        """How a call ends whose time is over after the server has received something of it."""

        async def attempt(limit: float) -> Outcome | None:
            return await self.outcome(client=self.client.with_options(timeout=limit), **options)

        return await given_up(attempt, lambda: any(line.understood for line in self.server.lines))

    @property
    def pool(self) -> Pool:
        (found,) = self.transport._pools.values()
        return found

    @property
    def open_connections(self) -> int:
        return sum(pool.open_connections for pool in self.transport._pools.values())

    async def surprise(self) -> None:
        """Wait until something has come to the idle connection."""
        with anyio.fail_after(20):
            while any(idle.is_healthy() for idle in self.pool._idle):  # noqa: ASYNC110  trio's sockets tell nobody
                await anyio.sleep(0.001)

    @property
    def line(self) -> Line:
        """The last connection."""
        return self.server.lines[-1]


@asynccontextmanager
async def duel(
    contexts: Contexts,
    *,
    max_connections: int = 4,
    retry: RetryPolicy = ONCE,
    timeout: float = 10.0,  # noqa: ASYNC109  the client's
) -> AsyncIterator[Duel]:
    """A duel that leaves no socket, no place and no task behind."""
    files, tasks = open_files(), len(anyio.get_running_tasks())
    async with hostile_server(contexts[0]) as server:
        transport = CheckoutTransport(max_connections=max_connections, ssl_context=contexts[1])
        client = AsyncCheckout(KEY, base_url=server.url, transport=transport, retry=retry, timeout=timeout)
        async with client:
            fight = Duel(server, client, transport)
            yield fight
        assert fight.open_connections == 0
    assert not open_files() - files
    assert len(anyio.get_running_tasks()) == tasks


# --- cut at every byte ------------------------------------------------------------------------------------------------


def places(start: int, whole: int, *, by_reset: bool) -> list[int]:
    """Every byte of the exchange, and every third of the handshake before it, unless that would only take longer."""
    return [*range(0, 0 if by_reset else start, 3), *range(start, whole)]


CUTS = pytest.mark.parametrize("by_reset", [False, True], ids=["hang-up", "reset"])


@CUTS
async def test_cut_at_every_byte_of_the_request(contexts: Contexts, by_reset: bool) -> None:
    """Once a byte was received the outcome is unknown; what is called unsent was not received."""
    async with duel(contexts) as fight:
        await fight.call()
        whole, hello, shaken = fight.line.has_read, fight.line.hello, fight.line.shaken
    async with duel(contexts) as fight:
        for place in places(hello, whole, by_reset=by_reset):
            fight.server.limits = Limits(read=place, by_reset=by_reset)
            outcome = await fight.outcome()
            assert outcome is not None
            assert outcome is UNKNOWN or place <= shaken
            assert outcome is NOT_SENT or place >= hello
            assert not fight.line.understood or outcome is UNKNOWN
            assert fight.open_connections == 0
        assert not fight.server.seen


@CUTS
async def test_cut_at_every_byte_of_the_answer(contexts: Contexts, by_reset: bool) -> None:
    """Before the handshake is over nothing was sent; then only the whole answer is an answer."""
    async with duel(contexts) as fight:
        await fight.call("exactly-so")
        whole, flight = fight.line.has_sent, fight.line.flight
    async with duel(contexts) as fight:
        fight.server.handle = fight.server.answer_one
        for place in places(flight, whole + 1, by_reset=by_reset):
            fight.server.limits = Limits(send=place, by_reset=by_reset)
            outcome = await fight.outcome(tag="exactly-so")
            assert outcome is (NOT_SENT if place < flight else UNKNOWN if place < whole else None)
            assert fight.open_connections == (1 if place == whole else 0)
        assert fight.server.seen["exactly-so"] > 0


@CUTS
async def test_cut_at_every_byte_of_a_second_exchange(contexts: Contexts, by_reset: bool) -> None:
    """On a connection that has served before it is no different; a call finds another one if it can."""
    async with duel(contexts) as fight:
        await fight.call("exactly-so")
        first = Limits(read=fight.line.has_read, send=fight.line.has_sent)
        await fight.call("exactly-so")
        request, response = fight.line.has_read - int(first.read), fight.line.has_sent - int(first.send)
    async with duel(contexts, max_connections=1) as fight:
        for place in range(1, request + response):
            fight.server.limits = Limits(by_reset=by_reset)
            await fight.call("exactly-so")
            line = fight.line
            if place <= request:
                line.limits.read = first.read + place - (place == request)
            else:
                line.limits.send = first.send + place - request
            assert await fight.outcome(tag="exactly-so") is UNKNOWN
            assert fight.line is line
            assert fight.open_connections == 0


@CUTS
async def test_cut_before_a_second_exchange(contexts: Contexts, by_reset: bool) -> None:
    """A connection that broke while it was idle fails no call."""
    async with duel(contexts, max_connections=1) as fight:
        for _ in range(20):
            fight.server.handle, fight.server.limits = fight.server.answer_one, Limits(by_reset=by_reset)
            await fight.call()
            await anyio.sleep(0.002)
            assert fight.open_connections <= 1
        assert len(fight.server.lines) == 20


# --- in odd pieces ----------------------------------------------------------------------------------------------------


async def test_answer_split_at_every_byte(contexts: Contexts) -> None:
    """An answer in two pieces is one answer, wherever it is cut, and its connection is used again."""
    async with duel(contexts) as fight:

        async def in_two(line: Line) -> None:
            for place in range(1, len(answer("exactly-so"))):
                whole = answer(await fight.server.next_request(line))
                await line.send(whole[:place])
                await settled()
                await line.send(whole[place:])

        fight.server.handle = in_two
        for _ in range(1, len(answer("exactly-so"))):
            await fight.call("exactly-so")
        assert len(fight.server.lines) == 1


async def test_answer_that_trickles(contexts: Contexts) -> None:
    """So is one that comes byte by byte."""
    async with duel(contexts) as fight:

        async def trickle(line: Line) -> None:
            while True:
                for byte in b"HTTP/1.1 100 Continue\r\n\r\n" + answer(await fight.server.next_request(line)):
                    await line.send(bytes([byte]))
                    await settled(1)

        fight.server.handle = trickle
        for _ in range(5):
            await fight.call()
        assert len(fight.server.lines) == 1


async def test_answer_that_trickles_for_ever(contexts: Contexts) -> None:
    """A server that always has a little more to say is given up when the time is over."""
    async with duel(contexts) as fight:

        async def trickle(line: Line) -> None:
            await fight.server.next_request(line)
            await line.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                await line.send(b"X: y\r\n")
                await anyio.sleep(0.01)

        fight.server.handle = trickle
        assert await fight.outcome_after_limit() is UNKNOWN


# --- too much ---------------------------------------------------------------------------------------------------------

SURPLUS = [b"x", b"\x00", b"HTTP/1.1 200 OK\r\n", answer("stale"), answer("stale") * 20]


@pytest.mark.parametrize("surplus", SURPLUS, ids=["a byte", "a zero", "a line", "an answer", "answers"])
@pytest.mark.parametrize("when", ["together", "record by record", "later"])
async def test_surplus_answers_no_request(contexts: Contexts, surplus: bytes, when: str) -> None:
    """What comes after an answer ends the connection; the next call has another one and gets its own answer."""
    async with duel(contexts, max_connections=1) as fight:

        async def overdo(line: Line) -> None:
            found = answer(await fight.server.next_request(line))
            if when == "together":
                await line.send(found + surplus)
            elif when == "record by record":
                await line.send(found, surplus)
            else:
                await line.send(found)
                await settled(20)
                await line.send(surplus)
            await line.wait_for_the_end()

        fight.server.handle = overdo
        for count in range(1, 6):
            await fight.call()
            if when == "later":
                await fight.surprise()
            assert len(fight.server.lines) == count


async def test_surplus_reaches_no_waiter(contexts: Contexts) -> None:
    """Nor does it reach those who were waiting for the connection when it came."""
    async with duel(contexts, max_connections=2) as fight:

        async def twice(line: Line) -> None:
            found = answer(await fight.server.next_request(line))
            await line.send(found, found)
            await line.wait_for_the_end()

        fight.server.handle = twice
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(fight.call)
        assert len(fight.server.lines) == 40


async def test_answer_that_comes_too_late(contexts: Contexts) -> None:
    """A response that no request waits for any more is discarded."""
    is_late = anyio.Event()
    async with duel(contexts) as fight:

        async def late(line: Line) -> None:
            tag = await fight.server.next_request(line)
            if tag == "slow":
                await is_late.wait()
            await line.send(answer(tag))

        fight.server.handle = late
        assert await fight.outcome_after_limit(tag="slow") is UNKNOWN
        is_late.set()
        for _ in range(3):
            await fight.call()
            await anyio.sleep(0.03)


async def test_garbage(contexts: Contexts) -> None:
    """Whatever it is, it is no answer."""
    chance = random.Random(1)
    async with duel(contexts) as fight:

        async def babble(line: Line) -> None:
            found = bytearray(answer(await fight.server.next_request(line)))
            if chance.random() < 0.5:
                found = bytearray(chance.randbytes(chance.randrange(1, 300)))
            else:
                found[chance.randrange(8)] ^= 1 << chance.randrange(8)
            await line.send(bytes(found))

        fight.server.handle = babble
        for _ in range(60):
            outcome = await fight.outcome()
            assert outcome is not NOT_SENT


async def test_a_hundred_thousand_headers(contexts: Contexts) -> None:
    """A server that floods the client with headers is cut off."""
    async with duel(contexts) as fight:

        async def flood(line: Line) -> None:
            await fight.server.next_request(line)
            await line.send(b"HTTP/1.1 200 OK\r\n")
            for number in range(100_000):
                await line.send(b"X-%d: y\r\n" % number)

        fight.server.handle = flood
        assert await fight.outcome() is UNKNOWN
        assert fight.open_connections == 0


# --- large requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "413 Too Large"])
@CUTS
async def test_early_answer(contexts: Contexts, large: dict[str, str], status: str, by_reset: bool) -> None:
    """A server may answer before it has read all of a large request, and read no more of it."""
    async with duel(contexts) as fight:

        async def hasty(line: Line) -> None:
            await line.read(1000)
            await line.send(answer("early").replace(b"200 OK", status.encode()))
            await anyio.sleep(0.02)

        fight.server.handle = hasty
        fight.server.limits = Limits(by_reset=by_reset)
        outcome = await fight.outcome(tag="early", json=large)
        assert outcome is (None if status == "200 OK" else Outcome.REJECTED)
        assert fight.open_connections == 0


async def test_large_request_is_read_in_the_end(contexts: Contexts, large: dict[str, str]) -> None:
    """A slow reader gets all of it, and answers."""
    async with duel(contexts) as fight:
        for _ in range(2):
            await fight.call(json=large)
        assert len(fight.server.lines) == 1


async def test_large_request_is_never_read(contexts: Contexts, large: dict[str, str]) -> None:
    """A server that reads a little and then no more has received something."""
    async with duel(contexts) as fight:

        async def stop(line: Line) -> None:
            await line.read(1)
            await anyio.sleep_forever()

        fight.server.handle = stop
        assert await fight.outcome_after_limit(json=large) is UNKNOWN
        assert fight.open_connections == 0


@CUTS
async def test_large_request_is_cut(contexts: Contexts, large: dict[str, str], by_reset: bool) -> None:
    """A connection that breaks in the middle of a large request ends the call at once."""
    async with duel(contexts, timeout=60.0) as fight:
        for place in (5_000, 70_000, 1_000_000, 3_000_000):
            fight.server.limits = Limits(read=place, by_reset=by_reset)
            assert await fight.outcome(json=large) is UNKNOWN
            assert fight.open_connections == 0


# --- at random --------------------------------------------------------------------------------------------------------


async def test_idle_connections_closed_at_random(contexts: Contexts) -> None:
    """Nobody gets another's answer; with a key every call is answered in the end, whatever was closed under it."""
    chance = random.Random(2)
    async with duel(contexts, retry=attrs.evolve(SWIFT, attempts=20)) as fight:

        async def fickle(line: Line) -> None:
            while True:
                await line.send(answer(await fight.server.next_request(line)))
                if chance.random() < 0.3:
                    await anyio.sleep(chance.random() * 0.002)
                    return

        fight.server.handle = fickle

        async def shop() -> None:
            for _ in range(25):
                await fight.call()
                await anyio.sleep(chance.random() * 0.002)

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(shop)
        assert fight.open_connections <= 4
        assert len(fight.server.seen) == 200


async def test_cancelled_at_random(contexts: Contexts) -> None:
    """A cancelled call leaves nothing behind that another could stumble over."""
    chance = random.Random(3)
    async with duel(contexts, max_connections=3) as fight:

        async def dawdle(line: Line) -> None:
            while True:
                tag = await fight.server.next_request(line)
                await settled(chance.randrange(6))
                await line.send(answer(tag))

        fight.server.handle = dawdle
        ended = []

        async def hurry(turns: int) -> None:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(cancel_after, scope, turns)
                    ended.append(await fight.call())
                    tasks.cancel_scope.cancel()

        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(12):
                    tasks.start_soon(hurry, chance.randrange(60))
            assert fight.open_connections <= 3
        assert 0 < len(ended) < 120
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(fight.call)
        assert fight.open_connections <= 3


async def cancel_after(scope: anyio.CancelScope, turns: int) -> None:
    """Cancel after so many turns of the event loop."""
    await settled(turns)
    scope.cancel()


class Mischief:
    """A server that does something else each time."""

    ACTS = ("answer", "answer", "slow", "cut", "silence", "nonsense", "close", "surplus", "twice")

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.acts: Sequence[str] = self.ACTS

    async def __call__(self, line: Line) -> None:
        act = "answer"
        while act in ("answer", "slow"):
            found = answer(await self.server.next_request(line))
            act = self.chance.choice(self.acts)
            if act == "slow":
                await settled(self.chance.randrange(30))
            await line.send(*self.pieces(act, found))

    def pieces(self, act: str, found: bytes) -> list[bytes]:
        """What is said instead of the answer, or along with it."""
        return {
            "cut": [found[: self.chance.randrange(len(found))]],
            "silence": [],
            "nonsense": [self.chance.randbytes(40)],
            "surplus": [found, b"x"],
            "twice": [found, found],
        }.get(act, [found])


async def test_everything_at_once(contexts: Contexts) -> None:
    """All of it in a heap: every call ends, with its own answer or the right outcome, and leaves its place."""
    chance = random.Random(4)
    async with duel(contexts, max_connections=5, timeout=1.0) as fight:
        fight.server.handle = mischief = Mischief(fight.server, chance)
        outcomes: list[Outcome | None] = []

        async def shop() -> None:
            for _ in range(15):
                fight.server.limits = Limits(by_reset=chance.random() < 0.5)
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as tasks:
                        if chance.random() < 0.2:
                            tasks.start_soon(cancel_after, scope, chance.randrange(40))
                        outcomes.append(await fight.outcome())
                        tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(shop)
        assert set(outcomes) >= {None, UNKNOWN}
        assert fight.open_connections <= 5
        mischief.acts = ("answer",)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(fight.call)
