"""The reconciliation as tables for a terminal of 80 columns."""

from collections.abc import Container, Iterator

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nexi_async._demo.reconciliation import SOURCES, PaymentBalance, PaymentComparison, Reconciliation, Total
from nexi_async.reference.currencies import format_amount

_STYLES = {"unpaid": "dim", "cancelled": "dim", "reserved": "yellow", "charged": "green"}


def print_report(reconciliation: Reconciliation, console: Console, *, listed: Container[str]) -> None:
    """Print the payments with the listed labels or a difference, the totals, and whether the three sources agree."""
    console.print()
    console.print(_payments([each for each in reconciliation.payments if each.label in listed or not each.agrees]))
    console.print(_totals(reconciliation))
    for payment in reconciliation.differences:
        console.print(_difference(payment), soft_wrap=True)
    console.print(_conclusion(reconciliation))


def _payments(payments: list[PaymentComparison]) -> Table:
    columns = (Column("order", max_width=12), *map(Column, SOURCES), Column("net", justify="right"), Column())
    table = _table("State and net amount of each payment", *columns)
    for payment in payments:
        first = payment.balances[0]
        net = format_amount(first.net, first.currency) if first.currency else "–"
        table.add_row(payment.label, *map(_state, payment.balances), net, _mark(agrees=payment.agrees))
    return table


def _totals(reconciliation: Reconciliation) -> Table:
    columns = (Column(), Column("state"), *(Column(source, justify="right") for source in SOURCES), Column())
    table = _table("Net amount (and number of payments), by currency and state", *columns)
    for (currency, state), totals in reconciliation.totals().items():
        cells = [_total(total, currency) for total in totals]
        table.add_row(currency, state, *cells, _mark(agrees=len(set(totals)) == 1))
    return table


def _table(title: str, *columns: Column) -> Table:
    for column in columns:
        column.no_wrap = True
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")


def _total(total: Total, currency: str) -> str:
    return f"{format_amount(total.net, currency).removesuffix(f' {currency}')} ({total.payments})"


def _state(balance: PaymentBalance) -> Text:
    return Text(balance.state, style=_STYLES.get(balance.state, ""))


def _mark(*, agrees: bool) -> Text:
    return Text("✓", style="green") if agrees else Text("✗", style="bold red")


def _difference(payment: PaymentComparison) -> Text:
    text = Text(f"{payment.label} (payment {payment.payment_id}) differs:\n", style="bold red")
    for source, balance in zip(SOURCES, payment.balances, strict=True):
        text.append(f"  {source:<14} {', '.join(_details(balance))}\n", style="red")
    return text


def _details(balance: PaymentBalance) -> Iterator[str]:
    yield balance.state
    for name in ("reserved", "charged", "refunded", "cancelled"):
        amount = getattr(balance, name)
        if amount:
            yield f"{name} {format_amount(amount, balance.currency or '')}"


def _conclusion(reconciliation: Reconciliation) -> Text:
    count = len(reconciliation.payments)
    if reconciliation.agrees:
        return Text(f"The three sources agree on all {count} payments.", style="bold green")
    return Text(f"The three sources differ on {len(reconciliation.differences)} of {count} payments.", style="bold red")
