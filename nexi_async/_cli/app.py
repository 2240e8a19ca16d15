"""All commands put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from nexi_async._cli import (
    batch,
    demo,
    doctor,
    emulator,
    inbox,
    logs,
    methods,
    payments,
    reports,
    subscriptions,
    webhooks,
)

app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True, pretty_exceptions_show_locals=False)
app.add_typer(payments.payments, name="payments")
app.add_typer(subscriptions.subscriptions, name="subscriptions")
app.add_typer(reports.reports, name="reports")
app.add_typer(methods.methods, name="methods")
app.add_typer(logs.logs, name="logs")
app.command("demo")(demo.demo)
app.command("emulator")(emulator.emulator)
app.command("doctor")(doctor.doctor)
app.add_typer(batch.batch, name="batch")
app.add_typer(webhooks.webhooks, name="webhooks")
app.add_typer(inbox.inbox, name="inbox")


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"nexi-async {version('nexi-async')}")
        raise typer.Exit


@app.callback()
def _nexi_async(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Nexi Checkout at the command line: payments, subscriptions, reports, webhooks, and an emulator to try it all.

    Keys come from NEXI_SECRET_KEY, from a file or from a profile, never from the command line. Profiles are in a file
    that `nexi-async doctor` names; NEXI_CONFIG names another.

    Exit status of commands that call the API: 0 done, 1 rejected or declined, 2 can't be carried out as given,
    3 unknown or unreadable (money may have moved; the command that settles it is shown), 4 not sent or not reachable.
    """
