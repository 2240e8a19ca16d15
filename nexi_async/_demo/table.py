"""The verdict as tables for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Container, Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nexi_async._demo.amounts import as_text
from nexi_async._demo.reconciliation import WITNESSES, Line, Standing, Total, Verdict

__all__ = ["show"]

_TITLES = {"sdk": "SDK believes", "webhooks": "webhooks said", "books": "books say"}
_STYLES = {"unpaid": "dim", "cancelled": "dim", "reserved": "yellow", "charged": "green"}


def show(verdict: Verdict, console: Console, *, listed: Container[str]) -> None:
    """Print every payment, the totals, and whether all three agree.

    Args:
        verdict: what to print.
        console: where to.
        listed: the labels to list one by one; others are listed only if the three differ on them.
    """
    console.print()
    console.print(_payments([line for line in verdict.lines if line.label in listed or not line.agrees]))
    console.print(_totals(verdict))
    for line in verdict.differences:
        console.print(_difference(line), soft_wrap=True)
    console.print(_last_word(verdict))


def _payments(lines: list[Line]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title="What became of each payment",
        title_justify="left",
    )
    table.add_column("order", max_width=12, no_wrap=True)
    for witness in WITNESSES:
        table.add_column(_TITLES[witness], no_wrap=True)
    table.add_column("kept", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in lines:
        standings = [getattr(line, witness) for witness in WITNESSES]
        kept = as_text(line.sdk.kept, line.sdk.currency) if line.sdk.currency else "–"
        table.add_row(line.label, *map(_state, standings), kept, _mark(agrees=line.agrees))
    return table


def _totals(verdict: Verdict) -> Table:
    table = _new_table("Money kept (and number of payments), by currency and state")
    table.add_column("", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for witness in WITNESSES:
        table.add_column(_TITLES[witness], justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for (currency, state), totals in verdict.totals().items():
        cells = [_total(totals[witness], currency) for witness in WITNESSES]
        table.add_row(currency, state, *cells, _mark(agrees=len(set(cells)) == 1))
    return table


def _new_table(title: str) -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")


def _total(total: Total, currency: str) -> str:
    return f"{as_text(total.kept, currency).removesuffix(f' {currency}')} ({total.payments})"


def _state(standing: Standing) -> Text:
    return Text(standing.state, style=_STYLES.get(standing.state, ""))


def _mark(*, agrees: bool) -> Text:
    return Text("✓", style="green") if agrees else Text("✗", style="bold red")


def _difference(line: Line) -> Text:
    text = Text(f"{line.label} (payment {line.payment_id}) differs:\n", style="bold red")
    for witness in WITNESSES:
        text.append(f"  {_TITLES[witness]:<14} {', '.join(_details(getattr(line, witness)))}\n", style="red")
    return text


def _details(standing: Standing) -> Iterator[str]:
    yield standing.state
    for name in ("reserved", "charged", "refunded", "cancelled"):
        amount = getattr(standing, name)
        if amount:
            yield f"{name} {as_text(amount, standing.currency or '')}"


def _last_word(verdict: Verdict) -> Text:
    count = len(verdict.lines)
    if verdict.agrees:
        return Text(f"The three agree on all {count} payments.", style="bold green")
    return Text(f"The three differ on {len(verdict.differences)} of {count} payments.", style="bold red")
