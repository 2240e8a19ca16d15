"""Tests of nexi_async.batch._distributed and .shards: several machines on one run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from nexi_async import AsyncCheckout, InvalidRequest, StorageUnavailable, Unauthorized
from nexi_async.batch import BatchCharger, JobResult, JobState, Ledger, _distributed
from nexi_async.batch._distributed import ShardWorker
from nexi_async.batch._ledger.job_queue import JobQueue
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.emulator import InjectedFault
from tests.batch.support import Shop, job, no_time, open_shop

SHARD_SIZE = 40


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several shards of few jobs."""
    monkeypatch.setattr(_distributed, "SHARD_SIZE", SHARD_SIZE)


@pytest.fixture
def anyio_backend() -> str:
    """Procrastinate runs on asyncio alone."""
    return "asyncio"


@pytest.fixture
async def postgres_shop(postgres_url: str) -> AsyncIterator[Shop]:
    """An emulator, a client, and a ledger on PostgreSQL."""
    async with open_shop(postgres_url) as shop:
        yield shop


async def test_a_shard_that_two_have_is_charged_once(postgres_shop: Shop, postgres_url: str) -> None:
    """Both claim the same jobs at the same time, and responses are lost: every job is charged once, and both agree."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(150))
    shop.emulator.set_faults([InjectedFault(fault="lose_response", method="POST", rate=0.1)])

    async def charge() -> None:
        async with Ledger.open(postgres_url) as ledger:
            charger = BatchCharger(shop.checkout, ledger, run="r", concurrency=10, scope=Scope(0, 999), sleep=no_time)
            async for _ in charger:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(charge)
        tasks.start_soon(charge)
    shop.emulator.set_faults([])
    await shop.charge()

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(150)})
    assert (await shop.ledger.summary("r")).count(JobState.CHARGED) == 150


async def test_what_one_worker_has_sent_another_looks_up(postgres_shop: Shop) -> None:
    """A shard delivered twice: the second worker claims the jobs of the first, and charges none again."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(20))
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "individual")
    first = await queue.claim(run, scope=Scope(), after=0, limit=20, owner="first")
    for claimed in first[:10]:
        await shop.checkout.subscriptions.charge(
            claimed.subscription_id or "", order=claimed.request.order, idempotency_key=claimed.key
        )

    assert {result.state for result in await shop.charge()} == {JobState.CHARGED}
    assert set(shop.charged().values()) == {1}


async def test_shards_cover_every_open_job(ledger: Ledger) -> None:
    """Each job is in exactly one, and what is done is in none."""
    await ledger.plan("r", [job(str(number)) for number in range(25)])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")

    shards = await queue.open_shards(run, 10)

    found = [
        job.reference for shard in shards for job in await queue.claim(run, scope=shard, after=0, limit=100, owner="me")
    ]
    assert sorted(found, key=int) == [str(number) for number in range(25)]
    assert all(shard.last - shard.first == 9 for shard in shards)


@pytest.mark.slow
async def test_two_machines_charge_a_run_between_them(postgres_shop: Shop, postgres_url: str) -> None:
    """Every job is charged once, and both charge a part."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(2 * SHARD_SIZE))
    parts: list[list[JobResult]] = [[], []]

    async def work(part: list[JobResult]) -> None:
        async with Ledger.open(postgres_url) as ledger:
            worker = ShardWorker(shop.checkout, ledger, postgres_url, run="r", concurrency=5, on_result=part.append)
            await worker.work()

    async with anyio.create_task_group() as tasks:
        for part in parts:
            tasks.start_soon(work, part)

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(2 * SHARD_SIZE)})
    assert all(parts)


async def test_a_refused_key_stops_the_worker(postgres_shop: Shop, postgres_url: str) -> None:
    """And is raised as it is."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(10))
    transport = httpx.ASGITransport(app=shop.emulator)
    async with AsyncCheckout("wrong", base_url="https://emulator.test", transport=transport) as checkout:
        worker = ShardWorker(checkout, shop.ledger, postgres_url, run="r")
        with pytest.raises(Unauthorized):
            await worker.work()

    assert "refuses the key" in str(worker.stop_reason)


@pytest.mark.slow
async def test_a_database_that_stays_away_is_raised_as_itself(
    postgres_shop: Shop, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a group of exceptions, which the handler of a program would miss."""

    async def fail(*_: object) -> None:
        raise StorageUnavailable("the database is unavailable: x")

    await postgres_shop.ledger.plan("r", postgres_shop.jobs(1))
    monkeypatch.setattr(JobQueue, "open_shards", fail)
    worker = ShardWorker(postgres_shop.checkout, postgres_shop.ledger, postgres_url, run="r")
    with pytest.raises(StorageUnavailable):
        await worker.work()


async def test_an_exception_of_the_program_is_raised(postgres_shop: Shop, postgres_url: str) -> None:
    """It ends the worker, as it would end a loop over the results."""

    def fail(_: JobResult) -> None:
        raise ZeroDivisionError

    await postgres_shop.ledger.plan("r", postgres_shop.jobs(1))
    worker = ShardWorker(postgres_shop.checkout, postgres_shop.ledger, postgres_url, run="r", on_result=fail)
    with anyio.fail_after(30), pytest.raises(ZeroDivisionError):
        await worker.work()


async def test_a_stopped_worker_leaves_the_rest_to_others(postgres_shop: Shop, postgres_url: str) -> None:
    """What is under way is finished; another worker goes on."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(SHARD_SIZE))
    worker = ShardWorker(
        shop.checkout, shop.ledger, postgres_url, run="r", concurrency=2, on_result=lambda _: worker.stop()
    )
    await worker.work()
    assert 0 < shop.charged().total() < SHARD_SIZE

    await ShardWorker(shop.checkout, shop.ledger, postgres_url, run="r").work()
    assert set(shop.charged().values()) == {1}
    assert shop.charged().total() == SHARD_SIZE


@pytest.mark.parametrize("is_stopping", [False, True], ids=["at once", "while it stops"])
async def test_a_cancelled_worker_leaves_no_task_behind(
    postgres_shop: Shop, postgres_url: str, *, is_stopping: bool
) -> None:
    """Neither of its own nor of procrastinate; another worker goes on."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(SHARD_SIZE))
    others = asyncio.all_tasks()
    with anyio.CancelScope() as scope:

        def cancel(_: JobResult) -> None:
            if is_stopping:
                worker.stop()
            scope.cancel()

        worker = ShardWorker(shop.checkout, shop.ledger, postgres_url, run="r", concurrency=2, on_result=cancel)
        await worker.work()
    assert scope.cancelled_caught
    assert asyncio.all_tasks() == others

    await ShardWorker(shop.checkout, shop.ledger, postgres_url, run="r").work()
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(SHARD_SIZE)})


@pytest.mark.slow
async def test_the_rate_is_shared_among_those_who_live(postgres_shop: Shop, postgres_url: str) -> None:
    """Alone it is the whole rate; with two others a third of it."""
    shop = postgres_shop
    await shop.ledger.plan("r", shop.jobs(1))
    worker = ShardWorker(shop.checkout, shop.ledger, postgres_url, run="r", rate=30.0)
    await worker.work()
    assert worker.share == 30.0
    async with worker.opened_app() as app:
        for _ in range(3):
            await app.job_manager.register_worker()
        await worker.count_live_workers(app)

    assert worker.share == 10.0


async def test_a_ledger_on_sqlite_is_refused(shop: Shop, sqlite_url: str) -> None:
    """A file is for one machine."""
    with pytest.raises(InvalidRequest, match="must be on PostgreSQL"):
        ShardWorker(shop.checkout, shop.ledger, sqlite_url, run="r")
