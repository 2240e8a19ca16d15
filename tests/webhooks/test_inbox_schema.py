"""The tables of an inbox are made once, and used by the version that made them alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks import SQLInbox, deliveries, parse_event
from nexi_async.webhooks._inbox_schema import VERSION
from nexi_async.webhooks._worker_pool import Capacity


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'inbox.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def inbox(url: str) -> AsyncIterator[SQLInbox]:
    """A new inbox."""
    async with SQLInbox(url) as inbox:
        yield inbox


def execute(connection: Connection, statement: str) -> None:
    """Run a statement."""
    connection.execute(text(statement))


async def test_numbers_are_not_given_again(inbox: SQLInbox) -> None:
    """Not even that of the event which was stored last and has been deleted."""
    await inbox.put(parse_event(deliveries.sample("payment.created")))
    await inbox._database.run(execute, "DELETE FROM nexi_inbox")
    await inbox.put(parse_event(deliveries.sample("payment.created")))
    assert (await inbox.events(limit=1))[0].number == 2


async def test_an_inbox_is_made_once(url: str, inbox: SQLInbox) -> None:
    """Opening it again keeps its events and its clock, which may be ahead of the event that came in last."""
    await inbox.put(parse_event(deliveries.sample("payment.created")))
    await inbox._database.run(execute, "UPDATE nexi_inbox_version SET clock = 5000")
    async with SQLInbox(url, clock=lambda: 3000.0) as again:
        await again._record_and_lease([], Capacity(1, 1))
        assert again.now() >= 5000
        assert len(await again.events()) == 1


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
async def test_an_inbox_of_another_version_is_left_alone(url: str, inbox: SQLInbox, version: int) -> None:
    """This one can't know what it would break."""
    await inbox._database.run(execute, f"UPDATE nexi_inbox_version SET version = {version}")
    with pytest.raises(InvalidRequest, match=f"version {version}"):
        async with SQLInbox(url):
            pass
