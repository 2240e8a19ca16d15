"""The timeline and the tables fit a terminal and a log."""

from __future__ import annotations

import io

import attrs
from rich.console import Console

from nexi_async._demo.reconciliation import PaymentBalance, reconcile
from nexi_async._demo.report import print_report
from nexi_async._demo.timeline import Timeline

REFUNDED = PaymentBalance.of("SEK", reserved=12345679, charged=12345679, refunded=1, cancelled=0)


def plain() -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what it prints."""
    paper = io.StringIO()
    return Console(file=paper, width=80), paper


def test_lines_are_plain_without_a_terminal() -> None:
    """A line has its time, subject, actor and text, uncoloured and unbroken; no bar is drawn."""
    console, paper = plain()
    times = iter([100.0, 101.5, 102.0])
    timeline = Timeline(console, now=lambda: next(times))
    with timeline.section("Orders", 2):
        timeline.log("A-1001", "shop", "creates a payment")
        timeline.advance()
        timeline.log("A-1001", "webhook", "x" * 100)

    assert paper.getvalue().splitlines() == [
        "",
        "Orders",
        "   1.50 s  A-1001     shop      creates a payment",
        "   2.00 s  A-1001     webhook   " + "x" * 100,
    ]


def test_a_terminal_gets_a_bar() -> None:
    """On a terminal the section's progress is drawn, in colours."""
    paper = io.StringIO()
    timeline = Timeline(Console(file=paper, force_terminal=True, width=80))
    with timeline.section("Orders", 2):
        timeline.advance()

    assert "1/2" in paper.getvalue()
    assert "\x1b[" in paper.getvalue()


def test_tables_fit_80_columns() -> None:
    """The longest states and large amounts are shown whole."""
    console, paper = plain()
    column = {f"p{place}": REFUNDED for place in range(8)}
    print_report(reconcile(column, column, column, labels={"p1": "A-100001"}), console, listed={"A-100001"})
    text = paper.getvalue()

    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("partly refunded") == 4
    assert "123,456.78 SEK" in text
    assert "987,654.24 (8)" in text
    assert "The three sources agree on all 8 payments." in text


def test_a_difference_is_shown_in_full() -> None:
    """A payment with a difference is always listed, with all amounts of all three sources."""
    console, paper = plain()
    column = {"p1": REFUNDED}
    off = {"p1": attrs.evolve(REFUNDED, refunded=2)}
    print_report(reconcile(column, off, column, labels={"p1": "subscription"}), console, listed=set())
    text = paper.getvalue()

    assert "✗" in text
    assert "subscription (payment p1) differs:" in text
    assert "webhooks       partly refunded, charged 123,456.79 SEK, refunded 0.02 SEK" in text
    assert "The three sources differ on 1 of 1 payments." in text
