"""The whole demo over real sockets."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console
from typer.testing import CliRunner

from nexi_async._cli.app import app
from nexi_async._demo import listener, servers
from nexi_async._demo.orders import read_orders
from nexi_async._demo.reconciliation import Reconciliation
from nexi_async._demo.run import _for_each, run_demo
from nexi_async._demo.timeline import Timeline
from nexi_async.emulator import CheckoutEmulator, Settings

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


def perform(orders: list[dict[str, Any]], subscriptions: int) -> tuple[Reconciliation, str]:
    """Run the demo in this process; the reconciliation, and what was printed."""
    paper = io.StringIO()
    timeline = Timeline(Console(file=paper, width=80))
    content = "\n".join(map(json.dumps, orders)).encode()
    reconciliation = anyio.run(functools.partial(run_demo, read_orders(content), subscriptions, timeline))
    return reconciliation, paper.getvalue()


def test_an_own_file_ends_in_agreement() -> None:
    """A declined amount, fractional quantities, three VAT rates and a discount: all three sources agree."""
    reconciliation, printed = perform(ODD_ORDERS, 0)

    assert reconciliation.agrees
    assert [line.balances[-1].state for line in reconciliation.payments] == ["unpaid", "charged"]
    assert "payment.reservation.failed" in printed


def test_a_lost_response_charges_once() -> None:
    """The response to one charge is lost; every subscription still has exactly one charge."""
    reconciliation, printed = perform(ODD_ORDERS[1:], 5)
    charged = [line for line in reconciliation.payments if line.label == "subscription"]

    assert "outcome unknown" in printed
    assert "it has happened" in printed
    assert "the same charge, not a second one" in printed
    assert reconciliation.agrees
    assert [line.balances[-1].state for line in charged] == ["charged"] * 5


def test_a_difference_is_exit_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If the emulator reports another amount than the SDK and the webhooks, the command says where, and fails."""
    actual = CheckoutEmulator.state

    def altered(emulator: CheckoutEmulator) -> dict[str, Any]:
        state = actual(emulator)
        for payment in state["payments"]:
            for charge in payment.get("charges", ()):
                charge["amount"] += 1
        return state

    monkeypatch.setattr(CheckoutEmulator, "state", altered)
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(ODD_ORDERS[1]))
    result = CliRunner().invoke(app, ["demo", "--orders", str(file), "--subscriptions", "0"])

    assert result.exit_code == 1
    assert "The three sources differ on 1 of 1 payments." in result.stdout


def with_settings(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Let the emulator of the demo have other settings, and shorten the webhook timeout."""
    monkeypatch.setattr(servers, "Settings", lambda **own: Settings(**own, **settings))
    monkeypatch.setattr(listener, "WEBHOOK_TIMEOUT", 0.1)


@pytest.mark.slow
def test_lost_webhooks_are_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no webhook arrives, the shop logs it and goes on, and the reconciliation finds every payment with money."""
    with_settings(monkeypatch, event_drop_rate=1.0)
    reconciliation, printed = perform(ODD_ORDERS[1:], 4)

    assert not reconciliation.agrees
    assert [line.label for line in reconciliation.differences] == ["1", *["subscription"] * 4]
    assert "has not received payment.checkout.completed" in printed
    assert "has not received an event for every charge" in printed


def test_an_order_of_one_line_is_charged_whole() -> None:
    """An order that can't be split is charged, refunded and cancelled as a whole, wherever it stands in the file."""
    order = {"customer": "Bo", "currency": "EUR", "lines": ODD_ORDERS[1]["lines"][:1]}
    reconciliation, _ = perform([order] * 6, 0)

    assert reconciliation.agrees
    assert [line.balances[-1].state for line in reconciliation.payments] == [
        "charged", "charged", "refunded", "refunded", "cancelled", "charged",
    ]  # fmt: skip


def test_shuffled_and_repeated_webhooks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events delivered twice and out of order add up to the same."""
    with_settings(monkeypatch, event_duplicate_rate=1.0, event_shuffle_seconds=1.0)
    reconciliation, _ = perform(ODD_ORDERS[1:] * 8, 3)

    assert reconciliation.agrees


async def test_items_are_processed_once_with_bounded_concurrency() -> None:
    """A hundred items are processed once each, and never more than three at a time."""
    done: list[int] = []
    active: set[int] = set()

    async def process(item: int) -> None:
        active.add(item)
        assert len(active) <= 3
        await anyio.lowlevel.checkpoint()
        active.remove(item)
        done.append(item)

    await _for_each(range(100), process, concurrency=3)

    assert sorted(done) == list(range(100))
