"""Whatever was answered 200 is handled, however often the receiving processes are killed.

By default a small run. The full one:

    NEXI_KILL_DELIVERIES=20000 NEXI_KILLS=10 python -m pytest -s tests/webhooks/test_kill.py
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from nexi_async.webhooks import SQLInbox, StoredEvent, deliveries, parse_event
from tests.ports import free_port
from tests.webhooks.support import AUTHORIZATION

pytestmark = pytest.mark.slow

DELIVERIES = int(os.environ.get("NEXI_KILL_DELIVERIES", "300"))
KILLS = int(os.environ.get("NEXI_KILLS", "3"))
CONNECTIONS = 8
TIMEOUT = 50.0 + DELIVERIES / 20
HEADERS = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
NAMES = ("payment.created", "payment.checkout.completed", "payment.charge.created", "payment.charge.created.v2")


class Shop:
    """One or more processes that receive into the same inbox."""

    def __init__(self, url: str, lines: Path, processes: int) -> None:
        self._url = url
        self._lines = lines
        self.ports = [free_port() for _ in range(processes)]
        self._processes = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "tests.webhooks.shop_program", self._url, str(port), str(self._lines)]
        return subprocess.Popen(program, env=_without_coverage())

    def kill_one(self) -> None:
        """Kill a process without warning, and start another in its place."""
        number = random.randrange(len(self.ports))
        self._processes[number].kill()
        self._processes[number].wait()
        self._processes[number] = self._start(self.ports[number])

    def close(self) -> None:
        """Kill them all."""
        for process in self._processes:
            process.kill()
            process.wait()


class Nexi:
    """Sends every delivery until it is answered 200, over several connections at once."""

    def __init__(self, bodies: list[bytes], ports: list[int]) -> None:
        self._waiting = list(bodies)
        self._ports = ports
        self._results = time.monotonic() + TIMEOUT
        self.answered = 0
        self.unanswered = 0

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Send while the block runs, and to the end."""
        threads = [threading.Thread(target=self._send, args=(number,)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()

    def is_sending(self) -> bool:
        """Whether there is something left to send, and time for it."""
        return bool(self._waiting) and time.monotonic() < self._results

    def _send(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[number % len(self._ports)], timeout=10)
        while self.is_sending():
            with contextlib.suppress(IndexError):  # another thread took the last one
                body = self._waiting.pop()
                if self._is_taken(connection, body):
                    self.answered += 1
                else:
                    self.unanswered += 1
                    self._waiting.insert(0, body)
                    time.sleep(0.05)
        connection.close()

    @staticmethod
    def _is_taken(connection: http.client.HTTPConnection, body: bytes) -> bool:
        try:
            connection.request("POST", "/nexi/webhooks", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        return answer.status == 200


def _without_coverage() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def shuffled_deliveries() -> tuple[list[bytes], set[tuple[str, str]]]:
    """Deliveries in any order, a tenth of them twice; and the events that they bring. A payment has several events."""
    once = [
        deliveries.sample(random.choice(NAMES), payment_id=f"{random.randrange(DELIVERIES // 3):032}")
        for _ in range(DELIVERIES)
    ]
    everything = once + random.sample(once, DELIVERIES // 10)
    random.shuffle(everything)
    events = map(parse_event, once)
    return everything, {(event.id, event.name) for event in events}


async def events_when_all_is_done(url: str) -> list[StoredEvent]:
    """Everything in the inbox, as soon as nothing waits any more."""
    async with SQLInbox(url) as inbox:
        with anyio.move_on_after(TIMEOUT):
            while (await inbox.stats()).waiting:  # noqa: ASYNC110 - other processes work
                await anyio.sleep(0.1)
        return await inbox.events(limit=2 * DELIVERIES)


@pytest.fixture(params=[("sqlite", 1), ("postgresql", 2)], ids=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shop, str, Path]]:
    """A shop on either database; on PostgreSQL two processes share the work."""
    kind, processes = request.param
    url = f"sqlite:///{tmp_path / 'inbox.db'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    lines = tmp_path / "handled"
    shop = Shop(url, lines, processes)
    yield shop, url, lines
    shop.close()


@pytest.mark.timeout(3 * TIMEOUT)
def test_nothing_is_lost(shop: tuple[Shop, str, Path]) -> None:
    """Every event is handled at least once and recorded as done exactly once, and no event comes out of nowhere."""
    victim, url, lines = shop
    bodies, events = shuffled_deliveries()
    moments = sorted(random.sample(range(len(bodies)), KILLS))
    nexi = Nexi(bodies, victim.ports)
    with nexi.sending():
        for moment in moments:
            while nexi.answered < moment and nexi.is_sending():
                time.sleep(0.001)
            victim.kill_one()
    stored = anyio.run(events_when_all_is_done, url)
    handled = Counter(tuple(line.split()) for line in lines.read_text().splitlines())
    sys.stdout.write(f"{nexi.answered} answered, {nexi.unanswered} sent again, {len(events)} events, ")
    sys.stdout.write(f"{handled.total()} times handled, {sum(event.attempts > 1 for event in stored)} leased twice\n")
    assert nexi.answered == len(bodies)
    assert set(handled) == events
    assert Counter((event.id, event.event) for event in stored) == Counter(events)
    assert {event.state for event in stored} == {"done"}
