"""The receiver: an ASGI app that checks deliveries, dispatches their events to handlers, and responds as Nexi expects.

Nexi takes 200 alone for "handled" and sends everything else again, ten times in all, later each time. So the response
is 200 only when the handler has returned, or when the event is stored in an inbox.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from nexi_async import _environment as environments
from nexi_async._environment import EnvironmentName
from nexi_async._errors import InvalidRequest, StorageError, StorageUnavailable
from nexi_async.reference.event_names import EventName
from nexi_async.webhooks import _responses as responses
from nexi_async.webhooks._authorization import AuthorizationCheck, AuthorizationOf
from nexi_async.webhooks._body import ClientDisconnected
from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._dispatcher import Dispatcher
from nexi_async.webhooks._event_base import UnreadableEvent
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._inbox import SQLInbox
from nexi_async.webhooks._log_fields import facts, flush, logger
from nexi_async.webhooks._parsing import parse_event
from nexi_async.webhooks._payment_fetcher import PaymentFetcher, Retrieve
from nexi_async.webhooks._recent_events import HandledEvents
from nexi_async.webhooks._request_validation import RequestValidation
from nexi_async.webhooks._responses import Refused
from nexi_async.webhooks._router import Handler, WebhookRouter
from nexi_async.webhooks._source_address import Networks, SourceAddressCheck, TrustedProxies
from nexi_async.webhooks._stats import Counters, InboxStats, MetricsApp, ReceiverStats
from nexi_async.webhooks._stored_events import StoredEvent

HANDLER_FAILED = "handler failed: event %r, id %r, payment %r"
NOT_STORED = "not stored, see `inbox`: event %r, id %r, payment %r"
NO_HANDLERS = "the receiver has no handlers, so every event is answered 500: register some with `on`, or a `fallback`"


class WebhookReceiver:
    """Receives the webhooks of Nexi Checkout; mount it in any ASGI app, or serve it by itself.

        receiver = WebhookReceiver(environment="live", authorization=["current", "previous"])

        @receiver.on(ReservationFailed)
        async def retry_later(event: ReservationFailed) -> None: ...

        app.mount("/nexi", receiver)  # POST https://shop.example/nexi/webhooks, or any other path below /nexi/

    The response is 200 when the handler returned, now or for an earlier delivery of the same event, and 500 when it
    raised: then Nexi sends the event again. A request that is not Nexi's gets 403 or 401, a body that is no event 400,
    one that is too large 413, one that is too slow 408, and any method but POST 405.

    Handled events are remembered in this process, the 10,000 most recent ones: with several processes, or after a
    restart, a handler may get an event twice. With an `inbox` events are stored, answered with 200, and handled
    afterwards, also after a crash. Such a receiver has to be running: pass `receiver.lifespan` to the app that it is
    mounted in, or enter `async with receiver` in the app's own lifespan. Served by itself it is run by the server.

    Args:
        environment: "test" or "live", which decides where deliveries come from.
        authorization: the value that payments were created with, or several: a payment keeps its value for life, so
            keep the previous one for as long as its payments may be refunded. 8 or more characters each. For a value of
            its own in each payment: an `async def` that takes a payment's id and returns its value, or values, or None,
            within 10 seconds. An event without a readable payment id is then refused with 400.
        networks: where deliveries may come from instead, e.g. ["127.0.0.1"] for the emulator; "any" checks
            `authorization` alone.
        trusted_proxies: the networks of your own reverse proxies, e.g. ["10.0.0.0/8"]. From them, and from no others,
            `X-Forwarded-For` and `Forwarded` are trusted, from right to left up to the first that is not a proxy.
            Servers that read such headers themselves put the address in the place of the peer: uvicorn does so for
            127.0.0.1, unless started with `--no-proxy-headers`. An address that may have been set in this way is
            refused unless the headers of these proxies agree. "server" takes the server's address instead: only for a
            server that trusts your proxies alone, never for uvicorn with `--forwarded-allow-ips='*'`.
        inbox: where events are stored before they are handled.
        refetch: fetches a payment, e.g. `checkout.payments.retrieve`. Handlers with a second parameter then get the
            payment, fetched after the event came in and within the last 10 seconds; one fetch serves all events that
            came in before it, and there are 20 an hour at most (Nexi allows 30 for each payment).
        fallback: takes events that have no handler of their own, unknown and unreadable ones too. Without it they are
            answered with 500, so that nothing is lost while a handler is missing; unreadable ones are stored in an
            inbox, if there is one, as dead events that name their faults, until `replay`.
        max_body: the most bytes that a delivery may have.
        handler_timeout: seconds that a handler may take, fetching the payment included; then, 0.05 s later at the most,
            it is cancelled, which counts as a failure. On asyncio its task is cancelled as by `asyncio.timeout`, and
            again after each second that it goes on. With an inbox its `lease` is a limit as well. A handler that blocks
            the event loop can't be cancelled, and work that it has given to a thread goes on.

    Raises:
        InvalidRequest: an option can't be used; names it and the reason.
    """

    def __init__(
        self,
        *,
        environment: EnvironmentName = "test",
        authorization: str | Iterable[str] | AuthorizationOf,
        networks: Networks | None = None,
        trusted_proxies: TrustedProxies = (),
        inbox: SQLInbox | None = None,
        refetch: Retrieve | None = None,
        fallback: Handler[Event] | None = None,
        max_body: int = 65_536,
        handler_timeout: float = 15.0,
    ) -> None:
        if handler_timeout <= 0:
            raise InvalidRequest([("handler_timeout", f"must be more than 0, is {handler_timeout}")])
        if max_body < 1:
            raise InvalidRequest([("max_body", f"must be 1 byte or more, is {max_body}")])
        self._counters = counters = Counters()
        self._deadlines = deadlines = Deadlines()
        allowed = environments.find(environment).webhook_networks if networks is None else networks
        self._validation = RequestValidation(
            SourceAddressCheck(allowed, trusted_proxies, counters),
            AuthorizationCheck(authorization, counters, deadlines),
            max_body,
            counters,
            deadlines,
        )
        self._router = router = WebhookRouter(fallback, can_fetch=refetch is not None)
        self._now = time.monotonic if inbox is None else inbox.now
        fetcher = PaymentFetcher(refetch, self._now) if refetch else None
        self._dispatcher = Dispatcher(router, fetcher, counters, deadlines, handler_timeout)
        self._inbox = inbox
        self._handled = HandledEvents()
        self._stack = AsyncExitStack()
        self._is_running = False
        self.on = router.on
        """Registers a handler for an event, as a decorator."""
        self.include = router.include
        """Takes over the handlers of a `WebhookRouter`."""
        self.metrics = MetricsApp(self._available_stats)
        """An ASGI app that shows `stats()` to Prometheus, e.g. `Route("/metrics", receiver.metrics)`; without those of
        the inbox while its database is unavailable."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app: a request is a delivery, whatever the rest of its path."""
        if scope["type"] == "http":
            response = await self._response_to(scope, receive)
            if response is not None:
                self._counters.responses[response.status_code] += 1
                await response(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        else:
            await WebSocketClose()(scope, receive, send)

    # --- lifespan --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open the inbox and handle its events until the end of the block; without an inbox there is nothing to do.

        A receiver without any handler logs a warning.

        Raises:
            RuntimeError: it is running already.
        """
        if self._is_running:
            raise RuntimeError("the receiver is running already: enter it once, by its lifespan or by async with")
        if self._router.is_empty:
            logger.warning(NO_HANDLERS)
        async with AsyncExitStack() as stack:
            if self._inbox is not None:
                count_error = functools.partial(self._counters.count_error, "inbox")
                await stack.enter_async_context(self._inbox.working(self._handle_stored, count_error))
            self._stack, self._is_running = stack.pop_all(), True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_running = False
        self._deadlines.cancel_idle_timer()
        await self._stack.__aexit__(kind, error, trace)
        flush()

    @property
    def event_names(self) -> tuple[EventName, ...]:
        """The events that have a handler, or all 15 if there is only a fallback: what payments should subscribe to.

        `Notifications.to(url, authorization=..., events=receiver.event_names)` subscribes to exactly what is handled.
        """
        return self._router.names

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """The lifespan of an app that has no other: `FastAPI(lifespan=receiver.lifespan)`."""
        async with self:
            yield

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        """Served by itself it runs from the server's start to its stop."""
        phase = "startup"
        try:
            await receive()
            async with self:
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except BaseException as error:
            await send({"type": f"lifespan.{phase}.failed", "message": f"the receiver failed: {error}"})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def stats(self) -> ReceiverStats:
        """The counts of this receiver since its process began, and the state of its inbox.

        Raises:
            StorageUnavailable: the database of the inbox is unavailable.
            StorageError: it can't be used.
        """
        return self._stats(None if self._inbox is None else await self._inbox.stats())

    async def _available_stats(self) -> ReceiverStats:
        """Those of this process at least."""
        try:
            return await self.stats()
        except StorageError:
            return self._stats(None)

    def _stats(self, inbox: InboxStats | None) -> ReceiverStats:
        return ReceiverStats(
            responses=dict(self._counters.responses),
            handled=dict(self._counters.handled),
            failed=dict(self._counters.failed),
            duplicates=self._handled.duplicates if self._inbox is None else self._inbox.duplicates,
            errors=dict(self._counters.errors),
            inbox=inbox,
        )

    # --- deliveries ------------------------------------------------------------------------------------------------

    async def _response_to(self, scope: Scope, receive: Receive) -> Response | None:
        """None if the sender has closed the connection."""
        try:
            event = await self._validation.event_of(scope, receive)
        except Refused as refused:
            return refused.response
        except ClientDisconnected:
            return None
        return responses.handled() if await self._process(event) else responses.not_handled()

    async def _process(self, event: Event) -> bool:
        """Handle the event, or store it; whether that succeeded."""
        if not (self._dispatcher.has_handler(event) or self._stores_unreadable(event)):
            return False
        try:
            if self._inbox is not None:
                return await self._store(self._inbox, event)
            return await self._handled.once((event.id, event.name), self._dispatcher.handle, event, self._now())
        except Exception as error:  # noqa: BLE001 - a handler may raise anything; it is logged
            self._report(event, error)
            return False

    def _stores_unreadable(self, event: Event) -> bool:
        """What can't be read is stored, as a dead event, until a handler or a newer version can take it."""
        return self._inbox is not None and isinstance(event, UnreadableEvent)

    def _report(self, event: Event, error: Exception) -> None:
        values = event.name, event.id, event.payment_id
        if self._inbox is None:  # the dispatcher has counted it
            logger.error(HANDLER_FAILED, *values, exc_info=error, extra=facts(*values))
        else:
            self._counters.report("inbox", NOT_STORED, *values, level=logging.ERROR, error=error, extra=facts(*values))

    async def _store(self, inbox: SQLInbox, event: Event) -> bool:
        if not self._is_running:
            raise RuntimeError("the receiver is not running: pass receiver.lifespan to the app, or enter the receiver")
        try:
            await inbox.put(event)
        except StorageUnavailable as error:  # the inbox logs an outage once
            self._counters.count_error("inbox", "not stored", error)
            return False
        return True

    async def _handle_stored(self, stored: StoredEvent) -> None:
        """Handle an event of the inbox."""
        await self._dispatcher.handle(parse_event(stored.body), stored.received)
