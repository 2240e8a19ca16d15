"""`nexi-async methods`: what shoppers can pay with."""

from __future__ import annotations

from typing import Annotated

import typer

from nexi_async._cli.api_command import API, api_command
from nexi_async._cli.options import CurrencyOption
from nexi_async._cli.output import document_of, rows_table

methods = typer.Typer(no_args_is_help=True)


@methods.command("list")
@api_command
async def show_list(
    api: API,
    *,
    currency: CurrencyOption = None,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", show_default=False, help="Only those that are on, or off.")
    ] = None,
) -> None:
    """List the payment methods.

    Example: `nexi-async methods list --currency SEK --enabled`
    """
    found = await api.checkout.payment_methods.list(currency=currency, enabled=enabled)
    rows = ((each.name, each.payment_type, each.currency, "yes" if each.enabled else "no") for each in found)
    table = rows_table(("method", "type", "currency", "enabled"), rows)
    api.output.show([document_of(each, personal_data=False) for each in found], table)
