"""Tests of nexi_async._transport.shared_backoff, and of the session that keeps it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    ChargeDeclined,
    NexiError,
    Outcome,
    RateLimited,
    RetryPolicy,
    ServerError,
    TimedOut,
)
from nexi_async._transport.shared_backoff import SharedBackoff
from tests.scripted import KEY, ScriptedAPI, Step, answer
from tests.transport.clock import Clock, by_clock

CHARGED = answer(201, {"chargeId": "c1"})
BUSY = answer(429, headers=[("Retry-After", "5")])
POLICY = RetryPolicy(attempts=4, first_delay=0.5, longest_delay=0.5, deadline=60.0)
JITTER = POLICY.first_delay


@asynccontextmanager
async def scripted(
    *script: Step, retry: RetryPolicy = POLICY
) -> AsyncIterator[tuple[AsyncCheckout, ScriptedAPI, Clock]]:
    """A client of the script that lives by a clock."""
    api, clock = ScriptedAPI(*script), Clock()
    client = AsyncCheckout(KEY, base_url="https://api.test", transport=api, retry=retry)
    async with by_clock(client, clock):
        yield client, api, clock


async def charge(client: AsyncCheckout) -> None:
    """A call that moves money."""
    await client.payments.charge("p1", amount=100, idempotency_key="key-1")


def timeout(request: httpx.Request) -> float:
    """How many seconds the answer to a request was waited for."""
    return float(request.extensions["timeout"]["read"])


def test_pause() -> None:
    """It ends when its time is over, and the longest that was asked for counts."""
    backoff = SharedBackoff()
    assert (backoff.is_active, backoff.remaining(10.0)) == (False, 0.0)
    backoff.extend(15.0, 10.0)
    backoff.extend(13.0, 10.0)
    assert (backoff.is_active, backoff.remaining(10.0)) == (True, 5.0)
    assert (backoff.remaining(15.0), backoff.is_active) == (0.0, False)
    backoff.extend(-math.inf, 15.0)
    backoff.extend(15.0, 15.0)
    assert not backoff.is_active


def test_pause_of_another_key() -> None:
    """Each key waits for itself, and one that comes back later still knows of its wait."""
    backoff = SharedBackoff("one")
    backoff.extend(15.0, 10.0)
    assert not backoff.for_key("two").is_active
    assert backoff.for_key("two").for_key("one").remaining(12.0) == 3.0


def test_pauses_that_are_over_are_forgotten() -> None:
    """A platform with many merchants does not fill the memory with old waits."""
    ends: dict[str, float] = {}
    for number in range(100):
        SharedBackoff(str(number), ends).extend(number + 1.0, float(number))
    assert ends == {"99": 100.0}


async def test_everybody_waits() -> None:
    """Who comes after a 429 is not even sent before its time is over, and not all come at once."""
    async with scripted(BUSY, CHARGED, CHARGED) as (client, api, clock), anyio.create_task_group() as tasks:
        tasks.start_soon(charge, client)
        while not clock.waits:
            await anyio.lowlevel.checkpoint()
        await charge(client)
        assert clock.waits == [5.0, 5.0 + JITTER]
        assert len(api.requests) == 3


async def test_copies_wait_as_well() -> None:
    """The limit is one of the merchant's calls, not of the copy of the client that was limited."""
    async with scripted(BUSY, CHARGED, CHARGED, retry=RetryPolicy(attempts=1, deadline=60.0)) as (client, _, clock):
        with pytest.raises(RateLimited):
            await charge(client.with_options(secret_key="another-key"))
        await charge(client.with_options(secret_key="another-key", retry=POLICY))
        await charge(client.with_options(merchant_number="1"))
    assert clock.waits == [5.0 + JITTER]


@pytest.mark.parametrize("busy", [429, 503])
async def test_one_merchant_does_not_stop_another(busy: int) -> None:
    """A merchant that has to wait for ten minutes delays no other merchant of the same pool."""
    told = answer(busy, headers=[("Retry-After", "600")])
    async with scripted(told, CHARGED, retry=POLICY) as (client, api, clock):
        with pytest.raises((RateLimited, ServerError)):
            await charge(client.with_options(secret_key="key-of-one"))
        await charge(client.with_options(secret_key="key-of-another"))
    assert (clock.waits, len(api.requests)) == ([], 2)


async def test_a_payment_asked_for_too_often_is_its_own_affair() -> None:
    """Retrieving is limited per payment, so others go on."""
    async with scripted(BUSY, CHARGED) as (client, api, clock):
        with pytest.raises(RateLimited):
            await client.with_options(retry=RetryPolicy(attempts=1)).payments.retrieve("p1")
        await charge(client)
        assert (clock.waits, len(api.requests)) == ([], 2)


async def test_retrieving_keeps_a_pause() -> None:
    """When everybody is to wait, who retrieves a payment waits too."""
    async with scripted(BUSY, answer(404)) as (client, _, clock):
        for call in (charge(client.with_options(retry=RetryPolicy(attempts=1))), client.payments.retrieve("p1")):
            with pytest.raises(NexiError):
                await call
        assert clock.waits == [5.0 + JITTER]


@pytest.mark.parametrize(
    ("busy", "kind", "waits"),
    [
        (answer(429), RateLimited, []),
        (answer(503), ServerError, []),
        (answer(500, headers=[("Retry-After", "5")]), ServerError, []),
        (answer(402, headers=[("Retry-After", "5")]), ChargeDeclined, []),
        (answer(503, headers=[("Retry-After", "5")]), ServerError, [5.5]),
        (answer(429, headers=[("Retry-After", "0")]), RateLimited, []),
    ],
)
async def test_who_asks_for_a_pause(busy: httpx.Response, kind: type[NexiError], waits: list[float]) -> None:
    """Only an answer that names a time makes others wait."""
    async with scripted(busy, CHARGED) as (client, _, clock):
        with pytest.raises(kind):
            await charge(client.with_options(retry=RetryPolicy(attempts=1)))
        await charge(client)
        assert clock.waits == waits


async def test_pause_that_is_extended() -> None:
    """Who waits already waits longer when the server asks for more."""
    async with scripted(BUSY, BUSY, CHARGED, CHARGED) as (client, api, clock), anyio.create_task_group() as tasks:
        tasks.start_soon(charge, client)
        while not clock.waits:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(charge, client)
        await clock.sleep(5.2)  # the first came back after 5 seconds and is sent away again
        assert len(api.requests) == 2
        await clock.sleep(4.0)
        assert len(api.requests) == 2
    assert len(api.requests) == 4


async def test_pause_takes_no_time_from_the_attempt() -> None:
    """Who has waited has as long for its answer as anybody; else it would be lost for nothing."""
    async with scripted(answer(429, headers=[("Retry-After", "29")]), CHARGED) as (client, api, clock):
        with pytest.raises(RateLimited):
            await charge(client.with_options(retry=RetryPolicy(attempts=1)))
        await charge(client)
        assert timeout(api.requests[1]) == 30.0
        assert clock.waits == [29.0 + JITTER]


async def test_pause_counts_against_the_deadline() -> None:
    """The deadline bounds waits and attempts together."""
    retry = RetryPolicy(attempts=4, first_delay=0.0, deadline=40.0)
    async with scripted(answer(429, headers=[("Retry-After", "29")]), CHARGED, retry=retry) as (client, api, _):
        with pytest.raises(RateLimited):
            await charge(client.with_options(retry=RetryPolicy(attempts=1)))
        await charge(client)
        assert timeout(api.requests[1]) == 11.0


async def test_pause_beyond_the_deadline() -> None:
    """A pause that is too long is not waited for: the call fails at once, and only once, and was not sent."""
    async with scripted(answer(429, headers=[("Retry-After", "3600")])) as (client, api, clock):
        with pytest.raises(RateLimited):
            await charge(client)
        with pytest.raises(TimedOut, match=r"would have to wait 3600\.5 s for the API") as caught:
            await charge(client)
        assert (caught.value.outcome, caught.value.attempts) == (Outcome.NOT_SENT, 0)
        assert caught.value.idempotency_key == "key-1"
        assert (clock.waits, len(api.requests)) == ([], 1)


@pytest.mark.parametrize("seconds", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_absurd_pause(seconds: str) -> None:
    """One odd answer does not silence a client for days: after an hour the API is asked again."""
    async with scripted(answer(429, headers=[("Retry-After", seconds)]), CHARGED) as (client, _, clock):
        with pytest.raises(RateLimited):
            await charge(client)
        clock.time += 3599.0
        await charge(client)
        assert clock.waits == [1.0 + JITTER]


async def test_pause_beyond_the_deadline_after_a_doubtful_attempt() -> None:
    """That the second attempt was not sent says nothing about the first."""

    async def meanwhile() -> httpx.Response:
        client._session.backoff.extend(clock.now() + 3600.0, clock.now())
        raise httpx.ReadError("lost")

    async with scripted(meanwhile) as (client, api, clock):
        with pytest.raises(TimedOut) as caught:
            await charge(client)
        assert (caught.value.outcome, caught.value.attempts) == (Outcome.UNKNOWN, 1)
        assert len(api.requests) == 1


async def test_cancelled_while_waiting() -> None:
    """A call that waits with all others can be cancelled like any other; nothing was sent."""
    async with scripted(BUSY) as (client, api, _):
        with pytest.raises(RateLimited):
            await charge(client.with_options(retry=RetryPolicy(attempts=1)))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await charge(client)
        assert scope.cancelled_caught
        assert len(api.requests) == 1
