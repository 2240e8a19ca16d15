"""The whole demo over real sockets."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console
from typer.testing import CliRunner

from nexi_async._cli.app import app
from nexi_async._demo import checkout_flow as desk
from nexi_async._demo import listener, servers
from nexi_async._demo.controls import Controls
from nexi_async._demo.orders import read_orders
from nexi_async._demo.reconciliation import Verdict
from nexi_async._demo.run import run_demo
from nexi_async._demo.timeline import Timeline
from nexi_async.emulator import Settings

ODD_ORDERS = [
    {"customer": "Bo", "currency": "SEK", "lines": [{"name": "A", "quantity": 1, "unit_price": 199, "vat_rate": 0}]},
    {
        "customer": "Ida Ås",
        "currency": "PLN",
        "lines": [
            {"name": "B", "quantity": 0.333, "unit_price": 99999, "vat_rate": 2300},
            {"name": "C", "quantity": 17.25, "unit_price": 333, "vat_rate": 800},
            {"name": "D", "quantity": 3, "unit_price": -777, "vat_rate": 500},
        ],
    },
]


def perform(orders: list[dict[str, Any]], subscriptions: int) -> tuple[Verdict, str]:
    """Run the demo here; the verdict, and what was printed."""
    paper = io.StringIO()
    timeline = Timeline(Console(file=paper, width=80))
    content = "\n".join(map(json.dumps, orders)).encode()
    verdict = anyio.run(functools.partial(run_demo, read_orders(content), subscriptions, timeline))
    return verdict, paper.getvalue()


def test_an_own_file_ends_in_agreement() -> None:
    """A declined trifle, a third of a thing, three VAT rates and a discount: all three say the same."""
    verdict, printed = perform(ODD_ORDERS, 0)

    assert verdict.agrees
    assert [line.books.state for line in verdict.lines] == ["unpaid", "charged"]
    assert "payment.reservation.failed" in printed


def test_a_lost_answer_charges_nobody_twice() -> None:
    """The answer to one charge gets lost; every subscription still has exactly one charge in the books."""
    verdict, printed = perform(ODD_ORDERS[1:], 5)
    charged = [line for line in verdict.lines if line.label == "subscription"]

    assert "outcome unknown" in printed
    assert "it has happened" in printed
    assert "the same charge, not a second one" in printed
    assert verdict.agrees
    assert [line.books.state for line in charged] == ["charged"] * 5


def test_a_difference_is_exit_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If the books say another amount than the SDK and the webhooks, the command says where, and fails."""
    honest = Controls.payments

    async def dishonest(controls: Controls) -> dict[str, Mapping[str, Any]]:
        books = await honest(controls)
        for payment in books.values():
            for charge in payment.get("charges", ()):
                charge["amount"] += 1
        return books

    monkeypatch.setattr(Controls, "payments", dishonest)
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(ODD_ORDERS[1]))
    result = CliRunner().invoke(app, ["demo", "--orders", str(file), "--subscriptions", "0"])

    assert result.exit_code == 1
    assert "The three differ on 1 of 1 payments." in result.stdout


def with_settings(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Let the emulator of the demo have other settings, and let nobody wait long for a webhook."""
    monkeypatch.setattr(servers, "Settings", lambda **own: Settings(**own, **settings))
    for module in (desk, listener):
        monkeypatch.setattr(module, "PATIENCE", 0.1)


def test_lost_webhooks_are_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no webhook comes, the shop says so and goes on, and the verdict finds every payment that money moved for."""
    with_settings(monkeypatch, event_drop_rate=1.0)
    verdict, printed = perform(ODD_ORDERS[1:], 4)

    assert not verdict.agrees
    assert [line.label for line in verdict.differences] == ["1", *["subscription"] * 4]
    assert "has not heard of payment.checkout.completed" in printed
    assert "has not heard of every charge" in printed


def test_an_order_of_one_line_is_charged_whole() -> None:
    """What can't be parted is charged, refunded and released as a whole, wherever it stands in the file."""
    order = {"customer": "Bo", "currency": "EUR", "lines": ODD_ORDERS[1]["lines"][:1]}
    verdict, _ = perform([order] * 6, 0)

    assert verdict.agrees
    assert [line.books.state for line in verdict.lines] == [
        "charged", "charged", "refunded", "refunded", "cancelled", "charged",
    ]  # fmt: skip


def test_shuffled_and_repeated_webhooks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that come twice and overtake each other add up to the same."""
    with_settings(monkeypatch, event_duplicate_rate=1.0, event_shuffle_seconds=1.0)
    verdict, _ = perform(ODD_ORDERS[1:] * 8, 3)

    assert verdict.agrees
