"""What was answered 200 is handled, whatever fails: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from anyio.abc import TaskGroup
from sqlalchemy import Connection

from nexi_async._errors import InvalidRequest, StorageUnavailable
from nexi_async.webhooks import SQLInbox, StoredEvent, deliveries, parse_event
from nexi_async.webhooks import _inbox as inbox_module
from nexi_async.webhooks import _inbox_table as inbox_table
from nexi_async.webhooks import _worker_pool as workers
from nexi_async.webhooks._stored_events import done, failed
from nexi_async.webhooks._worker_pool import Capacity
from tests.postgres import DATABASES

TIMEOUT = 20.0
WORST_EVENTS = int(os.environ.get("NEXI_WORST_EVENTS", "200"))
"""The full run has 2,000."""
CAPACITY, NO_CAPACITY = Capacity(10, 10), Capacity(0, 0)


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Shop:
    """Handles events and records them; fails or waits if the test wants it."""

    def __init__(self) -> None:
        self.seen: list[StoredEvent] = []
        self.news = anyio.Event()
        self.fails: Callable[[StoredEvent], bool] = lambda _: False
        self.gate = anyio.Event()
        self.gate.set()

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that it saw."""
        return [event.number for event in self.seen]

    async def handle(self, event: StoredEvent) -> None:
        """Record an event; handle it when the gate is open."""
        self.seen.append(event)
        self.news.set()
        await self.gate.wait()
        if self.fails(event):
            raise RuntimeError("out of stock")

    async def has_seen(self, count: int) -> None:
        """Wait until it saw so many events."""
        with anyio.fail_after(TIMEOUT):
            while len(self.seen) < count:
                self.news = anyio.Event()
                await self.news.wait()

    async def tries(self, count: int, clock: Clock) -> None:
        """Let time pass until it saw so many events."""
        with anyio.fail_after(TIMEOUT):
            while len(self.seen) < count:
                await anyio.sleep(0.01)
                clock.now += 10


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'inbox.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that the clock of a test lets pass is noticed soon."""
    monkeypatch.setattr(workers, "POLL_INTERVAL", 0.02)


@pytest.fixture
async def inbox(url: str, clock: Clock) -> AsyncIterator[SQLInbox]:
    """An open inbox without workers."""
    async with SQLInbox(url, clock=clock, max_attempts=3, lease=30.0) as inbox:
        yield inbox


@pytest.fixture
async def shop() -> Shop:
    """A shop in working order."""
    return Shop()


async def put(inbox: SQLInbox, name: str = "payment.created", **changes: Any) -> None:
    """Let an event come in."""
    await inbox.put(parse_event(deliveries.sample(name, **changes)))


async def until(inbox: SQLInbox, **expected: int) -> None:
    """Wait until so many events wait, or are dead."""
    with anyio.fail_after(TIMEOUT):
        while not attrs.asdict(await inbox.stats()).items() >= expected.items():  # noqa: ASYNC110 - it can't be woken
            await anyio.sleep(0.01)


# --- storing -------------------------------------------------------------------------------------------------------


async def test_an_event_is_kept_as_it_came(inbox: SQLInbox, clock: Clock) -> None:
    """The whole delivery, and what is needed to find it."""
    body = deliveries.sample(
        "payment.created", id="aa01", payment_id="bb02", timestamp="2026-05-02T10:00:00.1234+02:00"
    )
    await inbox.put(parse_event(body))
    (event,) = await inbox.events()
    assert (event.id, event.event, event.payment_id) == ("aa01", "payment.created", "bb02")
    assert (event.body, event.state, event.attempts) == (body, "waiting", 0)
    assert event.happened == pytest.approx(1777708800.1234)
    assert event.received == event.due == clock.now


async def test_an_event_is_kept_once(inbox: SQLInbox) -> None:
    """However often it comes, one after the other or all at once; its twin of the other generation is another event."""
    for name in ("payment.charge.created", "payment.charge.created.v2"):
        await put(inbox, name, id="aa01")
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(lambda: put(inbox, "payment.charge.created", id="aa01"))
    assert len(await inbox.events()) == 2
    assert inbox.duplicates == 20


async def test_a_handled_event_is_not_handled_again(inbox: SQLInbox, shop: Shop) -> None:
    """A repetition that comes after the event was handled changes nothing."""
    await put(inbox, id="aa01")
    async with inbox.working(shop.handle):
        await until(inbox, waiting=0)
        await put(inbox, id="aa01")
        await until(inbox, waiting=0)
    assert len(shop.seen) == 1


async def test_an_unknown_event_needs_no_payment(inbox: SQLInbox, shop: Shop) -> None:
    """Events without a payment do not wait for each other."""
    for _ in range(3):
        await put(inbox, "partner.onboarded", payment_id=None)
    shop.gate = anyio.Event()
    async with inbox.working(shop.handle):
        await shop.has_seen(3)
        shop.gate.set()


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00.0000+14:00", "9999-12-31T23:59:59.9999-14:00"])
async def test_any_moment_can_be_kept(inbox: SQLInbox, timestamp: str) -> None:
    """No date-time that an event may have breaks the inbox."""
    await put(inbox, timestamp=timestamp)
    assert len(await inbox.events()) == 1


# --- handling ------------------------------------------------------------------------------------------------------


async def test_every_event_is_handled_once(inbox: SQLInbox, shop: Shop) -> None:
    """Those that lay there and those that come in meanwhile; afterwards all are done."""
    for _ in range(30):
        await put(inbox)
    async with inbox.working(shop.handle):
        for _ in range(30):
            await put(inbox)
        await until(inbox, waiting=0)
    assert sorted(shop.numbers) == list(range(1, 61))
    assert {event.state for event in await inbox.events()} == {"done"}


async def test_one_event_of_a_payment_at_a_time(inbox: SQLInbox, shop: Shop) -> None:
    """The oldest first, by its own time, not by when it came in; other payments go on."""
    for minute in (3, 1, 2):
        await put(inbox, payment_id="bb02", timestamp=f"2026-05-02T10:0{minute}:00.0000+00:00")
    await put(inbox, payment_id="cc03")
    shop.gate = anyio.Event()
    async with inbox.working(shop.handle):
        await shop.has_seen(2)
        assert set(shop.numbers) == {2, 4}
        await put(inbox, payment_id="bb02", timestamp="2026-05-02T10:00:00.0000+00:00")
        shop.gate.set()
        await until(inbox, waiting=0)
    assert [number for number in shop.numbers if number != 4] == [2, 5, 3, 1]


async def test_later_events_wait_behind_a_failed_one(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """Until it succeeds, or is dead."""
    for minute in (1, 2):
        await put(inbox, payment_id="bb02", timestamp=f"2026-05-02T10:0{minute}:00.0000+00:00")
    shop.fails = lambda event: event.number == 1
    async with inbox.working(shop.handle):
        await shop.tries(3, clock)
        await until(inbox, waiting=0, dead=1)
    assert shop.numbers == [1, 1, 1, 2]


async def test_a_failure_is_tried_again_later(
    inbox: SQLInbox, shop: Shop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """After a delay, not before; why it failed is in the inbox and in the log."""
    await put(inbox, id="aa01", payment_id="bb02")
    shop.fails = lambda event: event.number == 1 and event.attempts == 1
    async with inbox.working(shop.handle):
        await shop.has_seen(1)
        await put(inbox)
        await until(inbox, waiting=1)
        _, event = await inbox.events()
        assert (event.state, event.attempts, event.error) == ("waiting", 1, "RuntimeError: out of stock")
        assert 2.5 <= event.due - clock.now <= 5
        await anyio.sleep(0.1)
        assert shop.numbers == [1, 2]
        clock.now = event.due
        await until(inbox, waiting=0, dead=0)
    assert shop.numbers == [1, 2, 1]
    for part in ("'aa01'", "'bb02'", "'payment.created'", "attempt 1 of 3", "out of stock"):
        assert part in caplog.text


async def test_a_dead_event_stays_until_it_is_replayed(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """After its last try it is left alone; replayed it is as good as new."""
    await put(inbox)
    shop.fails = lambda _: True
    async with inbox.working(shop.handle):
        await shop.tries(3, clock)
        await until(inbox, waiting=0, dead=1)
        shop.fails = lambda _: False
        assert await inbox.replay() == 1
        await until(inbox, waiting=0, dead=0)
    assert [event.attempts for event in shop.seen] == [1, 2, 3, 1]


async def test_a_handler_that_hangs_is_stopped(url: str, clock: Clock, shop: Shop) -> None:
    """It counts as failed, and others get its place."""
    async with SQLInbox(url, clock=clock, lease=0.05, concurrency=1, max_attempts=1) as inbox:
        await put(inbox, payment_id="bb02")
        await put(inbox, payment_id="cc03")
        shop.gate = anyio.Event()
        async with inbox.working(shop.handle):
            await until(inbox, waiting=0, dead=2)
        errors = {event.error for event in await inbox.events()}
        assert errors == {"TimeoutError: took longer than 0.05 seconds"}


async def test_a_handler_that_outlives_its_lease_is_not_run_beside_itself(
    inbox: SQLInbox, shop: Shop, clock: Clock
) -> None:
    """No second run of its event begins while the first goes on, nor does anything happen to other events."""
    for payment_id in ("bb02", "cc03"):
        await put(inbox, payment_id=payment_id)
    shop.gate = anyio.Event()
    async with inbox.working(shop.handle):
        await shop.has_seen(2)
        clock.now += 100
        await anyio.sleep(0.1)
        assert sorted(shop.numbers) == [1, 2]
        clock.now += 100
        shop.gate.set()
        await until(inbox, waiting=0)
    assert sorted(shop.numbers) == [1, 2]
    assert {event.error for event in await inbox.events()} == {None}


async def test_no_more_handlers_than_allowed(url: str, shop: Shop) -> None:
    """So many run at once, the rest waits."""
    async with SQLInbox(url, concurrency=3) as inbox:
        for _ in range(10):
            await put(inbox)
        shop.gate = anyio.Event()
        async with inbox.working(shop.handle):
            await shop.has_seen(3)
            await anyio.sleep(0.05)
            assert len(shop.seen) == 3
            shop.gate.set()
            await until(inbox, waiting=0)


# --- several workers, crashes, stops -------------------------------------------------------------------------------


async def test_processes_share_the_work(url: str) -> None:
    """Several that work through one inbox handle each event once, one of a payment at a time."""
    busy, most, seen = Counter[str | None](), Counter[str | None](), list[int]()

    async def handle(event: StoredEvent) -> None:
        busy[event.payment_id] += 1
        most[event.payment_id] = max(most[event.payment_id], busy[event.payment_id])
        seen.append(event.number)
        await anyio.sleep(0.001)
        busy[event.payment_id] -= 1

    inboxes = [SQLInbox(url, concurrency=5) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for inbox in inboxes:
            await stack.enter_async_context(inbox.working(handle))
        async with anyio.create_task_group() as tasks:
            for number in range(90):
                tasks.start_soon(
                    lambda inbox, number: put(inbox, payment_id=f"{number % 9}"), inboxes[number % 3], number
                )
        await until(inboxes[0], waiting=0)
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 90
    assert set(most.values()) == {1}


async def test_a_dead_process_loses_nothing(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """What it had on lease comes round when the lease has run out, not before."""
    await put(inbox)
    (lent,) = await inbox._record_and_lease([], CAPACITY)
    assert lent.attempts == 1
    async with inbox.working(shop.handle):
        await anyio.sleep(0.1)
        assert not shop.seen
        clock.now = lent.due
        await until(inbox, waiting=0)
    assert [event.attempts for event in shop.seen] == [2]


async def test_a_event_that_kills_its_workers_dies(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """When every attempt ended with its process, no other process gets the event."""
    await put(inbox)
    for _ in range(3):
        (lent,) = await inbox._record_and_lease([], CAPACITY)
        clock.now = lent.due
    async with inbox.working(shop.handle):
        await until(inbox, waiting=0, dead=1)
    assert not shop.seen


async def test_a_late_success_counts(inbox: SQLInbox, clock: Clock) -> None:
    """A handler that succeeds after its lease ran out has handled the event; a late failure changes nothing."""
    await put(inbox, payment_id="bb02")
    await put(inbox, payment_id="cc03")
    first = await inbox._record_and_lease([], CAPACITY)
    clock.now = first[0].due
    second = await inbox._record_and_lease([], CAPACITY)
    late = {event.payment_id: event for event in first}
    await inbox._record_and_lease([done(late["bb02"], clock.now)], NO_CAPACITY)
    failure = failed(late["cc03"], RuntimeError(), clock.now, max_attempts=1, jitter=0.0)
    await inbox._record_and_lease([failure], NO_CAPACITY)
    states = {event.payment_id: event.state for event in await inbox.events()}
    assert states == {"bb02": "done", "cc03": "waiting"}
    await inbox._record_and_lease([done(event, clock.now) for event in second], NO_CAPACITY)
    assert {event.state for event in await inbox.events()} == {"done"}


async def test_a_late_success_undoes_no_replay(inbox: SQLInbox, clock: Clock) -> None:
    """A handler that began before the replay has not handled the event as it was asked for."""
    await put(inbox)
    (first,) = await inbox._record_and_lease([], CAPACITY)
    clock.now = first.due
    (second,) = await inbox._record_and_lease([], CAPACITY)
    await inbox._record_and_lease([done(second, clock.now)], NO_CAPACITY)
    assert await inbox.replay(first.number) == 1
    await inbox._record_and_lease([done(first, clock.now)], NO_CAPACITY)
    assert [event.state for event in await inbox.events()] == ["waiting"]


async def test_a_stop_lets_handlers_end(url: str, shop: Shop) -> None:
    """What has begun is handled to its end; nothing new begins."""
    inbox, stopping = SQLInbox(url, concurrency=1), anyio.Event()

    async def open_gate() -> None:
        await stopping.wait()
        await put(inbox)
        shop.gate.set()

    shop.gate = anyio.Event()
    async with anyio.create_task_group() as tasks, inbox.working(shop.handle):
        tasks.start_soon(open_gate)
        await put(inbox)
        await shop.has_seen(1)
        stopping.set()
    async with inbox:
        assert [event.state for event in await inbox.events()] == ["waiting", "done"]


async def test_a_stop_does_not_wait_for_ever(inbox: SQLInbox, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of what does not end in time is released, and this attempt does not count."""
    monkeypatch.setattr(workers, "SHUTDOWN_TIMEOUT", 0.05)
    await put(inbox)
    shop.gate = anyio.Event()
    async with inbox.working(shop.handle):
        await shop.has_seen(1)
    async with inbox:
        (event,) = await inbox.events()
        assert (event.state, event.attempts, event.worker) == ("waiting", 0, None)
        shop.gate.set()
        async with inbox.working(shop.handle):
            await until(inbox, waiting=0)


def test_after_a_handler_that_hung_another_event_loop_can_be_used(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As test clients use the receiver of a module, on one loop after the other."""
    monkeypatch.setattr(workers, "SHUTDOWN_TIMEOUT", 0.05)
    inbox = SQLInbox(url)

    async def hang(_: StoredEvent) -> None:
        await anyio.sleep_forever()

    async def run() -> None:
        async with inbox.working(hang):
            await anyio.sleep(0.1)

    async def store() -> None:
        async with inbox:
            await put(inbox)

    for step in (store, run, run):
        anyio.run(step)
    assert not caplog.records


async def test_a_cancelled_server_gives_everything_back(inbox: SQLInbox, shop: Shop) -> None:
    """When all is cancelled from outside, what was being handled waits for the next start; this try does not count."""

    async def serve() -> None:
        async with inbox.working(shop.handle):
            await anyio.sleep_forever()

    await put(inbox)
    shop.gate = anyio.Event()
    with anyio.fail_after(TIMEOUT / 4):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            await shop.has_seen(1)
            tasks.cancel_scope.cancel()
    (event,) = await inbox.events()
    assert (event.state, event.attempts, event.worker) == ("waiting", 0, None)


async def test_a_database_that_is_away_is_waited_for(
    inbox: SQLInbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Workers go on when it is back; what they had finished is written then."""
    run, away, failed_once = inbox._database.run, [True], anyio.Event()

    async def unreliable(*args: Any, **kwargs: Any) -> Any:
        if away[0]:
            failed_once.set()
            raise ConnectionError("no route")
        return await run(*args, **kwargs)

    await put(inbox)
    async with inbox.working(shop.handle):
        await shop.has_seen(1)
        monkeypatch.setattr(inbox._database, "run", unreliable)
        with anyio.fail_after(TIMEOUT):
            await failed_once.wait()
        away[0] = False
        await until(inbox, waiting=0)
    assert len(shop.seen) == 1
    assert "the inbox can't be used, trying again: no route" in caplog.text


# --- looking after it ----------------------------------------------------------------------------------------------


async def test_events_are_found(inbox: SQLInbox) -> None:
    """By payment, by state and by number, the newest first."""
    for payment_id in ("bb02", "cc03", "bb02"):
        await put(inbox, payment_id=payment_id)
    assert [event.number for event in await inbox.events()] == [3, 2, 1]
    assert [event.number for event in await inbox.events(payment_id="bb02", state="waiting")] == [3, 1]
    assert [event.number for event in await inbox.events(limit=1)] == [3]
    assert await inbox.events(state="dead") == []
    found = await inbox.event(2)
    assert found is not None
    assert found.payment_id == "cc03"
    assert await inbox.event(4) is None


async def test_events_are_replayed_by_number(inbox: SQLInbox, shop: Shop) -> None:
    """Handled ones too; those that wait anyway are left alone."""
    for _ in range(2):
        await put(inbox)
    async with inbox.working(shop.handle):
        await until(inbox, waiting=0)
        assert await inbox.replay(2, 99) == 1
        await until(inbox, waiting=0)
        await put(inbox)
    assert sorted(shop.numbers)[:3] == [1, 2, 2]


async def test_waiting_events_are_not_replayed(inbox: SQLInbox) -> None:
    """They are leased again after their lease has run out, and their attempts are counted on."""
    await put(inbox)
    assert await inbox.replay() == await inbox.replay(1) == 0


async def test_old_events_are_purged(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """Done ones after a while; waiting and dead ones stay, unless one says so."""
    await put(inbox)
    await put(inbox, "payment.cancel.created")
    shop.fails = lambda event: event.number == 2
    async with inbox.working(shop.handle):
        await shop.tries(4, clock)
        await until(inbox, waiting=0, dead=1)
    async with inbox:
        await put(inbox)
        assert await inbox.purge(older_than=3600) == 0
        clock.now += 7200
        assert await inbox.purge(older_than=3600) == 1
        assert [event.state for event in await inbox.events()] == ["waiting", "dead"]
        assert await inbox.purge("dead") == 1
        assert [event.state for event in await inbox.events()] == ["waiting"]


async def test_an_event_that_is_replayed_meanwhile_is_not_purged(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """A purge that has found it dead, and waits for the replay to be committed, leaves it alone."""
    await put(inbox)
    shop.fails = lambda _: True
    async with inbox.working(shop.handle):
        await shop.tries(3, clock)
        await until(inbox, waiting=0, dead=1)
    clock.now += 1
    purged = list[int]()

    async def purge() -> None:
        purged.append(await inbox.purge("dead"))

    def replay_slowly(connection: Connection) -> None:
        inbox_table.replay(connection, ())
        anyio.from_thread.run_sync(tasks.start_soon, purge)
        time.sleep(0.2)

    async with inbox, anyio.create_task_group() as tasks:
        await inbox._database.run(replay_slowly)
    async with inbox:
        assert [event.state for event in await inbox.events()] == ["waiting"]
    assert purged == [0]


async def test_waiting_events_are_not_purged(inbox: SQLInbox) -> None:
    """They have not been handled."""
    with pytest.raises(InvalidRequest, match="waiting events can't be deleted"):
        await inbox.purge("waiting")


async def test_workers_purge_events(url: str, clock: Clock, shop: Shop) -> None:
    """What is older than `retention` is purged by the workers."""
    async with SQLInbox(url, clock=clock, retention=1000.0) as inbox, inbox.working(shop.handle):
        await put(inbox)
        await until(inbox, waiting=0)
        clock.now += 1001
        await put(inbox)
        await shop.has_seen(2)
        await until(inbox, waiting=0)
        assert [event.number for event in await inbox.events()] == [2]


async def test_the_numbers_of_the_inbox(inbox: SQLInbox, clock: Clock) -> None:
    """How many wait, and since when the oldest does."""
    stats = await inbox.stats()
    assert (stats.waiting, stats.oldest_waiting, stats.dead) == (0, 0.0, 0)
    await put(inbox)
    clock.now += 30
    await put(inbox)
    stats = await inbox.stats()
    assert (stats.waiting, stats.oldest_waiting, stats.dead) == (2, 30.0, 0)


# --- set-up --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["concurrency", "max_attempts", "lease"])
def test_a_wrong_option_is_named(option: str, tmp_path: Path) -> None:
    """An inbox that could not work is not made."""
    wrong: dict[str, Any] = {option: 0}
    with pytest.raises(InvalidRequest, match=f"^{option}: must be more than 0"):
        SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}", **wrong)


async def test_success_is_not_logged(inbox: SQLInbox, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """An event that is handled leaves no warning."""
    await put(inbox)
    with caplog.at_level(logging.WARNING):
        async with inbox.working(shop.handle):
            await until(inbox, waiting=0)
    assert not caplog.records


# --- handlers that do their worst ----------------------------------------------------------------------------------


class Unprintable(Exception):
    """An error that fails again when it is looked at."""

    def __str__(self) -> str:
        raise SystemExit("no text")


def worst_errors() -> list[BaseException]:
    """All that a handler may raise and that could hurt others."""
    group = BaseExceptionGroup("several", [GeneratorExit(), SystemExit(1)])
    stray = asyncio.CancelledError()
    return [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), stray, group, Unprintable(), ValueError("\ud800\0")]


@pytest.mark.timeout(180)
async def test_no_failure_touches_another_event(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One event in ten raises what is worst, the others are handled, and the workers go on; every try is counted."""
    caplog.set_level(logging.CRITICAL)
    rng, seen = random.Random(10), set[int]()
    numbers = range(1, WORST_EVENTS + 1)
    victims = {number: rng.choice(worst_errors()) for number in rng.sample(numbers, WORST_EVENTS // 10)}

    async def handle(event: StoredEvent) -> None:
        if event.number in victims:
            raise victims[event.number]
        seen.add(event.number)

    inbox = SQLInbox(url, max_attempts=1)
    async with inbox.working(handle):
        async with anyio.create_task_group() as tasks:
            for _ in range(WORST_EVENTS):
                tasks.start_soon(put, inbox)
        await until(inbox, waiting=0, dead=len(victims))
        assert (await inbox.stats()).is_working
    async with inbox:
        assert {event.attempts for event in await inbox.events(state="dead", limit=WORST_EVENTS)} == {1}
        assert not (await inbox.stats()).is_working
    assert seen == set(numbers) - victims.keys()


async def test_workers_that_break_down_are_started_again(
    inbox: SQLInbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should something end their loop all the same, the log says so, and the next event is handled."""
    fill, breaks = workers.WorkerPool._start_due, [True]

    async def break_once(pool: workers.WorkerPool, tasks: TaskGroup) -> None:
        if shop.seen and not pool._in_progress and breaks:
            breaks.clear()
            raise SystemExit(1)
        await fill(pool, tasks)

    monkeypatch.setattr(workers.WorkerPool, "_start_due", break_once)
    async with inbox.working(shop.handle):
        for _ in range(2):
            await put(inbox)
            await until(inbox, waiting=0)
    assert shop.numbers == [1, 2]
    assert "the workers of the inbox failed and are started again" in caplog.text


async def test_retries_do_not_take_every_worker(url: str, clock: Clock, shop: Shop) -> None:
    """What hung before takes half of the workers at most, so that what is new is handled at once."""
    shop.fails = lambda event: event.number <= 6
    async with SQLInbox(url, clock=clock, concurrency=4) as inbox:
        for _ in range(6):
            await put(inbox)
        async with inbox.working(shop.handle):
            await shop.has_seen(6)
            await until(inbox, waiting=6)
            shop.gate = anyio.Event()  # from now on they hang
            clock.now += 10
            await shop.has_seen(8)
            await put(inbox)
            await shop.has_seen(9)
            assert shop.numbers[-1] == 7
            shop.gate.set()


async def test_payments_take_turns(url: str, shop: Shop) -> None:
    """The second event of a payment comes after the first ones of the others, however long it has been there."""
    async with SQLInbox(url, concurrency=1) as inbox:
        for payment_id in ("aa", "aa", "aa", "bb", "cc"):
            await put(inbox, payment_id=payment_id)
        async with inbox.working(shop.handle):
            await until(inbox, waiting=0)
    assert [event.payment_id for event in shop.seen] == ["aa", "bb", "cc", "aa", "aa"]


async def test_an_older_event_that_comes_late_is_not_stuck(inbox: SQLInbox, shop: Shop, clock: Clock) -> None:
    """It came in while a younger one of its payment was on lease, and that one failed or its worker died."""
    for minute in (2, 3):
        await put(inbox, payment_id="bb02", timestamp=f"2026-05-02T10:0{minute}:00.0000+00:00")
    (leased,) = await inbox._record_and_lease([], CAPACITY)
    await put(inbox, payment_id="bb02", timestamp="2026-05-02T10:01:00.0000+00:00")
    assert not await inbox._record_and_lease([], CAPACITY)
    clock.now = leased.due
    async with inbox.working(shop.handle):
        await until(inbox, waiting=0)
    assert shop.numbers == [3, 1, 2]


# --- clocks and databases ------------------------------------------------------------------------------------------


async def test_a_clock_that_was_set_back_delays_nothing(url: str, clock: Clock, shop: Shop) -> None:
    """A process that starts three hours "earlier" goes on where the others were: retries, leases, new events."""
    shop.fails = lambda event: event.attempts == 1
    async with SQLInbox(url, clock=clock) as inbox:
        await put(inbox)
        async with inbox.working(shop.handle):
            await until(inbox, waiting=1)
            await shop.has_seen(1)
        clock.now -= 10_800
    async with SQLInbox(url, clock=clock) as inbox:
        await put(inbox)
        async with inbox.working(shop.handle):
            await shop.has_seen(2)
            clock.now += 10
            await shop.tries(4, clock)
    assert clock.now < 1_800_000_000.0 - 5_000


@pytest.mark.parametrize("ahead", [10_800, -10_800])
async def test_a_replay_by_another_clock_is_not_delayed(url: str, clock: Clock, shop: Shop, ahead: int) -> None:
    """As by the command line, while the clock of the workers stood still with their machine, or was set back."""
    async with SQLInbox(url, clock=clock) as inbox, SQLInbox(url, clock=lambda: clock.now + ahead) as other:
        await put(inbox)
        async with inbox.working(shop.handle):
            await until(inbox, waiting=0)
            assert await other.replay(1) == 1
            await shop.has_seen(2)


async def test_the_number_of_a_deleted_event_is_not_given_again(inbox: SQLInbox, clock: Clock, shop: Shop) -> None:
    """Whoever noted it to replay that event would replay another."""
    await put(inbox)
    async with inbox.working(shop.handle):
        await until(inbox, waiting=0)
        clock.now += 1
        assert await inbox.purge() == 1
        await put(inbox)
        await shop.has_seen(2)
    assert shop.numbers == [1, 2]


async def test_dead_events_are_kept_for_a_time(
    url: str, clock: Clock, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """As handled ones are, with a setting of their own; the log says that they are gone."""
    shop.fails = lambda event: event.number == 1
    async with SQLInbox(url, clock=clock, max_attempts=1, dead_retention=1000.0) as inbox, inbox.working(shop.handle):
        await put(inbox)
        await until(inbox, waiting=0, dead=1)
        clock.now += 1001
        await put(inbox)
        await until(inbox, waiting=0, dead=0)
    assert "1 dead events were deleted" in caplog.text


class Away:
    """Takes the place of a database's `run`; it is unavailable if the test wants it."""

    def __init__(self, inbox: SQLInbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = inbox._database.run
        self.is_away = True
        self.asked = 0
        monkeypatch.setattr(inbox._database, "run", self.run)

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """Answer, or be away."""
        self.asked += 1
        if self.is_away:
            raise StorageUnavailable("the database is unavailable: no route")
        return await self._run(*args, **kwargs)


async def test_an_outage_is_one_line(
    inbox: SQLInbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When it begins, and one when it is over, however many deliveries and looks fail meanwhile; no traceback."""
    async with inbox.working(shop.handle):
        database = Away(inbox, monkeypatch)
        for _ in range(5):
            with pytest.raises(StorageUnavailable):
                await put(inbox)
        await anyio.sleep(0.1)
        database.is_away = False
        await put(inbox)
        await shop.has_seen(1)
    lines = [(record.levelname, record.exc_info) for record in caplog.records]
    assert lines == [("ERROR", None), ("WARNING", None)]


async def test_an_outage_does_not_end_by_waiting(
    url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Workers that are all busy ask the database for nothing, so they do not learn that it can be used again."""
    inbox, shop.gate = SQLInbox(url, concurrency=1), anyio.Event()
    async with inbox.working(shop.handle):
        await put(inbox)
        await shop.has_seen(1)
        database = Away(inbox, monkeypatch)
        with pytest.raises(StorageUnavailable):
            await put(inbox)
        await anyio.sleep(0.1)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        database.is_away = False
        shop.gate.set()


async def test_a_start_waits_for_the_database(
    url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And goes on when it is there, with a line for each."""
    monkeypatch.setattr(inbox_module, "STARTUP_RETRY_INTERVAL", 0.01)
    inbox = SQLInbox(url)
    database = Away(inbox, monkeypatch)

    async def come_back() -> None:
        while database.asked < 5:  # noqa: ASYNC110 - there is nothing to wait on
            await anyio.sleep(0.01)
        database.is_away = False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come_back)
        async with inbox.working(shop.handle):
            await put(inbox)
            await shop.has_seen(1)
    assert len(caplog.records) == 2


async def test_a_start_does_not_wait_for_ever(url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it says that the database is unavailable."""
    monkeypatch.setattr(inbox_module, "STARTUP_RETRY_INTERVAL", 0.01)
    inbox = SQLInbox(url, startup_timeout=0.05)
    Away(inbox, monkeypatch)
    with pytest.raises(StorageUnavailable):
        async with inbox.working(shop.handle):
            pytest.fail("it started")
