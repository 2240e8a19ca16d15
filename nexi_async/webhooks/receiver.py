"""The receiver: an ASGI app that lets deliveries in, hands their events to handlers, and answers as Nexi expects.

Nexi takes 200 alone for "handled" and sends everything else again, ten times in all, later each time. So 200 is said
only when the handler has returned.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from contextlib import aclosing

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from nexi_async import environment as environments
from nexi_async.environment import EnvironmentName
from nexi_async.errors import InvalidRequest
from nexi_async.webhooks import guard
from nexi_async.webhooks.duplicates import HandledEvents
from nexi_async.webhooks.events import Event
from nexi_async.webhooks.guard import Network
from nexi_async.webhooks.handlers import Handler, Handlers
from nexi_async.webhooks.parsing import InvalidEvent, parse_event

__all__ = ["WebhookReceiver"]

BODY_SECONDS = 10.0
"""How long a sender may take over the body."""

logger = logging.getLogger("nexi_async.webhooks")


class WebhookReceiver:
    """Receives the webhooks of Nexi Checkout; mount it in any ASGI app, or serve it by itself.

        receiver = WebhookReceiver(environment="live", authorization=["current", "previous"])

        @receiver.on("payment.reservation.failed")
        async def retry_later(event: ReservationFailed) -> None: ...

        app.mount("/nexi", receiver)  # POST https://shop.example/nexi/webhooks, or any other path below /nexi/

    The answer is 200 when the handler returned, now or for an earlier delivery of the same event, and 500 when it
    raised: then Nexi sends the event again. Whoever is not Nexi gets 403 or 401, what is no event 400, what is too
    large 413, what is too slow 408, and anything but POST 405.

    What was handled is remembered in this process, for its 10,000 most recent events: with several processes, or after
    a restart, a handler may see an event twice. The source address is the peer's as the server tells it; headers such
    as `X-Forwarded-For` are not believed.

    Args:
        environment: "test" or "live", which decides where deliveries come from.
        authorization: the value that payments were created with, or several: a payment keeps its value for life, so
            keep the previous one for as long as its payments may be refunded. 8 or more characters each.
        networks: where deliveries may come from instead, e.g. ["127.0.0.1"] for the emulator.
        fallback: takes events that have no handler of their own, unknown ones too. Without it they are answered 500,
            so that nothing is lost while a handler is missing.
        max_body: the most bytes that a delivery may have.

    Raises:
        InvalidRequest: an option can't be used; says which and why.
    """

    def __init__(
        self,
        *,
        environment: EnvironmentName = "test",
        authorization: str | Iterable[str],
        networks: Iterable[str | Network] | None = None,
        fallback: Handler[Event] | None = None,
        max_body: int = 65_536,
    ) -> None:
        if max_body < 1:
            raise InvalidRequest([("max_body", f"must be 1 byte or more, is {max_body}")])
        own_networks = environments.find(environment).webhook_networks
        self._networks = own_networks if networks is None else guard.allowed_networks(networks)
        self._authorizations = guard.accepted_authorizations(authorization)
        self._max_body = max_body
        self._handled = HandledEvents()
        self._handlers = Handlers(fallback)
        self.on = self._handlers.on
        """Registers a handler for an event, as a decorator."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI; whatever the remaining path is, it is a delivery."""
        if scope["type"] == "http":
            await self._receive(Request(scope, receive), send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await WebSocketClose()(scope, receive, send)

    async def _receive(self, request: Request, send: Send) -> None:
        try:
            await self._handle(await self._admit(request))
            answer = PlainTextResponse("handled")
        except HTTPException as refusal:
            answer = PlainTextResponse(refusal.detail, refusal.status_code, refusal.headers)
        except ClientDisconnect:
            return  # before the end of the body: nobody is there to be answered, nothing has been done
        await answer(request.scope, request.receive, send)

    async def _admit(self, request: Request) -> Event:
        """The event of a delivery that passes every check, cheapest first."""
        if request.method != "POST":
            raise HTTPException(405, "send events with POST", {"Allow": "POST"})
        peer = request.scope.get("client")
        if not guard.address_allowed(peer, self._networks):
            logger.warning("refused a webhook from %r: not an address of Nexi's, see `networks`", peer)
            raise HTTPException(403, "not an address of Nexi's")
        body = await self._read(request)
        if not guard.authorized(_authorization(request.scope), self._authorizations):
            logger.warning("refused a webhook: its Authorization is missing or not an accepted value")
            raise HTTPException(401, "not authorized")
        return _parse(body)

    async def _read(self, request: Request) -> bytes:
        announced = request.headers.get("content-length", "")[:20]
        if announced.isdecimal() and int(announced) > self._max_body:
            raise self._too_large()
        body = bytearray()
        with anyio.move_on_after(BODY_SECONDS):
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > self._max_body:
                        raise self._too_large()
            return bytes(body)
        raise HTTPException(408, "too slow")

    def _too_large(self) -> HTTPException:
        logger.warning("refused a webhook of more than %d bytes, see `max_body`", self._max_body)
        return HTTPException(413, "too large")

    async def _handle(self, event: Event) -> None:
        handler = self._handlers.find(event.name)
        if handler is None:
            logger.error("no handler for %r: register one, or a fallback", event.name)
            raise HTTPException(500, "no handler for this event")
        try:
            handled = await self._handled.once((event.id, event.name), functools.partial(handler, event))
        except Exception:
            logger.exception("handler failed: event %r, id %r, payment %r", event.name, event.id, event.payment_id)
            handled = False
        if not handled:
            raise HTTPException(500, "not handled, please send it again")


def _parse(body: bytes) -> Event:
    try:
        return parse_event(body)
    except InvalidEvent as invalid:
        logger.error("refused a webhook that is no event: %s", invalid)
        raise HTTPException(400, "not an event") from None


def _authorization(scope: Scope) -> bytes | None:
    """The header as it came, if it came once."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    return values[0] if len(values) == 1 else None


async def _live(receive: Receive, send: Send) -> None:
    """There is nothing to start or stop; say so to a server that asks."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
