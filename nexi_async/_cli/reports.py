"""`nexi-async reports`: balances, and what was paid out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Group
from rich.json import JSON

from nexi_async._cli.api_command import API, api_command
from nexi_async._cli.options import CurrencyOption, PersonalDataOption
from nexi_async._cli.output import document_of, facts_table, rows_table
from nexi_async._codec import as_json
from nexi_async._errors import InvalidRequest
from nexi_async._models.payout import Payout
from nexi_async.reference.currencies import format_amount

reports = typer.Typer(no_args_is_help=True)

MONTH = timedelta(days=30)

FromOption = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day, e.g. 2026-10-01.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day.")]


@reports.command("balances")
@api_command
async def balances(
    api: API, *, currency: CurrencyOption = None, from_date: FromOption = None, to_date: ToOption = None
) -> None:
    """Show the account's balances as the API sends them; their members are not documented.

    Example: `nexi-async reports balances --currency SEK`
    """
    document = await api.checkout.reports.balances(
        currencies=() if currency is None else (currency,),
        from_date=_day(from_date, "--from"),
        to_date=_day(to_date, "--to"),
    )
    api.output.show(document, JSON(as_json(document).decode()))


@reports.command("payouts")
@api_command
async def payouts(
    api: API,
    *,
    from_date: FromOption = None,
    to_date: ToOption = None,
    currency: CurrencyOption = None,
    personal_data: PersonalDataOption = False,
) -> None:
    """List the payouts of a period, by default of the last 30 days.

    Example: `nexi-async reports payouts --from 2026-10-01 --to 2026-10-31 --json`
    """
    last = _day(to_date, "--to") or datetime.now(UTC).date()
    first = _day(from_date, "--from") or last - MONTH
    found = [each async for each in api.checkout.reports.payouts(from_date=first, to_date=last, currency=currency)]
    rows = ((each.id, each.date, *_amounts(each).values()) for each in found)
    table = rows_table(("payout", "date", "amount", "charged", "refunded", "fees"), rows)
    api.output.show([document_of(each, personal_data=personal_data) for each in found], table)


@reports.command("payout")
@api_command
async def payout(
    api: API,
    payout_id: Annotated[str, typer.Argument(metavar="PAYOUT_ID", show_default=False)],
    *,
    personal_data: PersonalDataOption = False,
) -> None:
    """Show one payout, with every charge and refund in it.

    Example: `nexi-async reports payout 9a3f0c7e5b1d48e2a6f49b0d7c215e83`
    """
    found = await api.checkout.reports.payout(payout_id)
    actions = [action async for action in api.checkout.reports.payment_actions(payout_id)]
    document = document_of(found, personal_data=personal_data) | {
        "paymentActions": [document_of(action, personal_data=personal_data) for action in actions]
    }
    facts = (("payout", found.id), ("date", found.date), ("reference", found.reference), *_amounts(found).items())
    rows = (
        (
            action.payment_action,
            format_amount(action.amount, action.currency),
            action.payment_id,
            action.id,
            action.reference,
        )
        for action in actions
    )
    table = rows_table(("action", "amount", "payment", "id", "reference"), rows)
    api.output.show(document, Group(facts_table(facts), table))


def _amounts(payout: Payout) -> dict[str, str]:
    """What a payout adds up to, as it is printed."""
    amounts = {
        "amount": payout.amount,
        "charged": payout.charged_amount,
        "refunded": payout.refunded_amount,
        "fees": payout.fees,
    }
    return {name: format_amount(amount, payout.currency) for name, amount in amounts.items()}


def _day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest([(option, f"{text!r} is not a date such as 2026-10-01")]) from None
