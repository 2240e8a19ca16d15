"""The command line as its users meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexi_async import _cli as cli

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from nexi_async._cli import main; main()"]


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with further environment variables."""
    command = [*COMMAND, *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=environment)


def test_it_tells_its_version() -> None:
    """`--version` prints name and version."""
    result = run("--version")

    assert (result.returncode, result.stdout.split()[0]) == (0, "nexi-async")


def run_without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where a package can't be imported."""
    program = f"import sys; sys.modules[{package!r}] = None; from nexi_async._cli import main; main()"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


NEEDED_BY = {
    "typer": "--version",
    "rich": "--help",
    "platformdirs": "payments",
    "sqlalchemy": "batch",
    "uvicorn": "webhooks",
    "jinja2": "emulator",
    "trustme": "demo",
}


@pytest.mark.parametrize("package", cli.EXTRAS)
def test_without_its_extras_a_command_names_what_installs_them(package: str) -> None:
    """A missing package is one line on standard error and status 2, not a traceback."""
    result = run_without(package, NEEDED_BY[package])

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"nexi-async needs {package} for this: pip install 'nexi-async[cli,emulator]'\n"


def test_help_loads_no_command() -> None:
    """It is printed without the libraries that the commands need, which take seconds to load."""
    program = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from nexi_async._cli import main\n"
        "try: main()\n"
        "finally: print(*{'sqlalchemy', 'uvicorn', 'starlette', 'jinja2', 'nexi_async._demo'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)

    assert "demo" in result.stdout
    assert result.stdout.splitlines()[-1] == ""


def test_a_missing_package_of_another_kind_is_not_hidden() -> None:
    """What no extra brings is a fault of the installation and shows as such."""
    result = run_without("anyio")

    assert result.returncode == 1
    assert "ModuleNotFoundError" in result.stderr
