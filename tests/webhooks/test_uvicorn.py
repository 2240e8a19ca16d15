"""A shop as it is started by `uvicorn shop:app`, without any logging set up: what goes wrong is seen, and counted."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from nexi_async.webhooks import deliveries
from tests.webhooks.support import AUTHORIZATION

pytestmark = pytest.mark.slow

TIMEOUT = 30.0
HEADERS = {"Authorization": AUTHORIZATION}
SHOP = f"""
from fastapi import FastAPI
from nexi_async.webhooks import PaymentCreated, WebhookReceiver

receiver = WebhookReceiver(authorization={AUTHORIZATION!r}, networks=["127.0.0.1"])

@receiver.on("payment.created")
async def remember(event: PaymentCreated) -> None:
    raise RuntimeError("out of stock")

app = FastAPI(lifespan=receiver.lifespan)
app.mount("/nexi", receiver)
app.add_route("/metrics", receiver.metrics)
"""


@contextmanager
def serving(
    folder: Path, shop: str, *options: str, stop: signal.Signals = signal.SIGINT
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The shop's URL and its process, from when it answers."""
    (folder / "shop.py").write_text(shop)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, text=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/metrics", process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.send_signal(stop)
        process.wait(TIMEOUT)


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    """Wait until the server answers."""
    ends = time.monotonic() + TIMEOUT
    while time.monotonic() < ends:
        assert process.poll() is None, "the server died"
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not answer in time")


def post(url: str, event: str = "payment.created", headers: dict[str, str] = HEADERS) -> int:
    """Deliver one event, over a connection of its own."""
    return httpx.post(
        f"{url}/nexi/hook", content=deliveries.sample(event), headers=headers, trust_env=False
    ).status_code


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_failures_are_seen(tmp_path: Path, stop: signal.Signals) -> None:
    """A handler's traceback, a missing handler, a wrong Authorization: each once, with a number for the rest."""
    with serving(tmp_path, SHOP, stop=stop) as (url, _):
        assert [post(url) for _ in range(3)] == [500] * 3
        assert post(url, "payment.cancel.created") == 500
        assert [post(url, headers={}) for _ in range(3)] == [401] * 3
    stderr = (tmp_path / "stderr").read_text()
    assert stderr.count("handler failed: event 'payment.created'") == 2
    assert stderr.count("Traceback (most recent call last)") == 1
    assert stderr.count("RuntimeError: out of stock") == 1
    assert 'shop.py", line 9, in remember' in stderr
    assert "no handler for 'payment.cancel.created': register one with `on`" in stderr
    assert stderr.count("its Authorization is missing") == 2
    assert stderr.count("2 more within a minute") == 2


def test_a_receiver_without_handlers_says_so(tmp_path: Path) -> None:
    """At start, not with the first event that is lost."""
    shop = SHOP.replace('@receiver.on("payment.created")', "")
    with serving(tmp_path, shop):
        assert "the receiver has no handlers" in (tmp_path / "stderr").read_text()


def test_configured_logging_gets_it_all(tmp_path: Path) -> None:
    """Each line once, in the format that was asked for, and none beside."""
    configured = "import logging\nlogging.basicConfig(format='%(levelname)s|%(message)s')\n" + SHOP
    with serving(tmp_path, configured) as (url, _):
        assert [post(url, headers={}) for _ in range(3)] == [401] * 3
    lines = [line for line in (tmp_path / "stderr").read_text().splitlines() if "Authorization" in line]
    assert [line.partition("|")[0] for line in lines] == ["WARNING"] * 3


def samples(page: str) -> dict[str, float]:
    """The numbers of a page for Prometheus, by name and labels."""
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_two_workers_do_not_contradict_each_other(tmp_path: Path) -> None:
    """Each number belongs to a process: no series ever falls, and together they are all that was delivered.

    The scraper would keep its connection, as Prometheus does, and yet it gets both.
    """
    latest: dict[str, float] = {}
    falls, sent = list[str](), 0
    with (
        serving(tmp_path, SHOP, "--workers", "2") as (url, _),
        httpx.Client(base_url=url, trust_env=False) as prometheus,
    ):
        ends = time.monotonic() + TIMEOUT
        by_process: dict[str, float] = defaultdict(float)
        while (len(by_process) < 2 or sum(by_process.values()) != sent) and time.monotonic() < ends:
            if len(by_process) < 2:
                assert post(url, headers={}) == 401
                sent += 1
            for name, value in samples(prometheus.get("/metrics").text).items():
                falls += [name] * (value < latest.get(name, 0.0))
                latest[name] = value
                if name.startswith("nexi_webhooks_deliveries_total") and 'status="401"' in name:
                    (process,) = re.findall('process="([0-9]+)"', name)
                    by_process[process] = value
    assert falls == []
    assert len(by_process) == 2
    assert sum(by_process.values()) == sent
