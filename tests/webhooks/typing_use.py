"""The public surface used in every legal way: never run, read by the type checker."""

# ruff: noqa: D103 - the names say it

from __future__ import annotations

from typing import assert_type

from nexi_async import AsyncCheckout
from nexi_async._models.payment import Payment
from nexi_async.webhooks import (
    CancelCreated,
    ChargeCreatedV2,
    ChargeFailed,
    ChargeFailedV2,
    CheckoutCompleted,
    Event,
    PaymentCreated,
    PaymentEvent,
    RefundCompleted,
    ReservationFailed,
    SQLInbox,
    UnknownEvent,
    UnreadableEvent,
    WebhookReceiver,
    WebhookRouter,
    deliveries,
    parse_event,
)


async def anything(event: Event) -> None: ...


receiver = WebhookReceiver(environment="live", authorization=["current-value", "previous-value"], fallback=anything)


@receiver.on("payment.reservation.failed")
async def retry_later(event: ReservationFailed) -> None:
    if event.error and event.error.decline:
        assert_type(event.error.decline.may_retry, bool)


@receiver.on("payment.charge.failed")
@receiver.on("payment.charge.failed.v2")
async def both_generations(event: ChargeFailed | ChargeFailedV2) -> None: ...


@receiver.on(ChargeFailed)
@receiver.on(ChargeFailedV2)
async def both_classes(event: ChargeFailed | ChargeFailedV2) -> None: ...


@receiver.on(CancelCreated)  # type: ignore[type-var]
async def class_of_another_event(event: CheckoutCompleted) -> None: ...


router = WebhookRouter(fallback=anything)


@router.on(RefundCompleted)
async def refunded(event: RefundCompleted, payment: Payment) -> None: ...


receiver.include(router)


@receiver.on("payment.created")
async def every_payment(event: PaymentEvent) -> None: ...


@receiver.on("payment.new.v3", strict=False)
async def newer(event: Event) -> None: ...


@receiver.on("payment.cancel.created")  # type: ignore[type-var]
async def wrong_class(event: CheckoutCompleted) -> None: ...


@receiver.on("payment.cancel.failed")  # type: ignore[type-var]
def not_async(event: PaymentEvent) -> None: ...


checkout = AsyncCheckout("secret-key")


async def value_of(payment_id: str) -> list[str] | None: ...


stored = WebhookReceiver(
    authorization=value_of,
    networks="any",
    trusted_proxies=["10.0.0.0/8"],
    inbox=SQLInbox("sqlite:///inbox.db", concurrency=5, max_attempts=20, lease=30.0),
    refetch=checkout.payments.retrieve,
)


@stored.on("payment.refund.completed")
async def settle(event: RefundCompleted, payment: Payment) -> None: ...


@stored.on("payment.charge.created.v2")  # type: ignore[type-var]
async def wrong_second(event: ChargeCreatedV2, payment: int) -> None: ...


async def look_after(inbox: SQLInbox) -> None:
    async with inbox:
        for event in await inbox.events(state="dead"):
            assert_type(await inbox.replay(event.number), int)
        assert_type(await inbox.purge("done", older_than=86_400), int)
    async with stored:
        assert_type((await stored.stats()).duplicates, int)


async def keeps_its_type(charge: ChargeFailed, cancel: CancelCreated) -> None:
    await both_generations(charge)
    await both_generations(cancel)  # type: ignore[arg-type]


def pick_apart(event: Event) -> str:
    match event:
        case ChargeCreatedV2(charge_id=charge_id):
            return charge_id
        case PaymentCreated() | CheckoutCompleted():
            return event.order.amount.currency
        case UnknownEvent() | UnreadableEvent():
            assert_type(event.payment_id, str | None)
            return event.name
    assert_type(event.payment_id, str)
    return event.payment_id


assert_type(parse_event(deliveries.sample("payment.created", payment_id="aa01")), Event)
