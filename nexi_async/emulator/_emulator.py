"""`CheckoutEmulator`: an engine with its ASGI app and its webhook dispatcher, controlled from Python."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import httpx
from anyio.from_thread import BlockingPortal
from starlette.types import Receive, Scope, Send

from nexi_async.emulator import _app as app
from nexi_async.emulator._access import own_hosts, read_public_url
from nexi_async.emulator._background import BackgroundTask
from nexi_async.emulator._engine.cards import DEFAULT_CARD
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.clock import Clock
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.settings import STRICT, Settings, changed
from nexi_async.emulator._request_log import RequestLog
from nexi_async.emulator._site import Site
from nexi_async.emulator._state_file import StateFile
from nexi_async.emulator._webhook_dispatcher import WebhookDispatcher


class CheckoutEmulator:
    """An emulated Nexi Checkout: the Payment and Reporting APIs, the hosted page, webhooks, and controls.

    It is an ASGI app, for `httpx.ASGITransport` or any ASGI server. Webhooks are delivered while its lifespan
    runs or inside `async with`, which may be left by another task than entered it; without either they queue,
    until `deliver_all`. It belongs to one event loop and is not thread-safe.

    Args:
        secret_key: The key that API calls must have in `Authorization`; any other gets 401.
        checkout_key: The public key of hosted pages and of checkout.js.
        settings: The settings.
        strict: Accept only what the official reference allows, whatever `settings` has (see `STRICT`).
        seed: Makes ids and probabilities the same in every run.
        time_scale: 1 is real time, 3600 makes an hour of every second, 0 stands still until `advance`.
        webhook_transport: How webhooks are sent; the network by default.
        clock: A clock to use instead of a new one of `time_scale`.
        public_url: The address of its pages for shoppers, if it differs from the one it listens on, e.g. "https://pay.example:8400".
        hosts: Host names that requests may have, besides those of `public_url`, of this machine, and where it listens.
        persist: A file that keeps the state over restarts, made if it is not there; None keeps it in memory. What was
            answered is in the file, also after kill -9; the loss of power may cost the last changes. It belongs to one
            emulator at a time.

    Raises:
        ValueError: `public_url` is no http or https address, or the file of `persist` is damaged, in use, of a newer
            version, or no state of an emulator.
    """

    def __init__(
        self,
        *,
        secret_key: str = "emulator-secret-key",  # noqa: S107  play money
        checkout_key: str = "emulator-checkout-key",
        settings: Settings = Settings(),  # noqa: B008  frozen
        strict: bool = False,
        seed: int | None = None,
        time_scale: float = 1.0,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        public_url: str | None = None,
        hosts: Iterable[str] = (),
        persist: Path | None = None,
    ) -> None:
        self.secret_key = secret_key
        self.checkout_key = checkout_key
        self.clock = clock or Clock(time_scale=time_scale)
        settings = changed(settings, dict(STRICT)) if strict else settings
        self._state_file = StateFile(persist) if persist is not None else None
        self._engine = self._start_engine(settings, seed, checkout_key)
        self._log = RequestLog()
        self._dispatcher = WebhookDispatcher(self._engine, webhook_transport)
        public_url = None if public_url is None else read_public_url(public_url)
        self._site = Site(self._engine, self._log, secret_key, public_url, own_hosts(public_url, hosts))
        self._running: BackgroundTask | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        else:
            await app.serve(self._site, scope, receive, send)

    async def __aenter__(self) -> Self:
        if self._running is not None:
            msg = "the emulator is already running"
            raise RuntimeError(msg)
        self._running = BackgroundTask(self._dispatcher.run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, self._running = self._running, None
        self.close_streams()
        try:
            if running is not None:
                await running.stop()
        finally:
            if self._state_file is not None:
                self._state_file.close()

    @property
    def settings(self) -> Settings:
        """The settings; replace them at any time."""
        return self._engine.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._engine.settings = settings

    @property
    def is_running(self) -> bool:
        """Whether webhooks are being delivered."""
        return self._running is not None

    def pay(
        self,
        payment_id: str,
        *,
        card: str | None = None,
        method: str | None = None,
        consumer: Mapping[str, Any] | None = None,
    ) -> ShopperOutcome:
        """Pay as the shopper, with a card number or another payment method (`Swish`, `EasyInvoice` …).

        The outcome is `challenged` where the card's issuer asks the shopper first (3-D Secure): see
        `answer_challenge`.

        Args:
            payment_id: The payment.
            card: The card number.
            method: Another payment method's API name.
            consumer: The shopper's data, in the form of `checkout.consumer` of create payment; made up by
                default. It counts where the checkout collects it, and completes what the merchant sent.

        Raises:
            Refusal: The payment is unknown, closed, or cannot be paid like this.
            ValueError: The card number is not valid.
        """
        return self._engine.pay(payment_id, card=card, method=method, consumer=consumer)

    def answer_challenge(
        self, payment_id: str, result: Literal["approved", "refused", "cancelled", "timed_out"] = "approved"
    ) -> ShopperOutcome:
        """Answer the issuer's 3-D Secure challenge as the shopper; any result but `approved` leaves the payment open.

        Raises:
            Refusal: The payment is unknown, closed, or waits for no answer.
        """
        return self._engine.answer_challenge(payment_id, result)

    def decline(self, payment_id: str, *, code: str = "05") -> ShopperOutcome:
        """Press Pay as the shopper and be declined with this acquirer code; the payment stays open.

        Raises:
            Refusal: The payment is unknown or closed.
        """
        return self._engine.decline(payment_id, code=code)

    def cancel(self, payment_id: str) -> ShopperOutcome:
        """Cancel as the shopper; the payment stays open.

        Raises:
            Refusal: The payment is unknown or closed.
        """
        return self._engine.cancel(payment_id)

    def sign_up(
        self,
        count: int,
        *,
        kind: Literal["scheduled", "unscheduled"] = "scheduled",
        card: str = DEFAULT_CARD,
        external_references: bool = False,
    ) -> list[str]:
        """Sign up many subscriptions at once, as if imported; returns their ids.

        With `external_references` they can also be found as `imported-1`, `imported-2` and so on.

        Raises:
            ValueError: The card number is not valid.
        """
        return self._engine.sign_up(count, kind=kind, card=card, external_references=external_references)

    def set_faults(self, faults: Iterable[InjectedFault]) -> None:
        """Replace the injected faults; an empty list removes them all."""
        self._engine.set_faults(faults)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and do what has become due."""
        self._engine.advance(seconds)

    def state(self) -> dict[str, Any]:
        """The whole state as one JSON document: payments, subscriptions, bulk runs, payouts, events, deliveries."""
        return self._engine.state()

    def reset(self) -> None:
        """Discard the state, the injected faults and changed settings; the clock continues."""
        self._engine.reset()

    async def wait_delivered(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109  the limit is the point
        """Wait until no delivery is pending: each is delivered or was dropped after its last attempt.

        Args:
            timeout: Real seconds.

        Raises:
            NotDelivered: A delivery was still pending, a `TimeoutError`; it lists them with the results so far.
        """
        await self._dispatcher.wait_delivered(timeout, self._hint)

    def deliver_all(self, portal: BlockingPortal | None = None) -> int:
        """Deliver what is due now, from synchronous code; returns how many events were delivered.

            with TestClient(app) as client:
                ...
                emulator.deliver_all(client.portal)

        Args:
            portal: Into the event loop that the receiving app runs on, as Starlette's TestClient has it; without one
                the app gets an event loop for this call.

        Raises:
            NotDelivered: Some were not answered 200; they are sent again when they are due.
        """
        if portal is not None:
            return portal.call(self._dispatcher.deliver_due)
        return anyio.run(self._dispatcher.deliver_due)

    def close_streams(self) -> None:
        """End the responses that last, the portal's live log, so that a server can stop."""
        self._log.close()

    def _start_engine(self, settings: Settings, seed: int | None, checkout_key: str) -> Engine:
        """The engine, restored from the state file if there is one."""
        file = self._state_file
        try:
            return Engine(settings, seed=seed, clock=self.clock, checkout_key=checkout_key, store=file)
        except BaseException:
            if file is not None:
                file.close()
            raise

    def _hint(self) -> str:
        return "" if self.is_running else ", for nothing is sent outside `async with emulator`"

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with nullcontext() if self.is_running else self:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
