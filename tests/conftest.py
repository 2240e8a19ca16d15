"""Every asynchronous test runs on asyncio and on trio."""

from __future__ import annotations

import pytest

from tests.postgres import postgres_server, postgres_url

__all__ = ["anyio_backend", "postgres_server", "postgres_url"]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loops that the project promises to run on."""
    return str(request.param)
