"""A SQL database, worked on in threads: SQLite in a file, or PostgreSQL for several machines.

Everything that this package keeps goes through here. One call is one transaction; when it returns, the data is on disk
and survives a crash of the process and of the machine. SQL itself is written where it belongs, with SQLAlchemy Core.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from nexi_async.errors import InvalidRequest

try:
    from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, func, make_url, select
    from sqlalchemy.exc import ArgumentError
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("SQL storage needs SQLAlchemy: pip install 'nexi-async[storage]'") from missing

__all__ = ["Database", "GroupCommit", "lock"]

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

SECONDS_TO_WAIT = 30
"""How long a statement may take, or wait for others, before it fails."""

_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {SECONDS_TO_WAIT * 1000}",  # first, since the others may have to wait too
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit is on disk before it returns, also in WAL mode
)
_POSTGRES_SETTINGS = (
    f"SET statement_timeout = '{SECONDS_TO_WAIT}s'",
    f"SET idle_in_transaction_session_timeout = '{SECONDS_TO_WAIT}s'",
    "SET synchronous_commit = on",
)
_POSTGRES_CONNECTING = {"connect_timeout": 10, "tcp_user_timeout": SECONDS_TO_WAIT * 1000}


class Database:
    """A database that functions are run in, each in a transaction and in a thread of its own.

    It opens connections when they are needed. On SQLite one transaction runs at a time, since it allows one writer;
    other processes may use the same file.

    Args:
        url: "sqlite:///file.db" (three slashes for a relative path, four for an absolute one) or
            "postgresql://user:password@host/name".
        connections: how many transactions may run at once on PostgreSQL.

    Raises:
        InvalidRequest: the URL can't be used.
        ModuleNotFoundError: the driver is not installed; says how to install it.
    """

    def __init__(self, url: str, *, connections: int = 4) -> None:
        parsed = _usable(url)
        self._engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed, connections)
        self._threads = CapacityLimiter(1 if self._engine.dialect.name == "sqlite" else connections)

    def __repr__(self) -> str:
        return f"Database({self._engine.url!r})"  # with the password hidden

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in a transaction: committed when it returns, rolled back if it raises.

        A cancellation takes effect before it begins or after it has ended, never in between.
        """
        transaction = functools.partial(self._transact, work, *args, **kwargs)
        return await to_thread.run_sync(transaction, limiter=self._threads)

    async def create(self, tables: MetaData) -> None:
        """Make those of the tables that are missing; several processes may do so at once."""
        await self.run(_create, tables)

    async def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        with CancelScope(shield=True):
            await to_thread.run_sync(self._engine.dispose, limiter=self._threads)

    def _transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._engine.begin() as connection:
            return work(connection, *args, **kwargs)


def lock(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds the lock of that name, and hold it until the end of this one."""
    if connection.dialect.name == "postgresql":  # on SQLite transactions exclude one another anyway
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


class GroupCommit(Generic[Item, Result]):
    """Writes what many tasks have at the same time in one transaction, so that they share the wait for the disk.

    While one group is being committed the next one gathers; nobody waits for a timer.

    Args:
        database: where to write.
        write: writes the items of one group and returns a result for each, in their order.
        largest: how many items a group may have.
    """

    def __init__(
        self, database: Database, write: Callable[[Connection, Sequence[Item]], Sequence[Result]], *, largest: int = 500
    ) -> None:
        self._database = database
        self._write = write
        self._largest = largest
        self._turn = anyio.Lock()
        self._gathering = _Group[Item, Result]()

    async def add(self, item: Item) -> Result:
        """Write one item; when this returns it is committed.

        Raises:
            Exception: what `write` or the database raised, in each task of the group; nothing of it is written.
        """
        group = self._gathering
        place = group.join(item)
        if len(group.items) == self._largest:
            self._gathering = _Group()
        if place == 0:
            with CancelScope(shield=True):  # the others of the group rely on this task
                await self._commit(group)
        else:
            await group.committed.wait()
        return group.result(place)

    async def _commit(self, group: _Group[Item, Result]) -> None:
        async with self._turn:
            if group is self._gathering:
                self._gathering = _Group()
            try:
                group.results = await self._database.run(self._write, group.items)
            except Exception as error:  # noqa: BLE001 - raised again in each task of the group
                group.error = error
            finally:
                group.committed.set()


class _Group(Generic[Item, Result]):
    """What is committed together."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.results: Sequence[Result] = ()
        self.error: Exception | None = None
        self.committed = anyio.Event()

    def join(self, item: Item) -> int:
        """Add an item; returns its place."""
        self.items.append(item)
        return len(self.items) - 1

    def result(self, place: int) -> Result:
        """What became of the item at that place."""
        if self.error is not None:
            raise self.error
        return self.results[place]


# --- engines -------------------------------------------------------------------------------------------------------


def _usable(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _unusable("is not a URL such as sqlite:///file.db or postgresql://user:password@host/name") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise _unusable("names no file: a database in memory would forget everything, say sqlite:///file.db")
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _unusable(f"is for {backend}, use sqlite:///file.db or postgresql://user:password@host/name")


def _unusable(text: str) -> InvalidRequest:
    return InvalidRequest([("url", text)])


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": SECONDS_TO_WAIT})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # sqlite3 shall not begin transactions of its own accord
        _execute(connection, _SQLITE_PRAGMAS)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a transaction that begins by reading could not become a writer once another process has written
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres(url: URL, connections: int) -> Engine:
    try:
        engine = create_engine(
            url,
            hide_parameters=True,  # errors reach logs, and what is written may be personal
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=_POSTGRES_CONNECTING,
        )
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError("PostgreSQL needs psycopg: pip install 'nexi-async[postgres]'") from missing

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        _execute(connection, _POSTGRES_SETTINGS)
        connection.commit()

    return engine


def _execute(connection: Any, statements: Sequence[str]) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def _create(connection: Connection, tables: MetaData) -> None:
    lock(connection, "nexi_async.tables")  # on PostgreSQL two who create the same table at once collide
    tables.create_all(connection)
