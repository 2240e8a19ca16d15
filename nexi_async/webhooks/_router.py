"""Which handler takes which event: registered at start, typed by the event, fixed from the first event on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast, overload

from nexi_async._models.payment import Payment
from nexi_async.reference.event_names import EVENT_NAMES, EventName, fault_of_event_name
from nexi_async.webhooks._event_base import PaymentEvent, UnreadableEvent
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
)
from nexi_async.webhooks._signatures import check_handler, takes_payment

E = TypeVar("E")

Handler: TypeAlias = Callable[[E], Awaitable[None]]
"""`async def handler(event) -> None`: returning means handled, raising means "send it again"."""

PaymentHandler: TypeAlias = Callable[[E, Payment], Awaitable[None]]
"""`async def handler(event, payment) -> None`: gets the payment as it is now as well; see `refetch`."""

AnyHandler: TypeAlias = Handler[E] | PaymentHandler[E]

# A decorated handler keeps its own type, so that one that takes several events can be registered for each. The bound of
# a TypeVar can't depend on another one, so each event has a TypeVar and an overload of its own.
OnPaymentCreated = TypeVar("OnPaymentCreated", bound=AnyHandler[PaymentCreated])
OnCheckoutCompleted = TypeVar("OnCheckoutCompleted", bound=AnyHandler[CheckoutCompleted])
OnReservationCreated = TypeVar("OnReservationCreated", bound=AnyHandler[ReservationCreated])
OnReservationCreatedV2 = TypeVar("OnReservationCreatedV2", bound=AnyHandler[ReservationCreatedV2])
OnReservationFailed = TypeVar("OnReservationFailed", bound=AnyHandler[ReservationFailed])
OnChargeCreated = TypeVar("OnChargeCreated", bound=AnyHandler[ChargeCreated])
OnChargeCreatedV2 = TypeVar("OnChargeCreatedV2", bound=AnyHandler[ChargeCreatedV2])
OnChargeFailed = TypeVar("OnChargeFailed", bound=AnyHandler[ChargeFailed])
OnChargeFailedV2 = TypeVar("OnChargeFailedV2", bound=AnyHandler[ChargeFailedV2])
OnRefundInitiated = TypeVar("OnRefundInitiated", bound=AnyHandler[RefundInitiated])
OnRefundInitiatedV2 = TypeVar("OnRefundInitiatedV2", bound=AnyHandler[RefundInitiatedV2])
OnRefundCompleted = TypeVar("OnRefundCompleted", bound=AnyHandler[RefundCompleted])
OnRefundFailed = TypeVar("OnRefundFailed", bound=AnyHandler[RefundFailed])
OnCancelCreated = TypeVar("OnCancelCreated", bound=AnyHandler[CancelCreated])
OnCancelFailed = TypeVar("OnCancelFailed", bound=AnyHandler[CancelFailed])
OnUnreadable = TypeVar("OnUnreadable", bound=Handler[UnreadableEvent])
OnAny = TypeVar("OnAny", bound=Handler[Event])


class Registered(NamedTuple):
    """A handler, and whether it asks for the payment."""

    handler: Callable[..., Awaitable[None]]
    takes_payment: bool = False


class WebhookRouter:
    """Assigns events to handlers: one handler for each event, and a fallback for all others.

        refunds = WebhookRouter()

        @refunds.on(RefundCompleted)
        async def close_return(event: RefundCompleted) -> None: ...

        receiver.include(refunds)

    A receiver has a router of its own: `receiver.on` and `receiver.include` are those of that router.

    Args:
        fallback: takes the events that have no handler.
        can_fetch: whether handlers may ask for the payment. A router that is included leaves the decision to the one
            that includes it.
    """

    def __init__(self, fallback: Handler[Event] | None = None, *, can_fetch: bool = True) -> None:
        if fallback is not None:
            check_handler(fallback, None)
        self._fallback = None if fallback is None else Registered(fallback)
        self._can_fetch = can_fetch
        self._by_name: dict[str, Registered] = {}
        self._in_use = False

    @property
    def is_empty(self) -> bool:
        """Whether there is no handler at all."""
        return self._fallback is None and not self._by_name

    @property
    def names(self) -> tuple[EventName, ...]:
        """The events that are handled: those with a handler, or all that are known if there is only a fallback.

        A name that was registered with `strict=False` is among them, although its type does not include it.
        """
        is_open = self._fallback is not None and not self._by_name
        return EVENT_NAMES if is_open else cast("tuple[EventName, ...]", tuple(self._by_name))

    @overload
    def on(
        self, event: type[PaymentCreated] | Literal["payment.created"]
    ) -> Callable[[OnPaymentCreated], OnPaymentCreated]: ...
    @overload
    def on(
        self, event: type[CheckoutCompleted] | Literal["payment.checkout.completed"]
    ) -> Callable[[OnCheckoutCompleted], OnCheckoutCompleted]: ...
    @overload
    def on(
        self, event: type[ReservationCreated] | Literal["payment.reservation.created"]
    ) -> Callable[[OnReservationCreated], OnReservationCreated]: ...
    @overload
    def on(
        self, event: type[ReservationCreatedV2] | Literal["payment.reservation.created.v2"]
    ) -> Callable[[OnReservationCreatedV2], OnReservationCreatedV2]: ...
    @overload
    def on(
        self, event: type[ReservationFailed] | Literal["payment.reservation.failed"]
    ) -> Callable[[OnReservationFailed], OnReservationFailed]: ...
    @overload
    def on(
        self, event: type[ChargeCreated] | Literal["payment.charge.created"]
    ) -> Callable[[OnChargeCreated], OnChargeCreated]: ...
    @overload
    def on(
        self, event: type[ChargeCreatedV2] | Literal["payment.charge.created.v2"]
    ) -> Callable[[OnChargeCreatedV2], OnChargeCreatedV2]: ...
    @overload
    def on(
        self, event: type[ChargeFailed] | Literal["payment.charge.failed"]
    ) -> Callable[[OnChargeFailed], OnChargeFailed]: ...
    @overload
    def on(
        self, event: type[ChargeFailedV2] | Literal["payment.charge.failed.v2"]
    ) -> Callable[[OnChargeFailedV2], OnChargeFailedV2]: ...
    @overload
    def on(
        self, event: type[RefundInitiated] | Literal["payment.refund.initiated"]
    ) -> Callable[[OnRefundInitiated], OnRefundInitiated]: ...
    @overload
    def on(
        self, event: type[RefundInitiatedV2] | Literal["payment.refund.initiated.v2"]
    ) -> Callable[[OnRefundInitiatedV2], OnRefundInitiatedV2]: ...
    @overload
    def on(
        self, event: type[RefundCompleted] | Literal["payment.refund.completed"]
    ) -> Callable[[OnRefundCompleted], OnRefundCompleted]: ...
    @overload
    def on(
        self, event: type[RefundFailed] | Literal["payment.refund.failed"]
    ) -> Callable[[OnRefundFailed], OnRefundFailed]: ...
    @overload
    def on(
        self, event: type[CancelCreated] | Literal["payment.cancel.created"]
    ) -> Callable[[OnCancelCreated], OnCancelCreated]: ...
    @overload
    def on(
        self, event: type[CancelFailed] | Literal["payment.cancel.failed"]
    ) -> Callable[[OnCancelFailed], OnCancelFailed]: ...
    @overload
    def on(self, event: type[UnreadableEvent]) -> Callable[[OnUnreadable], OnUnreadable]: ...
    @overload
    def on(self, event: EventName) -> Callable[[OnAny], OnAny]: ...
    @overload
    def on(self, event: str, *, strict: Literal[False]) -> Callable[[OnAny], OnAny]: ...
    def on(self, event: str | type[PaymentEvent | UnreadableEvent], *, strict: bool = True) -> Callable[[Any], Any]:
        """Register the decorated coroutine function for one event, before the first event comes in.

        For a handler of several events put one decorator over the other. A handler of a known event may have a second
        parameter: it gets the payment, fetched after the event came in, by the receiver's `refetch`.

        Args:
            event: the event's class, e.g. `CheckoutCompleted`, or its name, "payment.checkout.completed"; or
                `UnreadableEvent`, for all events that their class can't hold, which never go to the handler of their
                name.
            strict: whether to refuse a name that this package does not know. With False a handler of a newer event is
                taken; it gets an `UnknownEvent`.

        Raises:
            TypeError: the handler is not an `async def`, can't be called with an event, is annotated for another event,
                or takes a payment, and there is no `refetch`.
            ValueError: the event is not known, with the name that was probably meant; or it has a handler already.
            RuntimeError: events have come in, or the router has been included; register handlers before.
        """
        name = _name_of(event)
        fault = fault_of_event_name(name) if strict and name != UNREADABLE else None
        if fault is not None:
            raise ValueError(fault)

        def register(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
            self._add(name, handler)
            return handler

        return register

    def include(self, other: WebhookRouter) -> None:
        """Take over the handlers of another router, which accepts no more of them from then on.

        Raises:
            TypeError: one of its handlers takes a payment, and there is no `refetch`.
            ValueError: an event, or everything else, has a handler in both; nothing is taken over then.
            RuntimeError: events have come in, or this router has been included; include routers before.
        """
        self._check_not_in_use("include a router")
        for name, registered in other._by_name.items():
            self._check(name, registered)
        if self._fallback is not None and other._fallback is not None:
            raise ValueError("both routers have a fallback: drop one of them")
        other._in_use = True
        self._by_name |= other._by_name
        self._fallback = self._fallback or other._fallback

    def _add(self, name: str, handler: Callable[..., Awaitable[None]]) -> None:
        check_handler(handler, name)
        registered = Registered(handler, takes_payment(handler))
        self._check_not_in_use(f"register a handler for {name}")
        self._check(name, registered)
        self._by_name[name] = registered

    def _check_not_in_use(self, action: str) -> None:
        if self._in_use:
            raise RuntimeError(f"too late to {action}: do so before the first event, and before `include`")

    def _check(self, name: str, registered: Registered) -> None:
        if name in self._by_name:
            raise ValueError(f"{name} has a handler already: call both from one, or drop one of them")
        if registered.takes_payment and not (self._can_fetch and name in EVENT_CLASSES):
            raise TypeError(f"the handler of {name} asks for the payment: {self._why_not()}")

    def _why_not(self) -> str:
        if self._can_fetch:
            return "an event that this package does not know may have none"
        return "give the receiver refetch=checkout.payments.retrieve"

    def find(self, name: str) -> Registered | None:
        """The handler of an event, the fallback if it has none; from now on no more can be registered."""
        self._in_use = True
        return self._by_name.get(name, self._fallback)


def _name_of(event: str | type[PaymentEvent | UnreadableEvent]) -> str:
    """The name under which handlers of an event are registered."""
    if isinstance(event, str):
        return event
    if event is UnreadableEvent:
        return UNREADABLE
    name = getattr(event, "name", "")
    if EVENT_CLASSES.get(name) is not event:
        raise TypeError(f"{event!r} is not the class of an event: give one of the 15 classes, or the name of an event")
    return str(name)
