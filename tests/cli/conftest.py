"""The command line in this process, against an emulator in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import typer.main
import typer.testing
from typer.testing import CliRunner, Result

from nexi_async import RetryPolicy
from nexi_async._cli import webhook_trigger
from nexi_async._cli.app import app
from nexi_async.emulator import CheckoutEmulator

BUILT = typer.main.get_command(app)


@pytest.fixture(autouse=True)
def built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building all commands anew for each test would take longer than most of them."""
    monkeypatch.setattr(typer.testing, "_get_command", lambda _: BUILT)


@attrs.define
class CommandLine:
    """Runs commands."""

    emulator: CheckoutEmulator
    transport: httpx.AsyncBaseTransport
    environment: dict[str, str]

    def run(self, *arguments: str, input: str | None = None) -> Result:  # noqa: A002 - as CliRunner calls it
        """Run one to its end; an exception that it lets out fails the test."""
        runner = CliRunner(env=self.environment)
        return runner.invoke(
            app,
            list(arguments),
            input=input,
            obj={"transport": self.transport, "retry": RetryPolicy(first_delay=0.001)},
            catch_exceptions=False,
        )

    def json(self, *arguments: str) -> Any:
        """The document that a command prints."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def create(self) -> str:
        """A new payment of 125.00 SEK; its id."""
        url = "https://shop.test"
        options = ("--reference", "A-17", "--tax-rate", "25", "--return-url", url, "--terms-url", f"{url}/terms")
        created: str = self.json("payments", "create", "125.00 SEK", *options)["paymentId"]
        return created

    def reserved(self) -> str:
        """A payment of 125.00 SEK that the shopper has paid; its id."""
        payment_id = self.create()
        self.emulator.pay(payment_id)
        return payment_id

    def charged(self) -> str:
        """A payment of 125.00 SEK that is charged; its id."""
        payment_id = self.reserved()
        assert self.run("payments", "charge", payment_id, "125.00", "SEK").exit_code == 0
        return payment_id


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, with the environment variables of somebody who tries the emulator."""
    for name in ("NEXI_PROFILE", "NEXI_ENVIRONMENT", "NEXI_SECRET_KEY_FILE", "NEXI_WEBHOOK_AUTHORIZATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webhook_trigger, "MAX_WAIT_SECONDS", 0.0)  # this emulator delivers nothing by itself
    emulator = CheckoutEmulator(seed=1, time_scale=0)
    environment = {
        "NEXI_SECRET_KEY": emulator.secret_key,
        "NEXI_BASE_URL": "http://127.0.0.1:8400",
        "NEXI_CONFIG": str(tmp_path / "config.toml"),
        "COLUMNS": "200",
    }
    return CommandLine(emulator, httpx.ASGITransport(emulator), environment)
