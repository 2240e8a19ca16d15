"""A SQL database, used in threads: SQLite in a file, or PostgreSQL for several machines.

Everything that this package stores goes through here. One call is one transaction; when it returns, the data is on disk
and survives a crash of the process and of the machine. SQL itself is written where it belongs, with SQLAlchemy Core.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from nexi_async._errors import ConfigurationError, StorageError, StorageReplaced, StorageUnavailable

try:
    from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
    from sqlalchemy.exc import ArgumentError, DBAPIError
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("SQL storage needs SQLAlchemy: pip install 'nexi-async[storage]'") from missing

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

TIMEOUT_SECONDS = 30
"""How long a statement may take, or wait for others, before it fails."""

_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {TIMEOUT_SECONDS * 1000}",  # first, since the others may have to wait too
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit is on disk before it returns, also in WAL mode
)
_POSTGRES_SETTINGS = (
    f"SET statement_timeout = '{TIMEOUT_SECONDS}s'",
    f"SET idle_in_transaction_session_timeout = '{TIMEOUT_SECONDS}s'",
    "SET synchronous_commit = on",
)
_POSTGRES_CONNECTING = {"connect_timeout": 10, "tcp_user_timeout": TIMEOUT_SECONDS * 1000}


class Database:
    """A database that functions are run in, each in a transaction and in a thread of its own.

    It opens connections when they are needed. On SQLite one transaction runs at a time, since it allows one writer;
    other processes may use the same file.

    Args:
        url: "sqlite:///file.db" (three slashes for a relative path, four for an absolute one) or
            "postgresql://user:password@host/name".
        connections: how many transactions may run at once on PostgreSQL.

    Raises:
        ConfigurationError: the URL can't be used; the password in it is not repeated.
        ModuleNotFoundError: the driver is not installed; says how to install it.
    """

    def __init__(self, url: str, *, connections: int = 4) -> None:
        parsed = _checked_url(url)
        self._file = _File(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
        self._engine = _postgres(parsed, connections) if self._file is None else _sqlite(parsed, self._file)
        self._threads = CapacityLimiter(connections if self._file is None else 1)

    def __repr__(self) -> str:
        return f"Database({self._engine.url!r})"  # with the password hidden

    def exists(self) -> bool:
        """Whether there is a file, on SQLite; a server knows by itself what it has."""
        return self._file is None or self._file.exists()

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in a transaction: committed when it returns, rolled back if it raises.

        A cancellation takes effect before it begins or after it has ended, never in between; only `Task.cancel` of
        asyncio does not wait for its end, and the transaction goes on by itself.

        Raises:
            StorageUnavailable: the database is unavailable; a retry may succeed.
            StorageReplaced: the file of the database is no longer the one that was opened.
            StorageError: the database refused.
            Exception: what `work` raised.
        """
        transaction = functools.partial(self._transact, work, *args, **kwargs)
        return await to_thread.run_sync(transaction, limiter=self._threads)

    async def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        with CancelScope(shield=True):
            await to_thread.run_sync(self._engine.dispose, limiter=self._threads)

    def _transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with self._engine.begin() as connection:
                result = work(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeoutError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise _storage_error(error) from None  # the driver's message may repeat values that were written
        if self._file is not None:
            self._file.check()  # else the commit is in a file that is lost
        return result


def lock(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds the lock of that name, and hold it until the end of this one."""
    if connection.dialect.name == "postgresql":  # on SQLite transactions exclude one another anyway
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


class GroupCommit(Generic[Item, Result]):
    """Writes the items of many tasks in one transaction, so that they share the wait for the disk.

    While one group is being committed the next one is collected; there is no timer.

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
        self._commit_lock = anyio.Lock()
        self._open_group = _Group[Item, Result]()

    async def add(self, item: Item) -> Result:
        """Write one item; when this returns it is committed.

        Raises:
            StorageUnavailable: the task that wrote for this one was cancelled by asyncio; it may be written.
            Exception: what `write` or the database raised, in each task of the group; nothing of it is written.
        """
        group = self._open_group
        place = group.join(item)
        if len(group.items) == self._largest:
            self._close(group)
        if place == 0:
            with CancelScope(shield=True):  # the others of the group rely on this task
                await self._commit(group)
        else:
            await group.committed.wait()
        return group.result(place)

    async def _commit(self, group: _Group[Item, Result]) -> None:
        try:
            async with self._commit_lock:
                self._close(group)
                group.results = await self._database.run(self._write, group.items)
        except Exception as error:  # noqa: BLE001 - raised again in each task of the group
            group.error = error
        except BaseException:  # a shield does not hold up `Task.cancel` of asyncio
            group.error = StorageUnavailable("the task that wrote to the database was cancelled")
            raise
        finally:
            self._close(group)
            group.committed.set()

    def _close(self, group: _Group[Item, Result]) -> None:
        """Let nobody join the group any more."""
        if group is self._open_group:
            self._open_group = _Group()


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
        """The result for the item at that place."""
        if self.error is not None:
            raise self.error
        return self.results[place]


# --- failures ------------------------------------------------------------------------------------------------------

_UNAVAILABLE_ON_SQLITE = (
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_PROTOCOL",
)
_UNAVAILABLE_ON_POSTGRES = ("08", "25P03", "25006", "40", "53", "55P03", "57", "58")
"""SQLSTATEs, or their first characters: connections, standby servers, deadlocks, resources, time limits, shutdowns."""
_PERMANENT_CAUSES = ("authentication failed", "does not exist", "no pg_hba.conf entry", "could not translate host name")
"""Why connecting can fail with no SQLSTATE, although the server is there."""


def _storage_error(error: Exception) -> StorageError:
    """The error for a driver's exception; of its message only what can't contain a value that was written."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    if code is None:  # no response from a server, mostly
        text = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        is_unavailable = not any(reason in text for reason in _PERMANENT_CAUSES)
    elif code.startswith("SQLITE"):
        text, is_unavailable = str(cause), code.startswith(_UNAVAILABLE_ON_SQLITE)
    else:
        text, is_unavailable = f"{type(cause).__name__}, SQLSTATE {code}", code.startswith(_UNAVAILABLE_ON_POSTGRES)
    return (
        StorageUnavailable(f"the database is unavailable: {text}")
        if is_unavailable
        else StorageError(f"the database: {text}")
    )


# --- engines -------------------------------------------------------------------------------------------------------


class _File:
    """The file of an SQLite database: created for its owner only, and checked to stay the same file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._identity: tuple[int, int] | None = None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._path.exists()

    def open(self) -> None:
        """Make the file if it was never there; one that was open and has gone is not made again."""
        if self._identity is not None:
            self.check()
            return
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._identity = self._current_identity()
        except OSError as error:
            raise StorageError(f"the file {self._path} can't be opened: {error.strerror}") from None

    def check(self) -> None:
        """See that it is still there.

        Raises:
            StorageReplaced: it was deleted or replaced.
            StorageUnavailable: its state can't be read.
        """
        try:
            found = self._current_identity()
        except FileNotFoundError:
            raise StorageReplaced(f"the file {self._path} was deleted while it was open") from None
        except OSError as error:
            raise StorageUnavailable(f"the file {self._path} can't be reached: {error.strerror}") from None
        if found != self._identity:
            raise StorageReplaced(f"the file {self._path} was replaced while it was open")

    def _current_identity(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino


_URL_EXAMPLES = "sqlite:///file.db or postgresql://user:password@host/name"


def _checked_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # of which the second is about the port
        raise _url_error(f"is not a URL such as {_URL_EXAMPLES}") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _checked_file_url(parsed)
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _url_error(f"is for {backend}, use {_URL_EXAMPLES}")


def _checked_file_url(url: URL) -> URL:
    path = url.database
    if path in (None, "", ":memory:"):
        raise _url_error("names no file: a database in memory would lose everything, use sqlite:///file.db")
    if path.startswith("file:"):
        raise _url_error("is a file: URI of SQLite, use sqlite:///file.db")
    return url.set(drivername="sqlite+pysqlite", database=str(Path(path).absolute()))


def _url_error(text: str) -> ConfigurationError:
    return ConfigurationError([("url", text)])


def _sqlite(url: URL, file: _File) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": TIMEOUT_SECONDS})

    @event.listens_for(engine, "do_connect")
    def open_file(*_: object) -> None:
        file.open()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # so that sqlite3 begins no transactions by itself
        _execute(connection, _SQLITE_PRAGMAS)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        file.check()
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
