"""The receiver of `nexi-async webhooks listen`: it prints events, forwards them, and explains what it refuses."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import anyio
import attrs
import httpx
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nexi_async._cli.output import Output
from nexi_async.reference.currencies import format_amount
from nexi_async.webhooks import Event, WebhookReceiver, deliveries

_CAUSES = {
    401: "your receiver was started with another authorization: give it the value above, or put its own into "
    "NEXI_WEBHOOK_AUTHORIZATION or the profile's webhook_authorization and start `listen` again",
    403: 'your receiver takes webhooks from other addresses only: for tests give it networks=["127.0.0.1"]',
    404: "there is no receiver at this path",
}


class ForwardingFailed(Exception):
    """The receiver that an event was forwarded to did not answer 200, so the sender has to send it again."""


@attrs.frozen
class EventPrinter:
    """The handler of all events: prints each, and forwards it if there is an address to forward it to."""

    output: Output
    authorization: str = attrs.field(repr=False)
    forward_to: str | None = None

    async def __call__(self, event: Event) -> None:
        if self.output.as_json:
            self.output.line(event.raw.decode())
        else:
            self.output.line(_line_of(event))
        if self.forward_to is not None:
            await self._forward(event, self.forward_to)

    async def _forward(self, event: Event, url: str) -> None:
        try:
            response = await deliveries.send(url, event.raw, authorization=self.authorization)
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or f"no answer within {deliveries.RESPONSE_TIMEOUT:g} s"
            self.output.note(f"  {event.name} to {url}: {reason}")
            raise ForwardingFailed from None
        self.output.note(f"  {event.name} to {url}: {response.status} {response.text[:100]}".rstrip())
        if response.status != 200:
            if response.status in _CAUSES:
                self.output.note(f"  {_CAUSES[response.status]}")
            raise ForwardingFailed


def _line_of(event: Event) -> str:
    money = getattr(event, "amount", None) or getattr(getattr(event, "order", None), "amount", None)
    amount = format_amount(money.amount, money.currency) if money is not None else ""
    return f"{event.timestamp:%Y-%m-%d %H:%M:%S}  {event.name:<32} {event.payment_id or '-':<34} {amount}".rstrip()


@attrs.frozen
class _Explained:
    """An app whose 401 and 403 are explained to whom it belongs."""

    app: ASGIApp
    output: Output

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def explain(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (401, 403):
                self.output.note(_explanation(message["status"], scope))
            await send(message)

        await self.app(scope, receive, explain)


def _explanation(status: int, scope: Scope) -> str:
    if status == 401:
        return (
            "401: the delivery's Authorization is not this listener's. A payment keeps the value that it was created "
            "with: set NEXI_WEBHOOK_AUTHORIZATION, or webhook_authorization in a profile, to that value."
        )
    peer = (scope.get("client") or ("?",))[0]
    return f"403: {peer} is not an address to take deliveries from; add --network {peer} if it is yours or Nexi's."


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # naming the protocol lets asyncio switch Nagle's algorithm off, which costs 40 ms an answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Where it listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_receiver(receiver: WebhookReceiver, listener: socket.socket, output: Output) -> None:
    """Serve until Ctrl-C or a request to end."""
    _print_refusals()
    # headers that name the sender are the receiver's to judge
    config = uvicorn.Config(
        _Explained(receiver, output), log_config=None, access_log=False, lifespan="off", proxy_headers=False
    )
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


class _OneLine(logging.Formatter):
    """Without tracebacks: what failed was printed already, and is not this program's own mistake."""

    def formatException(self, ei: object) -> str:  # noqa: ARG002, N802 - as the base class has it
        return ""


def _print_refusals() -> None:
    """Every single one, as it happens."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.getLogger("nexi_async.webhooks").addHandler(handler)
