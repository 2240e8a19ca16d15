"""Every asynchronous test runs on asyncio and on trio."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

import certifi
import pytest
import trustme
from hypothesis import settings

from tests.batch.processes import emulator, emulator_process
from tests.postgres import MARKS, postgres_database, postgres_server, postgres_url
from tests.ram_disk import ram_disk

__all__ = ["anyio_backend", "emulator", "emulator_process", "postgres_database", "postgres_server", "postgres_url"]

LONGEST_BYTES_ID = 40
"""Bytes that may stand in the name of a test; a generated body is longer."""

WORKERS_PER_CORE = 2
"""Tests wait for servers, processes and time limits about as long as they compute."""

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile the package and the tests anew

if folder := ram_disk():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))  # where pytest makes `tmp_path`

gc.disable()  # until everything is collected, which makes millions of objects that stay

settings.register_profile("everyday", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))  # .ci/run sets it


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loops that the project promises to run on."""
    return str(request.param)


@pytest.fixture(scope="session", autouse=True)
def small_trust_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one certificate, made here, instead of 140: each client reads them all, which takes 18 ms.

    In processes that tests start, too. No test connects to a public server.
    """
    path = tmp_path_factory.mktemp("trust") / "authorities.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.setattr(certifi, "where", lambda: str(path))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` means, where pytest-xdist is installed."""
    return WORKERS_PER_CORE * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process neighbouring tests, which share fixtures, and later those that another has not begun."""
    from xdist.scheduler import WorkStealingScheduling  # type: ignore[import-untyped]

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what always needs PostgreSQL; where it is one of two databases, the parameter is marked."""
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            for mark in MARKS:
                item.add_marker(mark)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the tests and modules, which are a million objects."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bodies by their argument: what is made anew in each process must not be part of a test's name."""
    return argname if isinstance(val, bytes) and len(val) > LONGEST_BYTES_ID else None
