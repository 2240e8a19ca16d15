"""Which handler takes which event: registered at start, typed by the event's name, fixed from the first event on."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias, TypeVar, overload

from nexi_async.webhooks.events import (
    EVENT_CLASSES,
    CancelCreated,
    CancelFailed,
    ChargeCreated,
    ChargeCreatedV2,
    ChargeFailed,
    ChargeFailedV2,
    CheckoutCompleted,
    Event,
    PaymentCreated,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundInitiatedV2,
    ReservationCreated,
    ReservationCreatedV2,
    ReservationFailed,
)

__all__ = ["Handler", "Handlers"]

E = TypeVar("E")

Handler: TypeAlias = Callable[[E], Awaitable[None]]
"""`async def handler(event) -> None`: returning means handled, raising means "send it again"."""

# A decorated handler keeps its own type, so that one that takes several events can be registered for each.
OnPaymentCreated = TypeVar("OnPaymentCreated", bound=Handler[PaymentCreated])
OnCheckoutCompleted = TypeVar("OnCheckoutCompleted", bound=Handler[CheckoutCompleted])
OnReservationCreated = TypeVar("OnReservationCreated", bound=Handler[ReservationCreated])
OnReservationCreatedV2 = TypeVar("OnReservationCreatedV2", bound=Handler[ReservationCreatedV2])
OnReservationFailed = TypeVar("OnReservationFailed", bound=Handler[ReservationFailed])
OnChargeCreated = TypeVar("OnChargeCreated", bound=Handler[ChargeCreated])
OnChargeCreatedV2 = TypeVar("OnChargeCreatedV2", bound=Handler[ChargeCreatedV2])
OnChargeFailed = TypeVar("OnChargeFailed", bound=Handler[ChargeFailed])
OnChargeFailedV2 = TypeVar("OnChargeFailedV2", bound=Handler[ChargeFailedV2])
OnRefundInitiated = TypeVar("OnRefundInitiated", bound=Handler[RefundInitiated])
OnRefundInitiatedV2 = TypeVar("OnRefundInitiatedV2", bound=Handler[RefundInitiatedV2])
OnRefundCompleted = TypeVar("OnRefundCompleted", bound=Handler[RefundCompleted])
OnRefundFailed = TypeVar("OnRefundFailed", bound=Handler[RefundFailed])
OnCancelCreated = TypeVar("OnCancelCreated", bound=Handler[CancelCreated])
OnCancelFailed = TypeVar("OnCancelFailed", bound=Handler[CancelFailed])
OnAny = TypeVar("OnAny", bound=Handler[Event])

logger = logging.getLogger("nexi_async.webhooks")


class Handlers:
    """One handler an event, and a fallback for all others."""

    def __init__(self, fallback: Handler[Event] | None) -> None:
        if fallback is not None:
            _check_async(fallback)
        self._fallback = fallback
        self._by_name: dict[str, Handler[Any]] = {}
        self._in_use = False

    @overload
    def on(self, event: Literal["payment.created"]) -> Callable[[OnPaymentCreated], OnPaymentCreated]: ...
    @overload
    def on(
        self, event: Literal["payment.checkout.completed"]
    ) -> Callable[[OnCheckoutCompleted], OnCheckoutCompleted]: ...
    @overload
    def on(
        self, event: Literal["payment.reservation.created"]
    ) -> Callable[[OnReservationCreated], OnReservationCreated]: ...
    @overload
    def on(
        self, event: Literal["payment.reservation.created.v2"]
    ) -> Callable[[OnReservationCreatedV2], OnReservationCreatedV2]: ...
    @overload
    def on(
        self, event: Literal["payment.reservation.failed"]
    ) -> Callable[[OnReservationFailed], OnReservationFailed]: ...
    @overload
    def on(self, event: Literal["payment.charge.created"]) -> Callable[[OnChargeCreated], OnChargeCreated]: ...
    @overload
    def on(self, event: Literal["payment.charge.created.v2"]) -> Callable[[OnChargeCreatedV2], OnChargeCreatedV2]: ...
    @overload
    def on(self, event: Literal["payment.charge.failed"]) -> Callable[[OnChargeFailed], OnChargeFailed]: ...
    @overload
    def on(self, event: Literal["payment.charge.failed.v2"]) -> Callable[[OnChargeFailedV2], OnChargeFailedV2]: ...
    @overload
    def on(self, event: Literal["payment.refund.initiated"]) -> Callable[[OnRefundInitiated], OnRefundInitiated]: ...
    @overload
    def on(
        self, event: Literal["payment.refund.initiated.v2"]
    ) -> Callable[[OnRefundInitiatedV2], OnRefundInitiatedV2]: ...
    @overload
    def on(self, event: Literal["payment.refund.completed"]) -> Callable[[OnRefundCompleted], OnRefundCompleted]: ...
    @overload
    def on(self, event: Literal["payment.refund.failed"]) -> Callable[[OnRefundFailed], OnRefundFailed]: ...
    @overload
    def on(self, event: Literal["payment.cancel.created"]) -> Callable[[OnCancelCreated], OnCancelCreated]: ...
    @overload
    def on(self, event: Literal["payment.cancel.failed"]) -> Callable[[OnCancelFailed], OnCancelFailed]: ...
    @overload
    def on(self, event: str) -> Callable[[OnAny], OnAny]: ...
    def on(self, event: str) -> Callable[[Any], Any]:
        """Register the decorated coroutine function for one event, before the first event comes in.

        A name that this package does not know is taken, with a warning in the log: its handler gets an `UnknownEvent`.
        For a handler of several events put one decorator over the other.

        Raises:
            TypeError: the handler is not an `async def`.
            ValueError: the event has a handler already.
            RuntimeError: events have come in; register handlers at start.
        """

        def register(handler: Handler[Any]) -> Handler[Any]:
            self._add(event, handler)
            return handler

        return register

    def _add(self, name: str, handler: Handler[Any]) -> None:
        _check_async(handler)
        if self._in_use:
            raise RuntimeError(
                f"too late to register a handler for {name}: register all of them before the first event"
            )
        if name in self._by_name:
            raise ValueError(f"{name} has a handler already: call both from one, or drop one of them")
        if name not in EVENT_CLASSES:
            logger.warning("no event is known by the name of %r: is it misspelt?", name)
        self._by_name[name] = handler

    def find(self, name: str) -> Handler[Any] | None:
        """The handler of an event, the fallback if it has none; from now on no more can be registered."""
        self._in_use = True
        return self._by_name.get(name, self._fallback)


def _check_async(handler: Callable[..., object]) -> None:
    """A plain function would do its work, fail to be awaited, and be called again ten times over."""
    call = getattr(handler, "__call__", handler)  # noqa: B004 - for objects that can be called
    if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)):
        raise TypeError(f"{handler!r} must be an async def that takes an event")
