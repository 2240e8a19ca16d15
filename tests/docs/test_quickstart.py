"""The quickstart, followed word for word: three terminals, an order, a webhook, a charge, a subscription."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.docs.blocks import PAGES, SCRIPTS, Block, blocks
from tests.ports import free_port
from tests.test_readme import TIMEOUT, on_ports, pay, running

PAGE = PAGES / "quickstart.md"

pytestmark = [pytest.mark.slow]


def commands(terminal: str) -> Iterator[str]:
    """What the page has its reader type there, line by line."""
    for block in blocks(PAGE):
        if block.language == "console" and block.title == terminal:
            yield from block.code.splitlines()


def files() -> Iterator[Block]:
    """What the page has its reader save."""
    return (block for block in blocks(PAGE) if block.language == "python")


def test_every_command_has_a_terminal() -> None:
    """Nothing that the reader types is left out here."""
    titles = [block.title for block in blocks(PAGE) if block.language in ("console", "sh")]
    assert {*titles} == {"once", "terminal 1", "terminal 2", "terminal 3"}


def test_the_reader_ends_with_a_charged_subscription(tmp_path: Path) -> None:
    """Each command of the page does what the page says."""
    shop_port, emulator_port = free_port(), free_port()
    for file in files():
        (tmp_path / str(file.title)).write_text(on_ports(file.code, shop_port, emulator_port))

    def typed(command: str, payment_id: str = "") -> str:
        command = on_ports(command, shop_port, emulator_port).replace("PAYMENT_ID", payment_id)
        command = re.sub(r"^curl ", "curl --silent --fail ", command)
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=True
        ).stdout

    with ExitStack() as servers:
        (emulator,), (shop,) = [*commands("terminal 1")], [*commands("terminal 2")]
        servers.enter_context(
            running(*emulator.split(), "--port", str(emulator_port), cwd=tmp_path, port=emulator_port)
        )
        servers.enter_context(running(*shop.split(), "--port", str(shop_port), cwd=tmp_path, port=shop_port))
        order, play, ship, subscribe = commands("terminal 3")

        ordered = json.loads(typed(order))
        assert httpx.get(ordered["pay_here"], trust_env=False).status_code == 200
        typed(play, ordered["payment_id"])
        wait_for(tmp_path / "uvicorn.log", f"{ordered['payment_id']} was paid")
        first, second = (json.loads(typed(ship, ordered["payment_id"])) for _ in range(2))
        assert first["charged"] == second["charged"]

        log = servers.enter_context((tmp_path / "subscribe.log").open("w"))
        program = servers.enter_context(
            subprocess.Popen(
                [SCRIPTS / "python", *subscribe.split()[1:]],
                cwd=tmp_path,
                stdin=subprocess.PIPE,
                stdout=log,
                env={"PYTHONUNBUFFERED": "1"},
                text=True,
            )
        )
        page = re.search(r"http\S+", wait_for(tmp_path / "subscribe.log", "press Enter"))
        assert page is not None
        assert pay(page[0]) == 303
        program.communicate("\n", timeout=TIMEOUT)
        assert program.returncode == 0
        assert "Charged the next month:" in (tmp_path / "subscribe.log").read_text()


def wait_for(log: Path, text: str) -> str:
    """The log, once it has the text."""
    ends = time.monotonic() + TIMEOUT
    while text not in (found := log.read_text()) and time.monotonic() < ends:
        time.sleep(0.05)
    assert text in found
    return found
