"""`nexi-async reports` and `nexi-async methods`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nexi_async.emulator import Settings
from tests.cli.conftest import CommandLine


@pytest.fixture
def payout(line: CommandLine) -> str:
    """A payout of one charge; its id."""
    line.emulator.settings = Settings(payout_days=1)
    line.charged()
    line.emulator.advance(5 * 86_400)
    (found,) = line.json("reports", "payouts", "--to", days_ahead(30))
    assert found["amount"] > 0
    assert "bankAccountIban" not in found
    return str(found["id"])


def days_ahead(days: int) -> str:
    """A day as an option takes it."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_payouts_are_listed_and_shown(line: CommandLine, payout: str) -> None:
    """With their charges; the bank account only on request."""
    assert payout in line.run("reports", "payouts", "--to", days_ahead(30), "--currency", "sek").stdout
    shown = line.run("reports", "payout", payout).stdout
    assert "125.00 SEK" in shown
    document = line.json("reports", "payout", payout)
    assert [action["amount"] for action in document["paymentActions"]] == [12500]
    personal = line.json("reports", "payout", payout, "--personal-data")
    assert personal.keys() - document.keys() <= {"bankAccountIban"}


def test_balances_are_shown_as_they_come(line: CommandLine) -> None:
    """Their members are not documented."""
    assert line.json("reports", "balances", "--currency", "SEK", "--from", "2026-01-01") is not None
    assert line.run("reports", "balances").exit_code == 0


def test_a_day_that_is_none_is_refused(line: CommandLine) -> None:
    """With an example."""
    result = line.run("reports", "payouts", "--from", "31.10.2026")
    assert result.exit_code == 2
    assert "--from: '31.10.2026' is not a date such as 2026-10-01" in result.stderr


def test_methods_are_listed(line: CommandLine) -> None:
    """Those of one currency that are on."""
    found = line.json("methods", "list", "--currency", "sek", "--enabled")
    assert {each["currency"] for each in found} == {"SEK"}
    assert all(each["enabled"] for each in found)
    assert "Visa" in line.run("methods", "list").stdout
