"""Tests of nexi_async.batch._ledger: what it says is planned, sent or charged is on disk, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

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
from tests.batch.support import job, order

CHARGED = JobOutcome(state=JobState.CHARGED, payment_id="p", charge_id="c")
EVERYTHING = Scope()
UNKNOWN = JobOutcome(state=JobState.UNKNOWN, error="silence")


async def bound(ledger: Ledger) -> Run:
    """The only run."""
    return await job_queue_of(ledger).bind("r", "individual")


async def take(ledger: Ledger, *, most: int = 100, owner: str = "me", scope: Scope = EVERYTHING) -> list[ClaimedJob]:
    """Take from the beginning."""
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

    taken = await take(ledger)

    assert [found.request for found in taken] == [given.request for given in jobs]
    assert [(found.kind, found.subscription_id, found.external_reference) for found in taken] == [
        ("scheduled", "s", None),
        ("unscheduled", "u", None),
        (None, None, "x"),
    ]
    assert taken[1].key == derive_key("r", "2", 1)


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
    assert named(await take(ledger)) == ["1", "2", "3"]


@pytest.mark.parametrize("again", [job("1", amount=1), job("1", "other"), job("1", currency="NOK")])
async def test_a_planned_job_keeps_its_content(ledger: Ledger, again: ChargeJob) -> None:
    """A key that may have been used is never used with anything else."""
    await ledger.plan("r", [job("1")])

    with pytest.raises(InvalidRequest, match=r"jobs\[2\]\.reference: was planned with other content"):
        await ledger.plan("r", [job("2"), again])
    assert named(await take(ledger)) == ["1"]


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

    assert named(await take(ledger)) == ["1"]


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
    """They count once the last is in; the next planning takes back what another left."""
    await ledger.plan("r", [job("0")])

    def endless() -> Iterator[ChargeJob]:
        for place in range(1, 1_500):
            yield job(str(place))
        raise RuntimeError("the source breaks off")

    with pytest.raises(RuntimeError):
        await ledger.plan("r", endless())
    assert named(await take(ledger)) == ["0"]
    database = Database(url)
    plan, _ = await database.run(planning.begin, "r", 0.0)
    await database.run(planning.add, plan, [JobLine(1, job("left", amount=1))])
    await database.close()
    assert named(await take(ledger)) == ["0"]

    await ledger.plan("r", [job("left")])

    assert named(await take(ledger)) == ["0", "left"]


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


async def test_what_is_taken_is_on_disk_as_sending(ledger: Ledger, url: str) -> None:
    """Another process that comes later sees that it may have been sent."""
    await ledger.plan("r", [job("1"), job("2")])
    (first,) = await take(ledger, most=1)
    assert not first.may_have_been_sent

    async with Ledger.open(url) as other:
        taken = await take(other, owner="other")

    assert [(found.reference, found.previous_state, found.may_have_been_sent) for found in taken] == [
        ("1", JobState.SENDING, True),
        ("2", JobState.PLANNED, False),
    ]


async def test_what_is_final_is_not_handed_out_again(ledger: Ledger) -> None:
    """Charged, declined and failed jobs are over; unknown ones are not."""
    await ledger.plan("r", [job(state.value) for state in JobState])
    taken = await take(ledger)
    queue = job_queue_of(ledger)
    await queue.record([(found, JobOutcome(state=JobState(found.reference))) for found in taken], "me")

    assert sorted(named(await take(ledger))) == ["planned", "sending", "unknown"]
    assert await queue.count_open(await bound(ledger), Scope()) == 3


async def test_what_is_final_stays(ledger: Ledger) -> None:
    """A late report of another worker changes nothing that is decided."""
    await ledger.plan("r", [job("1")])
    (mine,) = await take(ledger)
    (theirs,) = await take(ledger, owner="other")
    queue = job_queue_of(ledger)
    await queue.record([(theirs, CHARGED)], "other")

    await queue.record([(mine, UNKNOWN)], "me")
    await queue.record([(mine, JobOutcome(state=JobState.FAILED))], "me")

    assert await take(ledger) == []


async def test_the_owner_alone_says_that_a_job_is_still_open(ledger: Ledger) -> None:
    """Who has lost a job to another neither gives it back nor makes it unknown; a charge counts from anybody."""
    await ledger.plan("r", [job("1")])
    (mine,) = await take(ledger)
    await take(ledger, owner="other")

    queue = job_queue_of(ledger)
    await queue.release([mine], "me")
    await queue.record([(mine, UNKNOWN)], "me")
    assert [found.previous_state for found in await take(ledger, owner="other")] == [JobState.SENDING]

    await queue.record([(mine, CHARGED)], "me")
    assert await take(ledger) == []


async def test_what_is_given_back_stands_where_it_stood(ledger: Ledger) -> None:
    """A job that was never sent is planned again; one that was unknown stays so."""
    await ledger.plan("r", [job("1"), job("2")])
    _, second = await take(ledger)
    queue = job_queue_of(ledger)
    await queue.record([(second, UNKNOWN)], "me")
    taken = await take(ledger, owner="later")

    await queue.release(taken, "later")

    assert [found.previous_state for found in await take(ledger)] == [JobState.SENDING, JobState.UNKNOWN]


async def test_a_found_subscription_is_kept(ledger: Ledger) -> None:
    """So that no later attempt takes another; planning the same job again is still the same."""
    jobs = [ChargeJob(reference="1", external_reference="x", order=order())]
    await ledger.plan("r", jobs)
    (taken,) = await take(ledger)
    await job_queue_of(ledger).save_subscription(attrs.evolve(taken, kind="unscheduled", subscription_id="u"))

    (again,) = await take(ledger)

    assert (again.kind, again.subscription_id) == ("unscheduled", "u")
    assert (await ledger.plan("r", jobs)).already == 1


async def test_a_scope_holds_its_part_alone(ledger: Ledger) -> None:
    """From first to last, both included."""
    await ledger.plan("r", [job(str(place)) for place in range(5)])
    numbers = [found.number for found in await take(ledger)]

    assert named(await take(ledger, scope=Scope(numbers[1], numbers[3]))) == ["1", "2", "3"]


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
    """Nothing more is taken from it."""
    async with Ledger.open(sqlite_url) as ledger:
        await ledger.plan("r", [job("1")])
        (tmp_path / "ledger.db").unlink()
        with pytest.raises(StorageReplaced):
            await take(ledger)


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
