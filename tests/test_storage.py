"""What storage says is written is written, once, whoever else writes."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select, text

from nexi_async._errors import ConfigurationError, StorageError, StorageReplaced, StorageUnavailable
from nexi_async._storage import Database, GroupCommit, lock
from tests.postgres import DATABASES

TABLES = MetaData()
NUMBERS = Table("numbers", TABLES, Column("number", Integer, primary_key=True))


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'numbers.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with a table of numbers."""
    database = Database(url)
    await database.run(TABLES.create_all)
    yield database
    await database.close()


def write(connection: Connection, numbers: Sequence[int]) -> list[str]:
    """Write numbers; each result is its number as text."""
    connection.execute(insert(NUMBERS), [{"number": number} for number in numbers])
    return [str(number) for number in numbers]


def count(connection: Connection) -> int:
    """How many numbers there are."""
    return int(connection.execute(select(func.count()).select_from(NUMBERS)).scalar_one())


# --- transactions --------------------------------------------------------------------------------------------------


async def test_work_is_committed(database: Database, url: str) -> None:
    """What a function wrote is there for everybody once it has returned, and so is its result."""
    assert await database.run(write, [1, 2]) == ["1", "2"]
    other = Database(url)
    assert await other.run(count) == 2
    await other.close()


async def test_a_failure_leaves_nothing(database: Database) -> None:
    """A function that raises has written nothing, and its error comes out as it is."""

    def fail(connection: Connection) -> None:
        write(connection, [1])
        raise RuntimeError("out of paper")

    with pytest.raises(RuntimeError, match="out of paper"):
        await database.run(fail)
    assert await database.run(count) == 0


async def test_a_cancelled_task_leaves_no_half_transaction(database: Database) -> None:
    """A transaction that has begun is ended before the cancellation goes on."""
    began, go_on = anyio.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        write(connection, [1])
        anyio.from_thread.run_sync(began.set)
        assert go_on.wait(10)
        write(connection, [2])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.run, slow)
        await began.wait()
        tasks.cancel_scope.cancel()
        go_on.set()
    assert await database.run(count) == 2


async def test_a_lock_is_held_to_the_end_of_the_transaction(database: Database) -> None:
    """Read, think, write: with a lock no other transaction comes in between."""

    def add_next(connection: Connection) -> None:
        lock(connection, "numbers")
        write(connection, [count(connection) + 1])

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(database.run, add_next)
    assert await database.run(count) == 20


async def test_sqlite_is_on_disk_when_it_says_so(tmp_path: Path) -> None:
    """Write-ahead log with a full sync, and a wait for other processes."""
    database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")

    def pragma(connection: Connection, name: str) -> object:
        return connection.execute(text(f"PRAGMA {name}")).scalar_one()

    assert await database.run(pragma, "journal_mode") == "wal"
    assert await database.run(pragma, "synchronous") == 2
    assert await database.run(pragma, "busy_timeout") == 30_000
    await database.close()


async def test_postgres_gives_up_in_time(postgres_url: str) -> None:
    """A statement that hangs is ended by the server, and a commit waits for the disk."""
    database = Database(postgres_url)

    def setting(connection: Connection, name: str) -> object:
        return connection.execute(text(f"SHOW {name}")).scalar_one()

    assert await database.run(setting, "statement_timeout") == "30s"
    assert await database.run(setting, "idle_in_transaction_session_timeout") == "30s"
    assert await database.run(setting, "synchronous_commit") == "on"
    await database.close()


async def test_a_lost_connection_is_replaced(postgres_url: str) -> None:
    """After the server has dropped its connections the next call works."""
    database, other = Database(postgres_url), Database(postgres_url)
    await database.run(TABLES.create_all)
    drop_others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await other.run(lambda connection: connection.execute(drop_others).all())
    assert await database.run(count) == 0
    await database.close()
    await other.close()


# --- failures ------------------------------------------------------------------------------------------------------


async def test_an_error_does_not_show_what_was_written(database: Database) -> None:
    """What is written may be personal, and errors reach logs with all that led to them."""
    number = 31415926
    await database.run(write, [number])
    with pytest.raises(StorageError) as error:
        await database.run(write, [number])
    assert not isinstance(error.value, StorageUnavailable)
    assert str(number) not in "".join(traceback.format_exception(error.value))


async def test_a_refused_connection_is_an_outage() -> None:
    """No server listens there: the error is short, and contains neither user nor password."""
    database = Database("postgresql://shop:geheim@127.0.0.1:1/shop")
    with pytest.raises(StorageUnavailable, match=r"^the database is unavailable: .*refused") as error:
        await database.run(count)
    assert "geheim" not in "".join(traceback.format_exception(error.value))
    await database.close()


async def test_a_connection_that_breaks_is_an_outage(postgres_url: str) -> None:
    """A server that shuts down in the middle of a transaction; the next call connects again."""
    database = Database(postgres_url)
    await database.run(TABLES.create_all)
    with pytest.raises(StorageUnavailable, match="the database is unavailable"):
        await database.run(lambda connection: connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
    assert await database.run(count) == 0
    await database.close()


async def test_a_database_that_is_not_there_is_no_outage(postgres_url: str) -> None:
    """Waiting would not bring it."""
    database = Database(postgres_url.replace("/test_", "/never_"))
    with pytest.raises(StorageError, match="does not exist") as error:
        await database.run(count)
    assert not isinstance(error.value, StorageUnavailable)
    await database.close()


async def test_a_file_that_is_locked_for_too_long_is_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else is writing all the time."""
    monkeypatch.setattr("nexi_async._storage._SQLITE_PRAGMAS", ("PRAGMA busy_timeout = 1",))
    database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")
    await database.run(TABLES.create_all)
    other = sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="the database is unavailable: database is locked"):
        await database.run(write, [1])
    other.close()
    await database.run(write, [1])
    await database.close()


async def test_a_file_that_is_no_database_is_no_outage(tmp_path: Path) -> None:
    """It would still be none tomorrow."""
    (tmp_path / "numbers.db").write_text("number\n1\n" * 100)
    database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")
    with pytest.raises(StorageError, match="file is not a database") as error:
        await database.run(count)
    assert not isinstance(error.value, StorageUnavailable)
    await database.close()


# --- the file ------------------------------------------------------------------------------------------------------


async def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    """What would be written to it now would be lost."""
    database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")
    await database.run(TABLES.create_all)
    (tmp_path / "numbers.db").unlink()
    with pytest.raises(StorageReplaced, match=r"numbers\.db was deleted while it was open"):
        await database.run(write, [1])
    await database.close()
    with pytest.raises(StorageReplaced):
        await database.run(write, [1])
    assert not (tmp_path / "numbers.db").exists()


async def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    """Also when the other one is a good database."""
    database, other = (Database(f"sqlite:///{tmp_path / name}") for name in ("numbers.db", "other.db"))
    await database.run(TABLES.create_all)
    await other.run(TABLES.create_all)
    await other.close()
    (tmp_path / "other.db").replace(tmp_path / "numbers.db")
    with pytest.raises(StorageReplaced, match="was replaced while it was open"):
        await database.run(count)
    await database.close()


async def test_a_file_that_goes_during_a_transaction_is_noticed(tmp_path: Path) -> None:
    """What was committed then is not said to be on disk."""
    database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")
    await database.run(TABLES.create_all)

    def lose(connection: Connection) -> None:
        write(connection, [1])
        (tmp_path / "numbers.db").unlink()

    with pytest.raises(StorageReplaced):
        await database.run(lose)
    await database.close()


def modes_in(folder: Path) -> dict[str, int]:
    """The files of a folder, and who may do what with them."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The database and what SQLite keeps beside it, whatever the umask allows."""
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{tmp_path / 'numbers.db'}")
        await database.run(TABLES.create_all)
        await database.run(write, [1])
        modes = modes_in(tmp_path)
        await database.close()
    finally:
        os.umask(before)
    assert modes == {"numbers.db": 0o600, "numbers.db-wal": 0o600, "numbers.db-shm": 0o600}


async def test_a_file_that_cannot_be_made_is_reported() -> None:
    """With its path and the reason."""
    database = Database("sqlite:////nowhere/numbers.db")
    with pytest.raises(StorageError, match=r"the file /nowhere/numbers\.db can't be opened: No such file or directory"):
        await database.run(count)
    await database.close()


# --- group commit --------------------------------------------------------------------------------------------------


async def test_tasks_share_transactions(database: Database) -> None:
    """Many tasks at once need few transactions; each gets its own result, and all is committed."""
    groups: list[int] = []
    results: dict[int, str] = {}

    def note(connection: Connection, numbers: Sequence[int]) -> list[str]:
        groups.append(len(numbers))
        return write(connection, numbers)

    commits = GroupCommit(database, note)

    async def add(number: int) -> None:
        results[number] = await commits.add(number)

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(add, number)
    assert results == {number: str(number) for number in range(100)}
    assert await database.run(count) == 100
    assert len(groups) < 5


async def test_a_group_has_a_largest_size(database: Database) -> None:
    """A flood is written in several transactions."""
    groups: list[int] = []

    def note(connection: Connection, numbers: Sequence[int]) -> list[str]:
        groups.append(len(numbers))
        return write(connection, numbers)

    commits = GroupCommit(database, note, largest=10)
    async with anyio.create_task_group() as tasks:
        for number in range(35):
            tasks.start_soon(commits.add, number)
    assert max(groups) == 10
    assert sum(groups) == 35


async def test_a_group_fails_together(database: Database) -> None:
    """Every task of the group gets the error, nothing of it is written, and the next group is not affected."""
    errors: list[str] = []

    def fail(connection: Connection, numbers: Sequence[int]) -> list[str]:
        written = write(connection, numbers)
        if 7 in numbers:
            raise RuntimeError("out of paper")
        return written

    commits = GroupCommit(database, fail)

    async def add(number: int) -> None:
        try:
            await commits.add(number)
        except RuntimeError as error:
            errors.append(str(error))

    async with anyio.create_task_group() as tasks:
        for number in (7, 8, 9):
            tasks.start_soon(add, number)
    assert errors == ["out of paper"] * 3
    assert await commits.add(10) == "10"
    assert await database.run(count) == 1


async def test_a_cancelled_leader_writes_for_its_group(database: Database) -> None:
    """The first of a group may be cancelled; the others still get what they wait for."""
    commits, results, leader = GroupCommit(database, write), list[str](), anyio.CancelScope()

    async def lead() -> None:
        with leader:
            await commits.add(1)

    async def follow() -> None:
        results.append(await commits.add(2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lead)
        tasks.start_soon(follow)
        await anyio.lowlevel.checkpoint()
        leader.cancel()
    assert results == ["2"]
    assert await database.run(count) == 2


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("cancelled", [0, 1], ids=["while it writes", "while it waits for another group"])
async def test_a_leader_that_no_scope_protects_leaves_no_task_waiting(database: Database, cancelled: int) -> None:
    """`Task.cancel` ends it at once, whatever shields it: its group gets an error, and all other groups are written."""
    go_on, groups = threading.Event(), list[list[asyncio.Future[str]]]()

    def slow(connection: Connection, numbers: Sequence[int]) -> list[str]:
        assert go_on.wait(10)
        return write(connection, numbers)

    commits = GroupCommit(database, slow)
    for first in (1, 3):
        groups.append([asyncio.ensure_future(commits.add(number)) for number in (first, first + 1)])
        await anyio.wait_all_tasks_blocked()
    leader, follower = groups.pop(cancelled)
    leader.cancel()
    await asyncio.wait([leader])
    go_on.set()
    with anyio.fail_after(10):
        with pytest.raises(StorageUnavailable, match="cancelled"):
            await follower
        assert len(await asyncio.gather(*groups[0])) == 2
        assert await commits.add(5) == "5"


# --- addresses and extras ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("inbox.db", "is not a URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:numbers.db?uri=true", "is a file: URI"),
        ("mysql://root:geheim@localhost/shop", "is for mysql"),
        ("postgresql://shop:geheim@localhost:port/shop", "is not a URL"),
        ("postgresql://shop:gehe#im@localhost:54x/shop", "is not a URL"),
    ],
)
def test_an_unusable_url_is_refused(url: str, text: str) -> None:
    """Whatever is no file and no PostgreSQL server is noticed at once; the password is not repeated."""
    with pytest.raises(ConfigurationError, match=f"^url: {re.escape(text)}") as refusal:
        Database(url)
    shown = "".join(traceback.format_exception(refusal.value))
    assert "geheim" not in shown.replace(url, "")
    assert "before sending" not in shown


def test_a_password_is_not_shown() -> None:
    """A database can be printed."""
    assert "geheim" not in repr(Database("postgresql://shop:geheim@localhost/shop"))


def run_without(module: str, code: str) -> str:
    """What Python says to the code where a module is not installed."""
    program = f"import sys; sys.modules[{module!r}] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


@pytest.mark.slow
def test_a_missing_extra_is_named() -> None:
    """Whoever lacks SQLAlchemy or psycopg reads how to install it."""
    says = "ModuleNotFoundError: {}: pip install 'nexi-async[{}]'"
    assert run_without("sqlalchemy", "import nexi_async._storage") == says.format(
        "SQL storage needs SQLAlchemy", "storage"
    )
    opening = "from nexi_async._storage import Database; Database('postgresql://localhost/shop')"
    assert run_without("psycopg", opening) == says.format("PostgreSQL needs psycopg", "postgres")
