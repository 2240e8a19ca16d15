"""The state file: a SQLite database with the documents of an engine, one transaction for each commit.

Theory of operation. The database runs in WAL mode with `synchronous=NORMAL`: when a commit returns, the operating
system has it, so a killed process (kill -9) loses nothing that was committed. The loss of power may cost the last
commits, never the file. The lock is exclusive: a second emulator with the same file is refused. `application_id` names
the kind of file, `user_version` the version of the documents.
"""

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from nexi_async.emulator._engine.persistence import VERSION, StoredDocument

_APPLICATION_ID = 0x4E58454D  # "NXEM"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
)
"""
_SAVE = (
    "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)


class UnusableStateFile(ValueError):
    """The file is damaged, in use, of a newer version, or no state file; the text says what to do."""


class StateFile:
    """A state file, opened when it is first used; `close` it, and it opens again when it is used again.

    It is made for its owner alone if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    def load(self) -> list[StoredDocument]:
        """All documents, in the order in which their keys were first saved.

        Raises:
            UnusableStateFile: The file cannot be used.
        """
        try:
            rows = self._connection().execute("SELECT kind, key, body FROM documents ORDER BY position")
            return [StoredDocument(*row) for row in rows]
        except sqlite3.DatabaseError as error:
            raise self._unusable(str(error)) from error

    def save(self, documents: Iterable[StoredDocument], *, discard: bool) -> None:
        """Save documents in one transaction, replacing those of the same kind and key; `discard` removes all others.

        Raises:
            UnusableStateFile: Nothing was saved.
        """
        try:
            with self._connection() as transaction:
                if discard:
                    transaction.execute("DELETE FROM documents")
                transaction.executemany(_SAVE, ((each.kind, each.key, each.body) for each in documents))
        except sqlite3.DatabaseError as error:
            raise self._unusable(str(error)) from error

    def close(self) -> None:
        """Close the file; everything is saved already."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds what webhooks authorize with
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        connection = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._refuse_others(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def _refuse_others(self, connection: sqlite3.Connection) -> None:
        """Refuse a database that is no state file, or one of another version; an empty file may become one."""
        (kind,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and kind != _APPLICATION_ID:
            raise self._unusable("it is a database of another program")
        if tables and version != VERSION:
            raise self._unusable(f"it has version {version}, and this emulator reads version {VERSION}")

    def _unusable(self, why: str) -> UnusableStateFile:
        if "locked" in why:
            why = "another emulator uses it"
        return UnusableStateFile(
            f"the state file {self._path} cannot be used: {why}; name another file, or move it away"
        )
