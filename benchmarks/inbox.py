"""What it costs to lease the next 20 events of an inbox, by how many wait and how they are spread over payments.

Nothing is analysed beforehand, so that PostgreSQL has no statistics of the table, as after a sudden burst.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from sqlalchemy import Connection

from nexi_async.webhooks import SQLInbox, deliveries, parse_event
from nexi_async.webhooks._inbox_schema import EVENTS
from nexi_async.webhooks._inbox_table import new_row
from nexi_async.webhooks._stored_events import done
from nexi_async.webhooks._worker_pool import Capacity

CAPACITY = Capacity(20, 10)
INSERT_SIZE = 5000


class Waiting(NamedTuple):
    """What is in the inbox."""

    events: int
    payments: int


CASES = (
    Waiting(1_000, 1_000),
    Waiting(10_000, 10_000),
    Waiting(100_000, 100_000),
    Waiting(50_000, 1),
    Waiting(50_000, 50_000),
    Waiting(60_000, 600),
)


def rows(case: Waiting) -> Iterator[Mapping[str, Any]]:
    """The events as rows, received one after the other within the last minutes."""
    row = new_row(parse_event(deliveries.sample("payment.charge.created.v2")), time.time())
    for number in range(case.events):
        received = row["received"] - (case.events - number) / 1e3
        own = {"id": f"{number:032x}", "payment_id": f"{number % case.payments:032x}"}
        yield {**row, **own, "happened": received, "received": received, "due": received}


def fill(connection: Connection, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Write some of them."""
    connection.execute(EVENTS.insert(), [*wanted])


async def lease_rounds(url: str, case: Waiting, rounds: int) -> list[float]:
    """Seconds that each turn of the workers takes: it ends what it has on lease and leases what is next."""
    everything = [*rows(case)]
    async with SQLInbox(url) as inbox:
        for start in range(0, case.events, INSERT_SIZE):
            await inbox._database.run(fill, everything[start : start + INSERT_SIZE])  # noqa: SLF001 - measured here
        seconds, leased = list[float](), list[Any]()
        for _ in range(rounds):
            results = [done(event, inbox.now()) for event in leased]
            began = time.perf_counter()
            leased = [*await inbox._record_and_lease(results, CAPACITY)]  # noqa: SLF001 - measured here
            seconds.append(time.perf_counter() - began)
    return seconds


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind."""
    from tests.postgres import DURABLE, fresh_database, running_server

    with tempfile.TemporaryDirectory() as folder, running_server(DURABLE) as server, fresh_database(server) as url:
        yield {"SQLite": f"sqlite:///{Path(folder) / 'inbox.db'}", "PostgreSQL": url}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks inbox", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="turns of the workers in each case (default 20)")
    options = parser.parse_args(arguments)
    line = "{:<12}{:>10}{:>10}{:>14}{:>14}{:>14}\n"
    sys.stdout.write(line.format("", "events", "payments", "first ms", "median ms", "longest ms"))
    for case in CASES:
        with databases() as urls:
            for name, url in urls.items():
                first, *later = anyio.run(lease_rounds, url, case, options.rounds)
                times = [f"{each * 1e3:.1f}" for each in (first, statistics.median(later), max(later))]
                sys.stdout.write(line.format(name, f"{case.events:,}", f"{case.payments:,}", *times))
