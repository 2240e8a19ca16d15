"""Handlers are registered once, at start, for events that exist."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any, Protocol

import pytest

from nexi_async._models.payment import Payment
from nexi_async.webhooks import EVENT_NAMES, ChargeFailed, ChargeFailedV2, Event, PaymentCreated, PaymentEvent
from nexi_async.webhooks._router import WebhookRouter


async def noted(event: Event) -> None:
    """Takes anything."""


async def created(event: PaymentCreated) -> None:
    """Takes one event."""


def taker(handlers: WebhookRouter, event: str) -> object:
    """Who gets an event."""
    registered = handlers.find(event)
    return registered and registered.handler


def test_a_handler_takes_its_event() -> None:
    """A registered event finds its handler, the decorated function itself."""
    handlers = WebhookRouter(None)
    assert handlers.on("payment.created")(created) is created
    assert taker(handlers, "payment.created") is created


def test_the_fallback_takes_the_rest() -> None:
    """Known and unknown events without a handler go to the fallback; without one there is no handler."""
    assert taker(WebhookRouter(noted), "payment.cancel.created") is noted
    assert taker(WebhookRouter(noted), "payment.paused") is noted
    assert taker(WebhookRouter(None), "payment.paused") is None


def test_one_handler_may_take_several_events() -> None:
    """Decorators can be put one over the other."""
    handlers = WebhookRouter(None)

    @handlers.on("payment.charge.failed")
    @handlers.on("payment.charge.failed.v2")
    async def failed(event: ChargeFailed | ChargeFailedV2) -> None:
        """Takes both generations."""

    assert taker(handlers, "payment.charge.failed") is taker(handlers, "payment.charge.failed.v2") is failed


def test_a_second_handler_is_refused() -> None:
    """Two handlers of one event would hide each other."""
    handlers = WebhookRouter(None)
    handlers.on("payment.created")(created)
    with pytest.raises(ValueError, match=re.escape("payment.created has a handler already")):
        handlers.on("payment.created")(noted)


def test_a_late_handler_is_refused() -> None:
    """A handler that misses the first events would go unnoticed."""
    handlers = WebhookRouter(noted)
    handlers.find("payment.created")
    with pytest.raises(RuntimeError, match=re.escape("too late to register a handler for payment.created")):
        handlers.on("payment.created")(created)


def test_a_plain_function_is_refused() -> None:
    """Without async its work would be done and then be reported as failed, ten times over."""

    def blocking(event: Event) -> None:
        """Forgot the async."""

    with pytest.raises(TypeError, match="must be an async def"):
        WebhookRouter(None).on("payment.created")(blocking)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="must be an async def"):
        WebhookRouter(blocking)  # type: ignore[arg-type]


def test_an_object_may_handle() -> None:
    """A class with an async `__call__` and a bound method are as good as a function."""

    class Shop:
        async def __call__(self, event: Event) -> None:
            """Takes anything."""

        async def take(self, event: Event) -> None:
            """Takes anything."""

    shop = Shop()
    take = shop.take
    handlers = WebhookRouter(shop)
    handlers.on("payment.created")(take)
    assert taker(handlers, "payment.paused") is shop
    assert taker(handlers, "payment.created") is take


def test_a_misspelt_event_is_refused() -> None:
    """Where it is registered, with the name that was probably meant."""
    handlers = WebhookRouter(None)
    meant = "no event is called 'payment.chekout.completed', did you mean 'payment.checkout.completed'?"
    with pytest.raises(ValueError, match=re.escape(meant)):
        handlers.on("payment.chekout.completed")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=re.escape("'nonsense', known are payment.created, ")):
        handlers.on("nonsense")  # type: ignore[call-overload]


def test_a_newer_event_is_taken() -> None:
    """An unknown name may be newer than this package: strict=False accepts it."""
    handlers = WebhookRouter(None)
    handlers.on("payment.paused", strict=False)(noted)
    assert taker(handlers, "payment.paused") is noted


async def nothing() -> None:
    """Forgot the event."""


async def by_keyword(*, event: Event) -> None:
    """Can't be called with an event alone."""


async def too_much(event: PaymentCreated, payment: Payment, shop: object) -> None:
    """Needs an argument too many."""


@pytest.mark.parametrize("handler", [nothing, by_keyword, too_much])
def test_a_handler_that_can_not_be_called_is_refused(handler: Any) -> None:
    """Its call would fail for every event."""
    with pytest.raises(TypeError, match="can't be called: it must take the event"):
        WebhookRouter(None, can_fetch=True).on("payment.created")(handler)
    with pytest.raises(TypeError, match="can't be called: it must take the event"):
        WebhookRouter(handler)


def test_a_fallback_gets_no_payment() -> None:
    """It takes events that have none."""
    with pytest.raises(TypeError, match="can't be called"):
        WebhookRouter(with_payment, can_fetch=True)  # type: ignore[arg-type]


class Shop:
    async def failed(self, event: ChargeFailed) -> None:
        """Takes a failure."""


async def either(event: PaymentCreated | ChargeFailed) -> None:
    """Takes two."""


@pytest.mark.parametrize(
    ("handler", "annotation"),
    [
        (created, "PaymentCreated"),
        (either, "PaymentCreated"),
        (Shop().failed, "ChargeFailed"),
        (partial(created), ""),
    ],
)
def test_a_handler_of_another_event_is_refused(handler: Any, annotation: str) -> None:
    """Its annotation says what it can handle."""
    handlers = WebhookRouter(None)
    with pytest.raises(TypeError, match=f"for .*{annotation}.*, but payment.cancel.created arrives as Cancel"):
        handlers.on("payment.cancel.created")(handler)
    with pytest.raises(TypeError, match="arrives as UnknownEvent"):
        handlers.on("payment.paused", strict=False)(handler)


def test_a_fallback_takes_every_event() -> None:
    """One that is annotated for a single event would get others too."""
    with pytest.raises(TypeError, match="a fallback gets every event that has no handler"):
        WebhookRouter(created)  # type: ignore[arg-type]


class Named(Protocol):
    name: str


async def anything(event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Says nothing."""


async def anything_named(event: Named) -> None:
    """Describes it."""


async def unreadable(event: MissingAtRunTime) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Has a name that only a type checker knows."""


async def annotated(event: Annotated[object, "ours"]) -> None:
    """Says more than a class."""


@pytest.mark.parametrize("handler", [anything, anything_named, unreadable, annotated, noted])
def test_what_can_not_be_judged_is_taken(handler: Any) -> None:
    """Annotations that say nothing at run time are left to type checkers."""
    handlers = WebhookRouter(handler)
    assert handlers.on("payment.cancel.created")(handler) is handler


def test_what_is_taken_can_be_asked_for() -> None:
    """The events with a handler, or all of them for a lone fallback."""
    handlers = WebhookRouter(None)
    assert handlers.is_empty
    assert not handlers.names
    handlers.on("payment.cancel.created")(noted)
    assert (handlers.is_empty, handlers.names) == (False, ("payment.cancel.created",))
    assert WebhookRouter(noted).names == EVENT_NAMES


async def with_payment(event: PaymentCreated, payment: Payment) -> None:
    """Wants to know more."""


def test_a_second_parameter_asks_for_the_payment() -> None:
    """It is what the handler can't be called without that counts."""

    async def optional(event: Event, retries: int = 3, *, loud: bool = False) -> None:
        """Has a second parameter of its own."""

    handlers = WebhookRouter(None, can_fetch=True)
    handlers.on("payment.created")(with_payment)
    handlers.on("payment.cancel.created")(optional)
    assert handlers.find("payment.created") == (with_payment, True)
    assert handlers.find("payment.cancel.created") == (optional, False)


def test_somebody_must_fetch_the_payment() -> None:
    """Without `refetch` such a handler could never be called."""
    with pytest.raises(TypeError, match=re.escape("give the receiver refetch=")):
        WebhookRouter(None, can_fetch=False).on("payment.created")(with_payment)


async def asks(event: Event, payment: Payment) -> None:
    """Wants to know more of anything."""


def test_an_unknown_event_may_have_no_payment() -> None:
    """Only handlers of known events get one."""
    with pytest.raises(TypeError, match="may have none"):
        WebhookRouter(None, can_fetch=True).on("payment.paused", strict=False)(asks)  # type: ignore[type-var]


def test_a_handler_is_registered_by_the_class_of_its_event() -> None:
    """The class is as good as its name, also for a handler of several events."""
    router = WebhookRouter()

    @router.on(ChargeFailed)
    @router.on(ChargeFailedV2)
    async def failed(event: ChargeFailed | ChargeFailedV2) -> None:
        """Takes both generations."""

    assert taker(router, "payment.charge.failed") is taker(router, "payment.charge.failed.v2") is failed


def test_a_class_that_is_no_single_event_is_refused() -> None:
    """The base class has no name, so its handler would never be called."""
    with pytest.raises(TypeError, match="is not the class of an event"):
        WebhookRouter().on(PaymentEvent)  # type: ignore[arg-type]


def test_an_included_router_brings_its_handlers_and_its_fallback() -> None:
    """Handlers may be registered where they belong, and be gathered in one receiver."""
    router, other = WebhookRouter(), WebhookRouter(noted)
    other.on(PaymentCreated)(created)
    router.include(other)
    assert taker(router, "payment.created") is created
    assert taker(router, "payment.cancel.created") is noted


def test_a_router_is_included_whole_or_not_at_all() -> None:
    """An event with two handlers is refused, and the other handlers of that router are not taken over."""
    router, other = WebhookRouter(), WebhookRouter()
    router.on("payment.created")(noted)
    other.on(ChargeFailed)(noted)
    other.on(PaymentCreated)(created)
    with pytest.raises(ValueError, match=re.escape("payment.created has a handler already")):
        router.include(other)
    assert router.names == ("payment.created",)


def test_two_fallbacks_are_refused() -> None:
    """One of them would never be called."""
    with pytest.raises(ValueError, match="both routers have a fallback"):
        WebhookRouter(noted).include(WebhookRouter(noted))


def test_an_included_router_accepts_no_more_handlers() -> None:
    """They would be lost without a word, for its handlers were taken over before."""
    router, other = WebhookRouter(), WebhookRouter()
    router.include(other)
    with pytest.raises(RuntimeError, match="too late to register a handler for"):
        other.on(PaymentCreated)(created)


def test_a_router_that_cannot_fetch_includes_no_handler_that_asks_for_the_payment() -> None:
    """The receiver decides, and refuses at start."""

    async def with_payment(event: PaymentCreated, payment: Payment) -> None:
        """Wants the payment too."""

    other = WebhookRouter()
    other.on(PaymentCreated)(with_payment)
    with pytest.raises(TypeError, match="asks for the payment"):
        WebhookRouter(can_fetch=False).include(other)
