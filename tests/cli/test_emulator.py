"""`nexi-async emulator` as a program of its own."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.test_main import COMMAND, run
from tests.emulator.raw import order

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
        state = httpx.get(f"{said['Emulator at']}/emulator/state", verify=trust, trust_env=False)
        assert said["Emulator at"].startswith("https://127.0.0.1:")
        assert state.json()["payments"] == []
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)


def test_other_machines_are_refused_without_two_options() -> None:
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


def test_its_names_are_options() -> None:
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


def test_a_killed_emulator_goes_on(tmp_path: Path) -> None:
    """After kill -9 subscriptions can be charged, a key gives the same charge, a pending webhook is delivered."""
    received: list[str] = []
    with listening(received) as webhook_url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        notifications = {"webHooks": [{"eventName": "payment.charge.created.v2", "url": f"{webhook_url}/hooks"}]}
        body = {"order": order(), "notifications": notifications}
        with running("--persist", str(tmp_path / "state")) as (program, said):
            (agreement,) = httpx.post(f"{said['Emulator at']}/emulator/subscriptions", json={}).json()["ids"]
            first = charge(said, agreement, body, "key-1")
            program.kill()
            program.communicate(timeout=20)
        received.clear()
        with running("--persist", str(tmp_path / "state")) as (program, said):
            assert charge(said, agreement, body, "key-1") == first
            assert charge(said, agreement, body, "key-2") != first
            httpx.post(f"{said['Emulator at']}/emulator/clock", json={"advance": 60})
            wait_until(lambda: first["chargeId"] in received)
            charged = httpx.get(f"{said['Emulator at']}/emulator/state").json()["payments"]
            assert [payment["summary"]["chargedAmount"] for payment in charged] == [12500, 12500]
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=20)
    assert program.returncode == 0


def charge(said: dict[str, str], agreement: str, body: dict[str, Any], key: str) -> Any:
    """The response to a charge."""
    headers = {"Authorization": said["Secret key"], "Idempotency-Key": key}
    url = f"{said['Emulator at']}/v1/subscriptions/{agreement}/charges"
    return httpx.post(url, json=body, headers=headers).raise_for_status().json()


@contextmanager
def listening(received: list[str]) -> Iterator[str]:
    """A receiver of webhooks that answers 500 to the first delivery of each charge, and 200 afterwards."""
    seen: set[str] = set()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            charge_id = event["data"]["chargeId"]
            self.send_response(200 if charge_id in seen else 500)
            self.end_headers()
            seen.add(charge_id)
            received.append(charge_id)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something holds, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_unusable_state_file_is_said(tmp_path: Path) -> None:
    """A file that is none of the emulator's is status 2, and says so."""
    (tmp_path / "notes.txt").write_text("x" * 200)
    result = run("emulator", "--port", "0", "--persist", str(tmp_path / "notes.txt"))

    assert result.returncode == 2
    assert "notes.txt cannot be used: file is not a database" in result.stderr
