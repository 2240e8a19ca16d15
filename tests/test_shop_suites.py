"""The documentation's shop in the suites that users have: anyio, pytest-asyncio in both modes, Starlette's TestClient.

Each suite is a project of its own, with the shop and the tests as they are printed; two are run by two processes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, printed
from tests.test_readme import SHOP
from tests.test_testing import TIMEOUT, run_pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * TIMEOUT)]

MORE = """

@pytest.mark.parametrize("article", ["mug", "cup", "jug", "pot"])
async def test_no_event_is_taken_for_one_of_another_test(client, nexi_emulator, article):
    order = (await client.post("/orders", params={"article": article, "price": 10_000})).json()
    assert order["payment_id"] not in shop.paid
    nexi_emulator.pay(order["payment_id"])
    await nexi_emulator.wait_delivered()
    assert shop.paid[order["payment_id"]] == 12_500


async def test_what_the_shop_does_not_accept_is_reported(client, nexi_emulator, monkeypatch):
    monkeypatch.setattr(shop, "SECRET", "anotherSecretThanTheReceiverHas1")
    order = (await client.post("/orders", params={"article": "mug", "price": 10_000})).json()
    nexi_emulator.pay(order["payment_id"])
    with pytest.raises(TimeoutError, match="checkout.completed of payment .* answered 401"):
        await nexi_emulator.wait_delivered(0.5)
"""
"""Tests of one process share the shop and its receiver, which keeps in mind what it has handled."""

SYNCHRONOUS = MORE.replace("async ", "").replace("await nexi_emulator.wait_delivered(0.5)", "DELIVER")
SYNCHRONOUS = SYNCHRONOUS.replace("await nexi_emulator.wait_delivered()", "DELIVER").replace("await ", "")
SYNCHRONOUS = SYNCHRONOUS.replace("DELIVER", "nexi_emulator.deliver_all(client.portal)")


def strict(code: str) -> str:
    """The tests as the strict mode of pytest-asyncio wants them."""
    code = code.replace("@pytest.fixture\nasync def", "@pytest_asyncio.fixture\nasync def")
    return (
        code.replace("import pytest\n", "import pytest\nimport pytest_asyncio\n")
        + "\npytestmark = pytest.mark.asyncio\n"
    )


BARE = "[pytest]\nfilterwarnings = error\n"
WITHOUT_ASYNCIO = BARE + "addopts = -p no:asyncio\n"
WITH_ASYNCIO = BARE + "asyncio_default_fixture_loop_scope = function\n"

ASYNCHRONOUS = printed(PAGES / "testing.md", "test_shop.py") + MORE
SUITES = {
    "anyio": (WITHOUT_ASYNCIO + "anyio_mode = auto", ASYNCHRONOUS, 12, 2),  # on asyncio and on trio
    "pytest-asyncio, auto": (WITH_ASYNCIO + "asyncio_mode = auto", ASYNCHRONOUS, 6, 0),
    "pytest-asyncio, strict": (WITH_ASYNCIO + "asyncio_mode = strict", strict(ASYNCHRONOUS), 6, 0),
    "TestClient": (WITHOUT_ASYNCIO, printed(PAGES / "testing.md", "test_shop_synchronously.py") + SYNCHRONOUS, 6, 2),
}
"""The configuration, the tests, how many pass, and by how many processes they are run besides the first."""


@pytest.mark.parametrize("suite", SUITES)
def test_the_shop_is_tested(suite: str, tmp_path: Path) -> None:
    """Every test passes, without a warning."""
    configuration, tests, count, workers = SUITES[suite]
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(tests)
    done = run_pytest(tmp_path, "-n", str(workers), configuration=configuration)
    assert re.search(rf"^{count} passed in", done.stdout, re.MULTILINE), done.stdout + done.stderr


SEEDS = """
import pathlib

import pytest


@pytest.mark.parametrize("number", range(3))
def test_seed(number, nexi_seed, nexi_emulator):
    with pathlib.Path("seeds").open("a") as seeds:
        seeds.write(f"{number} {nexi_seed} {nexi_emulator.sign_up(1)[0]}\\n")
"""


def test_ids_differ_from_test_to_test_and_not_from_session_to_session(tmp_path: Path) -> None:
    """So a failure can be repeated, and no test sees the events of another."""
    (tmp_path / "test_seeds.py").write_text(SEEDS)
    for _ in range(2):
        done = run_pytest(tmp_path, configuration=WITHOUT_ASYNCIO)
        assert "3 passed" in done.stdout, done.stdout + done.stderr
    lines = (tmp_path / "seeds").read_text().splitlines()
    assert lines[:3] == lines[3:]
    assert len(set(lines)) == 3
    assert len({line.split()[2] for line in lines}) == 3
