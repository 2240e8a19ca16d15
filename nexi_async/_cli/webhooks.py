"""`nexi-async webhooks`: listen for deliveries, have the API send them, or send samples."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import anyio
import typer

from nexi_async._cli.api_command import api_command
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import EventArgument, JSONOption, ProfileOption
from nexi_async._cli.output import Output, cell
from nexi_async._cli.settings import webhook_authorization
from nexi_async._cli.usage_errors import reporting_errors
from nexi_async._cli.webhook_listener import EventPrinter, bind, serve_receiver, url_of
from nexi_async._cli.webhook_trigger import trigger
from nexi_async._codec import Malformed, read_json
from nexi_async._errors import InvalidRequest
from nexi_async.reference.event_names import EVENT_NAMES, nearest_event_name
from nexi_async.webhooks import InvalidEvent, SQLInbox, WebhookReceiver, deliveries, new_authorization

webhooks = typer.Typer(no_args_is_help=True)
webhooks.command("trigger")(api_command(trigger))


@webhooks.command()
def listen(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 8500,
    forward_to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Your own receiver: every event is forwarded to it."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="A network that deliveries may come from, or 'any'; may be repeated.")
    ] = None,
    inbox: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Store events in this inbox first, e.g. sqlite:///inbox.db.", envvar="NEXI_INBOX"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", "--print-json", help="Print the bodies as received, one a line.")
    ] = False,
    profile: ProfileOption = None,
) -> None:
    """Receive webhooks at any path and print their events, until Ctrl-C.

    Deliveries are accepted from this machine, or from the networks of --network, and only with the Authorization value
    of NEXI_WEBHOOK_AUTHORIZATION or of the profile's webhook_authorization; without either a new value is made and
    shown. Refused deliveries are printed on standard error with the reason.

    With --forward-to each event is forwarded to your own receiver, with the same Authorization. If that receiver does
    not answer with 200, the sender gets 500, so that the event is delivered again.

    Example: `nexi-async webhooks listen --forward-to http://127.0.0.1:8000/nexi/webhooks`
    """
    output = Output(as_json)
    with reporting_errors():
        configured = webhook_authorization(profile)
        secret = configured or new_authorization()
        receiver = WebhookReceiver(
            authorization=secret,
            networks="any" if network == ["any"] else network or ["127.0.0.0/8", "::1"],
            fallback=EventPrinter(output, secret, forward_to),
            inbox=None if inbox is None else SQLInbox(inbox),
        )
        listener = bind(host, port)
        introduce = output.note if as_json else output.line
        introduce(f"Listening at   {url_of(listener)}")
        introduce(f"Authorization  {secret if configured is None else 'as configured'}")
        introduce("Ctrl-C stops it.")
        anyio.run(serve_receiver, receiver, listener, output)


@webhooks.command()
def send(
    event: EventArgument,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The receiver's address.", show_default=False)],
    *,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A member of the event, e.g. payment_id=02d5; may be repeated."
        ),
    ] = None,
    as_json: JSONOption = False,
    profile: ProfileOption = None,
) -> None:
    """Send one sample delivery of EVENT to a receiver.

    Its Authorization is that of NEXI_WEBHOOK_AUTHORIZATION or of the profile; without either it is prompted for. The
    value of --set is JSON if it can be parsed as JSON, else text: --set my_reference=A-17, or
    --set 'amount={"amount": 500, "currency": "SEK"}'.

    Exit status: 0 if the receiver answers 200, 1 if it answers anything else, 2 if nothing could be sent.

    Example: `nexi-async webhooks send payment.charge.created.v2 --to http://127.0.0.1:8000/nexi/webhooks`
    """
    output = Output(as_json)
    if event not in EVENT_NAMES:
        nearest = nearest_event_name(event)
        meant = f"; did you mean {nearest}?" if nearest else ""
        output.note(f"{event} is not one of the 15 known events; it is sent as an unknown one{meant}")
    changes = dict(map(_change, change or ()))
    with reporting_errors():
        body = _sample(event, changes)
        authorization = webhook_authorization(profile) or _prompt_for_authorization()
        answer = anyio.run(partial(deliveries.send, to, body, authorization=authorization))
    output.show(answer._asdict(), cell(f"{answer.status} {answer.text}"))
    raise typer.Exit(ExitStatus.OK if answer.status == 200 else ExitStatus.FAILED)


def _prompt_for_authorization() -> str:
    """The value as typed at a terminal; empty, as if there were none, where there is no terminal."""
    if not sys.stdin.isatty():
        return ""
    answer: str = typer.prompt("Authorization", default="", hide_input=True, show_default=False, err=True)
    return answer


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} has no '=': write NAME=VALUE", param_hint="--set")
    try:
        return name, read_json(value.encode())
    except Malformed:
        return name, value


def _sample(event: str, changes: dict[str, Any]) -> bytes:
    try:
        return deliveries.sample(event, **changes)
    except TypeError as unknown:
        raise InvalidRequest([("--set", str(unknown))]) from None
    except InvalidEvent as invalid:
        raise InvalidRequest(invalid.faults) from None
