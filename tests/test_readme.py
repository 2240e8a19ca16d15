"""The README's service runs as it is printed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

README = Path(__file__).parent.parent / "README.md"
SCRIPTS = Path(sys.executable).parent
PATIENCE = 20.0


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def service(shop: int, emulator: int) -> str:
    """The README's Python, on other ports."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code).replace("127.0.0.1:8000", f"127.0.0.1:{shop}").replace("127.0.0.1:8400", f"127.0.0.1:{emulator}")


@contextmanager
def running(*command: str, cwd: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own process, from when it listens until it has stopped."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen([SCRIPTS / command[0], *command[1:]], cwd=cwd, env=environment, stdout=subprocess.PIPE)
    try:
        wait_until_listening(server, port)
        yield server
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE)


def wait_until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait for the port to open, or say that the server died."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        assert server.poll() is None, "the server died"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server did not listen in time")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[httpx.Client]:
    """The README's shop beside the emulator."""
    shop_port, emulator_port = free_port(), free_port()
    (tmp_path / "shop.py").write_text(service(shop_port, emulator_port))
    with ExitStack() as servers:
        emulator = ("nexi-async", "emulator", "--port", str(emulator_port))
        servers.enter_context(running(*emulator, cwd=tmp_path, port=emulator_port))
        uvicorn = ("uvicorn", "shop:app", "--port", str(shop_port))
        servers.enter_context(running(*uvicorn, cwd=tmp_path, port=shop_port))
        yield servers.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{shop_port}", timeout=PATIENCE))


def test_the_service_takes_an_order_and_charges_it(shop: httpx.Client) -> None:
    """Order, pay on the hosted page, ship: the webhook comes in between and the charge goes through."""
    order = shop.post("/orders", params={"article": "mug", "price": 10_000}).raise_for_status().json()
    with httpx.Client(timeout=PATIENCE) as shopper:
        paid = shopper.post(order["pay_here"], data={"action": "pay", "method": "card", "card": "4268270087374847"})
    assert paid.status_code == 303
    assert ship(shop, order["payment_id"]).json()["charged"]


def ship(shop: httpx.Client, payment_id: str) -> httpx.Response:
    """Ask to ship until the webhook has told the shop that the order is paid."""
    ends = time.monotonic() + PATIENCE
    while (answer := shop.post(f"/orders/{payment_id}/ship")).status_code != 200 and time.monotonic() < ends:
        time.sleep(0.1)
    return answer.raise_for_status()


def test_the_commands_are_single_lines() -> None:
    """Set-up is one line for the demo and one for the tests."""
    commands = re.findall(r"```sh\n(.*?)\n```", README.read_text(), re.DOTALL)
    assert [command.rpartition(" ")[2] for command in commands] == ["demo", "--cov"]
    assert not any("\n" in command for command in commands)
