"""`nexi-async demo`: its exit status, and what it does with a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nexi_async._cli import demo
from nexi_async._cli.app import app
from tests.cli.test_main import run


@pytest.mark.slow
def test_the_sample_ends_in_agreement() -> None:
    """All 25 orders and a few subscriptions over real sockets, within seconds: status 0 and a whole table."""
    result = run("demo", "--subscriptions", "4")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "The three sources agree on all 32 payments." in result.stdout
    assert result.stdout.count("✓") >= 25
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_every_bad_line_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    """A file with bad lines is refused with status 2, before any server starts."""
    file = tmp_path / "orders.jsonl"
    good = (
        '{"customer": "A", "currency": "SEK", "lines": [{"name": "B", "quantity": 1, "unit_price": 1, "vat_rate": 1}]}'
    )
    file.write_text("\n".join([good, "{", good, good.replace("SEK", "XXX"), good.replace(": 1,", ": 1.5,")]))
    result = CliRunner().invoke(app, ["demo", "--orders", str(file)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split(":")[0].strip() for line in result.stderr.splitlines()[1:]] == ["line 2", "line 4", "line 5"]
    assert "unit_price must be a whole number, is a fraction (minor units without VAT" in result.stderr


@pytest.mark.parametrize("arguments", [["--orders", "/nowhere/orders.jsonl"], ["--subscriptions", "-1"]])
def test_options_that_can_not_be_used(arguments: list[str]) -> None:
    """A missing file and a negative number are status 2, too."""
    result = CliRunner().invoke(app, ["demo", *arguments])

    assert result.exit_code == 2
    assert result.stderr


def test_an_interrupt_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with the status that shells expect, which differs from the statuses of a reconciliation."""

    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run_demo", interrupted)
    result = CliRunner().invoke(app, ["demo"])

    assert result.exit_code == 130


def test_the_help_says_what_a_file_looks_like() -> None:
    """Every member's name and unit can be read off `--help`."""
    text = " ".join(CliRunner().invoke(app, ["demo", "--help"], terminal_width=200).stdout.split())

    assert all(name in text for name in ('"customer"', '"currency"', '"quantity"', "minor units without VAT"))
