"""The commands put together; the module of each is loaded when it is called."""

from __future__ import annotations

import functools
import importlib
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

COMMANDS = {
    "demo": "Run a shop that uses the whole SDK, against the emulator on this machine.",
    "emulator": "Serve the emulator: the API, the hosted page, webhooks, and controls under /emulator.",
    "doctor": "Check the key, the environment, the connection to the API, TLS, the clock and the webhook settings.",
    "payments": "Create, show, charge, refund, cancel and terminate payments.",
    "subscriptions": "Show and charge subscriptions, and look up the status of a charge.",
    "reports": "Show balances and payouts.",
    "methods": "List the payment methods that are set up for the merchant.",
    "logs": "Follow the API calls that the emulator receives.",
    "batch": "Charge many subscriptions, each once, also after a crash.",
    "webhooks": "Listen for webhooks, have the API send them, or send samples.",
    "inbox": "Inspect the inbox of a webhook receiver, also while it runs; requeue and delete events.",
}
"""Each command with its line in the help. The module of the same name defines it under that name."""


class _LoadingGroup(TyperGroup):
    """Loads the command that is called; to load the libraries of all takes longer than most commands run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(args[0]), rest


app = typer.Typer(
    cls=_LoadingGroup, rich_markup_mode="markdown", no_args_is_help=True, pretty_exceptions_show_locals=False
)
for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)  # what lists the commands needs no more of them


@functools.cache
def load(name: str) -> Any:
    """A command with all that is below it.

    Raises:
        ModuleNotFoundError: an extra that it needs is not installed.
    """
    found = getattr(importlib.import_module(f"nexi_async._cli.{name}"), name)
    parent = typer.Typer(rich_markup_mode=app.rich_markup_mode)
    if isinstance(found, typer.Typer):
        parent.add_typer(found, name=name, help=COMMANDS[name])
    else:
        parent.command(name)(found)
    return get_group(parent).commands[name]


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
    """Nexi Checkout on the command line: payments, subscriptions, reports, webhooks, and an emulator.

    Keys come from NEXI_SECRET_KEY, from a file or from a profile, never from the command line. Profiles are in a file
    whose path `nexi-async doctor` shows; NEXI_CONFIG names another.

    Exit status of commands that call the API: 0 done; 1 rejected or declined; 2 the arguments or settings can't be
    used; 3 the outcome is unknown or the response can't be read: money may have moved, and the command that finds out
    is shown; 4 not sent, or the API can't be reached.
    """
