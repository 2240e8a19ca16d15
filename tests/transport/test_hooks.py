"""Tests of nexi_async._transport.hooks, through a client that is watched."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    Attempt,
    ConnectionLost,
    Hooks,
    NexiError,
    Response,
    RetryPolicy,
    ServerError,
)
from tests.scripted import KEY, ScriptedAPI, Step, answer, silence
from tests.transport.clock import Clock, by_clock

CHARGED = answer(201, {"chargeId": "c1"})
POLICY = RetryPolicy(attempts=3, first_delay=2.0, longest_delay=60.0)


class Diary:
    """What the hooks were told, in order, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.entries: list[tuple[Any, ...]] = []
        self.attempts: list[Attempt] = []

    def request(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.entries.append(("request", attempt.number, self.clock.time))

    def response(self, attempt: Attempt, end: Response | NexiError | None, seconds: float) -> None:
        self.attempts.append(attempt)
        shown = end.status if isinstance(end, Response) else end and type(end)
        self.entries.append(("response", attempt.number, shown, seconds))

    def retry(self, attempt: Attempt, failure: NexiError, delay: float) -> None:
        self.attempts.append(attempt)
        self.entries.append(("retry", attempt.number, type(failure), delay, self.clock.time))

    @property
    def hooks(self) -> Hooks:
        return Hooks(on_request=self.request, on_response=self.response, on_retry=self.retry)


def watched(*script: Step, retry: RetryPolicy = POLICY, hooks: Hooks | None = None) -> tuple[AsyncCheckout, Diary]:
    """A client of the script, and what its hooks are told."""
    clock = Clock()
    diary = Diary(clock)
    client = AsyncCheckout(
        KEY,
        base_url="https://api.test:8443/base",
        transport=ScriptedAPI(*script),
        retry=retry,
        hooks=hooks or diary.hooks,
    )
    return by_clock(client, clock), diary


async def charge(client: AsyncCheckout) -> str:
    """A call that moves money."""
    return (await client.payments.charge("p1", amount=100, idempotency_key="key-1")).charge_id


async def test_what_an_attempt_tells() -> None:
    """Enough to tell attempts apart and to count them, and the same object for all hooks of an attempt."""
    client, diary = watched(CHARGED)
    async with client:
        await charge(client)
    first, second = diary.attempts
    assert first is second
    assert (first.operation, first.method, first.path) == ("payments.charge", "POST", "/v1/payments/p1/charges")
    assert (first.host, first.port, first.number, first.idempotency_key) == ("api.test", 8443, 1, "key-1")
    assert not any(secret in repr(first) for secret in (KEY, "key-1"))


async def test_order_of_a_call_that_is_repeated() -> None:
    """Request, response, then retry before its wait; again for every attempt."""

    async def slow() -> httpx.Response:
        diary.clock.time += 1.5
        return CHARGED

    client, diary = watched(answer(500), httpx.ReadError("lost"), slow)
    async with client:
        await charge(client)
    assert diary.entries == [
        ("request", 1, 1000.0),
        ("response", 1, ServerError, 0.0),
        ("retry", 1, ServerError, 2.0, 1000.0),
        ("request", 2, 1002.0),
        ("response", 2, ConnectionLost, 0.0),
        ("retry", 2, ConnectionLost, 4.0, 1002.0),
        ("request", 3, 1006.0),
        ("response", 3, 201, 1.5),
    ]


async def test_last_failure_announces_no_retry() -> None:
    """After the last attempt there is none to announce."""
    client, diary = watched(answer(500), retry=RetryPolicy(attempts=1))
    async with client:
        with pytest.raises(ServerError):
            await charge(client)
    assert [entry[0] for entry in diary.entries] == ["request", "response"]


async def test_cancelled_attempt() -> None:
    """An attempt that was cancelled has no end to tell of, but it did end."""
    client, diary = watched(silence)
    async with client, anyio.create_task_group() as tasks:
        tasks.start_soon(charge, client)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert diary.entries == [("request", 1, 1000.0), ("response", 1, None, 0.0)]


async def test_pause_is_no_part_of_an_attempt() -> None:
    """An attempt begins when it is sent, not when it begins to wait for that."""
    client, diary = watched(answer(429, headers=[("Retry-After", "5")]), CHARGED, retry=RetryPolicy(attempts=1))
    async with client:
        with pytest.raises(NexiError):
            await charge(client)
        await charge(client)
    assert diary.entries[2:] == [("request", 1, 1005.5), ("response", 1, 201, 0.0)]


async def test_call_that_is_not_sent_has_no_attempts() -> None:
    """A call that fails before it is sent calls no hook."""
    client, diary = watched(answer(429, headers=[("Retry-After", "3600")]))
    async with client:
        for _ in range(2):
            with pytest.raises(NexiError):
                await charge(client)
    assert [entry[0] for entry in diary.entries] == ["request", "response"]


@pytest.mark.parametrize("name", ["on_request", "on_response", "on_retry"])
async def test_failing_hook(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a hook raises is logged and disturbs no payment."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("my dashboard is down")

    client, _ = watched(answer(500), CHARGED, hooks=Hooks(**{name: fail}))
    async with client:
        assert await charge(client) == "c1"
    (first, *_) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert first.getMessage() == "a hook failed; the call continues"
    assert "my dashboard is down" in caplog.text


@pytest.mark.parametrize("name", ["on_request", "on_response", "on_retry"])
async def test_one_hook_alone(name: str) -> None:
    """Each of the three is optional."""
    told: list[object] = []
    client, _ = watched(answer(500), CHARGED, hooks=Hooks(**{name: lambda *facts: told.append(facts)}))
    async with client:
        await charge(client)
    assert len(told) == (1 if name == "on_retry" else 2)


async def test_copies_are_watched_too() -> None:
    """A copy with other settings tells the same hooks."""
    client, diary = watched(answer(500), CHARGED)
    async with client:
        await charge(client.with_options(timeout=9.0))
    assert len(diary.entries) == 5


async def test_cancellation_from_a_hook_is_not_swallowed() -> None:
    """What is not an `Exception`, e.g. a keyboard interrupt, gets through."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    client, _ = watched(CHARGED, hooks=Hooks(on_request=interrupt))
    with pytest.raises(KeyboardInterrupt):
        async with client:
            await charge(client)
