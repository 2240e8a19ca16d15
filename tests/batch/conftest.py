"""Ledgers of either kind for the tests of the batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexi_async.batch import Ledger
from tests.batch.support import Shop, open_shop
from tests.postgres import DATABASES


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite ledger."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    """An empty ledger of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[Ledger]:
    """An empty ledger, open; its clock stands still at second 1000."""
    async with Ledger.open(url, now=lambda: 1000.0) as ledger:
        yield ledger


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Shop]:
    """An emulator, a client and a ledger in SQLite."""
    async with open_shop(sqlite_url) as shop:
        yield shop
