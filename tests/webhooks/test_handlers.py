"""Handlers are registered once, at start, for events that exist."""

from __future__ import annotations

import logging
import re

import pytest

from nexi_async.models import Payment
from nexi_async.webhooks import ChargeFailed, ChargeFailedV2, Event, PaymentCreated
from nexi_async.webhooks.handlers import Handlers


async def noted(event: Event) -> None:
    """Takes anything."""


async def created(event: PaymentCreated) -> None:
    """Takes one event."""


def taker(handlers: Handlers, event: str) -> object:
    """Who gets an event."""
    registered = handlers.find(event)
    return registered and registered.handler


def test_a_handler_takes_its_event() -> None:
    """A registered event finds its handler, the decorated function itself."""
    handlers = Handlers(None)
    assert handlers.on("payment.created")(created) is created
    assert taker(handlers, "payment.created") is created


def test_the_fallback_takes_the_rest() -> None:
    """Known and unknown events without a handler go to the fallback; without one nobody takes them."""
    assert taker(Handlers(noted), "payment.cancel.created") is noted
    assert taker(Handlers(noted), "payment.paused") is noted
    assert taker(Handlers(None), "payment.paused") is None


def test_one_handler_may_take_several_events() -> None:
    """Decorators can be put one over the other."""
    handlers = Handlers(None)

    @handlers.on("payment.charge.failed")
    @handlers.on("payment.charge.failed.v2")
    async def failed(event: ChargeFailed | ChargeFailedV2) -> None:
        """Takes both generations."""

    assert taker(handlers, "payment.charge.failed") is taker(handlers, "payment.charge.failed.v2") is failed


def test_a_second_handler_is_refused() -> None:
    """Two handlers of one event would hide each other."""
    handlers = Handlers(None)
    handlers.on("payment.created")(created)
    with pytest.raises(ValueError, match=re.escape("payment.created has a handler already")):
        handlers.on("payment.created")(noted)


def test_a_late_handler_is_refused() -> None:
    """A handler that misses the first events would go unnoticed."""
    handlers = Handlers(noted)
    handlers.find("payment.created")
    with pytest.raises(RuntimeError, match=re.escape("too late to register a handler for payment.created")):
        handlers.on("payment.created")(created)


def test_a_plain_function_is_refused() -> None:
    """Without async its work would be done and then be reported as failed, ten times over."""

    def blocking(event: Event) -> None:
        """Forgot the async."""

    with pytest.raises(TypeError, match="must be an async def"):
        Handlers(None).on("payment.created")(blocking)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="must be an async def"):
        Handlers(blocking)  # type: ignore[arg-type]


def test_an_object_may_handle() -> None:
    """A class with an async `__call__` and a bound method are as good as a function."""

    class Shop:
        async def __call__(self, event: Event) -> None:
            """Takes anything."""

        async def take(self, event: Event) -> None:
            """Takes anything."""

    shop = Shop()
    take = shop.take
    handlers = Handlers(shop)
    handlers.on("payment.created")(take)
    assert taker(handlers, "payment.paused") is shop
    assert taker(handlers, "payment.created") is take


def test_a_misspelt_event_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    """A name that nobody knows may be newer than this package: taken, but not in silence."""
    handlers = Handlers(None)
    with caplog.at_level(logging.WARNING, "nexi_async.webhooks"):
        handlers.on("payment.reservation.faild")(noted)
    assert "'payment.reservation.faild'" in caplog.text
    assert taker(handlers, "payment.reservation.faild") is noted


async def with_payment(event: PaymentCreated, payment: Payment) -> None:
    """Wants to know more."""


def test_a_second_parameter_asks_for_the_payment() -> None:
    """It is what the handler can't be called without that counts."""

    async def optional(event: Event, retries: int = 3, *, loud: bool = False) -> None:
        """Has a second parameter of its own."""

    handlers = Handlers(None, payments=True)
    handlers.on("payment.created")(with_payment)
    handlers.on("payment.cancel.created")(optional)
    assert handlers.find("payment.created") == (with_payment, True)
    assert handlers.find("payment.cancel.created") == (optional, False)


def test_somebody_must_fetch_the_payment() -> None:
    """Without `refetch` such a handler could never be called."""
    with pytest.raises(TypeError, match=re.escape("give the receiver refetch=")):
        Handlers(None).on("payment.created")(with_payment)


def test_an_unknown_event_may_have_no_payment() -> None:
    """Only handlers of known events get one."""
    with pytest.raises(TypeError, match="may have none"):
        Handlers(None, payments=True).on("payment.paused")(with_payment)  # type: ignore[type-var]
