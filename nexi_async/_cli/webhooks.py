"""`nexi-async webhooks`: listen for deliveries, and send some."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Annotated, Any

import anyio
import typer
import uvicorn

from nexi_async._cli.usage_errors import telling_faults
from nexi_async._codec import Malformed, read_json
from nexi_async._errors import InvalidRequest
from nexi_async.reference.event_names import nearest_event_name
from nexi_async.webhooks import EVENT_NAMES, Event, SQLInbox, WebhookReceiver, deliveries, new_authorization

__all__ = ["webhooks"]

NOT_TAKEN = 1

webhooks = typer.Typer(no_args_is_help=True, help="Listen for webhooks, and send some, without an account.")

Authorization = Annotated[
    str | None,
    typer.Option(envvar="NEXI_WEBHOOK_AUTHORIZATION", show_envvar=True, help="What deliveries have in their header."),
]


@webhooks.command()
def listen(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8500,
    authorization: Authorization = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Where deliveries may come from; may be repeated, or be 'any'.")
    ] = None,
    inbox: Annotated[
        str | None, typer.Option(metavar="URL", help="Store them first, e.g. sqlite:///inbox.db.", envvar="NEXI_INBOX")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the bodies as they came, one a line.")] = False,
) -> None:
    """Receive webhooks at any path and print their events, until Ctrl-C.

    Deliveries are taken from this machine unless --network says otherwise. Without --authorization a value is made up
    and shown. What is refused, and why, is printed on standard error.
    """
    secret = authorization or new_authorization()
    _print_refusals()
    with telling_faults():
        receiver = WebhookReceiver(
            authorization=secret,
            networks=_networks(network),
            fallback=_print_body if as_json else _print_event,
            inbox=None if inbox is None else SQLInbox(inbox),
        )
        listener = _bind(host, port)
        _introduce(listener, secret if authorization is None else "as given", quiet=as_json)
        anyio.run(_serve, receiver, listener)


@webhooks.command()
def send(
    event: Annotated[str, typer.Argument(help="The event's name, e.g. payment.created.", show_default=False)],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The receiver's address.", show_default=False)],
    *,
    authorization: Authorization = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A member of the event, e.g. payment_id=02d5; may be repeated."
        ),
    ] = None,
) -> None:
    """Send one sample delivery of EVENT to a receiver.

    The value of --set is JSON if it can be read as such, else text: --set my_reference=A-17, or
    --set 'amount={"amount": 500, "currency": "SEK"}'.

    Exit status: 0 if the receiver answers 200, 1 if it answers anything else, 2 if nothing could be sent.
    """
    if event not in EVENT_NAMES:
        nearest = nearest_event_name(event)
        meant = f"; did you mean {nearest}?" if nearest else ""
        typer.echo(f"{event} is not one of the 15 known events, it goes as an unknown one{meant}", err=True)
    changes = dict(map(_change, change or ()))
    with telling_faults():
        answer = anyio.run(_send, to, _sample(event, changes), authorization or "")
    typer.echo(f"{answer.status} {answer.text}")
    raise typer.Exit(0 if answer.status == 200 else NOT_TAKEN)


# --- listening -----------------------------------------------------------------------------------------------------


def _networks(given: list[str] | None) -> Any:
    return "any" if given == ["any"] else given or ["127.0.0.0/8", "::1"]


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # naming the protocol lets asyncio switch Nagle's algorithm off, which costs 40 ms an answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def _introduce(listener: socket.socket, secret: str, *, quiet: bool) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"Listening at   http://{shown}:{port}", err=quiet)
    typer.echo(f"Authorization  {secret}", err=quiet)
    typer.echo("Ctrl-C stops it.", err=quiet)


def _print_refusals() -> None:
    """Every single one, as it happens."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.getLogger("nexi_async.webhooks").addHandler(handler)


async def _serve(receiver: WebhookReceiver, listener: socket.socket) -> None:
    """Serve until Ctrl-C or a request to end."""
    # headers that tell the sender are the receiver's to judge
    config = uvicorn.Config(receiver, log_config=None, access_log=False, lifespan="off", proxy_headers=False)
    server = _Server(config)
    async with receiver:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with anyio.create_task_group() as group:
                group.start_soon(server.serve, [listener])
                async for _ in signals:
                    break
                server.should_exit = True


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _print_event(event: Event) -> None:
    money = getattr(event, "amount", None) or getattr(getattr(event, "order", None), "amount", None)
    amount = f"{money.amount} {money.currency}" if money is not None else ""
    typer.echo(f"{event.timestamp:%Y-%m-%d %H:%M:%S}  {event.name:<32} {event.payment_id or '-':<34} {amount}".rstrip())


async def _print_body(event: Event) -> None:
    typer.echo(event.raw)


# --- sending -------------------------------------------------------------------------------------------------------


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


async def _send(url: str, body: bytes, authorization: str) -> deliveries.DeliveryResponse:
    return await deliveries.send(url, body, authorization=authorization)
