"""`nexi-async demo`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._demo.orders import CustomerOrder, read_orders, sample_orders
from nexi_async._demo.report import print_report
from nexi_async._demo.run import run_demo
from nexi_async._demo.timeline import Timeline
from nexi_async._errors import InvalidRequest


def demo(
    orders: Annotated[
        Path | None,
        typer.Option("--orders", metavar="FILE", help="Orders as JSON lines; 25 sample orders when left out."),
    ] = None,
    subscriptions: Annotated[
        int, typer.Option("--subscriptions", metavar="N", min=0, help="How many subscriptions to sign up and charge.")
    ] = 200,
) -> None:
    """Run a shop that uses the whole SDK, against the emulator on this machine.

    It sells every order to a shopper whom the emulator plays, receives the webhooks, charges, refunds and cancels,
    bills subscriptions, and loses a response on purpose. Then it compares the money as the responses, the webhooks and
    the state of the emulator report it.

    Each line of FILE is one order:

    {"customer": "Saga Holm", "currency": "SEK", "lines": [{"name": "Coffee beans, kg", "quantity": 0.333,
    "unit_price": 28900, "vat_rate": 1200}]}

    unit_price is in minor units without VAT (28900 is 289.00; negative for a discount), vat_rate is percent x 100
    (1200 is 12 %); both are whole numbers. "reference", the order number, may be added.

    Exit status: 0 if all three sources agree, 1 if they differ, 2 if FILE can't be used; then nothing is sent.
    """
    chosen = _read(orders)
    console = Console()
    with _logging_errors_only():
        reconciliation = anyio.run(run_demo, chosen, subscriptions, Timeline(console))
    print_report(reconciliation, console, listed={order.reference for order in chosen})
    raise typer.Exit(ExitStatus.OK if reconciliation.agrees else ExitStatus.FAILED)


@contextmanager
def _logging_errors_only() -> Iterator[None]:
    """Declines and a lost response are part of the demo, and shown on its timeline."""
    logger = logging.getLogger("nexi_async")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _read(path: Path | None) -> list[CustomerOrder]:
    """The orders of the file, or of the sample."""
    try:
        return read_orders(sample_orders() if path is None else path.read_bytes())
    except OSError as error:
        typer.echo(f"{path} can't be read: {error.strerror}", err=True)
    except InvalidRequest as invalid:
        typer.echo(f"{path} can't be used, nothing was sent:", err=True)
        for fault in invalid.faults:
            typer.echo(f"  {fault}", err=True)
    raise typer.Exit(ExitStatus.USAGE)
