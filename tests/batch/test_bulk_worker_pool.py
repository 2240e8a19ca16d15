"""Tests of the strategy bulk: bulks that Nexi charges, found again whatever happens."""

from __future__ import annotations

from collections import Counter

import anyio
import attrs
import pytest

from nexi_async import InvalidRequest, Poll, RetryPolicy, Unauthorized
from nexi_async.batch import BatchCharger, ChargeJob, JobResult, JobState, Ledger, Scope
from nexi_async.batch._bulk_worker_pool import BULK_SIZE
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.emulator import InjectedFault
from tests.batch.support import Shop, job, no_time, order
from tests.scripted import ScriptedAPI, answer, client

AT_ONCE = Poll(first_delay=0.001, longest_delay=0.01)


@pytest.fixture(autouse=True)
def quick(shop: Shop) -> None:
    """Bulk runs are done at once."""
    shop.emulator.settings = attrs.evolve(shop.emulator.settings, bulk_seconds=0)


def charger(shop: Shop) -> BatchCharger:
    """A charger of bulks."""
    return BatchCharger(shop.checkout, shop.ledger, run="r", strategy="bulk", poll=AT_ONCE, sleep=no_time)


async def charge(shop: Shop) -> list[JobResult]:
    """Charge to the end."""
    return [result async for result in charger(shop)]


def bulk_runs(shop: Shop) -> int:
    """How many bulk runs the emulator has."""
    return len(shop.emulator.state()["bulkRuns"])


async def test_bulks_charge_every_job_once(shop: Shop) -> None:
    """With the ids of the emulator's state, by as few requests as possible."""
    await shop.ledger.plan("r", shop.jobs(BULK_SIZE + 20))

    results = await charge(shop)

    assert Counter(result.state for result in results) == {JobState.CHARGED: BULK_SIZE + 20}
    assert all(result.payment_id and result.charge_id for result in results)
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(BULK_SIZE + 20)})
    assert bulk_runs(shop) == 2


async def test_a_decline_comes_with_its_code(shop: Shop) -> None:
    """And can be planned again, in another bulk."""
    ids = shop.emulator.sign_up(2)
    await shop.ledger.plan("r", [job("poor", ids[0], amount=151), job("rich", ids[1])])

    results = {result.reference: result for result in await charge(shop)}

    assert (results["poor"].state, results["poor"].code, results["rich"].state) == ("declined", "51", "charged")
    assert (await shop.ledger.dunning("r", attempt=2)).planned == 1


async def test_kinds_and_second_charges_have_bulks_of_their_own(shop: Shop) -> None:
    """A bulk has one kind, and every subscription once, so that each outcome has its job."""
    (scheduled,) = shop.emulator.sign_up(1, external_references=True)
    (unscheduled,) = shop.emulator.sign_up(1, kind="unscheduled")
    jobs = [
        job("first", scheduled),
        job("second", scheduled, amount=100_00),
        ChargeJob(reference="other", unscheduled_subscription_id=unscheduled, order=order(reference="other")),
        ChargeJob(reference="old", external_reference="imported-1", order=order(reference="old")),
        ChargeJob(reference="nobody", external_reference="x", order=order(reference="nobody")),
    ]
    await shop.ledger.plan("r", jobs)

    results = {result.reference: result.state for result in await charge(shop)}

    assert results == dict.fromkeys(["first", "second", "other", "old"], JobState.CHARGED) | {"nobody": JobState.FAILED}
    assert shop.charged() == Counter(["first", "second", "other", "old"])
    assert bulk_runs(shop) == 4


@pytest.mark.parametrize("path", ["/v1/subscriptions/charges", "/v1/subscriptions/charges/*"])
async def test_lost_answers_start_no_second_run(shop: Shop, path: str) -> None:
    """Whether that of the request or of a question gets lost: the bulk is found again by its name."""
    await shop.ledger.plan("r", shop.jobs(30))
    shop.emulator.set_faults([InjectedFault(fault="lose_response", path=path)])
    assert {result.state for result in await charge(shop)} == {JobState.UNKNOWN}
    shop.emulator.set_faults([])

    assert {result.state for result in await charge(shop)} == {JobState.CHARGED}
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(30)})
    assert bulk_runs(shop) == 1


async def test_breaking_off_anywhere_starts_no_second_run(shop: Shop) -> None:
    """A job that is in a bulk is never put in another."""
    await shop.ledger.plan("r", shop.jobs(30))
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "bulk")
    claimed = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="x", in_bulk=False)
    await queue.create_bulk(run, "scheduled", claimed)  # nothing is sent before it dies
    with anyio.CancelScope() as scope:
        async with charger(shop) as results:
            async for _ in results:
                scope.cancel()

    await charge(shop)

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(30)})
    assert bulk_runs(shop) == 2


async def test_a_refused_bulk_fails_its_jobs(ledger: Ledger) -> None:
    """With the API's reason."""
    await ledger.plan("r", [job("1"), job("2", "t")])
    async with client(ScriptedAPI(answer(400, {"errors": {"subscriptions": ["odd"]}}))) as checkout:
        results = [r async for r in BatchCharger(checkout, ledger, run="r", strategy="bulk", sleep=no_time)]

    assert [result.state for result in results] == [JobState.FAILED] * 2
    assert "subscriptions: odd" in str(results[0].error)


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_refused_bulk_that_may_have_been_sent_before_stays_unknown(ledger: Ledger, status: int) -> None:
    """How the API answers to an external id that it has is not documented: its jobs may be charged."""
    await ledger.plan("r", [job("1"), job("2", "t")])
    api = ScriptedAPI(answer(500), *(answer(status) for _ in range(2)))
    async with client(api, retry=RetryPolicy(attempts=1)) as checkout:
        results = [r async for r in BatchCharger(checkout, ledger, run="r", strategy="bulk", sleep=no_time)]

    assert [result.state for result in results] == [JobState.UNKNOWN] * 6
    assert "it may have happened" in str(results[-1].error)


async def test_a_refused_key_stops_the_run(ledger: Ledger) -> None:
    """And leaves every job to the next start."""
    await ledger.plan("r", [job("1")])
    async with client(ScriptedAPI(answer(401))) as checkout:
        with pytest.raises(Unauthorized):
            [r async for r in BatchCharger(checkout, ledger, run="r", strategy="bulk", sleep=no_time)]

    assert (await ledger.summary("r")).count(JobState.UNKNOWN) == 1


async def test_a_run_keeps_its_strategy(shop: Shop) -> None:
    """A bulk can't look up what was sent as a single charge, nor the other way round."""
    await shop.ledger.plan("r", shop.jobs(1))
    await charge(shop)

    with pytest.raises(InvalidRequest, match="begun with bulk"):
        await shop.charge()


# --- two of them ---------------------------------------------------------------------------------------------------


async def test_of_two_at_once_one_charges_and_the_other_waits_or_says_so(shop: Shop) -> None:
    """No job is in two bulks, and neither charger ends with an error of the database."""
    await shop.ledger.plan("r", shop.jobs(40))
    ends: list[object] = []

    async def charge_all() -> None:
        try:
            ends.append(len(await charge(shop)))
        except InvalidRequest as error:
            ends.append(str(error))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(charge_all)
        tasks.start_soon(charge_all)

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(40)})
    assert 40 in ends
    assert len(ends) == 2
    assert bulk_runs(shop) == 1


async def test_a_second_charger_says_that_another_is_at_it(shop: Shop) -> None:
    """Once it has waited for longer than the lease of a dead one lasts; later it can charge."""
    await shop.ledger.plan("r", shop.jobs(3))
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "bulk")
    assert await queue.lease_bulks(run, "the other", 15)

    with pytest.raises(InvalidRequest, match="another charger has the bulks of r"):
        await charge(shop)
    assert shop.charged() == Counter()

    await queue.end_bulk_lease(run, "the other")
    assert len(await charge(shop)) == 3


async def test_a_lease_ends_with_its_time(url: str) -> None:
    """The lease of a charger that died expires; a live charger renews it."""
    now = 1000.0
    async with Ledger.open(url, now=lambda: now) as ledger:
        await ledger.plan("r", [job("1")])
        run = await job_queue_of(ledger).bind("r", "bulk")
        assert await job_queue_of(ledger).lease_bulks(run, "first", 15)
        now += 10
        assert not await job_queue_of(ledger).lease_bulks(run, "second", 15)
        assert await job_queue_of(ledger).lease_bulks(run, "first", 15)
        now += 14
        assert not await job_queue_of(ledger).lease_bulks(run, "second", 15)
        now += 2
        assert await job_queue_of(ledger).lease_bulks(run, "second", 15)
        await job_queue_of(ledger).end_bulk_lease(run, "first")
        assert not await job_queue_of(ledger).lease_bulks(run, "first", 15)


async def test_the_same_jobs_have_the_same_bulk(ledger: Ledger) -> None:
    """As when a commit was not confirmed and is done once more."""
    await ledger.plan("r", [job("1")])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "bulk")
    jobs = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="x", in_bulk=False)
    first = await queue.create_bulk(run, "scheduled", jobs)
    assert first is not None
    assert await queue.create_bulk(run, "scheduled", jobs) == first


async def test_jobs_of_another_worker_get_no_bulk(ledger: Ledger) -> None:
    """A worker that was suspended while it looked up subscriptions leaves them to the one that has claimed them."""
    await ledger.plan("r", [job("1"), job("2")])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "bulk")
    suspended = await queue.claim(run, scope=Scope(), after=0, limit=2, owner="suspended")
    other = await queue.claim(run, scope=Scope(), after=0, limit=1, owner="other")

    assert await queue.create_bulk(run, "scheduled", suspended) is None
    assert await queue.create_bulk(run, "scheduled", other) is not None
    assert await queue.create_bulk(run, "scheduled", suspended) is None
