"""`nexi-async doctor`."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import httpx
import pytest

from nexi_async._cli import doctor
from tests.cli.conftest import CommandLine


def checks(line: CommandLine, *options: str) -> dict[str, tuple[str, str]]:
    """State and result of each check, by its name."""
    result = line.run("doctor", *options, "--json")
    found = {each["name"]: (each["state"], each["detail"]) for each in json.loads(result.stdout)["checks"]}
    assert result.exit_code == (1 if any(state == "failed" for state, _ in found.values()) else 0)
    return found


def test_the_emulator_is_in_order(line: CommandLine) -> None:
    """What it can't have, TLS, is no failure; the key is not shown."""
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = "Kq7ZtB9fRw4LmXc2"
    found = checks(line)
    assert {state for state, _ in found.values()} == {"ok", "warning"}
    assert found["key accepted"] == ("ok", "yes")
    assert found["webhook authorization"] == ("ok", "16 letters and digits")
    shown = line.run("doctor").stdout
    assert "✓  API" in shown
    assert line.emulator.secret_key not in shown
    assert "Kq7ZtB9fRw4LmXc2" not in shown


@pytest.mark.parametrize(
    ("key", "state", "text"),
    [
        ("", "failed", "there is none"),
        ("test-secret-key-1f2e", "ok", "from NEXI_SECRET_KEY; a test key"),
        ("test-checkout-key-1f2e", "failed", "it is the checkout key"),
        ("live-secret-key-1f2e", "failed", "it is a live key, but the environment is test"),
        ("something", "ok", "its kind is not known"),
    ],
)
def test_the_kind_of_the_key_is_recognised(line: CommandLine, key: str, state: str, text: str) -> None:
    """By its form; it is never shown."""
    line.environment["NEXI_SECRET_KEY"] = key
    found = checks(line)
    assert found["secret key"][0] == state
    assert text in found["secret key"][1]
    assert found["key accepted"][0] == "failed"


def answering(status: int = 200, **headers: str) -> httpx.MockTransport:
    """An API that answers so."""
    return httpx.MockTransport(lambda _: httpx.Response(status, headers=headers))


@pytest.mark.parametrize(
    ("ahead", "state", "text"),
    [(0, "ok", "within a second"), (-10, "ok", "-10 s"), (600, "failed", "600 s ahead of the API's: synchronise it")],
)
def test_the_clock_is_compared(ahead: int, state: str, text: str) -> None:
    """With the time that the API states."""
    theirs = datetime(2026, 9, 14, 8, 15, tzinfo=UTC)
    found = doctor._clock(format_datetime(theirs, usegmt=True), theirs + timedelta(seconds=ahead))
    assert found.state == state
    assert text in found.detail


def test_an_api_that_states_no_time_is_no_failure(line: CommandLine) -> None:
    """It is not known."""
    line.transport = answering(503)
    found = checks(line)
    assert found["clock"][0] == found["key accepted"][0] == "warning"


@pytest.mark.parametrize("error", [httpx.ConnectError("connection refused"), ssl.SSLError("bad certificate")])
def test_an_api_that_is_out_of_reach_is_a_failure(line: CommandLine, error: Exception) -> None:
    """With the reason."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    line.transport = httpx.MockTransport(fail)
    state, detail = checks(line)["API"]
    assert state == "failed"
    assert str(error.args[0]) in detail


def test_a_key_never_travels_in_the_open(line: CommandLine) -> None:
    """Plain http is refused before anything is sent, but to this machine."""
    result = line.run("doctor", "--base-url", "http://shop.test")
    assert result.exit_code == 2
    assert "base_url: must be https" in result.stderr


def test_live_and_proxies_are_named(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the senders of that environment, which a firewall has to let through."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    line.transport = answering()
    found = checks(line, "--environment", "live")
    assert found["environment"] == ("ok", "LIVE at https://api.dibspayment.eu")
    assert found["webhook senders"] == ("ok", "20.103.218.104/30: allow them to reach the receiver")
    assert "trust_env" in found["proxy"][1]


URL = "https://shop.test/nexi/webhooks"


@pytest.mark.parametrize(
    ("status", "addresses", "states"),
    [
        (405, ["203.0.113.1"], ("failed", "ok")),  # an address of documentation, which nobody can reach
        (405, ["20.31.57.61"], ("ok", "ok")),
        (404, ["20.31.57.61", "10.0.0.1"], ("failed", "warning")),
    ],
)
def test_the_webhook_address_is_looked_at(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, status: int, addresses: list[str], states: tuple[str, str]
) -> None:
    """Its name, whether others can reach it, and whether a receiver is there."""

    async def resolve(*_: object) -> list[Any]:
        return [(0, 0, 0, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    line.transport = answering(status)
    found = checks(line, "--webhook-url", URL)
    assert (found["webhook name"][0], found["webhook address"][0]) == states


def test_a_webhook_address_that_can_not_be_is_a_failure(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http, a name that leads nowhere, and a value that the API would refuse."""
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = "short"
    found = checks(line, "--webhook-url", "http://shop.test/")
    assert found["webhook address"][0] == found["webhook authorization"][0] == "failed"

    async def resolve(*_: object) -> list[Any]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    assert "does not resolve" in checks(line, "--webhook-url", URL)["webhook name"][1]
