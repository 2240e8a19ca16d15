"""Tests of what the package shows, and of what it loads to do so."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from types import ModuleType

import pytest

import nexi_async

EXTRAS = (
    "starlette",
    "typer",
    "rich",
    "uvicorn",
    "jinja2",
    "trustme",
    "sqlalchemy",
    "psycopg",
    "procrastinate",
    "trio",
    "opentelemetry",
)
LOADED_BY_HTTPX = {"rich"}
"""For its own command line, where it is installed."""

FLOORS_ABOVE = (
    "nexi_async.webhooks",
    "nexi_async.emulator",
    "nexi_async.batch",
    "nexi_async._cli",
    "nexi_async._demo",
    "nexi_async._storage",
)


def run(program: str) -> str:
    """What a program prints, in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_name_is_listed_twice() -> None:
    """`__all__` is a list of different names."""
    assert len(nexi_async.__all__) == len(set(nexi_async.__all__))


def test_names_are_those_that_are_there() -> None:
    """`__all__` is exactly what the package holds, apart from its modules."""
    there = {
        name
        for name in dir(nexi_async)
        if not name.startswith("_") and not isinstance(getattr(nexi_async, name), ModuleType)
    }
    assert set(nexi_async.__all__) == there


@pytest.mark.parametrize("name", sorted(nexi_async.__all__))
def test_every_name_is_explained(name: str) -> None:
    """Each public name has a docstring of its own that ends as a sentence does."""
    lines = (getattr(nexi_async, name).__doc__ or "").strip().splitlines()
    assert lines
    assert lines[0].endswith((".", ":"))


def test_importing_loads_no_more_than_it_needs() -> None:
    """The client loads neither an extra nor a part that stands on top of it."""
    loaded = set(run("import sys, nexi_async; print('\\n'.join(sys.modules))").splitlines())
    assert "nexi_async._client" in loaded
    assert not loaded & {*EXTRAS, *FLOORS_ABOVE} - LOADED_BY_HTTPX


@pytest.mark.parametrize("module", ["nexi_async", "nexi_async.webhooks", "nexi_async.batch"])
@pytest.mark.slow
def test_no_import_loads_a_database_or_a_command_line(module: str) -> None:
    """Whoever imports a part waits for nothing that only its use may need."""
    program = (
        f"import sys, httpx; before = {{*sys.modules}}; import {module}; print('\\n'.join({{*sys.modules}} - before))"
    )
    loaded = set(run(program).splitlines())
    assert module in loaded
    assert not loaded & ({*EXTRAS, "click"} - {"starlette"})


@pytest.mark.parametrize("module", ["nexi_async", "nexi_async.batch"])
@pytest.mark.slow
def test_every_name_is_loaded_when_it_is_asked_for(module: str) -> None:
    """What is loaded late is there all the same, by name, in a listing, and with a star."""
    program = (
        f"import {module} as m; names = m.__all__; assert {{*names}} <= {{*dir(m)}}; [getattr(m, n) for n in names]"
    )
    assert run(f"{program}; from {module} import *; print(len(names))").isdigit()
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'Ordr'"):
        _ = importlib.import_module(module).Ordr


def test_a_star_import_of_batch_works_without_any_extra() -> None:
    """It brings what needs no extra; a class that needs one names it when it is imported by name."""
    program = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS!r}))
from nexi_async.batch import *
print("ChargeJob" in globals(), "Ledger" in globals(), "ShardWorker" in globals())
try:
    from nexi_async.batch import Ledger
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(program).splitlines() == [
        "True False False",
        "SQL storage needs SQLAlchemy: pip install 'nexi-async[storage]'",
    ]


@pytest.mark.slow
def test_importing_takes_no_longer_than_a_peer() -> None:
    """In the same environment `import nexi_async` costs no more processor time than `import stripe`."""
    least = {"nexi_async": math.inf, "stripe": math.inf}
    for round_number in range(1, 21):  # other programs only add to the time, so both converge to their own
        for module in least:
            least[module] = min(least[module], float(run(f"import {module}, time; print(time.process_time())")))
        if round_number >= 5 and least["nexi_async"] <= 1.1 * least["stripe"]:
            break
    assert least["nexi_async"] <= 1.1 * least["stripe"]


def test_client_works_without_any_extra() -> None:
    """Where no extra is installed, a payment is retrieved all the same."""
    program = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS!r}))

import anyio, httpx, nexi_async

async def main():
    body = {{"chargeId": "c1", "amount": 12500}}
    api = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
    async with nexi_async.AsyncCheckout("key", transport=api) as checkout:
        print((await checkout.charges.retrieve("c1")).amount)

anyio.run(main)
"""
    assert run(program) == "12500"


def test_importing_warns_of_nothing() -> None:
    """No import uses what will go away."""
    assert run("import warnings; warnings.simplefilter('error'); import nexi_async") == ""
