"""`nexi-async inbox`: look into the inbox of a webhook receiver, send letters round again, throw old ones away."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console

from nexi_async.cli.secrets import without_password
from nexi_async.cli.unusable import telling_faults
from nexi_async.codec import read_json
from nexi_async.webhooks import Letter, SQLInbox

__all__ = ["inbox"]

DAY = 86_400.0
NOT_FOUND = 1
LINE = "{:>8}  {:<19}  {:<7}  {:>5}  {:<31}  {:<32}  {}"

inbox = typer.Typer(no_args_is_help=True, help="Look after the inbox of a webhook receiver, also while it runs.")

InboxURL = Annotated[
    str,
    typer.Option(
        "--inbox",
        metavar="URL",
        envvar="NEXI_INBOX",
        callback=without_password,
        help="sqlite:///inbox.db, or postgresql://user:password@host/name.",
    ),
]


class State(enum.StrEnum):
    """What a letter can be."""

    waiting = "waiting"
    done = "done"
    dead = "dead"


@inbox.command("list")
def show_list(
    inbox: InboxURL,
    *,
    state: Annotated[State | None, typer.Option(help="Only letters of this state.")] = None,
    payment: Annotated[str | None, typer.Option(metavar="ID", help="Only letters about this payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List letters, newest first."""
    letters = _ask(inbox, "letters", state=None if state is None else state.value, payment_id=payment, most=limit)
    typer.echo(LINE.format("number", "received (UTC)", "state", "tries", "event", "payment", "error"))
    for letter in letters:
        typer.echo(LINE.format(*_columns(letter)).rstrip())


@inbox.command()
def show(number: Annotated[int, typer.Argument(help="The letter's number.")], inbox: InboxURL) -> None:
    """Show one letter and the delivery in it, with all that it says of the shopper.

    Exit status: 1 if there is no such letter.
    """
    letter = _ask(inbox, "letter", number)
    if letter is None:
        typer.echo(f"There is no letter {number}.", err=True)
        raise typer.Exit(NOT_FOUND)
    ends = "next try" if letter.state == "waiting" else "ended"
    facts = {"number": letter.number, "event": letter.event, "id": letter.id, "payment": letter.payment_id or "-"}
    facts |= {"state": letter.state, "tries": letter.attempts, "received": letter.received_at, ends: letter.due_at}
    facts |= {"error": letter.error} if letter.error else {}
    for name, value in facts.items():
        typer.echo(f"{name:<9} {value}")
    Console(soft_wrap=True).print_json(data=read_json(letter.body))


@inbox.command()
def replay(
    inbox: InboxURL,
    numbers: Annotated[list[int] | None, typer.Argument(help="Letters to send; all dead ones when left out.")] = None,
) -> None:
    """Send letters round again, as if they had just come in: dead ones, or those of these numbers, handled ones too."""
    typer.echo(f"{_ask(inbox, 'replay', *(numbers or ()))} sent round again")


@inbox.command()
def purge(
    inbox: InboxURL,
    *,
    older_than: Annotated[float, typer.Option(min=0, metavar="DAYS", help="How long ago they ended.")] = 30.0,
    dead: Annotated[bool, typer.Option("--dead", help="Throw away dead letters, instead of handled ones.")] = False,
) -> None:
    """Throw away letters that were handled; a repetition that comes later would be handled again."""
    thrown = _ask(inbox, "purge", "dead" if dead else "done", older_than=older_than * DAY)
    typer.echo(f"{thrown} thrown away")


def _columns(letter: Letter) -> tuple[str, ...]:
    received = f"{letter.received_at:%Y-%m-%d %H:%M:%S}"
    tries, payment, error = str(letter.attempts), letter.payment_id or "-", letter.error or ""
    return str(letter.number), received, letter.state, tries, letter.event, payment, error


def _ask(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    """Open the inbox, call it, close it."""

    async def ask() -> Any:
        async with SQLInbox(url) as opened:
            return await getattr(opened, method)(*arguments, **options)

    with telling_faults():
        return anyio.run(ask)
