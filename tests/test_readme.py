"""The README's service runs as it is printed: orders, declines, a second click, and with an inbox."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.docs.blocks import DOCS, README, SCRIPTS, printed
from tests.ports import free_port, wait_until_listening

SHOP = (DOCS / "examples" / "fastapi_shop" / "shop.py").read_text()
INBOX_SHOP = (DOCS / "examples" / "fastapi_inbox" / "inbox_shop.py").read_text()
TIMEOUT = 20.0


def on_ports(code: str, shop: int, emulator: int) -> str:
    """The shop on other ports."""
    return code.replace("127.0.0.1:8000", f"127.0.0.1:{shop}").replace("127.0.0.1:8400", f"127.0.0.1:{emulator}")


@contextmanager
def running(*command: str, cwd: Path, port: int, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server of its own process, from when it listens until it has stopped; what it says is in `<command>.log`."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    with (cwd / f"{command[0]}.log").open("wb") as log:
        server = subprocess.Popen(
            [SCRIPTS / command[0], *command[1:]], cwd=cwd, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until_listening(server, port)
            yield
        finally:
            server.terminate()
            server.wait(timeout=TIMEOUT)


@contextmanager
def running_shop(folder: Path, code: str) -> Iterator[httpx.Client]:
    """A shop beside the emulator."""
    shop_port, emulator_port = free_port(), free_port()
    (folder / "shop.py").write_text(on_ports(code, shop_port, emulator_port))
    with ExitStack() as servers:
        emulator = ("nexi-async", "emulator", "--port", str(emulator_port))
        servers.enter_context(running(*emulator, cwd=folder, port=emulator_port))
        uvicorn = ("uvicorn", "shop:app", "--port", str(shop_port))
        env = {
            "NEXI_BASE_URL": f"http://127.0.0.1:{emulator_port}",
            "NEXI_SECRET_KEY": "emulator-secret-key",
            "NEXI_WEBHOOK_AUTHORIZATION": "q7Lw2ZtB9fKx4RdNh3VsYc8MpEa6JgUt,p3Xk8VtQ0dLw5ZmYc1RbNh7JsGa4EfUo",
            "SHOP_URL": f"http://127.0.0.1:{shop_port}",
            "WEBHOOK_NETWORKS": "127.0.0.1",
        }
        servers.enter_context(running(*uvicorn, cwd=folder, port=shop_port, env=env))
        yield servers.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{shop_port}", timeout=TIMEOUT))


def ordered(shop: httpx.Client) -> tuple[str, str]:
    """A new order's payment, and where to pay."""
    order = shop.post("/orders", params={"article": "mug", "price": 10_000}).raise_for_status().json()
    return order["payment_id"], order["pay_here"]


def pay(page: str, card: str = "4268270087374847") -> int:
    """Pay on the hosted page; its answer."""
    form = {"action": "pay", "method": "card", "card": card}
    return httpx.post(page, data=form, timeout=TIMEOUT, trust_env=False).status_code


def ship(shop: httpx.Client, payment_id: str) -> httpx.Response:
    """Ask to ship until the webhook has told the shop that the order is paid."""
    ends = time.monotonic() + TIMEOUT
    while (answer := shop.post(f"/orders/{payment_id}/ship")).status_code == 409 and time.monotonic() < ends:
        time.sleep(0.1)
    return answer.raise_for_status()


def said_by_shop(folder: Path, text: str) -> str:
    """What uvicorn and the shop have said, once the text is in it or time is up."""
    ends = time.monotonic() + TIMEOUT
    while text not in (said := (folder / "uvicorn.log").read_text()) and time.monotonic() < ends:
        time.sleep(0.05)
    return said


@pytest.mark.slow
def test_the_service_charges_once_what_was_paid(tmp_path: Path) -> None:
    """Order, pay on the hosted page, ship: the webhook comes in between; a second click charges nothing more.

    Whose card is declined gets nothing, and the shop is told why.
    """
    with running_shop(tmp_path, SHOP) as shop:
        payment_id, page = ordered(shop)
        assert pay(page, card="4925000000000087") == 402
        assert f"{payment_id} was declined:" in said_by_shop(tmp_path, "was declined")
        assert shop.post(f"/orders/{payment_id}/ship").status_code == 409
        assert pay(page) == 303
        first = ship(shop, payment_id).json()["charged"]
        assert ship(shop, payment_id).json()["charged"] == first


@pytest.mark.slow
def test_the_service_shows_what_went_wrong(tmp_path: Path) -> None:
    """Run by a plain uvicorn without any logging set up, a handler that raises shows its traceback."""
    code = SHOP.replace(
        "    paid[event.payment_id] =", '    raise LookupError("no such mug")\n    paid[event.payment_id] ='
    )
    with running_shop(tmp_path, code) as shop:
        payment_id, page = ordered(shop)
        assert pay(page) == 303
        said = said_by_shop(tmp_path, "LookupError: no such mug")
        assert "Traceback (most recent call last)" in said
        assert 'raise LookupError("no such mug")' in said
        assert payment_id in said
        assert shop.post(f"/orders/{payment_id}/ship").status_code == 409


@pytest.mark.slow
def test_the_service_with_an_inbox(tmp_path: Path) -> None:
    """One lifespan opens the client and the receiver, so that a handler gets the payment as it is now."""
    with running_shop(tmp_path, INBOX_SHOP) as shop:
        payment_id, page = ordered(shop)
        assert pay(page) == 303
        assert ship(shop, payment_id).json()["charged"]
    assert (tmp_path / "inbox.db").stat().st_size


def test_the_shop_is_the_one_that_is_run() -> None:
    """The README prints the example word for word."""
    assert printed(README, "shop.py") == SHOP


def test_the_commands_are_single_lines() -> None:
    """Set-up is one line for the demo and one for the tests."""
    commands = re.findall(r"^python3 -m venv .*$", README.read_text(), re.MULTILINE)
    assert [command.rpartition(" ")[2] for command in commands] == ["demo", "auto"]


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()))
def test_links_of_the_readme_lead_somewhere(target: str) -> None:
    """Each file that the README links to is there."""
    assert (README.parent / target).is_file()
