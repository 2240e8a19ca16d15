"""Tests of nexi_async._transport.session."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import attrs
import httpx
import pytest
import trio

from nexi_async._errors import (
    APIError,
    BadRequest,
    ChargeDeclined,
    ConnectFailed,
    ConnectionLost,
    NexiError,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
    UnexpectedResponse,
)
from nexi_async._models.charge import Charge, ChargeReceipt, Invoice
from nexi_async._models.order import Order
from nexi_async._transport import httpx_adapter
from nexi_async._transport.http_transport import SharedHeaders
from nexi_async._transport.httpx_adapter import HttpxAdapter
from nexi_async._transport.lifetime import Lifetime
from nexi_async._transport.origin import Origin
from nexi_async._transport.request import Request, Response
from nexi_async._transport.retry import RetryPolicy
from nexi_async._transport.session import Session
from tests.scripted import KEY, SWIFT, Body, ScriptedAPI, Step, answer, silence

GET = Request(operation="test", method="GET", path="/v1/payments/p1")
PUT = Request(operation="test", method="PUT", path="/v1/payments/p1/terminate")
KEYED = Request(operation="test", method="POST", path="/v1/payments/p1/charges", body=b'{"amount":100}', key="key-1")
SENT_BEFORE = attrs.evolve(KEYED, may_have_been_sent=True)
BARE = Request(operation="test", method="POST", path="/v1/payments", body=b'{"email":"ingrid@example.no"}')

NOT_SENT, REJECTED, ACCEPTED, UNKNOWN = Outcome.NOT_SENT, Outcome.REJECTED, Outcome.ACCEPTED, Outcome.UNKNOWN

SURELY_NOT_SENT: list[tuple[type[httpx.TransportError], type[TransportError]]] = [
    (httpx.ConnectError, ConnectFailed),
    (httpx.ConnectTimeout, TimedOut),
    (httpx.PoolTimeout, TimedOut),
    (httpx.ProxyError, ConnectFailed),
    (httpx.UnsupportedProtocol, ConnectFailed),
    (httpx.LocalProtocolError, ConnectFailed),
]
PERHAPS_SENT: list[tuple[type[httpx.TransportError], type[TransportError]]] = [
    (httpx.ReadError, ConnectionLost),
    (httpx.ReadTimeout, TimedOut),
    (httpx.WriteError, ConnectionLost),
    (httpx.WriteTimeout, TimedOut),
    (httpx.CloseError, ConnectionLost),
    (httpx.RemoteProtocolError, ConnectionLost),
]


class Clock:
    """A clock that passes when somebody sleeps by it."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waits: list[float] = []
        self.oversleeps = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds + self.oversleeps


@asynccontextmanager
async def opened(
    api: httpx.AsyncBaseTransport,
    *,
    retry: RetryPolicy = SWIFT,
    attempt_timeout: float = 5.0,
    clock: Clock | None = None,
) -> AsyncIterator[Session]:
    """A session that talks to the script and draws the longest delays."""
    lifetime = Lifetime(HttpxAdapter(api))
    await lifetime.open()
    headers = (("Authorization", KEY), ("User-Agent", "test"))
    session = Session(
        lifetime=lifetime,
        origin=Origin.of("https://api.test"),
        root="",
        headers=SharedHeaders(headers),
        timeout=attempt_timeout,
        retry=retry,
        draw=lambda: 1.0,
    )
    yield session if clock is None else attrs.evolve(session, now=clock.now, sleep=clock.sleep)
    await lifetime.close()


async def send(call: Request, *script: Step, **options: Any) -> tuple[Response, ScriptedAPI]:
    """The answer to a call, and the API that was asked."""
    api = ScriptedAPI(*script)
    async with opened(api, **options) as session:
        return await session.send(call), api


async def fail(call: Request, *script: Step, **options: Any) -> tuple[NexiError, ScriptedAPI]:
    """The failure of a call, and the API that was asked."""
    api = ScriptedAPI(*script)
    async with opened(api, **options) as session:
        with pytest.raises(NexiError) as caught:
            await session.send(call)
    return caught.value, api


async def unending() -> httpx.Response:
    """An answer that begins and does not end."""
    return httpx.Response(200, stream=Body(b"{", None))


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    """The classes that are really raised."""
    subclasses = kind.__subclasses__()
    yield from (leaf for subclass in subclasses for leaf in leaves(subclass))
    if not subclasses:
        yield kind


# --- one exchange -----------------------------------------------------------------------------------------------------


async def test_what_travels() -> None:
    """Method, address, parameters, headers and body are those of the call."""
    call = attrs.evolve(KEYED, query=(("a", "1 2"), ("b", "&")), headers=(("MerchantNumber", "7"),))
    _, api = await send(call, answer(201))
    (request,) = api.requests
    assert request.method == "POST"
    assert str(request.url) == "https://api.test/v1/payments/p1/charges?a=1+2&b=%26"
    assert request.content == b'{"amount":100}'
    assert dict(request.headers) == {
        "host": "api.test",
        "content-length": "14",
        "content-type": "application/json",
        "authorization": KEY,
        "user-agent": "test",
        "merchantnumber": "7",
        "idempotency-key": "key-1",
    }


async def test_calls_without_body_or_key_say_nothing_of_them() -> None:
    """A call without a body has no content type, and one without a key no key header."""
    _, api = await send(PUT, answer(204))
    assert not {"content-type", "idempotency-key"} & set(api.requests[0].headers)
    assert api.requests[0].headers["content-length"] == "0"


async def test_answer_comes_whole() -> None:
    """Status, headers and body are handed on, and how often it took."""
    found, _ = await send(GET, answer(200, {"a": 1}, [("X-Request-Id", "r1")]))
    assert (found.status, found.json(), found.header("x-request-id"), found.attempts) == (200, {"a": 1}, "r1", 1)


async def test_body_in_pieces_is_put_together_and_closed() -> None:
    """The connection is given back once the answer is read."""
    body = Body(b'{"a"', b": 1}")
    found, _ = await send(GET, httpx.Response(200, stream=body))
    assert found.json() == {"a": 1}
    assert body.closed


async def test_redirects_are_not_followed() -> None:
    """A body with money in it goes to no other address."""
    error, api = await fail(KEYED, answer(307, headers=[("Location", "https://elsewhere.test/")]))
    assert isinstance(error, APIError)
    assert (error.status, error.outcome, len(api.requests)) == (307, UNKNOWN, 1)


async def test_cookies_are_not_kept() -> None:
    """One call leaves nothing behind for the next."""
    _, api = await send(GET, answer(500, headers=[("Set-Cookie", "a=b")]), answer(200))
    assert "cookie" not in api.requests[1].headers


# --- repeating --------------------------------------------------------------------------------------------------------


async def test_every_attempt_carries_the_same_key_and_bytes() -> None:
    """However it fails, what is sent again is exactly what was sent before."""
    found, api = await send(KEYED, httpx.ReadError("x"), answer(500), httpx.ConnectError("x"), answer(201, {}))
    assert found.attempts == 4
    assert {bytes(request.content) for request in api.requests} == {KEYED.body}
    assert set(api.keys) == {"key-1"}
    assert len({(request.method, str(request.url), str(request.headers)) for request in api.requests}) == 1


@pytest.mark.parametrize("call", [GET, PUT, KEYED], ids=str)
@pytest.mark.parametrize("kind", [kind for kind, _ in PERHAPS_SENT + SURELY_NOT_SENT])
async def test_what_cannot_be_done_twice_is_sent_again(call: Request, kind: type[Exception]) -> None:
    """A lost answer costs a GET, a PUT or a call with a key nothing but time."""
    found, _ = await send(call, kind("x"), answer(200))
    assert found.attempts == 2


@pytest.mark.parametrize("kind", [kind for kind, _ in PERHAPS_SENT])
async def test_no_second_post_without_a_key_after_a_lost_answer(kind: type[Exception]) -> None:
    """What may have created a payment or released money is never repeated blindly."""
    error, api = await fail(BARE, kind("x"), answer(201))
    assert (len(api.requests), error.outcome, error.attempts) == (1, UNKNOWN, 1)


@pytest.mark.parametrize(
    "step",
    [answer(500), answer(502), answer(503), answer(503, headers=[("Retry-After", "0")]), answer(504), silence],
    ids=["500", "502", "503", "503 with Retry-After", "504", "no answer"],
)
async def test_no_second_post_without_a_key_after_a_server_failed(step: Step) -> None:
    """A server that fails, or is silent, may have acted before."""
    error, api = await fail(BARE, step, answer(201), attempt_timeout=0.05)
    assert (len(api.requests), error.outcome) == (1, UNKNOWN)


@pytest.mark.parametrize("kind", [kind for kind, _ in SURELY_NOT_SENT])
async def test_post_without_a_key_is_sent_again_if_it_never_left(kind: type[Exception]) -> None:
    """What never left this machine can be sent."""
    found, api = await send(BARE, kind("x"), kind("x"), answer(201))
    assert (found.attempts, len(api.requests)) == (3, 3)


@pytest.mark.parametrize("step", [answer(429), answer(408)])
async def test_post_without_a_key_is_sent_again_if_it_was_turned_away(step: httpx.Response) -> None:
    """What the server did not begin to work on can be sent again."""
    found, _ = await send(BARE, step, answer(201))
    assert found.attempts == 2


async def test_attempts_end() -> None:
    """The last failure is raised with the number of attempts and the key."""
    error, api = await fail(KEYED, *[answer(500)] * 9)
    assert isinstance(error, ServerError)
    assert (len(api.requests), error.attempts, error.idempotency_key) == (SWIFT.attempts, SWIFT.attempts, "key-1")


async def test_a_decision_is_not_appealed() -> None:
    """A decline is final for its key."""
    error, api = await fail(KEYED, answer(402, {"code": "51"}), answer(201))
    assert isinstance(error, ChargeDeclined)
    assert (error.outcome, len(api.requests)) == (REJECTED, 1)


# --- outcomes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "later",
    [
        httpx.ConnectError("x"),
        httpx.PoolTimeout("x"),
        answer(401),
        answer(403),
        answer(429),
        answer(409, {"code": "1"}),
    ],
    ids=str,
)
async def test_unknown_stays_unknown(later: Step) -> None:
    """That a later attempt was not sent or turned away says nothing about the first one."""
    error, _ = await fail(KEYED, httpx.ReadError("x"), later, later, later)
    assert error.outcome is UNKNOWN


async def test_refused_before_sending_stays_not_sent() -> None:
    """When no attempt left this machine, nothing happened."""
    error, _ = await fail(KEYED, *[httpx.ConnectError("x")] * 4)
    assert (error.outcome, error.attempts) == (NOT_SENT, 4)


@pytest.mark.parametrize("later", [answer(402, {"code": "51"}), answer(404), answer(400, {"errors": {"a": ["b"]}})])
async def test_decision_replayed_for_the_key_settles_the_unknown(later: Step) -> None:
    """With the same key the API repeats its first decision, so a refusal is what happened."""
    error, _ = await fail(KEYED, httpx.ReadTimeout("x"), later)
    assert (error.outcome, error.attempts) == (REJECTED, 2)


@pytest.mark.parametrize("code", ["1001", "1008"])
async def test_refusal_that_the_first_attempt_would_cause_settles_nothing(code: str) -> None:
    """'Over-charged' and 'already charged' are what a charge that went through looks like from behind."""
    error, _ = await fail(KEYED, httpx.ReadTimeout("x"), answer(402, {"code": code}))
    assert error.outcome is UNKNOWN


async def test_same_key_in_progress_is_waited_for() -> None:
    """While the first attempt is still being worked on, the API says 409, and later what came of it."""
    found, _ = await send(KEYED, httpx.ReadTimeout("x"), answer(409), answer(409), answer(201))
    assert found.attempts == 4


async def test_reading_is_settled_by_the_last_answer() -> None:
    """A payment that is not there was not there before either."""
    error, _ = await fail(GET, httpx.ReadError("x"), answer(404))
    assert isinstance(error, NotFound)
    assert error.outcome is REJECTED


@pytest.mark.parametrize(
    ("call", "step", "outcome"),
    [
        (KEYED, httpx.ReadError("x"), UNKNOWN),
        (KEYED, httpx.ConnectError("x"), NOT_SENT),
        (BARE, httpx.ConnectError("x"), NOT_SENT),
    ],
    ids=str,
)
async def test_client_closed_between_two_attempts(call: Request, step: Step, outcome: Outcome) -> None:
    """What is known of the first attempt, and its key, do not get lost because there can't be a second one."""
    async with opened(ScriptedAPI(step), clock=Clock()) as session:
        closing = attrs.evolve(session, sleep=lambda _: session.lifetime.close())
        with pytest.raises(ConnectFailed, match="the client was closed") as caught:
            await closing.send(call)
    assert (caught.value.outcome, caught.value.idempotency_key, caught.value.attempts) == (outcome, call.key, 1)


async def test_client_closed_before_the_first_attempt() -> None:
    """A call that waited for the end of a back-off was not sent."""
    async with opened(ScriptedAPI(), clock=Clock()) as session:
        session.backoff.extend(1010.0, 1000.0)
        clock = session.sleep

        async def close(seconds: float) -> None:
            await clock(seconds)
            await session.lifetime.close()

        with pytest.raises(ConnectFailed, match="the client was closed") as caught:
            await attrs.evolve(session, sleep=close).send(KEYED)
    assert (caught.value.outcome, caught.value.attempts) == (NOT_SENT, 0)


async def test_foreign_exception_of_a_transport() -> None:
    """What a transport raises on its own passes on as it is, with a note that states the outcome and the key."""
    async with opened(ScriptedAPI(KeyError("x"))) as session:
        with pytest.raises(KeyError) as caught:
            await session.send(KEYED)
    (note,) = caught.value.__notes__
    assert "outcome unknown" in note
    assert "idempotency key key-1" in note


@pytest.mark.parametrize(
    ("kind", "expected", "outcome"),
    [(*pair, NOT_SENT) for pair in SURELY_NOT_SENT] + [(*pair, UNKNOWN) for pair in PERHAPS_SENT],
)
async def test_exceptions_of_httpx(kind: type[Exception], expected: type[NexiError], outcome: Outcome) -> None:
    """Each says whether anything left this machine, and what the network said."""
    original = kind("what the network said")
    error, _ = await fail(BARE, original, retry=RetryPolicy(attempts=1))
    assert type(error) is expected
    assert error.outcome is outcome
    assert isinstance(error, TransportError)
    assert error.cause is (None if kind is httpx.LocalProtocolError else original)


def test_every_exception_of_httpx_is_known() -> None:
    """No way that a transport may fail was forgotten in the tables above."""
    assert {kind for kind, _ in SURELY_NOT_SENT + PERHAPS_SENT} == set(leaves(httpx.TransportError))


@pytest.mark.parametrize(
    "original",
    [
        OSError("x"),
        ConnectionResetError("x"),
        ssl.SSLError("x"),
        anyio.EndOfStream(),
        anyio.BrokenResourceError(),
        anyio.ClosedResourceError(),
        httpx.StreamClosed(),
    ],
    ids=repr,
)
async def test_exceptions_that_slip_through_httpx(original: Exception) -> None:
    """What transports let through unmapped counts as a lost connection."""
    error, _ = await fail(BARE, original)
    assert type(error) is ConnectionLost
    assert error.outcome is UNKNOWN
    assert error.cause is original


async def test_connection_lost_within_the_body() -> None:
    """An answer that breaks off is no answer, and its connection is closed."""
    body = Body(b'{"charge', httpx.ReadError("x"))
    error, _ = await fail(BARE, httpx.Response(201, stream=body))
    assert (type(error), error.outcome) == (ConnectionLost, UNKNOWN)
    assert body.closed


async def test_complaint_about_a_header_does_not_repeat_it() -> None:
    """A header that the protocol forbids may hold the secret key."""
    complaint = httpx.LocalProtocolError(f"Illegal header value b'{KEY}'")
    error, _ = await fail(BARE, complaint, retry=RetryPolicy(attempts=1))
    assert KEY not in "".join(traceback.format_exception(error))


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [silence, unending], ids=["no answer", "no end"])
async def test_an_attempt_is_bounded(step: Step) -> None:
    """A server that never answers, or never ends, is given up."""
    with anyio.fail_after(20):
        error, _ = await fail(BARE, step, attempt_timeout=0.05)
    assert (type(error), error.outcome) == (TimedOut, UNKNOWN)
    assert isinstance(error.__cause__, TimeoutError)


async def test_a_trickling_server_is_bounded() -> None:
    """It is the whole answer that has to come in time, not each piece of it."""

    class Trickle(Body):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await anyio.sleep(0.01)
                yield b" "

    with anyio.fail_after(20):
        error, _ = await fail(BARE, httpx.Response(200, stream=Trickle()), attempt_timeout=0.1)
    assert type(error) is TimedOut


async def test_timing_out_closes_the_answer() -> None:
    """A connection in the middle of an answer is not used again."""
    body = Body(b"{", None)
    await fail(BARE, httpx.Response(200, stream=body), attempt_timeout=0.05)
    assert body.closed


async def test_closing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot even be closed delays no call."""

    class Stuck(Body):
        async def aclose(self) -> None:
            await anyio.sleep_forever()

    monkeypatch.setattr(httpx_adapter, "MAX_CLOSE_SECONDS", 0.05)
    with anyio.fail_after(20):
        error, _ = await fail(BARE, httpx.Response(200, stream=Stuck(b"{", None)), attempt_timeout=0.05)
    assert type(error) is TimedOut


async def test_trouble_on_closing_does_not_hide_the_timeout() -> None:
    """That a connection breaks while it is closed says nothing about the call."""
    body = Body(b"{", None, on_close=OSError("x"))
    error, _ = await fail(BARE, httpx.Response(200, stream=body), attempt_timeout=0.05)
    assert type(error) is TimedOut


async def test_waits_double_until_the_deadline() -> None:
    """Waits grow by the policy, and the one that would end after the deadline is not begun."""
    clock = Clock()
    policy = RetryPolicy(attempts=99, first_delay=1.0, longest_delay=60.0, deadline=10.0)
    error, api = await fail(KEYED, *[answer(500)] * 99, retry=policy, clock=clock)
    assert clock.waits == [1.0, 2.0, 4.0]
    assert (error.attempts, len(api.requests)) == (4, 4)


async def test_slow_attempts_count_towards_the_deadline() -> None:
    """The deadline bounds attempts and waits together."""
    clock = Clock()

    async def slow() -> httpx.Response:
        clock.time += 4.0
        return answer(500)

    policy = RetryPolicy(attempts=99, first_delay=1.0, longest_delay=1.0, deadline=10.0)
    error, _ = await fail(KEYED, *[slow] * 99, retry=policy, clock=clock)
    assert (clock.waits, error.attempts) == ([1.0], 2)


async def test_no_attempt_outlives_the_deadline() -> None:
    """What is left until the deadline bounds an attempt more tightly than its own limit."""
    policy = RetryPolicy(attempts=9, first_delay=0.0, longest_delay=0.0, deadline=0.2)
    with anyio.fail_after(20):
        error, api = await fail(KEYED, answer(500), silence, retry=policy, attempt_timeout=60.0)
    assert (type(error), error.outcome, len(api.requests)) == (TimedOut, UNKNOWN, 2)


class Day:
    """A wall clock that is a day ahead after a jump."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.0

    def wall_clock(self) -> float:
        return self.time

    async def sleep_over(self) -> httpx.Response:
        """The machine is suspended while it waits for an answer; the connection is gone when it wakes."""
        self.time += 86_400.0
        raise httpx.ReadError("gone")


async def test_nothing_is_sent_again_by_a_machine_that_was_suspended() -> None:
    """The API may have forgotten the key by then, and somebody else may have settled the matter."""
    day = Day()
    api = ScriptedAPI(day.sleep_over, answer(201, {"chargeId": "c1"}))
    async with opened(api) as session:
        with pytest.raises(ConnectionLost) as caught:
            await attrs.evolve(session, wall_clock=day.wall_clock).send(KEYED)
    assert len(api.requests) == 1
    assert caught.value.outcome is UNKNOWN
    assert caught.value.sent_at == datetime.fromtimestamp(1_790_000_000, UTC)


async def test_nothing_is_sent_after_the_deadline() -> None:
    """A machine that overslept sends nothing that it has no time left to hear of."""
    clock = Clock()
    clock.oversleeps = 3.0
    policy = RetryPolicy(attempts=9, first_delay=8.0, longest_delay=8.0, deadline=10.0)
    error, api = await fail(BARE, answer(429), answer(201), retry=policy, clock=clock)
    assert (type(error), error.outcome, error.attempts, len(api.requests)) == (TimedOut, NOT_SENT, 2, 1)


async def test_no_attempt_is_begun_that_could_not_be_heard() -> None:
    """A clean refusal is not exchanged for an attempt that the deadline cuts off with its outcome unknown."""
    clock = Clock()
    policy = RetryPolicy(attempts=9, deadline=10.0)
    busy = answer(429, headers=[("Retry-After", "9")])
    clock.oversleeps = 0.95
    error, api = await fail(KEYED, busy, silence, retry=policy, clock=clock, attempt_timeout=0.05)
    assert (error.outcome, len(api.requests)) == (NOT_SENT, 1)


@pytest.mark.parametrize("wait", [9.95, 9.2])
async def test_no_attempt_is_waited_for_that_could_not_be_heard(wait: float) -> None:
    """If the wait would leave 50 ms for the attempt, the refusal is raised at once, with its outcome known."""
    clock = Clock()
    policy = RetryPolicy(attempts=9, first_delay=wait, longest_delay=wait, deadline=10.0)
    error, api = await fail(KEYED, answer(429), silence, retry=policy, clock=clock, attempt_timeout=0.05)
    assert (type(error), error.outcome, clock.waits, len(api.requests)) == (RateLimited, REJECTED, [], 1)


async def test_retry_after_is_waited_for() -> None:
    """The server's own wait replaces the policy's."""
    clock = Clock()
    await send(BARE, answer(429, headers=[("Retry-After", "7")]), answer(201), clock=clock)
    assert clock.waits == [7.0]


async def test_a_long_retry_after_is_handed_to_the_caller() -> None:
    """A `Retry-After` of an hour raises the error at once."""
    clock = Clock()
    error, _ = await fail(BARE, answer(429, headers=[("Retry-After", "3600")]), clock=clock)
    assert isinstance(error, APIError)
    assert (error.retry_after, clock.waits, error.outcome) == (3600.0, [], REJECTED)


# --- cancellation -----------------------------------------------------------------------------------------------------


async def cancelled(session: Session, call: Request) -> bool:
    """Whether a call that is cancelled while it waits ends by that."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.send, call)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    return scope.cancelled_caught


@pytest.mark.parametrize("step", [silence, unending], ids=["no answer", "no end"])
async def test_cancellation_ends_the_call(step: Step) -> None:
    """A cancelled call is neither an error nor sent again."""
    api = ScriptedAPI(step, answer(201))
    async with opened(api) as session:
        assert await cancelled(session, KEYED)
    assert len(api.requests) == 1


async def test_cancellation_closes_the_answer() -> None:
    """A connection in the middle of an answer is closed, although the call is cancelled."""

    class Slow(Body):
        async def aclose(self) -> None:
            await anyio.sleep(0.01)
            self.closed = True

    body = Slow(b"{", None)
    async with opened(ScriptedAPI(httpx.Response(200, stream=body))) as session:
        assert await cancelled(session, KEYED)
    assert body.closed


async def test_cancellation_is_not_swallowed_by_trouble_on_closing() -> None:
    """A cancelled call stays cancelled, also if its connection breaks while it is closed."""
    body = Body(b"{", None, on_close=OSError("x"))
    api = ScriptedAPI(httpx.Response(200, stream=body), answer(201))
    async with opened(api, retry=RetryPolicy(attempts=1)) as session:
        assert await cancelled(session, KEYED)
    assert len(api.requests) == 1


async def test_cancellation_while_waiting_for_the_next_attempt() -> None:
    """A call that waits to be sent again is not sent once it is cancelled."""
    api = ScriptedAPI(answer(500), answer(201))
    async with opened(api, retry=RetryPolicy(first_delay=60.0, longest_delay=60.0)) as session:
        assert await cancelled(session, KEYED)
    assert len(api.requests) == 1


async def test_one_cancelled_call_leaves_the_others_alone() -> None:
    """Calls of one client know nothing of each other."""
    api = ScriptedAPI(silence, answer(201))
    async with opened(api) as session:
        assert await cancelled(session, KEYED)
        assert (await session.send(KEYED)).status == 201


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "body"),
        (b"<html>", "body"),
        (b"[]", "body"),
        (b"{}", "chargeId"),
        (b'{"chargeId": ["c"]}', "chargeId"),
    ],
)
async def test_success_that_cannot_be_read(body: bytes, path: str) -> None:
    """The charge has happened; the body is kept, and the error says where it differs from the documents."""
    api = ScriptedAPI(httpx.ReadError("x"), httpx.Response(201, content=body))
    async with opened(api) as session:
        with pytest.raises(UnexpectedResponse) as caught:
            await session.fetch(KEYED, ChargeReceipt)
    error = caught.value
    assert (error.outcome, error.body, error.idempotency_key, error.attempts) == (ACCEPTED, body, "key-1", 2)
    assert [fault.path for fault in error.faults] == [path]


@pytest.mark.parametrize(
    ("invoice", "expected", "logged"),
    [
        (b'{"invoiceNumber": 5}', Invoice(invoice_number="5"), ""),
        (b'{"invoiceNumber": ["secret"]}', Invoice(), "invoice.invoiceNumber: must be text, is an array"),
        (b'"secret"', None, "invoice: must be an object, is text"),
    ],
)
async def test_a_receipt_does_without_what_cannot_be_read(
    invoice: bytes, expected: Invoice | None, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The charge has happened and has its id; an invoice of an unexpected shape costs a warning that names it."""
    api = ScriptedAPI(httpx.Response(201, content=b'{"chargeId": "c", "invoice": %b}' % invoice))
    async with opened(api) as session:
        assert await session.fetch(KEYED, ChargeReceipt) == ChargeReceipt(charge_id="c", invoice=expected)
    assert logged in caplog.text
    assert "secret" not in caplog.text


async def test_success_that_cannot_be_read_carries_what_could_be() -> None:
    """Where an amount is unreadable nothing is guessed; all that came is at hand."""
    body = b'{"chargeId": "c", "amount": "a lot", "invoiceDetails": {"link": "https://x.example"}}'
    async with opened(ScriptedAPI(httpx.Response(200, content=body))) as session:
        with pytest.raises(UnexpectedResponse) as caught:
            await session.fetch(KEYED, Charge)
    assert caught.value.document == {
        "chargeId": "c",
        "amount": "a lot",
        "invoiceDetails": {"link": "https://x.example"},
    }
    assert [fault.path for fault in caught.value.faults] == ["amount"]


async def test_success_in_an_encoding() -> None:
    """A response that a server compressed without being asked to is read."""
    packed = gzip.compress(b'{"chargeId": "c"}')
    api = ScriptedAPI(httpx.Response(201, headers={"Content-Encoding": "gzip"}, stream=Body(packed[:9], packed[9:])))
    async with opened(api) as session:
        assert (await session.fetch(KEYED, ChargeReceipt)).charge_id == "c"


def garbled(status: int) -> httpx.Response:
    """An answer that claims to be compressed and is not."""
    return httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=Body(b"not gzip"))


async def test_success_in_a_broken_encoding() -> None:
    """The status says that it has happened, whatever became of the body."""
    async with opened(ScriptedAPI(garbled(201))) as session:
        with pytest.raises(UnexpectedResponse) as caught:
            await session.fetch(BARE, ChargeReceipt)
    assert (caught.value.outcome, caught.value.body) == (ACCEPTED, b"not gzip")


async def test_refusal_in_a_broken_encoding() -> None:
    """The status says that it was refused, whatever became of the body."""
    error, _ = await fail(BARE, garbled(400))
    assert (type(error), error.outcome) == (BadRequest, REJECTED)


async def test_more_than_an_answer_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without an end is given up at the limit of our own transport, whoever carries it."""
    monkeypatch.setattr(httpx_adapter, "MAX_BODY", 1000)
    body = Body(*[b" " * 100] * 11, None)
    error, _ = await fail(BARE, httpx.Response(201, stream=body))
    assert (type(error), error.outcome, body.closed) == (ConnectionLost, UNKNOWN, True)


async def test_unreadable_success_is_not_sent_again() -> None:
    """What has happened is not asked for a second time."""
    api = ScriptedAPI(httpx.Response(201, content=b"<html>"), answer(201, {"chargeId": "c"}))
    async with opened(api) as session:
        with pytest.raises(UnexpectedResponse):
            await session.fetch(KEYED, ChargeReceipt)
    assert len(api.requests) == 1


async def test_unreadable_success_does_not_repeat_values() -> None:
    """What stands in an answer may be personal, and stays out of the text."""
    api = ScriptedAPI(answer(200, {"items": "Ingrid", "amount": "Ingrid", "currency": "NOK"}))
    async with opened(api) as session:
        with pytest.raises(UnexpectedResponse) as caught:
            await session.fetch(GET, Order)
    assert "Ingrid" not in str(caught.value)


# --- logging ----------------------------------------------------------------------------------------------------------


async def test_log_tells_of_repeated_attempts(caplog: pytest.LogCaptureFixture) -> None:
    """Who looks for a slow call finds what failed, and when it is sent again."""
    caplog.set_level(logging.DEBUG)
    await send(KEYED, httpx.ReadError("x"), answer(201))
    assert [record.getMessage() for record in caplog.records if record.name == "nexi_async"] == [
        "POST /v1/payments/p1/charges failed (ConnectionLost), attempt 1, next in 0.00 s",
        "POST /v1/payments/p1/charges answered 201",
    ]


async def test_log_holds_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the secret key, nor the idempotency key, nor any body gets into a log."""
    caplog.set_level(logging.DEBUG)
    await fail(KEYED, httpx.ReadError(KEY), answer(500, {"message": "Ingrid"}), answer(402, {"message": "Ingrid"}))
    await fail(BARE, httpx.ConnectError(KEY), answer(500))
    assert caplog.records
    assert not any(word in caplog.text for word in (KEY, "key-1", "Ingrid", "ingrid", "amount", "Authorization"))


async def test_session_shows_no_headers() -> None:
    """The secret key is not in its repr."""
    async with opened(ScriptedAPI()) as session:
        assert KEY not in repr(session)


# --- what an interruption tells ---------------------------------------------------------------------------------------

LOST_KEY = "POST /v1/payments/p1/charges was interrupted (outcome unknown: it may have happened, idempotency key key-1)"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those behind it, as a traceback shows them."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def by_anyio(call: Awaitable[object]) -> None:
    """Structured, on both event loops."""
    with anyio.fail_after(0.02):
        await call


async def by_asyncio_timeout(call: Awaitable[object]) -> None:
    """The standard library's block."""
    async with asyncio.timeout(0.02):
        await call


async def by_asyncio_wait_for(call: Awaitable[object]) -> None:
    """The standard library's function, which may run the call in a task of its own."""
    await asyncio.wait_for(call, 0.02)


async def by_trio(call: Awaitable[object]) -> None:
    """The block of trio."""
    with trio.fail_after(0.02):
        await call


LIMITS = [
    ("asyncio", by_anyio),
    ("asyncio", by_asyncio_timeout),
    ("asyncio", by_asyncio_wait_for),
    ("trio", by_anyio),
    ("trio", by_trio),
]


@pytest.mark.parametrize(("anyio_backend", "limit"), LIMITS, ids=lambda value: getattr(value, "__name__", value))
async def test_the_callers_own_time_limit(
    limit: Callable[[Awaitable[object]], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Key and outcome are a note on the cancellation behind the caller's time-out, in the traceback and the log."""
    async with opened(ScriptedAPI(silence)) as session:
        with pytest.raises((TimeoutError, trio.TooSlowError)) as caught:
            await limit(session.send(KEYED))
    notes = [note for error in chain(caught.value) for note in getattr(error, "__notes__", ())]
    assert notes == [LOST_KEY]
    assert LOST_KEY in "".join(traceback.format_exception(caught.value))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{LOST_KEY} by Cancelled")


async def interrupted(call: Request, *script: Step, retry: RetryPolicy = SWIFT, backoff: bool = False) -> list[str]:
    """The notes on the cancellation of a call."""
    notes: list[str] = []

    async def send() -> None:
        try:
            await session.send(call)
        except anyio.get_cancelled_exc_class() as error:
            notes.extend(getattr(error, "__notes__", ()))
            raise

    async with opened(ScriptedAPI(*script), retry=retry) as session, anyio.create_task_group() as tasks:
        if backoff:
            session.backoff.extend(session.now() + 1.0, session.now())
        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return notes


SLOW = RetryPolicy(first_delay=60.0, longest_delay=60.0)


@pytest.mark.parametrize(
    ("call", "script", "told"),
    [
        (KEYED, [silence], "unknown: it may have happened, idempotency key key-1)"),
        (KEYED, [answer(429)], "rejected, nothing happened, idempotency key key-1)"),
        (KEYED, [httpx.ConnectError("x")], "nothing was sent, idempotency key key-1)"),
        (KEYED, [answer(500)], "unknown: it may have happened, idempotency key key-1)"),
        (BARE, [silence], "unknown: it may have happened)"),
        (SENT_BEFORE, [answer(429)], "unknown: it may have happened, idempotency key key-1)"),
    ],
    ids=["no answer", "after 429", "after no connection", "after 500", "without a key", "sent by an earlier call"],
)
async def test_outcome_of_a_cancelled_call(call: Request, script: list[Step], told: str) -> None:
    """A cancelled call tells what is known: while it waits for another attempt, that is what became of those before."""
    (note,) = await interrupted(call, *script, retry=SLOW)
    assert note.endswith(told)


async def test_outcome_of_a_call_cancelled_in_a_pause() -> None:
    """Who is cancelled before anything was sent learns that nothing was."""
    (note,) = await interrupted(KEYED, backoff=True)
    assert note.endswith("(nothing was sent, idempotency key key-1)")


async def test_outcome_after_several_attempts() -> None:
    """A refusal after a lost answer settles nothing, and the attempts are counted."""
    (note,) = await interrupted(KEYED, httpx.ReadError("x"), answer(429), silence)
    assert note.endswith("(outcome unknown: it may have happened, after 3 attempts, idempotency key key-1)")


async def test_cancelled_reading_has_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    """Reading does nothing, so nothing is lost with it."""
    assert await interrupted(GET, silence) == []
    assert not caplog.records
