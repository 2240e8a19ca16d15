"""The emulator as a process of its own, and the batch commands: in a process that can be killed, or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.ports import free_port, wait_until_listening

COMMAND = [sys.executable, "-c", "from nexi_async._cli import main; main()"]
TIMEOUT_SECONDS = 30.0
ALWAYS_ANEW = httpx.Limits(max_keepalive_connections=0)
"""An idle connection may be closed by the server just when it is used again."""


@attrs.frozen
class EmulatorProcess:
    """An emulator with its own state, out of reach of what happens in this process."""

    url: str
    controls: httpx.Client

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to charge against it."""
        return {**os.environ, "NEXI_BASE_URL": self.url, "NEXI_SECRET_KEY": "emulator-secret-key"}

    def sign_up(self, count: int) -> list[str]:
        """So many subscriptions; their ids."""
        ids: list[str] = self.control("POST", "subscriptions", {"count": count})["ids"]
        return ids

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Use a control endpoint."""
        answer = self.controls.request(method, f"/emulator/{name}", json={} if body is None else body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charged(self) -> Counter[str]:
        """How often each job was charged."""
        from tests.batch.support import charges_in  # this module is loaded before coverage is measured

        return charges_in(self.control("GET", "state")["payments"])


@contextmanager
def running_emulator() -> Iterator[EmulatorProcess]:
    """An emulator until the end of the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([*COMMAND, "emulator", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, limits=ALWAYS_ANEW, trust_env=False) as controls:
            wait_until_listening(server, port)
            yield EmulatorProcess(url, controls)
    finally:
        server.terminate()
        server.wait(TIMEOUT_SECONDS)


@pytest.fixture(scope="session")
def emulator_process() -> Iterator[EmulatorProcess]:
    """One emulator for all tests that need one: to start a process takes longer than most tests."""
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(emulator_process: EmulatorProcess) -> EmulatorProcess:
    """An emulator in its initial state, apart from its clock."""
    emulator_process.control("POST", "reset")
    return emulator_process


def batch(environment: dict[str, str], *arguments: str) -> Result:
    """Run `nexi-async batch` to its end, in this process."""
    from nexi_async._cli.app import app  # see above

    return CliRunner().invoke(app, ["batch", *arguments], env=environment)


def begin(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Begin `nexi-async batch`."""
    return subprocess.Popen(
        [*COMMAND, "batch", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
