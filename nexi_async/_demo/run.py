"""The whole demo: start the servers, sell the orders, bill the subscriptions, and reconcile the money."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import anyio
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async import AsyncCheckout
from nexi_async._demo.billing import LABEL, bill
from nexi_async._demo.listener import WebhookListener
from nexi_async._demo.orders import CustomerOrder
from nexi_async._demo.reconciliation import PaymentBalance, Reconciliation, reconcile
from nexi_async._demo.servers import REFUND_SECONDS, running_emulator, running_site
from nexi_async._demo.services import ShopServices
from nexi_async._demo.shop import sell
from nexi_async._demo.sources import PaymentRecord, from_emulator, from_events, from_sdk
from nexi_async._demo.timeline import Timeline
from nexi_async.webhooks import ChargeFailedV2, Event, RefundFailed, ReservationFailed

CUSTOMERS = 4
"""How many shoppers are served at once."""
CONNECTIONS = 16

Item = TypeVar("Item")


async def run_demo(orders: Sequence[CustomerOrder], subscriptions: int, timeline: Timeline) -> Reconciliation:
    """Sell the orders, bill so many subscriptions, and reconcile the three sources. Needs asyncio."""
    records: dict[str, PaymentRecord] = {}
    listener = WebhookListener(_event_logger(timeline, records))
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (  # the shop's site ends last, so that no server waits for a peer that no longer responds
        running_site(Starlette(routes=[Mount("/nexi", listener.receiver)]), trust) as site_url,
        running_emulator(trust) as (emulator, emulator_url),
        AsyncCheckout(
            emulator.secret_key,
            environment="test",
            base_url=emulator_url,
            ssl_context=trust,
            max_connections=CONNECTIONS,
        ) as checkout,
    ):
        timeline.log("", "emulator", f"listens at {emulator_url}")
        timeline.log("", "shop", f"listens at {site_url}")
        services = ShopServices(
            checkout=checkout,
            emulator=emulator,
            site_url=site_url,
            listener=listener,
            timeline=timeline,
            records=records,
        )
        await _sell(services, orders)
        await _complete_refunds(services)
        if subscriptions:
            with timeline.section("Subscriptions", subscriptions):
                await bill(services, subscriptions)
        return await _reconcile(services, orders)


def _event_logger(timeline: Timeline, records: dict[str, PaymentRecord]) -> Callable[[Event], None]:
    """Logs events on the timeline, except those of the many subscription charges."""

    def log_event(event: Event) -> None:
        record = records.get(event.payment_id or "")
        if record is not None and record.label != LABEL:
            timeline.log(record.label, "webhook", f"{event.name}{_reason(event)}")

    return log_event


def _reason(event: Event) -> str:
    if isinstance(event, ReservationFailed | ChargeFailedV2 | RefundFailed) and event.error is not None:
        return f": {event.error.message}"
    return ""


async def _sell(services: ShopServices, orders: Sequence[CustomerOrder]) -> None:
    async def sell_one(entry: tuple[int, CustomerOrder]) -> None:
        place, order = entry
        await sell(services, order, place)
        services.timeline.advance()

    with services.timeline.section("Orders", len(orders)):
        await _for_each(enumerate(orders), sell_one, concurrency=CUSTOMERS)


async def _complete_refunds(services: ShopServices) -> None:
    """Advance the clock past the pending time of refunds, and wait for the outcome of each."""
    services.timeline.log("refunds", "emulator", "advances its clock until the pending refunds are completed")
    services.emulator.advance(REFUND_SECONDS)
    for record in services.records.values():
        events = ("payment.refund.completed", "payment.refund.failed")
        await services.wait_for_events(record, *events, times=len(record.refunds))


async def _reconcile(services: ShopServices, orders: Sequence[CustomerOrder]) -> Reconciliation:
    """Retrieve every payment and compare the three sources, first the payments of the orders, in their order."""
    places = {order.reference: place for place, order in enumerate(orders)}
    records = sorted(services.records.values(), key=lambda record: places.get(record.label, len(places)))
    by_sdk: dict[str, PaymentBalance] = {}

    async def retrieve(record: PaymentRecord) -> None:
        payment = await services.checkout.payments.retrieve(record.payment_id)
        by_sdk[record.payment_id] = from_sdk(record, payment)

    await _for_each(records, retrieve, concurrency=CONNECTIONS)
    return reconcile(
        by_sdk,
        {payment_id: from_events(events) for payment_id, events in services.listener.events.items()},
        {payment["paymentId"]: from_emulator(payment) for payment in services.emulator.state()["payments"]},
        labels={record.payment_id: record.label for record in records},
    )


async def _for_each(items: Iterable[Item], process: Callable[[Item], Awaitable[None]], *, concurrency: int) -> None:
    """Process every item, at most `concurrency` at once; an exception of one stops all."""
    limiter = anyio.CapacityLimiter(concurrency)

    async def process_one(item: Item) -> None:
        async with limiter:
            await process(item)

    async with anyio.create_task_group() as group:
        for item in items:
            group.start_soon(process_one, item)
