"""All commands put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from nexi_async._cli import batch, demo, emulator, inbox, webhooks

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode="markdown", no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False
)
app.command("demo")(demo.demo)
app.command("emulator")(emulator.emulator)
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
    """Nexi Checkout without an account: a shop to watch, and the emulator that it runs on."""
