"""`nexi-async emulator` as a program of its own."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.cli.test_main import COMMAND, run

pytestmark = pytest.mark.slow


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The program with a free port, and what it says about itself."""
    command = [*COMMAND, "emulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            yield program, _introduction(program)
        finally:
            program.kill()


def _introduction(program: subprocess.Popen[str]) -> dict[str, str]:
    assert program.stdout is not None
    said: dict[str, str] = {}
    for line in program.stdout:
        if line.startswith("Ctrl-C"):
            return said
        name, _, value = line.strip().partition("  ")
        said[name] = value.strip()
    raise AssertionError("the emulator ended before it was ready")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped(stop: signal.Signals) -> None:
    """It prints where it is and its key, answers there, and ends cleanly on either signal."""
    with running() as (program, said):
        key = {"Authorization": said["Secret key"]}
        assert (
            httpx.get(f"{said['Emulator at']}/v1/payments/{'0' * 32}", headers=key, trust_env=False).status_code == 404
        )
        assert httpx.get(f"{said['Emulator at']}/v1/payments/x", trust_env=False).status_code == 401
        program.send_signal(stop)
        _, complaints = program.communicate(timeout=20)

    assert (program.returncode, complaints) == (0, "")


def test_with_tls_it_names_whom_to_trust() -> None:
    """The file that it prints is all that a client needs to trust it."""
    with running("--tls", "--seed", "7") as (program, said):
        trust = ssl.create_default_context(cafile=said["Trust"])
        books = httpx.get(f"{said['Emulator at']}/emulator/books", verify=trust, trust_env=False)
        assert said["Emulator at"].startswith("https://127.0.0.1:")
        assert books.json()["payments"] == []
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)


def test_other_machines_are_kept_out_unless_told_twice() -> None:
    """An address that others can reach is refused, and the way to insist is named."""
    result = run("emulator", "--host", "0.0.0.0", "--port", "0")

    assert result.returncode == 2
    assert "--beyond-loopback" in result.stderr


def test_a_taken_port_is_said() -> None:
    """A port in use is status 2 and one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("emulator", "--port", str(port))

    assert result.returncode == 2
    assert result.stderr.startswith(f"The emulator can't listen at 127.0.0.1, port {port}: Address already in use")


def test_it_is_told_how_it_is_called() -> None:
    """Its pages are at the public address, and a further name is served; any other is not."""
    with running("--public-url", "https://pay.example/nexi", "--allow-host", "emulator") as (_, said):
        url = f"{said['Emulator at']}/emulator/settings"
        for host, status in [("emulator:8400", 200), ("pay.example", 200), ("other", 421)]:
            assert httpx.get(url, headers={"Host": host}, trust_env=False).status_code == status


def test_a_public_url_that_is_none_is_refused() -> None:
    """It names what is wrong, and what it would take."""
    result = run("emulator", "--public-url", "pay.example")

    assert result.returncode == 2
    assert "public_url" in result.stderr


def test_the_letter_of_the_reference_on_demand() -> None:
    """`--strict` switches off what the reference does not allow."""
    with running("--strict") as (program, said):
        settings = httpx.get(f"{said['Emulator at']}/emulator/settings", trust_env=False).json()
        assert settings["numbers_as_text"] is False
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
