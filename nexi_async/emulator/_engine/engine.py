"""The engine: one emulated back end, to be called from Python; the ASGI app and the webhook dispatcher use it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from nexi_async.emulator._engine import (
    bulk,
    cards,
    challenges,
    checkout,
    idempotency,
    persistence,
    refunds,
    state_report,
    subscriptions,
    validation,
)
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.clock import Clock
from nexi_async.emulator._engine.context import APIRequest, Context, run_due
from nexi_async.emulator._engine.deliveries import send_again
from nexi_async.emulator._engine.endpoints import Endpoint
from nexi_async.emulator._engine.faults import FaultPlan, InjectedFault
from nexi_async.emulator._engine.idempotency import Scope
from nexi_async.emulator._engine.persistence import Session, Store
from nexi_async.emulator._engine.random_source import RandomSource, normal_id
from nexi_async.emulator._engine.responses import APIResponse, Refusal, not_found
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import KINDS, Payment, State


class Engine:
    """One emulated back end; what `CheckoutEmulator` has by the same name is described there.

    Args:
        settings: The settings at the start and after `reset`.
        store: Where the state is kept; it is restored from there. None keeps it in memory only.

    Raises:
        UnreadableDocument: The store is damaged.

    Attributes:
        on_change: Called when deliveries may have become due, or pending ones may be gone.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        seed: int | None = None,
        checkout_key: str = "emulator-checkout-key",
        store: Store | None = None,
    ) -> None:
        self.clock = clock
        self.checkout_key = checkout_key
        self.on_change: Callable[[], None] = lambda: None
        self._first_settings = self._settings = settings
        self._state = State()
        self._faults = FaultPlan()
        self._starts = 0
        self._store = store
        if store is not None:
            self._restore(store)
        self._random_source = RandomSource(seed, self._starts)
        self.commit()

    @property
    def settings(self) -> Settings:
        """The settings in force; replacing them settles refunds that waited for a balance."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        if not settings.low_balance:
            refunds.settle_waiting(self.context())
        self.commit()
        self.on_change()

    def context(self) -> Context:
        """The context of an operation that runs now, after all work that was due."""
        context = Context(self._state, self._settings, self._random_source, self.clock.now(), self.checkout_key)
        if self._state.schedule.is_due(context.now):
            run_due(context)
            self.commit()
        return context

    def commit(self, *, discard: bool = False) -> None:
        """Put what may have changed into the store, if there is one; `discard` removes everything else from it."""
        changed = self._state.changed
        if self._store is not None:
            now = self.clock.now()
            session = Session(self._first_settings, self._settings, self._faults.left(), now, starts=self._starts)
            persistence.commit(self._store, changed, session, discard=discard)
        changed.clear()

    def handle(self, endpoint: Endpoint, request: APIRequest) -> APIResponse:
        """The response to a request of the API; a repeated idempotency key has no second effect."""
        with self._operation() as context:
            try:
                response = self._respond(context, endpoint, request)
            except Refusal as refusal:
                response = refusal.response
        if response.status == 402 and not endpoint.documents_402:
            return evolve(response, status=self._settings.undocumented_402_as)
        return response

    def match_fault(self, method: str, path: str) -> InjectedFault | None:
        fault = self._faults.match(method, path, self._random_source)
        if fault is not None and fault.times is not None:
            self.commit()
        return fault

    @property
    def faults(self) -> tuple[InjectedFault, ...]:
        """The injected faults, `times` counting what is left."""
        return self._faults.left()

    def set_faults(self, faults: Iterable[InjectedFault]) -> None:
        self._faults = FaultPlan(faults)
        self.commit()

    async def hold_back(self, endpoint: Endpoint, request: APIRequest, seconds: float) -> None:
        """Wait before a request is answered; meanwhile its idempotency key is in progress."""
        if seconds:
            with self._state.idempotency_records.in_progress(_key_scope(endpoint, request)):
                await self.clock.sleep(seconds)

    def pay(
        self,
        payment_id: str,
        *,
        card: str | None = None,
        expiry: str = cards.DEFAULT_EXPIRY,
        method: str | None = None,
        consumer: Mapping[str, Any] | None = None,
    ) -> ShopperOutcome:
        chosen = cards.read_card(card, expiry) if card is not None else None
        with self._operation() as context:
            details = None if consumer is None else validation.read(validation.CONSUMER, consumer, self._settings)
            return checkout.pay(context, self._payment(payment_id), card=chosen, method=method, details=details)

    def answer_challenge(
        self, payment_id: str, result: str = "approved", *, challenge_id: str | None = None
    ) -> ShopperOutcome:
        with self._operation() as context:
            return checkout.answer_challenge(context, self._payment(payment_id), challenge_id, result)

    def decline(self, payment_id: str, *, code: str = "05") -> ShopperOutcome:
        with self._operation() as context:
            return checkout.decline(context, self._payment(payment_id), code)

    def cancel(self, payment_id: str) -> ShopperOutcome:
        with self._operation() as context:
            return checkout.cancel(context, self._payment(payment_id))

    def sign_up(
        self, count: int, *, kind: str = "scheduled", card: str = cards.DEFAULT_CARD, external_references: bool = False
    ) -> list[str]:
        chosen = cards.read_card(card)
        with self._operation() as context:
            return subscriptions.sign_up(context, KINDS[kind], count, chosen, external_references=external_references)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.context()
        self.commit()
        self.on_change()

    def state(self) -> dict[str, Any]:
        return state_report.document(self.context())

    def send_again(self, number: int) -> bool:
        """Send a delivery again, now; returns whether there is such a delivery."""
        with self._operation() as context:
            deliveries = context.state.deliveries
            if not 1 <= number <= len(deliveries):
                return False
            send_again(context.state, deliveries[number - 1], context.now)
        self.on_change()
        return True

    def reset(self) -> None:
        self._state = State()
        self._faults = FaultPlan()
        self._settings = self._first_settings
        self.commit(discard=True)
        self.on_change()

    @contextmanager
    def _operation(self) -> Iterator[Context]:
        context = self.context()
        before = _scheduled(context.state)
        try:
            yield context
        finally:
            self.commit()
            if before != _scheduled(context.state):
                self.on_change()

    def _restore(self, store: Store) -> None:
        """Go on from the store; first settings other than those of the last start replace what was set since."""
        session = persistence.restore(store, self._state)
        if session is None:
            return
        if session.first_settings == self._first_settings:
            self._settings = session.settings
        self._faults = FaultPlan(session.faults)
        self._starts = session.starts + 1
        self.clock.resume(session.clock, time.time() - session.wall)
        context = Context(self._state, self._settings, RandomSource(), session.clock)
        self._plan(context)

    def _plan(self, context: Context) -> None:
        """Put everything that waits for its time into the schedule."""
        for refund in (each for each in self._state.refunds.values() if each.state == "Pending"):
            refunds.plan_settlement(self._state, refund)
        for payment in self._state.payments.values():
            if payment.challenge is not None and payment.challenge.result is None:
                challenges.plan_expiry(self._state, payment, payment.challenge)
        for run in self._state.bulk_runs.values():
            bulk.plan_next(context, run)

    def _payment(self, payment_id: str) -> Payment:
        payment = self._state.payments.get(normal_id(payment_id))
        if payment is None:
            raise not_found()
        return payment

    def _respond(self, context: Context, endpoint: Endpoint, request: APIRequest) -> APIResponse:
        if not endpoint.keyed or request.key is None:
            return _operate(context, endpoint, request)
        return idempotency.respond_once(
            self._state.idempotency_records,
            _key_scope(endpoint, request),
            request.body,
            lambda: _operate(context, endpoint, request),
            now=context.now,
            settings=self._settings,
        )


def _operate(context: Context, endpoint: Endpoint, request: APIRequest) -> APIResponse:
    if endpoint.body is not None:
        request = evolve(request, body=validation.read(endpoint.body, request.body, context.settings))
    return endpoint.operation(context, request)


def _scheduled(state: State) -> tuple[int, int]:
    return len(state.pending_deliveries), len(state.schedule)


def _key_scope(endpoint: Endpoint, request: APIRequest) -> Scope:
    """The scope of an idempotency key: the endpoint, the id in its path, and the key."""
    return endpoint.path, normal_id(request.path.get("id", "")), request.key or ""
