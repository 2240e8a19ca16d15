"""`CheckoutEmulator`: the emulator as one object, an ASGI app that is also steered from Python."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import httpx
from anyio.from_thread import BlockingPortal
from attrs import evolve
from starlette.types import ASGIApp, Receive, Scope, Send

from nexi_async.emulator import _access as access
from nexi_async.emulator import _app as app
from nexi_async.emulator import _cards as cards
from nexi_async.emulator import _checkout as checkout
from nexi_async.emulator import _idempotency as idempotency
from nexi_async.emulator import _refunds as refunds
from nexi_async.emulator import _statement as statement
from nexi_async.emulator import _subscriptions as subscriptions
from nexi_async.emulator import _validation as validation
from nexi_async.emulator._background import BackgroundTask
from nexi_async.emulator._checkout import Outcome
from nexi_async.emulator._clock import Clock
from nexi_async.emulator._context import Call, Moment, catch_up
from nexi_async.emulator._faults import Fault, FaultPlan
from nexi_async.emulator._operations import WireCall
from nexi_async.emulator._random_source import Dice, normal_id
from nexi_async.emulator._responses import Answer, Refusal, not_found
from nexi_async.emulator._settings import STRICT, Settings, changed
from nexi_async.emulator._state import KINDS, Books, Payment
from nexi_async.emulator._webhook_dispatcher import Courier


class CheckoutEmulator:
    """An emulated Nexi Checkout: the Payment and Reporting APIs, the hosted page, webhooks, and controls.

    It is an ASGI app, for `httpx.ASGITransport` or any ASGI server. Webhooks are delivered while its lifespan
    runs or inside `async with`, which may be left by another task than entered it; without either they queue,
    until `deliver_all`. It belongs to one event loop and is not thread-safe.

    Args:
        secret_key: The key that API calls must have in `Authorization`; any other gets 401.
        checkout_key: The public key of hosted pages and of checkout.js.
        settings: The switches.
        strict: Take requests by the letter of the official reference, whatever `settings` says (see `STRICT`).
        seed: Makes ids and odds the same in every run.
        time_scale: 1 is real time, 3600 makes an hour of every second, 0 stands still until `advance`.
        webhook_transport: How webhooks are sent; the network by default.
        clock: A clock to use instead of a new one of `time_scale`.
        public_url: Where shoppers reach its pages, if not where it listens, e.g. "https://pay.example:8400".
        hosts: Names and addresses to be called by, besides `public_url`, this machine, and where it listens.

    Raises:
        ValueError: `public_url` is no http or https address.
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
    ) -> None:
        self.secret_key = secret_key
        self.checkout_key = checkout_key
        self.public_url = None if public_url is None else access.read_public_url(public_url)
        self.hosts = access.own_hosts(public_url, hosts)
        self.clock = clock or Clock(time_scale=time_scale)
        self._first_settings = self._settings = changed(settings, dict(STRICT)) if strict else settings
        self._dice = Dice(seed)
        self._books = Books()
        self._faults = FaultPlan()
        self._courier = Courier(self.clock, self.present, webhook_transport)
        self._app: ASGIApp = app.build(self)
        self._running: BackgroundTask | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def __aenter__(self) -> Self:
        if self._running is not None:
            msg = "the emulator is already running"
            raise RuntimeError(msg)
        self._running = BackgroundTask(self._courier.run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    @property
    def settings(self) -> Settings:
        """The switches; replace them at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        if not settings.low_balance:
            refunds.settle_waiting(self.present())
        self._courier.look_again()

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
    ) -> Outcome:
        """Pay as the shopper, with a card number or another payment method (`Swish`, `EasyInvoice` …).

        Args:
            payment_id: The payment.
            card: The card number.
            method: Another payment method's API name.
            consumer: What the shopper types about themselves, as `checkout.consumer` of create payment; somebody
                made up by default. It counts where the checkout asks for it, and completes what the merchant sent.

        Raises:
            Refusal: The payment is unknown, closed, or cannot be paid like this.
            ValueError: The card number is not valid.
        """
        chosen = cards.read_card(card) if card is not None else None
        with self._acting() as moment:
            details = None if consumer is None else validation.read(validation.CONSUMER, consumer, self._settings)
            return checkout.pay(moment, self._payment(payment_id), card=chosen, method=method, details=details)

    def decline(self, payment_id: str, *, code: str = "05") -> Outcome:
        """Press Pay as the shopper and be declined with this acquirer code; the payment stays open.

        Raises:
            Refusal: The payment is unknown or closed.
        """
        with self._acting() as moment:
            return checkout.decline(moment, self._payment(payment_id), code)

    def cancel(self, payment_id: str) -> Outcome:
        """Walk away as the shopper; the payment stays open.

        Raises:
            Refusal: The payment is unknown or closed.
        """
        with self._acting() as moment:
            return checkout.cancel(moment, self._payment(payment_id))

    def sign_up(
        self,
        count: int,
        *,
        kind: Literal["scheduled", "unscheduled"] = "scheduled",
        card: str = cards.DEFAULT_CARD,
        external_references: bool = False,
    ) -> list[str]:
        """Sign up many subscriptions at once, as if imported; returns their ids.

        With `external_references` they can also be found as `imported-1`, `imported-2` and so on.

        Raises:
            ValueError: The card number is not valid.
        """
        return subscriptions.sign_up(
            self.present(), KINDS[kind], count, cards.read_card(card), external_references=external_references
        )

    def set_faults(self, faults: Iterable[Fault]) -> None:
        """Replace the faults in force; an empty list makes everything work again."""
        self._faults = FaultPlan(faults)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and do what has become due."""
        self.clock.advance(seconds)
        self.present()
        self._courier.look_again()

    def books(self) -> dict[str, Any]:
        """Everything the emulator knows as one JSON document."""
        return statement.books(self.present())

    def reset(self) -> None:
        """Forget everything, faults and changed settings too; the clock goes on."""
        self._books = Books()
        self._faults = FaultPlan()
        self._settings = self._first_settings
        self._courier.look_again()

    async def wait_delivered(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109  the limit is the point
        """Wait until no event is on its way to a webhook any more: each is delivered or given up.

        Args:
            timeout: Real seconds.

        Raises:
            NotDelivered: Something was still on its way, a `TimeoutError`; it says what, and what was answered.
        """
        await self._courier.wait_delivered(timeout, self._why_nothing_is_sent)

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
            return portal.call(self._courier.deliver_due)
        return anyio.run(self._courier.deliver_due)

    def present(self) -> Moment:
        """The moment that is now, with everything done that was due."""
        moment = Moment(self._books, self._settings, self._dice, self.clock.now(), self.checkout_key)
        catch_up(moment)
        return moment

    def answer(self, wire: WireCall, call: Call) -> Answer:
        """Answer a call of the API."""
        with self._acting() as moment:
            try:
                answer = self._answer_once(moment, wire, call) if wire.keyed else wire.operate(moment, call)
            except Refusal as refusal:
                answer = refusal.answer
        if answer.status == 402 and not wire.documents_402:
            return evolve(answer, status=self._settings.undocumented_402_as)
        return answer

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that hits a call, if any."""
        return self._faults.strike(method, path, self._dice)

    def mark_running(self, wire: WireCall, call: Call, *, running: bool) -> None:
        """Say whether the answer to a keyed call is still on its way."""
        self._books.memory.mark_running(app.scope_of(wire, call), running=running)

    @contextmanager
    def _acting(self) -> Iterator[Moment]:
        moment = self.present()
        planned = len(moment.books.outbox), len(moment.books.agenda)
        try:
            yield moment
        finally:
            if planned != (len(moment.books.outbox), len(moment.books.agenda)):
                self._courier.look_again()

    def _payment(self, payment_id: str) -> Payment:
        payment = self._books.payments.get(normal_id(payment_id))
        if payment is None:
            raise not_found()
        return payment

    def _answer_once(self, moment: Moment, wire: WireCall, call: Call) -> Answer:
        if call.key is None:
            return wire.operate(moment, call)
        return idempotency.answer_once(
            self._books.memory,
            app.scope_of(wire, call),
            call.body,
            lambda: wire.operate(moment, call),
            now=moment.now,
            lifetime_hours=self._settings.key_lifetime_hours,
            replay_rejections=self._settings.replay_rejections,
        )

    def _why_nothing_is_sent(self) -> str:
        return "" if self.is_running else ", for nothing is sent outside `async with emulator`"

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with nullcontext() if self.is_running else self:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
