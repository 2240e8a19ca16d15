"""`nexi-async inbox`: inspect the inbox of a webhook receiver, requeue events, delete old ones."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import typer
from rich.console import Group
from rich.json import JSON

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import JSONOption
from nexi_async._cli.output import Output, facts_table
from nexi_async._cli.secrets import without_password
from nexi_async._cli.usage_errors import reporting_errors
from nexi_async._codec import read_json
from nexi_async._errors import ConfigurationError
from nexi_async.webhooks import SQLInbox, StoredEvent
from nexi_async.webhooks._stored_events import EventState

DAY = 86_400.0
LINE = "{:>8}  {:<19}  {:<7}  {:>8}  {:<31}  {:<32}  {}"

inbox = typer.Typer(no_args_is_help=True)

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


@inbox.command("list")
def show_list(
    inbox: InboxURL,
    *,
    state: Annotated[EventState | None, typer.Option(help="Only events of this state.")] = None,
    payment: Annotated[str | None, typer.Option(metavar="ID", help="Only events about this payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events are listed at most.")] = 50,
    as_json: JSONOption = False,
) -> None:
    """List events, newest first; with --json one JSON document a line.

    Example: `nexi-async inbox list --inbox sqlite:///inbox.db --state dead`
    """
    output = Output(as_json)
    events = _ask(inbox, "events", state=state, payment_id=payment, limit=limit)
    if not as_json:
        output.line(LINE.format("number", "received (UTC)", "state", "attempts", "event", "payment", "error"))
    for event in events:
        if as_json:
            output.json(_document(event))
        else:
            output.line(LINE.format(*_columns(event)).rstrip())


@inbox.command()
def show(
    number: Annotated[int, typer.Argument(help="The event's number.")],
    inbox: InboxURL,
    *,
    as_json: JSONOption = False,
) -> None:
    """Show one event with the body of its delivery, the shopper's data included.

    Exit status: 1 if there is no such event.

    Example: `nexi-async inbox show 17 --inbox sqlite:///inbox.db`
    """
    event = _ask(inbox, "event", number)
    if event is None:
        typer.echo(f"There is no event {number}.", err=True)
        raise typer.Exit(ExitStatus.FAILED)
    ends = "next attempt" if event.state == "waiting" else "ended"
    facts = (
        ("number", event.number),
        ("event", event.event),
        ("id", event.id),
        ("payment", event.payment_id or "-"),
        ("state", event.state),
        ("attempts", event.attempts),
        ("received", event.received_at),
        (ends, event.due_at),
        ("error", event.error),
    )
    table = Group(facts_table(facts), JSON(event.body.decode()))
    Output(as_json).show(_document(event) | {"body": read_json(event.body)}, table)


@inbox.command()
def replay(
    inbox: InboxURL,
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of events; all dead ones when left out.")] = None,
    *,
    as_json: JSONOption = False,
) -> None:
    """Requeue events as if they were new: all dead-lettered ones, or those of these numbers, handled ones too.

    Example: `nexi-async inbox replay 17 18 --inbox sqlite:///inbox.db`
    """
    _show_count(as_json, "requeued", _ask(inbox, "replay", *(numbers or ())))


@inbox.command()
def purge(
    inbox: InboxURL,
    *,
    older_than: Annotated[float, typer.Option(min=0, metavar="DAYS", help="How long ago they ended.")] = 30.0,
    dead: Annotated[bool, typer.Option("--dead", help="Delete dead events, instead of handled ones.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Delete events that were handled; a duplicate delivery that comes later would be handled again.

    Example: `nexi-async inbox purge --older-than 90 --inbox sqlite:///inbox.db`
    """
    deleted = _ask(inbox, "purge", "dead" if dead else "done", older_than=older_than * DAY)
    _show_count(as_json, "deleted", deleted)


def _show_count(as_json: bool, what: str, count: int) -> None:  # noqa: FBT001 - from the command line
    Output(as_json).show({what: count}, f"{count} {what}")


def _document(event: StoredEvent) -> dict[str, Any]:
    """An event without its body, which may tell of the shopper."""
    members = {
        "number": event.number,
        "event": event.event,
        "id": event.id,
        "paymentId": event.payment_id,
        "state": event.state,
        "attempts": event.attempts,
        "receivedAt": event.received_at,
        "dueAt": event.due_at,
        "error": event.error,
    }
    return {name: value for name, value in members.items() if value is not None}


def _columns(event: StoredEvent) -> tuple[str, ...]:
    received = f"{event.received_at:%Y-%m-%d %H:%M:%S}"
    attempts, payment, error = str(event.attempts), event.payment_id or "-", " ".join((event.error or "").split())
    return str(event.number), received, event.state, attempts, event.event, payment, error


def _ask(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    """Open the inbox, call it, close it."""

    async def ask() -> Any:
        inbox = SQLInbox(url)
        if not await inbox.exists():  # a misspelt name must not make an empty one
            raise ConfigurationError([("--inbox", "there is no inbox: is the URL right, and has a receiver run?")])
        async with inbox:
            return await getattr(inbox, method)(*arguments, **options)

    with reporting_errors():
        return anyio.run(ask)
