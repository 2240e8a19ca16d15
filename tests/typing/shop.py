"""A shop as its engineers write it, and the mistakes that type checkers find; never run, only checked.

Each mistake is marked for mypy and for pyright. Both report a mark that is not needed, so that each must be found.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import assert_type

from nexi_async import (
    AsyncCheckout,
    ChargeDeclined,
    Checkout,
    NexiError,
    Notifications,
    Order,
    OrderItem,
    Outcome,
    Payment,
    derive_key,
)
from nexi_async.batch import BatchCharger, ChargeJob, Ledger
from nexi_async.reference.currencies import CurrencyCode, look_up
from nexi_async.webhooks import (
    ChargeCreatedV2,
    Event,
    EventName,
    RefundCompleted,
    SQLInbox,
    UnknownEvent,
    WebhookReceiver,
    WebhookRouter,
)

receiver = WebhookReceiver(authorization="Kq7ZtB9fRw4LmXc2", inbox=SQLInbox("sqlite:///inbox.db"))
router = WebhookRouter()


@receiver.on("payment.charge.created.v2")
async def book(event: ChargeCreatedV2) -> None:
    """By name: the event has its own type."""
    assert_type(event.charge_id, str)
    assert_type(event.amount.amount, int)


@router.on(RefundCompleted)
async def close(event: RefundCompleted, payment: Payment) -> None:
    """By class, with the payment."""
    assert_type(event.refund_id, str)
    assert_type(payment.order_details.amount, int)


@router.on("payment.something.new", strict=False)
async def keep(event: Event) -> None:
    """A name that is newer than this package."""
    if isinstance(event, UnknownEvent):
        assert_type(event.raw, bytes)


def register_all(names: tuple[EventName, ...]) -> None:
    """Names that are only known at run time, but are names."""
    for name in names:
        router.on(name)(keep)


def currency_of(text: str) -> CurrencyCode:
    """A currency from a database."""
    known = look_up(text)
    if known is None:
        raise ValueError(text)
    return known.code


async def sell(checkout: AsyncCheckout, currency: str) -> str | None:
    """Create, charge, and act on what happened to the money."""
    item = OrderItem.of(reference="mug", name="Mug", unit_price=10000, tax_rate=2500)
    created = await checkout.payments.create(
        order=Order.of(items=[item], currency=currency_of(currency), reference="A-17"),
        checkout=Checkout.hosted(return_url="https://shop.test/thanks", terms_url="https://shop.test/terms"),
        notifications=Notifications.to(
            "https://shop.test/hooks", authorization="Kq7ZtB9fRw4LmXc2", events=receiver.event_names
        ),
    )
    try:
        charged = await checkout.payments.charge(
            created.payment_id, amount=12500, idempotency_key=derive_key("orders", "A-17", 1)
        )
    except ChargeDeclined as declined:
        assert_type(declined.decline.may_retry, bool)
        return None
    except NexiError as error:
        assert_type(error.outcome, Outcome)
        raise
    return assert_type(charged.charge_id, str)


async def bill(checkout: AsyncCheckout, jobs: list[ChargeJob]) -> int:
    """Charge a run."""
    count = 0
    async with Ledger.open("sqlite:///run.db") as ledger:
        await ledger.plan("2026-10", jobs)
        async with BatchCharger(checkout, ledger, run="2026-10") as results:
            async for result in results:
                assert_type(result.reference, str)
                count += 1
    async with aclosing(checkout.subscriptions.bulk_charges("b1")) as charges:
        async for charge in charges:
            assert_type(charge.payment_id, str | None)
    return count


# --- mistakes ------------------------------------------------------------------------------------------------------


def misspelt_events(url: str) -> None:
    """The name of an event, where it is handled and where it is asked for."""
    receiver.on("payment.chekout.completed")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    Notifications.to(url, authorization="a" * 32, events=["payment.charged"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


@receiver.on("payment.refund.completed")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
async def another_event(event: ChargeCreatedV2) -> None:
    """A handler of another event."""


def wrong_money(item: OrderItem) -> None:
    """A currency that does not exist, small letters, fractions, and texts for amounts."""
    Order.of(items=[item], currency="SKE")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Order.of(items=[item], currency="sek")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OrderItem.of(reference="mug", name="Mug", unit_price=100.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OrderItem.of(reference="mug", name="Mug", unit_price="100")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def forgotten_await(checkout: AsyncCheckout) -> None:
    """A call that is never made, and a receipt that is none."""
    checkout.payments.charge("p1", amount=12500)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    checkout.payments.retrieve("p1").status  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def unknown_environment() -> None:
    """There are two."""
    AsyncCheckout(environment="production")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
