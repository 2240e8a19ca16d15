"""Tests of nexi_async.batch._outage: a database that goes away costs time, and nothing else."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import anyio
import attrs
import pytest

from nexi_async import Poll
from nexi_async._errors import StorageError, StorageUnavailable
from nexi_async._storage import Database
from nexi_async.batch import BatchCharger, JobState, Ledger, Strategy
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.job_queue import JobQueue
from nexi_async.batch._outage import Outage
from tests.batch.processes import EmulatorProcess, batch, begin
from tests.batch.support import Shop, no_time, open_shop
from tests.postgres import DURABLE, Server, controlled_server, fresh_database

JOBS = 150


class Failing:
    """A call that fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def __call__(self) -> str:
        self.failures -= 1
        if self.failures >= 0:
            raise StorageUnavailable("the database is unavailable: x")
        return "done"


async def test_an_outage_is_waited_for_and_reported_once() -> None:
    """However many calls fail during it."""
    reported: list[StorageUnavailable] = []
    outage = Outage(on_begin=reported.append, sleep=no_time)

    assert await outage.retry(Failing(9)) == "done"
    assert (len(reported), outage.is_active) == (1, False)
    assert await outage.retry(Failing(1)) == "done"
    assert len(reported) == 2


async def test_an_outage_that_does_not_end_is_raised_in_time() -> None:
    """After two minutes of waiting between the attempts, at most two seconds apart."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(StorageUnavailable):
        await Outage(sleep=sleep).retry(Failing(1_000_000))

    assert 120 <= sum(waits) <= 125
    assert max(waits) == 2.0


async def test_other_errors_are_not_retried() -> None:
    """A refusal of the database is permanent."""

    async def refuse() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one from above
        await Outage(sleep=no_time).retry(refuse)


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Shop]:
    """An emulator, a client and a ledger whose outages are fifty times as fast."""
    async with open_shop(sqlite_url, outage=Outage(sleep=lambda seconds: anyio.sleep(seconds / 50))) as shop:
        yield shop


async def test_no_charge_begins_while_the_database_is_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claimed jobs wait as well."""
    await shop.ledger.plan("r", shop.jobs(300))
    run, failures, counts = Database.run, 0, [0]

    async def fail_after_a_while(self: Database, work: object, *args: object, **kwargs: object) -> object:
        nonlocal failures
        if counts == [0] and getattr(work, "__name__", "") == "record":
            failures = 5
        if failures:
            failures -= 1
            counts.append(shop.charged().total())
            raise StorageUnavailable("the database is unavailable: x")
        return await run(self, work, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "run", fail_after_a_while)
    results = [result async for result in shop.charger(concurrency=2)]

    assert Counter(result.state for result in results) == {JobState.CHARGED: 300}
    assert len(counts) == 6
    assert counts[-1] - counts[1] <= 2  # those under way


async def test_charges_go_on_after_an_outage_that_only_another_call_met(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was given up, and the charger, which waits for its rate then, has nothing to write."""
    await shop.ledger.plan("r", shop.jobs(4))
    run, is_away = Database.run, False

    async def fail_while_away(self: Database, work: object, *args: object, **kwargs: object) -> object:
        if is_away:
            raise StorageUnavailable("the database is unavailable: x")
        return await run(self, work, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "run", fail_while_away)
    states = []
    with anyio.fail_after(20):
        async with BatchCharger(shop.checkout, shop.ledger, run="r", rate=5) as results:
            async for result in results:
                states.append(result.state)
                is_away = len(states) == 1
                with anyio.move_on_after(0.01):
                    await shop.ledger.summary("r")
                is_away = False

    assert states == [JobState.CHARGED] * 4


@pytest.mark.parametrize("strategy", ["individual", "bulk"])
async def test_jobs_whose_claims_cannot_be_confirmed_are_sent_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, strategy: Strategy
) -> None:
    """Nothing is sent then, and the run goes on."""
    await shop.ledger.plan("r", shop.jobs(1))
    confirm, failures = JobQueue.confirm_claims, iter([StorageError("the database: x")])

    async def fail_once(self: JobQueue, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob] | None:
        for failure in failures:
            raise failure
        return await confirm(self, jobs)

    monkeypatch.setattr(JobQueue, "confirm_claims", fail_once)
    shop.emulator.settings = attrs.evolve(shop.emulator.settings, bulk_seconds=0)
    poll = Poll(first_delay=0.001)
    charger = BatchCharger(shop.checkout, shop.ledger, run="r", strategy=strategy, poll=poll, sleep=no_time)
    results = [(result.state, result.error) async for result in charger]

    assert results == [(JobState.PLANNED, "the database: x"), (JobState.CHARGED, None)]
    assert shop.charged() == Counter(["job-0"])


# --- a server that restarts ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that keeps what it has committed, whatever happens to it."""
    with controlled_server(DURABLE) as server:
        yield server


@pytest.fixture
def planned(
    server: Server, emulator: EmulatorProcess, tmp_path: Path
) -> Iterator[tuple[EmulatorProcess, dict[str, str]]]:
    """An emulator and a planned run on the server."""
    with fresh_database(server.url) as url:
        environment = {**emulator.environment, "NEXI_LEDGER": url}
        lines = [f"job-{n},{id_},SEK,9900,Box" for n, id_ in enumerate(emulator.sign_up(JOBS))]
        (tmp_path / "jobs.csv").write_text("\n".join(["reference,subscription_id,currency,amount,name", *lines]))
        assert batch(environment, "plan", str(tmp_path / "jobs.csv"), "--run", "r").exit_code == 0
        yield emulator, environment


def charge_through_restarts(server: Server, emulator: EmulatorProcess, command: subprocess.Popen[str]) -> list[str]:
    """Restart the server three times while it charges; its lines on standard error."""
    for number in range(3):
        while emulator.charged().total() < number * 40 + 10:
            time.sleep(0.05)
        server.stop()
        time.sleep(0.6)
        server.start()
    _, complaints = command.communicate(timeout=120)
    assert command.returncode == 0, complaints
    return complaints.splitlines()


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("command", ["run", "worker"])
def test_restarts_of_the_database_lose_nothing(
    server: Server, planned: tuple[EmulatorProcess, dict[str, str]], command: str
) -> None:
    """Three of them: each is reported in a line, and every job is charged once."""
    emulator, environment = planned
    charging = begin(environment, command, "--run", "r", "--concurrency", "10", "--rate", "60")

    lines = charge_through_restarts(server, emulator, charging)

    assert emulator.charged() == Counter({f"job-{n}": 1 for n in range(JOBS)})
    assert len(lines) == 3, lines
    assert all(
        line.startswith("the database is unavailable: ") and line.endswith("; waiting for it.") for line in lines
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_that_starts_during_an_outage_waits(
    server: Server, planned: tuple[EmulatorProcess, dict[str, str]]
) -> None:
    """And charges once the database is there."""
    emulator, environment = planned
    server.stop()
    try:
        charging = begin(environment, "run", "--run", "r")
        assert charging.stderr is not None
        line = charging.stderr.readline()
    finally:
        server.start()
    _, rest = charging.communicate(timeout=60)

    assert (charging.returncode, rest) == (0, "")
    assert line.startswith("the database is unavailable: ")
    assert emulator.charged().total() == JOBS


async def test_a_database_that_stays_away_is_an_error() -> None:
    """Of its own class, so that a program may wait longer."""
    with pytest.raises(StorageUnavailable):
        async with Ledger.open("postgresql://nobody@/x?host=/nowhere", outage=Outage(sleep=no_time)):
            pass
