"""Tests of a batch whose keys the API may have forgotten: no job is charged twice, and nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import attrs
import httpx
import pytest

from nexi_async import AsyncCheckout, ConfigurationError, InvalidRequest, StorageUnavailable
from nexi_async._idempotency import is_remembered
from nexi_async._storage import Database
from nexi_async.batch import BatchCharger, JobResult, JobState, Ledger, Outage, Strategy
from nexi_async.batch._ledger import review
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._results import JobOutcome
from nexi_async.emulator import CheckoutEmulator, Clock, InjectedFault
from tests.batch.support import START, SWIFT, Shop, charges_in, job, no_time

DAY = 86_400.0
UNKNOWN = JobOutcome(state=JobState.UNKNOWN, error="silence")


@pytest.mark.parametrize(
    ("age", "remembered"), [(-301, False), (-299, True), (0, True), (DAY - 301, True), (DAY - 300, False), (DAY, False)]
)
def test_a_key_is_trusted_until_shortly_before_its_end(age: float, remembered: bool) -> None:
    """Clocks differ a little, and a request takes a while; a key from the future has no age that is known."""
    assert is_remembered(START, START + age, DAY) is remembered


async def test_a_lifetime_has_to_be_positive(sqlite_url: str) -> None:
    """Else nothing could ever be sent."""
    with pytest.raises(ConfigurationError, match="key_lifetime: must be more than 0"):
        async with Ledger.open(sqlite_url, key_lifetime=timedelta(0)):
            pass


# --- machines that were suspended ----------------------------------------------------------------------------------


class Days:
    """The wall clock of all machines, and of the API."""

    def __init__(self, emulator: CheckoutEmulator) -> None:
        self.emulator = emulator
        self.time = START

    def now(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.emulator.advance(seconds)
        self.time += seconds


class Suspended(httpx.AsyncBaseTransport):
    """The network of a machine that is suspended after some charges; its connections are gone when it wakes.

    Of the requests that were on their way every second arrives, and only its answer is lost.
    """

    def __init__(self, network: httpx.AsyncBaseTransport, *, after: int) -> None:
        self._network = network
        self._left = after
        self.is_asleep, self.wakes = anyio.Event(), anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left < 0 and not self.wakes.is_set():
            if self._left % 2:
                await self._network.handle_async_request(request)
            self.is_asleep.set()
            await self.wakes.wait()
            raise httpx.ReadError("gone")
        return await self._network.handle_async_request(request)


@attrs.frozen
class Machine:
    """A client and a ledger that live by the wall clock."""

    checkout: AsyncCheckout
    ledger: Ledger

    async def work(self) -> list[JobResult]:
        """Charge the run to its end."""
        charger = BatchCharger(self.checkout, self.ledger, run="r", concurrency=64, sleep=no_time)
        return [result async for result in charger]


@asynccontextmanager
async def machine(url: str, days: Days, network: httpx.AsyncBaseTransport) -> AsyncIterator[Machine]:
    """One machine."""
    key, address = days.emulator.secret_key, "https://emulator.test"
    async with AsyncCheckout(key, base_url=address, transport=network, retry=SWIFT) as checkout:
        checkout._session = attrs.evolve(checkout._session, wall_clock=days.now)
        async with Ledger.open(url, now=days.now) as ledger:
            yield Machine(checkout, ledger)


@pytest.fixture
def days() -> Days:
    """An emulator whose clock stands until a test advances it by days."""
    return Days(CheckoutEmulator(seed=1, clock=Clock(time_scale=0, start=START)))


@pytest.mark.slow
async def test_a_machine_resumed_days_later_charges_no_job_twice(sqlite_url: str, days: Days) -> None:
    """Another one has finished its run meanwhile, and the API has forgotten all keys: 0 of 600 are charged twice."""
    network = Suspended(httpx.ASGITransport(app=days.emulator), after=200)
    jobs = [job(f"job-{n}", id_) for n, id_ in enumerate(days.emulator.sign_up(600))]
    async with (
        machine(sqlite_url, days, network) as sleeper,
        machine(sqlite_url, days, httpx.ASGITransport(app=days.emulator)) as other,
        anyio.create_task_group() as tasks,
    ):
        await sleeper.ledger.plan("r", jobs)
        tasks.start_soon(sleeper.work)
        await network.is_asleep.wait()
        await other.work()
        days.pass_by(25 * 3600)
        network.wakes.set()
    assert charges_in(days.emulator.state()["payments"]) == Counter({f"job-{n}": 1 for n in range(600)})


async def test_a_machine_that_sleeps_alone_goes_on(sqlite_url: str, days: Days) -> None:
    """Jobs that it had claimed and not begun are charged; those that were sent go to review."""
    network = Suspended(httpx.ASGITransport(app=days.emulator), after=20)
    jobs = [job(f"job-{n}", id_) for n, id_ in enumerate(days.emulator.sign_up(150))]
    async with machine(sqlite_url, days, network) as sleeper:
        await sleeper.ledger.plan("r", jobs)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper.work)
            await network.is_asleep.wait()
            days.pass_by(25 * 3600)
            network.wakes.set()
        summary = await sleeper.ledger.summary("r")
        in_review = [item.reference async for item in sleeper.ledger.in_review("r")]
    charged = charges_in(days.emulator.state()["payments"])
    assert max(charged.values()) == 1
    assert 0 < len(in_review) <= 64
    assert summary.count(JobState.CHARGED) + len(in_review) == 150
    assert {f"job-{n}" for n in range(150)} - charged.keys() <= set(in_review)


# --- jobs whose outcome stayed unknown ------------------------------------------------------------------------------


async def left_unknown(shop: Shop) -> None:
    """A run of one job whose charge got lost with its answer, a day ago."""
    await shop.ledger.plan("r", shop.jobs(1))
    shop.emulator.set_faults([InjectedFault(fault="lose_response")])
    await shop.charge()
    shop.emulator.set_faults([])


@asynccontextmanager
async def later(shop: Shop, url: str, seconds: float) -> AsyncIterator[Shop]:
    """The same shop some time later."""
    shop.emulator.advance(seconds)
    async with Ledger.open(url, now=lambda: START + seconds) as ledger:
        yield attrs.evolve(shop, ledger=ledger)


async def test_an_unknown_charge_is_settled_while_its_key_is_young(shop: Shop, sqlite_url: str) -> None:
    """A few hours later the API still knows."""
    await left_unknown(shop)
    async with later(shop, sqlite_url, 23 * 3600) as shop:
        assert [result.state for result in await shop.charge()] == [JobState.CHARGED]
        assert shop.charged() == {"job-0": 1}


async def test_not_found_means_nothing_once_the_key_is_old(shop: Shop, sqlite_url: str) -> None:
    """It has happened, and the API does not know the key any more: nothing is sent, and a person is asked."""
    await left_unknown(shop)
    async with later(shop, sqlite_url, 25 * 3600) as shop:
        (result,) = await shop.charge()
        assert (result.state, shop.charged()) == (JobState.REVIEW, {"job-0": 1})
        assert "forgotten its key: look for its payment" in str(result.error)
        (item,) = [item async for item in shop.ledger.in_review("r")]
        assert (item.reference, item.order_reference, item.sent_at) == ("job-0", "job-0", START)
        assert await shop.charge() == []  # it stays there


async def test_a_bulk_with_an_unknown_outcome_is_reviewed_once_it_is_old(shop: Shop, sqlite_url: str) -> None:
    """Nothing says for how long the API knows the name of a bulk run."""
    await shop.ledger.plan("r", shop.jobs(3))
    run = await job_queue_of(shop.ledger).bind("r", "bulk")
    claimed = await job_queue_of(shop.ledger).claim(run, scope=Scope(), after=0, limit=10, owner="x", in_bulk=False)
    await job_queue_of(shop.ledger).create_bulk(run, "scheduled", claimed)  # perhaps sent, and then it dies
    async with later(shop, sqlite_url, 25 * 3600) as shop:
        charger = BatchCharger(shop.checkout, shop.ledger, run="r", strategy="bulk", sleep=no_time)
        results = [result async for result in charger]
    assert {result.state for result in results} == {JobState.REVIEW}
    assert not shop.charged()


@pytest.mark.parametrize("strategy", ["individual", "bulk"])
async def test_a_clock_that_is_behind_puts_nothing_in_review(shop: Shop, sqlite_url: str, strategy: Strategy) -> None:
    """Another worker may be charging the job right now: it stays open, and the clock is named."""
    await shop.ledger.plan("r", shop.jobs(1))
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", strategy)
    claimed = await queue.claim(run, scope=Scope(), after=0, limit=1, owner="other")
    if strategy == "bulk":
        await queue.create_bulk(run, "scheduled", claimed)
    async with Ledger.open(sqlite_url, now=lambda: START - 1700) as ledger:
        charger = BatchCharger(shop.checkout, ledger, run="r", strategy=strategy, sleep=no_time)
        result = [result async for result in charger][-1]
    assert (result.state, shop.charged()) == (JobState.UNKNOWN, {})
    assert "the clock of this machine is 1,700 s behind" in str(result.error)


# --- claims --------------------------------------------------------------------------------------------------------


async def test_a_claim_that_others_have_taken_over_is_not_sent_from(url: str) -> None:
    """Once a claim is old the ledger is asked; its fencing number says whether it still counts."""
    now = START
    async with Ledger.open(url, now=lambda: now) as ledger:
        await ledger.plan("r", [job("1"), job("2")])
        run = await job_queue_of(ledger).bind("r", "individual")
        first, second = await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=2, owner="me")
        now += 61
        (other,) = await job_queue_of(ledger).claim(run, scope=Scope(), after=first.number, limit=1, owner="other")

        assert other.fence == second.fence + 1
        assert await job_queue_of(ledger).confirm_claims([second]) is None
        renewed = await job_queue_of(ledger).confirm_claims([first])
        assert renewed is not None
        assert (renewed[0].claimed_at, renewed[0].sent_at) == (START + 61, START + 61)
        await job_queue_of(ledger).record([(second, JobOutcome.for_review("", START))], "me")
        assert (await ledger.summary("r")).count(JobState.SENDING) == 2


async def test_a_clock_that_was_set_back_makes_no_claim_fresh(url: str) -> None:
    """A claim from the future counts as old."""
    now = START
    async with Ledger.open(url, now=lambda: now) as ledger:
        await ledger.plan("r", [job("1")])
        run = await job_queue_of(ledger).bind("r", "individual")
        (mine,) = await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=1, owner="me")
        await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=1, owner="other")
        now -= 3600
        assert await job_queue_of(ledger).confirm_claims([mine]) is None


async def test_what_is_put_off_has_no_age(url: str) -> None:
    """Nothing was done with it, so its key is new the next time; what may have been sent keeps its first time."""
    now = START
    async with Ledger.open(url, now=lambda: now) as ledger:
        await ledger.plan("r", [job("put off"), job("released"), job("unknown")])
        run = await job_queue_of(ledger).bind("r", "individual")
        jobs = await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=3, owner="me")
        await job_queue_of(ledger).record([(jobs[0], JobOutcome(state=JobState.PLANNED)), (jobs[2], UNKNOWN)], "me")
        await job_queue_of(ledger).release([jobs[1]], "me")
        now += 3600
        again = await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=3, owner="me")
    assert [found.sent_at - START for found in again] == [3600, 3600, 0]


# --- review --------------------------------------------------------------------------------------------------------


async def put_in_review(ledger: Ledger, *references: str) -> None:
    """A run whose jobs wait for a person."""
    await ledger.plan("r", [job(reference) for reference in references])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    claimed = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="me")
    await queue.record([(found, JobOutcome.for_review("nobody knows it", START)) for found in claimed], "me")


async def test_a_person_says_that_it_was_charged(ledger: Ledger) -> None:
    """With the ids that were found."""
    await put_in_review(ledger, "1")
    await ledger.resolve_charged("r", "1", payment_id="p", charge_id="c")
    (result,) = [result async for result in ledger.results("r")]
    assert (result.state, result.payment_id, result.charge_id, result.error) == (JobState.CHARGED, "p", "c", None)


async def test_a_job_is_resolved_as_charged_though_its_commit_is_not_confirmed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no error then that the job is in review no more."""
    run, failures = Database.run, iter([StorageUnavailable("the database is unavailable: x")])

    async def commit_and_fail(self: Database, work: Any, *args: Any, **kwargs: Any) -> Any:
        result = await run(self, work, *args, **kwargs)
        for failure in failures if work is review.mark_charged else ():
            raise failure
        return result

    monkeypatch.setattr(Database, "run", commit_and_fail)
    async with Ledger.open(url, outage=Outage(sleep=no_time)) as ledger:
        await put_in_review(ledger, "1")
        await ledger.resolve_charged("r", "1", payment_id="p", charge_id="c")
        assert (await ledger.summary("r")).count(JobState.CHARGED) == 1
        with pytest.raises(InvalidRequest, match="1 is not in review"):
            await ledger.resolve_charged("r", "1", payment_id="p", charge_id="other")


async def test_a_person_says_that_it_was_not_charged(url: str) -> None:
    """Then it is planned again, with a new key."""
    now = START
    async with Ledger.open(url, now=lambda: now) as ledger:
        await put_in_review(ledger, "1")
        (before,) = [item async for item in ledger.in_review("r")]
        now += 300
        await ledger.resolve_not_charged("r", "1")
        queue = job_queue_of(ledger)
        run = await queue.bind("r", "individual")
        (again,) = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="me")
    assert (again.attempt, again.previous_state) == (2, JobState.PLANNED)
    assert again.key != before.idempotency_key


async def test_a_job_that_has_just_been_put_in_review_is_not_planned_again(url: str) -> None:
    """A charge of another worker may still be on its way, and a new key would charge a second time."""
    now = START
    async with Ledger.open(url, now=lambda: now) as ledger:
        await put_in_review(ledger, "1")
        now += 299
        with pytest.raises(InvalidRequest, match=r"reference: 1 has just been put in review.* again in 1 s"):
            await ledger.resolve_not_charged("r", "1")
        assert (await ledger.summary("r")).count(JobState.REVIEW) == 1


async def test_only_what_is_in_review_is_resolved(ledger: Ledger) -> None:
    """A misspelt name changes nothing."""
    await put_in_review(ledger, "1")
    await ledger.resolve_charged("r", "1", payment_id="p", charge_id="c")
    for reference in ("1", "2"):
        with pytest.raises(InvalidRequest, match=f"reference: {reference} is not in review in the run r"):
            await ledger.resolve_not_charged("r", reference)


@pytest.mark.parametrize("spelling", ["0A1B-2C3D", "0a1b2c3d"])
async def test_a_payment_is_the_one_of_one_job_however_it_is_spelt(ledger: Ledger, spelling: str) -> None:
    """Else the second job's charge would be taken for made."""
    await put_in_review(ledger, "1", "2")
    await ledger.resolve_charged("r", "1", payment_id="0a1b2c3d", charge_id="c")
    with pytest.raises(InvalidRequest, match="is the payment of the job 1"):
        await ledger.resolve_charged("r", "2", payment_id=spelling, charge_id="c")


async def test_an_answer_that_comes_late_settles_the_review(ledger: Ledger) -> None:
    """A final answer of the API is recorded, though the job is in review."""
    await ledger.plan("r", [job("1")])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    (mine,) = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="me")
    (other,) = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="other")
    await queue.record([(other, JobOutcome.for_review("nobody knows it", START))], "other")
    await queue.record([(mine, JobOutcome(state=JobState.CHARGED, payment_id="p", charge_id="c"))], "me")
    assert (await ledger.summary("r")).count(JobState.CHARGED) == 1
