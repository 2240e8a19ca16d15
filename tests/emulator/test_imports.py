"""The emulator stands alone: it knows the wire, never the SDK, and loads no server unless it serves."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nexi_async.emulator

MODULES = sorted(Path(nexi_async.emulator.__file__).parent.rglob("*.py"))


def imported(module: Path) -> Iterator[str]:
    """The full names of what a module imports."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_nothing_of_the_sdk_is_imported(module: Path) -> None:
    """Every import from the package is from the emulator itself."""
    own = [name for name in imported(module) if name.split(".")[0] == "nexi_async"]
    assert all(name.startswith("nexi_async.emulator.") for name in own)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_event_loop_of_its_own(module: Path) -> None:
    """Only anyio is used, but for a task that no block owns, so that all but the server runs on asyncio and trio."""
    if module.stem == "_background":
        return
    assert not {name.split(".")[0] for name in imported(module)} & {"asyncio", "trio"}


@pytest.mark.slow
def test_no_server_is_loaded() -> None:
    """Importing the emulator needs neither uvicorn nor trustme."""
    code = "import sys, nexi_async.emulator; print({'uvicorn', 'trustme'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"
