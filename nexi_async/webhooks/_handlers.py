"""Which handler takes which event: registered at start, typed by the event's name, fixed from the first event on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, overload

from nexi_async._models.payment import Payment
from nexi_async.reference.event_names import EVENT_NAMES, fault_of_event_name
from nexi_async.webhooks._events import (
    EVENT_CLASSES,
    UNREADABLE,
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
    UnreadableEvent,
)
from nexi_async.webhooks._signatures import check_handler, wants_payment

__all__ = ["Handler", "Handlers", "PaymentHandler", "Registered"]

E = TypeVar("E")

Handler: TypeAlias = Callable[[E], Awaitable[None]]
"""`async def handler(event) -> None`: returning means handled, raising means "send it again"."""

PaymentHandler: TypeAlias = Callable[[E, Payment], Awaitable[None]]
"""`async def handler(event, payment) -> None`: gets the payment as it is now as well; see `refetch`."""

# A decorated handler keeps its own type, so that one that takes several events can be registered for each.
OnPaymentCreated = TypeVar("OnPaymentCreated", bound=Handler[PaymentCreated] | PaymentHandler[PaymentCreated])
OnCheckoutCompleted = TypeVar(
    "OnCheckoutCompleted", bound=Handler[CheckoutCompleted] | PaymentHandler[CheckoutCompleted]
)
OnReservationCreated = TypeVar(
    "OnReservationCreated", bound=Handler[ReservationCreated] | PaymentHandler[ReservationCreated]
)
OnReservationCreatedV2 = TypeVar(
    "OnReservationCreatedV2", bound=Handler[ReservationCreatedV2] | PaymentHandler[ReservationCreatedV2]
)
OnReservationFailed = TypeVar(
    "OnReservationFailed", bound=Handler[ReservationFailed] | PaymentHandler[ReservationFailed]
)
OnChargeCreated = TypeVar("OnChargeCreated", bound=Handler[ChargeCreated] | PaymentHandler[ChargeCreated])
OnChargeCreatedV2 = TypeVar("OnChargeCreatedV2", bound=Handler[ChargeCreatedV2] | PaymentHandler[ChargeCreatedV2])
OnChargeFailed = TypeVar("OnChargeFailed", bound=Handler[ChargeFailed] | PaymentHandler[ChargeFailed])
OnChargeFailedV2 = TypeVar("OnChargeFailedV2", bound=Handler[ChargeFailedV2] | PaymentHandler[ChargeFailedV2])
OnRefundInitiated = TypeVar("OnRefundInitiated", bound=Handler[RefundInitiated] | PaymentHandler[RefundInitiated])
OnRefundInitiatedV2 = TypeVar(
    "OnRefundInitiatedV2", bound=Handler[RefundInitiatedV2] | PaymentHandler[RefundInitiatedV2]
)
OnRefundCompleted = TypeVar("OnRefundCompleted", bound=Handler[RefundCompleted] | PaymentHandler[RefundCompleted])
OnRefundFailed = TypeVar("OnRefundFailed", bound=Handler[RefundFailed] | PaymentHandler[RefundFailed])
OnCancelCreated = TypeVar("OnCancelCreated", bound=Handler[CancelCreated] | PaymentHandler[CancelCreated])
OnCancelFailed = TypeVar("OnCancelFailed", bound=Handler[CancelFailed] | PaymentHandler[CancelFailed])
OnUnreadable = TypeVar("OnUnreadable", bound=Handler[UnreadableEvent])
OnAny = TypeVar("OnAny", bound=Handler[Event])


class Registered(NamedTuple):
    """A handler, and whether it asks for the payment."""

    handler: Callable[..., Awaitable[None]]
    wants_payment: bool = False


class Handlers:
    """One handler an event, and a fallback for all others.

    Args:
        fallback: takes the events that have no handler.
        payments: whether handlers may ask for the payment.
    """

    def __init__(self, fallback: Handler[Event] | None, *, payments: bool = False) -> None:
        if fallback is not None:
            check_handler(fallback, None)
        self._fallback = None if fallback is None else Registered(fallback)
        self._payments = payments
        self._by_name: dict[str, Registered] = {}
        self._in_use = False

    @property
    def is_empty(self) -> bool:
        """Whether nobody takes any event."""
        return self._fallback is None and not self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """The events that somebody takes: those with a handler, or all that are known if there is only a fallback."""
        return EVENT_NAMES if self._fallback is not None and not self._by_name else tuple(self._by_name)

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
    def on(self, event: type[UnreadableEvent]) -> Callable[[OnUnreadable], OnUnreadable]: ...
    @overload
    def on(self, event: str, *, strict: bool = True) -> Callable[[OnAny], OnAny]: ...
    def on(self, event: str | type[UnreadableEvent], *, strict: bool = True) -> Callable[[Any], Any]:
        """Register the decorated coroutine function for one event, before the first event comes in.

        For a handler of several events put one decorator over the other. A handler of a known event may have a second
        parameter: it gets the payment, fetched after the event came in, by the receiver's `refetch`.

        Args:
            event: the event's name, e.g. "payment.checkout.completed"; or `UnreadableEvent`, for all events that their
                class can't hold, which never go to the handler of their name.
            strict: whether to refuse a name that this package does not know. With False a handler of a newer event is
                taken; it gets an `UnknownEvent`.

        Raises:
            TypeError: the handler is not an `async def`, can't be called with an event, is annotated for another event,
                or asks for a payment that nobody can fetch.
            ValueError: the event is not known, with the name that was probably meant; or it has a handler already.
            RuntimeError: events have come in; register handlers at start.
        """
        name = event if isinstance(event, str) else UNREADABLE
        fault = fault_of_event_name(name) if strict and name != UNREADABLE else None
        if fault is not None:
            raise ValueError(fault)

        def register(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
            self._add(name, handler)
            return handler

        return register

    def _add(self, name: str, handler: Callable[..., Awaitable[None]]) -> None:
        check_handler(handler, name)
        registered = Registered(handler, wants_payment(handler))
        if self._in_use:
            raise RuntimeError(
                f"too late to register a handler for {name}: register all of them before the first event"
            )
        if name in self._by_name:
            raise ValueError(f"{name} has a handler already: call both from one, or drop one of them")
        if registered.wants_payment and not (self._payments and name in EVENT_CLASSES):
            raise TypeError(f"the handler of {name} asks for the payment: {self._why_not()}")
        self._by_name[name] = registered

    def _why_not(self) -> str:
        if self._payments:
            return "an event that this package does not know may have none"
        return "give the receiver refetch=checkout.payments.retrieve"

    def find(self, name: str) -> Registered | None:
        """The handler of an event, the fallback if it has none; from now on no more can be registered."""
        self._in_use = True
        return self._by_name.get(name, self._fallback)
