"""Every asynchronous test runs on asyncio and on trio."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.batch.processes import emulator, emulator_process
from tests.postgres import postgres_database, postgres_server, postgres_url

__all__ = ["anyio_backend", "emulator", "emulator_process", "postgres_database", "postgres_server", "postgres_url"]

LONGEST_BYTES_ID = 40
"""Bytes that may stand in the name of a test; a generated body is longer."""

settings.register_profile("everyday", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))  # .ci/run sets it


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loops that the project promises to run on."""
    return str(request.param)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bodies by their argument: what is made anew in each process must not be part of a test's name."""
    return argname if isinstance(val, bytes) and len(val) > LONGEST_BYTES_ID else None
