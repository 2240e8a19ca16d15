"""Tests of nexi_async.batch._ledger: what it says is planned, sent or charged is on disk, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio.lowlevel
import attrs
import pytest
from sqlalchemy import text, update

from nexi_async import (
    ConfigurationError,
    Fault,
    InvalidRequest,
    Notifications,
    Order,
    OrderItem,
    StorageReplaced,
    StorageUnavailable,
)
from nexi_async import (
    _codec as codec,
)
from nexi_async._idempotency import derive_key
from nexi_async._storage import Database
from nexi_async.batch import ChargeJob, Ledger
from nexi_async.batch._job_files import JobLine
from nexi_async.batch._ledger import planning
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.ledger import Planned, job_queue_of
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._ledger.tables import SCHEMA
from nexi_async.batch._outage import Outage
from nexi_async.batch._results import JobOutcome, JobState
from tests.batch import old_ledgers
from tests.batch.support import job, no_time, order

CHARGED = JobOutcome(state=JobState.CHARGED, payment_id="p", charge_id="c")
EVERYTHING = Scope()
UNKNOWN = JobOutcome(state=JobState.UNKNOWN, error="silence")


async def bound(ledger: Ledger) -> Run:
    """The only run."""
    return await job_queue_of(ledger).bind("r", "individual")


async def add(database: Database, plan: planning.Plan, lines: list[JobLine]) -> None:
    """Add some lines to a plan."""
    await database.run(planning.add, plan, await database.run(planning.compare, plan, lines))


async def claim(ledger: Ledger, *, most: int = 100, owner: str = "me", scope: Scope = EVERYTHING) -> list[ClaimedJob]:
    """Claim jobs from the first on."""
    return await job_queue_of(ledger).claim(await bound(ledger), scope=scope, after=0, limit=most, owner=owner)


def named(jobs: list[ClaimedJob]) -> list[str]:
    """Their references."""
    return [job.reference for job in jobs]


# --- planning ------------------------------------------------------------------------------------------------------


async def test_jobs_are_planned_in_their_order(ledger: Ledger) -> None:
    """Everything that is sent comes back as it was given."""
    hooks = Notifications.to("https://shop.example/h", authorization="abcdefgh", events=["payment.charge.failed"])
    jobs = [
        job("1"),
        ChargeJob(reference="2", unscheduled_subscription_id="u", order=order(100, "NOK"), notifications=hooks),
        ChargeJob(reference="3", external_reference="x", order=order(), my_reference="mine"),
    ]
    assert await ledger.plan("r", jobs) == Planned(3, 0, 0)

    claimed = await claim(ledger)

    assert [found.request for found in claimed] == [given.request for given in jobs]
    assert [(found.kind, found.subscription_id, found.external_reference) for found in claimed] == [
        ("scheduled", "s", None),
        ("unscheduled", "u", None),
        (None, None, "x"),
    ]
    assert claimed[1].key == derive_key("r", "2", 1)


async def test_jobs_may_come_from_an_asynchronous_iterable(ledger: Ledger) -> None:
    """And in more pieces than one transaction takes."""

    async def jobs() -> AsyncIterator[ChargeJob]:
        for place in range(2_500):
            yield job(str(place))

    assert (await ledger.plan("r", jobs())).jobs == 2_500
    assert (await bound(ledger)).jobs == 2_500


async def test_planning_the_same_again_changes_nothing(ledger: Ledger) -> None:
    """A planning that was cut short, or its answer lost, is simply done again."""
    await ledger.plan("r", [job("1"), job("2")])

    assert await ledger.plan("r", [job("1"), job("2"), job("3")]) == Planned(1, 2, 0)
    assert named(await claim(ledger)) == ["1", "2", "3"]


@pytest.mark.parametrize("again", [job("1", amount=1), job("1", "other"), job("1", currency="NOK")])
async def test_a_planned_job_keeps_its_content(ledger: Ledger, again: ChargeJob) -> None:
    """A key that may have been used is never used with anything else."""
    await ledger.plan("r", [job("1")])

    with pytest.raises(InvalidRequest, match=r"jobs\[2\]\.reference: was planned with other content"):
        await ledger.plan("r", [job("2"), again])
    assert named(await claim(ledger)) == ["1"]


@pytest.mark.parametrize("between", [0, 15])
async def test_a_reference_twice_is_refused(ledger: Ledger, between: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another transaction, and if an earlier plan has it already; then nothing is planned."""
    monkeypatch.setattr(planning, "AT_ONCE", 10)
    jobs = [job("1"), *(job(f"x{place}") for place in range(between)), job("1")]
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=rf"jobs\[{between + 2}\]\.reference: stands in this plan before"):
            await ledger.plan("r", jobs)
    await ledger.plan("r", [job("1")])
    with pytest.raises(InvalidRequest, match="stands in this plan before"):
        await ledger.plan("r", jobs)

    assert named(await claim(ledger)) == ["1"]


async def test_the_same_reference_in_another_run_is_another_job(ledger: Ledger) -> None:
    """A month later the same subscription is charged again."""
    await ledger.plan("r", [job("1")])

    assert (await ledger.plan("next", [job("1")])).jobs == 1


async def test_a_bad_job_is_listed_with_its_place_and_nothing_is_planned(ledger: Ledger) -> None:
    """Bad input never reaches the wire."""
    bad = attrs.evolve(job("2"), subscription_id=None)

    with pytest.raises(InvalidRequest, match=r"jobs\[2\]\.subscription_id: give exactly one"):
        await ledger.plan("r", [job("1"), bad])
    with pytest.raises(InvalidRequest, match="r is not planned"):
        await bound(ledger)


async def test_good_lines_are_planned_beside_bad_ones_unless_strict(ledger: Ledger) -> None:
    """Every bad line is reported."""
    lines = [JobLine(2, job("1")), JobLine(3, None, (Fault("amount", "is missing"),)), JobLine(4, job("1"))]
    reported: list[JobLine] = []

    assert await ledger.plan_lines("r", lines, strict=True, on_bad=reported.append) == Planned(0, 0, 2)
    assert await ledger.plan_lines("r", lines, on_bad=reported.append) == Planned(1, 0, 2)
    assert [line.number for line in reported] == [3, 4, 3, 4]


async def test_jobs_of_an_incomplete_planning_are_never_charged(ledger: Ledger, url: str) -> None:
    """They can be charged once the plan is complete; the next planning deletes what an interrupted one left."""
    await ledger.plan("r", [job("0")])

    def endless() -> Iterator[ChargeJob]:
        for place in range(1, 1_500):
            yield job(str(place))
        raise RuntimeError("the source breaks off")

    with pytest.raises(RuntimeError):
        await ledger.plan("r", endless())
    assert named(await claim(ledger)) == ["0"]
    database = Database(url)
    plan, _ = await database.run(planning.begin, "r", 0.0)
    await add(database, plan, [JobLine(1, job("left", amount=1))])
    await database.close()
    assert named(await claim(ledger)) == ["0"]

    await ledger.plan("r", [job("left")])

    assert named(await claim(ledger)) == ["0", "left"]


@pytest.mark.parametrize("discards", [0, 1])
async def test_a_plan_that_another_process_discards_is_not_completed(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch, discards: int
) -> None:
    """Of two that plan at the same time, the later one wins; the other one's jobs are gone, or some of them."""
    monkeypatch.setattr(planning, "AT_ONCE", 1)
    database = Database(url)
    theirs, _ = await database.run(planning.begin, "r", 0.0)
    await add(database, theirs, [JobLine(n, job(str(n))) for n in range(15)])
    ours, left_over = await database.run(planning.begin, "r", 0.0)
    for _ in range(discards):
        assert not await database.run(planning.discard, theirs)

    with pytest.raises(InvalidRequest, match="by another process at the same time"):
        await database.run(planning.complete, theirs, 15)
    await database.run(planning.complete, ours, 0)
    await database.close()

    assert left_over == [theirs]
    assert await job_queue_of(ledger).claim(Run(1, "r", 0), scope=EVERYTHING, after=0, limit=9, owner="me") == []


async def test_a_complete_plan_is_not_discarded(ledger: Ledger, url: str) -> None:
    """Not by who saw it before, nor by a planning whose last commit was not confirmed: jobs may be charged by now."""
    database = Database(url)
    plan, _ = await database.run(planning.begin, "r", 0.0)
    await add(database, plan, [JobLine(1, job("1"))])
    await database.run(planning.complete, plan, 1)

    assert await database.run(planning.discard, plan)
    await database.close()

    assert named(await claim(ledger)) == ["1"]


@pytest.mark.parametrize("transaction", ["begin", "add", "complete"])
async def test_a_plan_whose_commit_is_not_confirmed_is_planned_once(
    url: str, monkeypatch: pytest.MonkeyPatch, transaction: str
) -> None:
    """The connection breaks while a transaction is committed, twice, and it is repeated."""
    run, failures = Database.run, 2

    async def commit_and_fail(self: Database, work: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal failures
        result = await run(self, work, *args, **kwargs)
        if work.__name__ == transaction and failures:
            failures -= 1
            raise StorageUnavailable("the database is unavailable: x")
        return result

    monkeypatch.setattr(Database, "run", commit_and_fail)
    monkeypatch.setattr(planning, "AT_ONCE", 2)
    async with Ledger.open(url, outage=Outage(sleep=no_time)) as ledger:
        assert await ledger.plan("r", map(job, "123")) == Planned(3, 0, 0)
        failures = 2
        assert await ledger.plan("r", map(job, "1234")) == Planned(1, 3, 0)

        assert named(await claim(ledger)) == ["1", "2", "3", "4"]
        assert (await bound(ledger)).jobs == 4


async def test_jobs_of_an_incomplete_planning_are_in_no_figure(ledger: Ledger, url: str) -> None:
    """They are none of the run's: no execution of it charges them, and they wait for no other one."""
    await ledger.plan("r", [job("0")])
    database = Database(url)
    plan, _ = await database.run(planning.begin, "r", 0.0)
    await add(database, plan, [JobLine(1, job("left"))])
    await database.close()
    queue, run = job_queue_of(ledger), await bound(ledger)

    assert (await ledger.summary("r")).count() == 1
    assert [result.reference async for result in ledger.results("r")] == ["0"]
    assert await queue.count_open(run, Scope()) == 1
    assert [shard.first for shard in await queue.open_shards(run, 1)] == [1]


async def test_a_cancelled_planning_leaves_nothing(ledger: Ledger) -> None:
    """Not even its run."""
    with anyio.CancelScope() as scope:

        async def jobs() -> AsyncIterator[ChargeJob]:
            for place in range(1_200):
                yield job(str(place))
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        await ledger.plan("r", jobs())

    with pytest.raises(InvalidRequest, match="not planned"):
        await bound(ledger)


@pytest.mark.parametrize("run", ["", "a\nb", "x" * 129])
async def test_a_run_needs_a_name(ledger: Ledger, run: str) -> None:
    """It becomes part of every key."""
    with pytest.raises(InvalidRequest, match="run: must have"):
        await ledger.plan(run, [])


# --- working -------------------------------------------------------------------------------------------------------


async def test_what_is_claimed_is_on_disk_as_sending(ledger: Ledger, url: str) -> None:
    """Another process that comes later sees that it may have been sent."""
    await ledger.plan("r", [job("1"), job("2")])
    (first,) = await claim(ledger, most=1)
    assert not first.may_have_been_sent

    async with Ledger.open(url) as other:
        claimed = await claim(other, owner="other")

    assert [(found.reference, found.previous_state, found.may_have_been_sent) for found in claimed] == [
        ("1", JobState.SENDING, True),
        ("2", JobState.PLANNED, False),
    ]


async def test_what_is_final_is_not_handed_out_again(ledger: Ledger) -> None:
    """Charged, declined and failed jobs are over; unknown ones are not."""
    await ledger.plan("r", [job(state.value) for state in JobState])
    claimed = await claim(ledger)
    queue = job_queue_of(ledger)
    await queue.record([(found, JobOutcome(state=JobState(found.reference))) for found in claimed], "me")

    assert sorted(named(await claim(ledger))) == ["planned", "sending", "unknown"]
    assert await queue.count_open(await bound(ledger), Scope()) == 3


async def test_what_is_final_stays(ledger: Ledger) -> None:
    """A late report of another worker changes nothing that is decided."""
    await ledger.plan("r", [job("1")])
    (mine,) = await claim(ledger)
    (theirs,) = await claim(ledger, owner="other")
    queue = job_queue_of(ledger)
    await queue.record([(theirs, CHARGED)], "other")

    await queue.record([(mine, UNKNOWN)], "me")
    await queue.record([(mine, JobOutcome(state=JobState.FAILED))], "me")

    assert await claim(ledger) == []


@pytest.mark.parametrize("refused", [JobState.FAILED, JobState.DECLINED])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_charge_counts_also_if_another_worker_was_refused(
    ledger: Ledger, refused: JobState, *, is_first: bool
) -> None:
    """The money was taken, whichever of the two reports first."""
    await ledger.plan("r", [job("1")])
    (mine,) = await claim(ledger)
    (theirs,) = await claim(ledger, owner="other")
    reports = [(mine, JobOutcome(state=refused, code="1"), "me"), (theirs, CHARGED, "other")]
    for found, outcome, owner in reports if is_first else reversed(reports):
        await job_queue_of(ledger).record([(found, outcome)], owner)

    (result,) = [result async for result in ledger.results("r")]
    assert (result.state, result.charge_id, result.code) == (JobState.CHARGED, "c", None)


async def test_no_text_of_the_api_keeps_an_outcome_from_being_written(ledger: Ledger) -> None:
    """PostgreSQL takes no NUL, which JSON may hold."""
    await ledger.plan("r", [job("1")])
    (mine,) = await claim(ledger)
    await job_queue_of(ledger).record([(mine, JobOutcome(state=JobState.DECLINED, code="a\0", error="b\0"))], "me")

    assert (await ledger.summary("r")).count(JobState.DECLINED) == 1


async def test_the_owner_alone_says_that_a_job_is_still_open(ledger: Ledger) -> None:
    """A worker whose job was claimed by another neither releases it nor makes it unknown; a charge counts from any."""
    await ledger.plan("r", [job("1")])
    (mine,) = await claim(ledger)
    await claim(ledger, owner="other")

    queue = job_queue_of(ledger)
    await queue.release([mine], "me")
    await queue.record([(mine, UNKNOWN)], "me")
    assert [found.previous_state for found in await claim(ledger, owner="other")] == [JobState.SENDING]

    await queue.record([(mine, CHARGED)], "me")
    assert await claim(ledger) == []


async def test_a_released_job_has_the_state_that_it_had(ledger: Ledger) -> None:
    """A job that was never sent is planned again; one that was unknown stays so."""
    await ledger.plan("r", [job("1"), job("2")])
    _, second = await claim(ledger)
    queue = job_queue_of(ledger)
    await queue.record([(second, UNKNOWN)], "me")
    claimed = await claim(ledger, owner="later")

    await queue.release(claimed, "later")

    assert [found.previous_state for found in await claim(ledger)] == [JobState.SENDING, JobState.UNKNOWN]


async def test_a_found_subscription_is_kept(ledger: Ledger) -> None:
    """So that no later attempt takes another; planning the same job again is still the same."""
    jobs = [ChargeJob(reference="1", external_reference="x", order=order())]
    await ledger.plan("r", jobs)
    (claimed,) = await claim(ledger)
    await job_queue_of(ledger).save_subscription(attrs.evolve(claimed, kind="unscheduled", subscription_id="u"))

    (again,) = await claim(ledger)

    assert (again.kind, again.subscription_id) == ("unscheduled", "u")
    assert (await ledger.plan("r", jobs)).already == 1


async def test_a_scope_holds_its_part_alone(ledger: Ledger) -> None:
    """From first to last, both included."""
    await ledger.plan("r", [job(str(place)) for place in range(5)])
    numbers = [found.number for found in await claim(ledger)]

    assert named(await claim(ledger, scope=Scope(numbers[1], numbers[3]))) == ["1", "2", "3"]


async def test_a_run_keeps_its_strategy(ledger: Ledger) -> None:
    """What single charges have sent, a bulk run would send again."""
    await ledger.plan("r", [job("1")])
    queue = job_queue_of(ledger)
    await queue.bind("r", "individual")

    with pytest.raises(InvalidRequest, match="begun with individual"):
        await queue.bind("r", "bulk")


async def test_open_jobs_are_found_by_their_index(sqlite_url: str) -> None:
    """A run that is half done is resumed without reading what is done."""
    async with Ledger.open(sqlite_url) as ledger:
        await ledger.plan("r", [job("1")])
    database = Database(sqlite_url)
    statement = "SELECT number FROM nexi_batch_jobs WHERE run = 1 AND ended IS NULL AND number > 5 ORDER BY number"
    sql = f"EXPLAIN QUERY PLAN {statement} LIMIT 9"
    rows = await database.run(lambda connection: connection.execute(text(sql)).all())
    await database.close()

    assert "nexi_batch_jobs_open" in str(rows)
    assert "TEMP B-TREE" not in str(rows)


# --- versions ------------------------------------------------------------------------------------------------------


async def test_a_newer_ledger_is_refused(url: str) -> None:
    """An older program would not understand what it reads."""
    async with Ledger.open(url):
        pass
    database = Database(url)
    await database.run(lambda connection: connection.execute(update(SCHEMA).values(version=99)))
    await database.close()

    with pytest.raises(ConfigurationError, match="version 99, made by a newer"):
        async with Ledger.open(url):
            pass


async def test_a_ledger_is_opened_by_many_at_once(url: str) -> None:
    """Its tables are made once."""

    async def opened() -> None:
        async with Ledger.open(url):
            pass

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(opened)


@pytest.mark.parametrize("version", range(1, len(old_ledgers.VERSIONS) + 1))
async def test_an_older_ledger_is_brought_up_to_date(url: str, version: int) -> None:
    """What it holds stays; what may have been sent counts as sent at the earliest time that it can have been."""
    database = Database(url)
    request = codec.encode(job("1").request)
    await database.run(old_ledgers.make, version, request)
    await database.close()

    async with Ledger.open(url, now=lambda: 1000.0) as ledger:
        run = await job_queue_of(ledger).bind("old", "individual")
        found = await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=10, owner="me")
        assert [(one.reference, one.previous_state, one.sent_at, one.fence) for one in found] == [
            ("planned", "planned", 1000.0, 1),
            ("sending", "sending", 500.0, 1),
            ("unknown", "unknown", 700.0, 1),
        ]
        assert [one.request for one in found] == [job("1").request] * 3
        assert (await ledger.summary("old")).count(JobState.CHARGED) == 1
        assert (await ledger.dunning("old", attempt=2)).planned == 0
    async with Ledger.open(url) as ledger:
        assert (await ledger.plan("r", [job("1")])).jobs == 1


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:////nowhere/at/all.db", "^ledger: can't be opened: the file /nowhere/at/all.db"),
        ("mysql://root:geheim@localhost/shop", "^url: is for mysql"),
        ("postgresql://shop:geheim@localhost:port/shop", "^url: is not a URL"),
    ],
)
async def test_a_ledger_that_cannot_be_opened_is_refused(url: str, text: str) -> None:
    """It is a setting that is wrong, no request; the password is not repeated."""
    with pytest.raises(ConfigurationError, match=text) as refusal:
        async with Ledger.open(url):
            pass
    assert not isinstance(refusal.value, InvalidRequest)
    assert "before sending" not in str(refusal.value)
    assert "geheim" not in str(refusal.value)


async def test_a_ledger_that_is_away_may_come_back() -> None:
    """Opening it says that waiting may help."""
    with pytest.raises(StorageUnavailable, match=r"^the database is unavailable: "):
        async with Ledger.open("postgresql://nobody@/x?host=/nowhere", outage=Outage(longest=0)):
            pass


async def test_a_ledger_that_was_deleted_is_noticed(sqlite_url: str, tmp_path: Path) -> None:
    """No more jobs are claimed from it."""
    async with Ledger.open(sqlite_url) as ledger:
        await ledger.plan("r", [job("1")])
        (tmp_path / "ledger.db").unlink()
        with pytest.raises(StorageReplaced):
            await claim(ledger)


async def test_a_claim_brings_every_value_as_it_was_planned(ledger: Ledger) -> None:
    """Whatever has to be escaped in JSON, in which claims are fetched; the request byte by byte."""
    awkward = 'quote " backslash \\ æøå 日本 \U0001f600'
    line = OrderItem.of(reference="1", name="Æble 日本 \U0001f600", unit_price=2**30, tax_rate=2500)
    given = ChargeJob(
        reference=awkward, external_reference=awkward, order=Order.of(items=[line], currency="SEK", reference="ø")
    )
    await ledger.plan("r", [given])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    (found,) = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="me")
    assert (found.reference, found.external_reference, found.amount) == (awkward, awkward, given.order.amount)
    assert (found.body, found.key) == (codec.encode(given.request), derive_key("r", awkward, 1))
