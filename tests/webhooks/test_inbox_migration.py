"""An inbox of an older release is brought up to date when it is opened, and nothing in it is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection, inspect, text

from nexi_async._errors import InvalidRequest
from nexi_async._storage import Database
from nexi_async.webhooks import SQLInbox, StoredEvent, deliveries, parse_event
from nexi_async.webhooks._worker_pool import Capacity
from tests.postgres import DATABASES

VERSION_1 = """
CREATE TABLE nexi_inbox (
    number {number} PRIMARY KEY, id TEXT NOT NULL, event TEXT NOT NULL, payment_id TEXT, body {bytes} NOT NULL,
    happened DOUBLE PRECISION NOT NULL, received DOUBLE PRECISION NOT NULL, state TEXT NOT NULL,
    due DOUBLE PRECISION NOT NULL, attempts INTEGER NOT NULL, worker TEXT, error TEXT, UNIQUE (id, event));
CREATE INDEX ix_nexi_inbox_payment_id ON nexi_inbox (payment_id);
CREATE INDEX nexi_inbox_state_due ON nexi_inbox (state, due)
"""
TYPES = {"sqlite": {"number": "INTEGER", "bytes": "BLOB"}, "postgresql": {"number": "BIGSERIAL", "bytes": "BYTEA"}}
INSERT = text(
    "INSERT INTO nexi_inbox (id, event, payment_id, body, happened, received, state, due, attempts, worker) "
    "VALUES (:id, 'payment.created', :payment_id, :body, 1000, 1000, :state, 1000, :attempts, :worker)"
)
ROWS: list[dict[str, Any]] = [
    {"id": "new", "payment_id": "aa", "state": "waiting", "attempts": 0, "worker": None},
    {"id": "behind", "payment_id": "aa", "state": "waiting", "attempts": 0, "worker": None},
    {"id": "failed", "payment_id": "bb", "state": "waiting", "attempts": 2, "worker": None},
    {"id": "of a dead worker", "payment_id": "cc", "state": "waiting", "attempts": 1, "worker": "w1"},
    {"id": "done", "payment_id": "aa", "state": "done", "attempts": 1, "worker": None},
]


def fill(connection: Connection) -> None:
    """Make an inbox of version 1 with events of every kind."""
    for statement in VERSION_1.format(**TYPES[connection.dialect.name]).split(";"):
        connection.execute(text(statement))
    body = deliveries.sample("payment.created")
    connection.execute(INSERT, [row | {"body": body} for row in ROWS])


def describe(connection: Connection) -> tuple[set[str], set[str]]:
    """The columns and the indexes of the table."""
    tables = inspect(connection)
    indexes = tables.get_indexes("nexi_inbox")
    own = {str(index["name"]) for index in indexes if not index.get("duplicates_constraint")}
    return {column["name"] for column in tables.get_columns("nexi_inbox")}, own


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'inbox.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The database with an inbox of version 1."""
    database = Database(url)
    await database.run(fill)
    yield database
    await database.close()


def execute(connection: Connection, statement: str) -> None:
    """Run a statement."""
    connection.execute(text(statement))


@pytest.mark.usefixtures("database")
async def test_everything_that_waited_is_handled(url: str) -> None:
    """What was new, what waited behind another, what had failed, and what a dead worker left; nothing twice."""
    seen: list[str] = []

    async def handle(event: StoredEvent) -> None:
        seen.append(event.id)

    inbox = SQLInbox(url)
    async with inbox.working(handle):
        with anyio.fail_after(20):
            while (await inbox.stats()).waiting:  # noqa: ASYNC110 - there is nothing to wait on
                await anyio.sleep(0.01)
    assert sorted(seen) == sorted(row["id"] for row in ROWS if row["state"] == "waiting")
    assert seen.index("new") < seen.index("behind")


async def test_old_and_new_inboxes_are_the_same(url: str, database: Database) -> None:
    """The same columns and indexes, however the inbox came to be; opening it again changes nothing."""
    found = []
    for _ in range(2):
        async with SQLInbox(url) as inbox:
            found.append(await inbox._database.run(describe))
    for table in ("nexi_inbox", "nexi_inbox_version"):
        await database.run(execute, f"DROP TABLE {table}")
    async with SQLInbox(url) as inbox:
        found.append(await inbox._database.run(describe))
    assert found[0] == found[1] == found[2]


@pytest.mark.usefixtures("database")
async def test_numbers_are_not_given_again(url: str) -> None:
    """Not even that of an event which an older release stored last; on SQLite its table did."""
    async with SQLInbox(url) as inbox:
        await inbox._database.run(execute, "DELETE FROM nexi_inbox WHERE number = 5")
        await inbox.put(parse_event(deliveries.sample("payment.created")))
        assert (await inbox.events(limit=1))[0].number == 6


async def test_the_clock_does_not_go_back(url: str, database: Database) -> None:
    """It may be ahead of the event that came in last; what is due by it would be delayed."""
    async with SQLInbox(url):
        await database.run(execute, "UPDATE nexi_inbox_version SET version = 2, clock = 5000")
    async with SQLInbox(url, clock=lambda: 3000.0) as inbox:
        await inbox._record_and_lease([], Capacity(1, 1))
        assert inbox.now() == 5000


async def test_what_an_older_process_still_writes_is_handled(url: str, database: Database) -> None:
    """During a deployment it may store events that know of no queue."""
    late = ROWS[0] | {"id": "late", "payment_id": "dd", "body": deliveries.sample("payment.created")}
    seen = anyio.Event()

    def insert(connection: Connection) -> None:
        connection.execute(INSERT, late)

    async def handle(event: StoredEvent) -> None:
        if event.id == "late":
            seen.set()

    inbox = SQLInbox(url)
    async with inbox.working(handle):
        await database.run(insert)
        with anyio.fail_after(20):
            await seen.wait()


async def test_a_newer_inbox_is_left_alone(url: str, database: Database) -> None:
    """An older release can't know what it would break."""
    async with SQLInbox(url):
        await database.run(execute, "UPDATE nexi_inbox_version SET version = 99")
    with pytest.raises(InvalidRequest, match="version 99"):
        async with SQLInbox(url):
            pass
