"""The shop: sells every order and brings it to the ending of its story."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from nexi_async import NexiError, OrderItem
from nexi_async._demo.business import Business
from nexi_async._demo.cash_operations import Till
from nexi_async._demo.checkout_flow import Desk, Purchase
from nexi_async._demo.orders import CustomerOrder
from nexi_async._demo.scenarios import Ending, story_of
from nexi_async._demo.sources import Receipts

__all__ = ["Shop", "split"]

Items = Sequence[OrderItem]

_GIVEN_BACK = {Ending.REFUNDED, Ending.PARTLY_REFUNDED, Ending.REFUND_STOPPED, Ending.REFUND_FAILED}


@attrs.frozen
class Sale:
    """A sale whose shopper has paid; what the endings work on."""

    items: Items
    amount: int
    receipts: Receipts


class Shop:
    """Sells orders."""

    def __init__(self, business: Business, desk: Desk) -> None:
        self._desk = desk
        self._till = Till(business)
        self._timeline = business.timeline
        self._receipts = business.receipts

    async def sell(self, customer_order: CustomerOrder, place: int) -> None:
        """Sell the order at this place of the file; what fails is told and leaves the money where it is."""
        order = customer_order.order
        story = story_of(place, order.currency)
        cards = () if story.ending is Ending.ABANDONED else story.cards
        purchase = Purchase(order=order, customer=customer_order.customer, cards=cards, method=story.method)
        try:
            payment = await self._desk.sell(purchase)
            if payment is not None:
                await self._end(story.ending, Sale(order.items, order.amount, self._receipts[payment.payment_id]))
        except NexiError as error:
            self._timeline.say(customer_order.reference, "shop", f"gives up: {error}")

    async def _end(self, ending: Ending, sale: Sale) -> None:
        """Bring a paid order to its ending."""
        match ending:
            case Ending.RESERVED | Ending.ABANDONED:
                return
            case Ending.CANCELLED:
                await self._till.release(sale.receipts, sale.amount)
            case Ending.CHARGED_IN_PARTS | Ending.PARTLY_CHARGED | Ending.PARTLY_SHIPPED:
                await self._charge_in_parts(sale, ending)
            case _:
                await self._charge_whole(sale, ending)

    async def _charge_whole(self, sale: Sale, ending: Ending) -> None:
        """Charge it all and give back what the ending asks for; release it if the acquirer refuses the charge."""
        if not await self._charge(sale):
            await self._till.release(sale.receipts, sale.amount)
        elif ending in _GIVEN_BACK:
            await self._give_back(sale, ending)

    async def _charge(self, sale: Sale) -> bool:
        """Charge it all, unless the payment method has done so already."""
        return bool(sale.receipts.charges) or await self._till.charge(sale.receipts, sale.amount)

    async def _charge_in_parts(self, sale: Sale, ending: Ending) -> None:
        """Charge a part; then charge the rest, release it, or leave it. What can't be parted is charged whole."""
        parts = split(sale.items)
        if parts is None:
            await self._charge(sale)
            return
        first, rest = parts
        is_charged = await self._till.charge(sale.receipts, _sum(first), items=first)
        if is_charged and ending is Ending.CHARGED_IN_PARTS:
            await self._till.charge(sale.receipts, _sum(rest), items=rest)
        elif is_charged and ending is Ending.PARTLY_CHARGED:
            await self._till.release(sale.receipts, _sum(rest), items=rest)

    async def _give_back(self, sale: Sale, ending: Ending) -> None:
        parts = split(sale.items)
        if ending is Ending.PARTLY_REFUNDED and parts is not None:
            await self._till.refund_lines(sale.receipts, parts[0])
            return
        refund_id = await self._till.refund(sale.receipts)
        if ending is Ending.REFUND_STOPPED:
            await self._till.stop_refund(sale.receipts, refund_id)


def split(items: Items) -> tuple[Items, Items] | None:
    """One line and the rest, both worth something; None if no line can be parted from the others so.

    A discount keeps company with what it lowers: a line alone must cost more than nothing and less than all.
    """
    total = _sum(items)
    for index, item in enumerate(items):
        if 0 < item.gross_total_amount < total:
            return [item], [*items[:index], *items[index + 1 :]]
    return None


def _sum(items: Items) -> int:
    return sum(item.gross_total_amount for item in items)
