"""Tests of `resolve_charge`, which finds out the unknown outcome of a charge, for both kinds of subscription."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import attrs
import httpx
import pytest

from nexi_async import (
    APIError,
    AsyncCheckout,
    ConnectFailed,
    InvalidRequest,
    NexiError,
    NotCharged,
    NotKnown,
    Outcome,
    RetryPolicy,
    SubscriptionChargeReceipt,
    TimedOut,
    Unauthorized,
    UnexpectedResponse,
)
from tests.scripted import KEY, ScriptedAPI, Step, answer
from tests.transport.clock import Clock, by_clock

FOUND = answer(200, {"paymentId": "p1", "chargeId": "c1", "completed": True})
RUNNING = answer(200, {"paymentId": "p1", "chargeId": "c1", "completed": False})
UNHEARD_OF = answer(404)
NOT_CHARGED = NotCharged(idempotency_key="key-1")
RECEIPT = SubscriptionChargeReceipt(payment_id="p1", charge_id="c1", idempotency_key="key-1")


@attrs.frozen
class Case:
    """A client of the script, of either kind of subscription."""

    client: AsyncCheckout
    api: ScriptedAPI
    clock: Clock
    group: str

    async def resolve_charge(
        self, max_wait: float = 10.0, age: timedelta | None = timedelta(0)
    ) -> SubscriptionChargeReceipt | NotCharged | NotKnown:
        sent_at = None if age is None else datetime.now(UTC) - age
        if self.group == "subscriptions":
            return await self.client.subscriptions.resolve_charge("s1", "key-1", sent_at=sent_at, max_wait=max_wait)
        return await self.client.unscheduled_subscriptions.resolve_charge(
            "s1", "key-1", sent_at=sent_at, max_wait=max_wait
        )


@pytest.fixture(params=["subscriptions", "unscheduled_subscriptions"])
def group(request: pytest.FixtureRequest) -> str:
    """Either kind."""
    return str(request.param)


@asynccontextmanager
async def asking(group: str, *script: Step, attempts: int = 1) -> AsyncIterator[Case]:
    """Ask the script, by a clock of its own."""
    api, clock = ScriptedAPI(*script), Clock()
    retry = RetryPolicy(attempts=attempts, first_delay=0.0)
    client = AsyncCheckout(KEY, base_url="https://api.test", transport=api, retry=retry)
    async with by_clock(client, clock):
        yield Case(client, api, clock, group)


async def test_found(group: str) -> None:
    """A charge that is done is known at once, with the key that finds it again."""
    async with asking(group, FOUND) as case:
        assert await case.resolve_charge() == RECEIPT
        assert case.api.calls == [f"GET /v1/{group.replace('_', '')}/s1/charges/status"]
        assert (case.api.keys, case.clock.waits) == (["key-1"], [])


async def test_being_worked_on_then_done(group: str) -> None:
    """While the API is at it, it is asked again, less and less often."""
    async with asking(group, RUNNING, RUNNING, RUNNING, FOUND) as case:
        assert await case.resolve_charge() == RECEIPT
        assert case.clock.waits == [1.0, 2.0, 4.0]


async def test_not_there_yet(group: str) -> None:
    """A request that was on its way for long may arrive after the first question."""
    async with asking(group, UNHEARD_OF, RUNNING, FOUND) as case:
        assert await case.resolve_charge() == RECEIPT


async def test_never_arrived(group: str) -> None:
    """What the API has not heard of in all that time has not happened."""
    async with asking(group, *[UNHEARD_OF] * 5) as case:
        assert await case.resolve_charge() == NOT_CHARGED
        assert case.clock.waits == [1.0, 2.0, 4.0, 3.0]
        assert (case.clock.time, case.api.script) == (1010.0, [])


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(hours=24), "it was sent first at .* UTC, and the API may have forgotten its key"),
        (timedelta(days=-1), r"the clock of this machine is 8\d,\d{3} s behind .*: set the clock, then ask again"),
        (None, "it is not known when it was sent first"),
    ],
    ids=str,
)
async def test_key_that_may_be_forgotten(group: str, age: timedelta | None, reason: str) -> None:
    """That the API has not heard of it says nothing then: it is not reported as a charge that has not happened."""
    async with asking(group, UNHEARD_OF) as case:
        found = await case.resolve_charge(max_wait=0.0, age=age)
        assert isinstance(found, NotKnown)
        assert found.idempotency_key == "key-1"
        assert re.fullmatch(reason, found.reason)


async def test_time_without_zone() -> None:
    """The time of sending is not known."""
    async with asking("subscriptions") as case:
        with pytest.raises(InvalidRequest, match="sent_at: must have a time zone"):
            await case.client.subscriptions.resolve_charge("s1", "key-1", sent_at=datetime(2026, 10, 1))  # noqa: DTZ001


async def test_never_done(group: str) -> None:
    """What is still not completed stays unknown: neither a receipt, nor the word that it has not happened."""
    async with asking(group, *[RUNNING] * 5) as case:
        with pytest.raises(TimedOut, match="the charge of s1 is not completed after 10 s") as caught:
            await case.resolve_charge()
        assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.UNKNOWN, "key-1")
        assert case.clock.time == 1010.0


async def test_arrived_late_and_never_done(group: str) -> None:
    """The last answer counts."""
    async with asking(group, *[UNHEARD_OF] * 4, RUNNING) as case:
        with pytest.raises(TimedOut):
            await case.resolve_charge()


async def test_without_waiting(group: str) -> None:
    """With `max_wait=0` the API is asked once."""
    async with asking(group, UNHEARD_OF) as case:
        assert await case.resolve_charge(max_wait=0.0) == NOT_CHARGED
        assert (len(case.api.requests), case.clock.waits) == (1, [])


async def test_longest_delay(group: str) -> None:
    """With a long `max_wait` the API is still asked every few seconds, to the end."""
    async with asking(group, *[UNHEARD_OF] * 9) as case:
        assert await case.resolve_charge(max_wait=30.0) == NOT_CHARGED
        assert case.clock.waits == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 3.0]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (answer(401), Unauthorized),
        (httpx.Response(404, text="default backend - 404"), APIError),
        (httpx.ConnectError("no way"), ConnectFailed),
        (answer(200, {"completed": True}), UnexpectedResponse),
        (answer(200, {"paymentId": "p1", "chargeId": "c1", "completed": "yes"}), UnexpectedResponse),
    ],
)
async def test_could_not_be_asked(group: str, step: Step, kind: type[NexiError]) -> None:
    """A question that fails is an error, never the word that nothing has happened."""
    async with asking(group, step) as case:
        with pytest.raises(kind):
            await case.resolve_charge()


async def test_question_is_repeated(group: str) -> None:
    """Asking changes nothing, so it is tried again like any reading."""
    async with asking(group, httpx.ReadError("lost"), answer(500), FOUND, attempts=3) as case:
        assert await case.resolve_charge() == RECEIPT


async def test_key_that_cannot_be() -> None:
    """A key that no charge can have had is refused, not reported as a charge that has not happened."""
    async with asking("subscriptions") as case:
        with pytest.raises(InvalidRequest):
            await case.client.subscriptions.resolve_charge("s1", "", sent_at=None)
