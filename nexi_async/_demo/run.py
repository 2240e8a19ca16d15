"""The whole demo: servers up, orders sold, subscriptions billed, and the three accounts compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import httpx

from nexi_async import AsyncCheckout
from nexi_async._demo.billing import LABEL, Billing
from nexi_async._demo.business import Business
from nexi_async._demo.checkout_flow import Desk
from nexi_async._demo.controls import Controls
from nexi_async._demo.listener import Listener
from nexi_async._demo.orders import CustomerOrder
from nexi_async._demo.reconciliation import Standing, Verdict, compare
from nexi_async._demo.servers import REFUND_SECONDS, Servers, running_servers
from nexi_async._demo.shop import Shop
from nexi_async._demo.shopper import Shopper
from nexi_async._demo.site import build_site
from nexi_async._demo.sources import Receipts, from_books, from_events, from_receipts
from nexi_async._demo.timeline import Timeline
from nexi_async._demo.workers import work_through
from nexi_async.webhooks import ChargeFailedV2, Event, RefundFailed, ReservationFailed

__all__ = ["run_demo"]

CUSTOMERS = 4
"""How many shoppers are served at once."""
CONNECTIONS = 16


async def run_demo(orders: Sequence[CustomerOrder], subscriptions: int, timeline: Timeline) -> Verdict:
    """Sell the orders, bill so many subscriptions, and compare what the three witnesses say. Needs asyncio.

    Args:
        orders: what is sold.
        subscriptions: how many subscriptions are signed up and charged, 0 for none.
        timeline: told what happens.
    """
    receipts: dict[str, Receipts] = {}
    listener = Listener(_announcer(timeline, receipts))
    async with (
        running_servers(build_site(listener.receiver)) as servers,
        httpx.AsyncClient(verify=servers.trust, trust_env=False, follow_redirects=True, timeout=30) as browser,
        _client(servers) as checkout,
    ):
        timeline.say("", "emulator", f"listens at {servers.emulator_url}")
        timeline.say("", "shop", f"listens at {servers.site_url}")
        business = Business(
            checkout=checkout, site_url=servers.site_url, listener=listener, timeline=timeline, receipts=receipts
        )
        controls = Controls(browser, servers.emulator_url)
        desk = Desk(business, Shopper(browser))
        await _sell(Shop(business, desk), orders, timeline)
        await _complete_refunds(business, controls)
        if subscriptions:
            with timeline.chapter("Subscriptions", subscriptions):
                await Billing(business, desk, controls).run(subscriptions)
        return await _compare(business, controls, _in_order_of(orders, receipts.values()))


def _announcer(timeline: Timeline, receipts: dict[str, Receipts]) -> Callable[[Event], None]:
    """Tells the timeline of webhooks; charges of subscriptions are too many to be told one by one."""

    def announce(event: Event) -> None:
        known = receipts.get(event.payment_id or "")
        if known is not None and known.label != LABEL:
            timeline.say(known.label, "webhook", f"{event.name}{_reason(event)}")

    return announce


def _reason(event: Event) -> str:
    if isinstance(event, ReservationFailed | ChargeFailedV2 | RefundFailed) and event.error is not None:
        return f": {event.error.message}"
    return ""


def _client(servers: Servers) -> AsyncCheckout:
    return AsyncCheckout(
        servers.secret_key,
        environment="test",
        base_url=servers.emulator_url,
        ssl_context=servers.trust,
        max_connections=CONNECTIONS,
    )


async def _sell(shop: Shop, orders: Sequence[CustomerOrder], timeline: Timeline) -> None:
    async def sell(entry: tuple[int, CustomerOrder]) -> None:
        place, order = entry
        await shop.sell(order, place)
        timeline.step()

    with timeline.chapter("Orders", len(orders)):
        await work_through(enumerate(orders), sell, workers=CUSTOMERS)


async def _complete_refunds(business: Business, controls: Controls) -> None:
    """Let the day pass that refunds stay pending, and hear what became of each."""
    business.timeline.say("refunds", "emulator", "moves its clock, until the pending refunds are through")
    await controls.advance(REFUND_SECONDS)
    for entry in business.receipts.values():
        await business.hear_of(entry, "payment.refund.completed", "payment.refund.failed", times=len(entry.refunds))


def _in_order_of(orders: Iterable[CustomerOrder], receipts: Iterable[Receipts]) -> list[Receipts]:
    """The receipts of the orders as the file has them, then all others."""
    places = {order.reference: place for place, order in enumerate(orders)}
    return sorted(receipts, key=lambda entry: places.get(entry.label, len(places)))


async def _compare(business: Business, controls: Controls, receipts: Sequence[Receipts]) -> Verdict:
    """Ask the three, and put their answers side by side."""
    believed: dict[str, Standing] = {}

    async def look_at(entry: Receipts) -> None:
        payment = await business.checkout.payments.retrieve(entry.payment_id)
        believed[entry.payment_id] = from_receipts(entry, payment)

    await work_through(receipts, look_at, workers=CONNECTIONS)
    booked = await controls.payments()
    return compare(
        sdk=believed,
        webhooks={payment_id: from_events(events) for payment_id, events in business.listener.events.items()},
        books={payment_id: from_books(payment) for payment_id, payment in booked.items()},
        labels={entry.payment_id: entry.label for entry in receipts},
    )
