"""The shop: sells every order and carries out the action of its scenario."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from nexi_async import NexiError, OrderItem
from nexi_async._demo.cash_operations import CashOperations
from nexi_async._demo.checkout_flow import CheckoutFlow, Purchase
from nexi_async._demo.orders import CustomerOrder
from nexi_async._demo.scenarios import ShopAction, scenario_for
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord

Items = Sequence[OrderItem]

_REFUNDED = {ShopAction.REFUNDED, ShopAction.PARTLY_REFUNDED, ShopAction.REFUND_CANCELLED, ShopAction.REFUND_FAILED}


@attrs.frozen
class Sale:
    """An order whose shopper has paid."""

    items: Items
    amount: int
    record: PaymentRecord


class Shop:
    """Sells orders."""

    def __init__(self, services: ShopServices, checkout_flow: CheckoutFlow) -> None:
        self._checkout_flow = checkout_flow
        self._cash = CashOperations(services)
        self._timeline = services.timeline
        self._records = services.records

    async def sell(self, customer_order: CustomerOrder, place: int) -> None:
        """Sell the order at this place of the file; an error is logged and leaves the money as it is."""
        order = customer_order.order
        scenario = scenario_for(place, order.currency)
        cards = () if scenario.action is ShopAction.ABANDONED else scenario.cards
        purchase = Purchase(order=order, customer=customer_order.customer, cards=cards, method=scenario.method)
        try:
            payment = await self._checkout_flow.complete(purchase)
            if payment is not None:
                await self._perform(scenario.action, Sale(order.items, order.amount, self._records[payment.payment_id]))
        except NexiError as error:
            self._timeline.log(customer_order.reference, "shop", f"gives up: {error}")

    async def _perform(self, action: ShopAction, sale: Sale) -> None:
        """Carry out the action on a paid order."""
        match action:
            case ShopAction.RESERVED | ShopAction.ABANDONED:
                return
            case ShopAction.CANCELLED:
                await self._cash.cancel(sale.record, sale.amount)
            case ShopAction.CHARGED_IN_PARTS | ShopAction.PARTLY_CHARGED | ShopAction.PARTLY_SHIPPED:
                await self._charge_in_parts(sale, action)
            case _:
                await self._charge_whole(sale, action)

    async def _charge_whole(self, sale: Sale, action: ShopAction) -> None:
        """Charge it all and refund what the action says; cancel it if the acquirer declines the charge."""
        if not await self._charge(sale):
            await self._cash.cancel(sale.record, sale.amount)
        elif action in _REFUNDED:
            await self._refund(sale, action)

    async def _charge(self, sale: Sale) -> bool:
        """Charge it all, unless the payment method already did."""
        return bool(sale.record.charges) or await self._cash.charge(sale.record, sale.amount)

    async def _charge_in_parts(self, sale: Sale, action: ShopAction) -> None:
        """Charge a part; then charge, cancel or leave the rest. An order that can't be split is charged whole."""
        parts = split(sale.items)
        if parts is None:
            await self._charge(sale)
            return
        first, rest = parts
        is_charged = await self._cash.charge(sale.record, _sum(first), items=first)
        if is_charged and action is ShopAction.CHARGED_IN_PARTS:
            await self._cash.charge(sale.record, _sum(rest), items=rest)
        elif is_charged and action is ShopAction.PARTLY_CHARGED:
            await self._cash.cancel(sale.record, _sum(rest), items=rest)

    async def _refund(self, sale: Sale, action: ShopAction) -> None:
        parts = split(sale.items)
        if action is ShopAction.PARTLY_REFUNDED and parts is not None:
            await self._cash.refund_items(sale.record, parts[0])
            return
        refund_id = await self._cash.refund(sale.record)
        if action is ShopAction.REFUND_CANCELLED:
            await self._cash.cancel_refund(sale.record, refund_id)


def split(items: Items) -> tuple[Items, Items] | None:
    """One item and the rest, both of a positive amount; None if no item can be separated so.

    A discount stays with the items it lowers: the first item must cost more than 0 and less than the total.
    """
    total = _sum(items)
    for index, item in enumerate(items):
        if 0 < item.gross_total_amount < total:
            return [item], [*items[:index], *items[index + 1 :]]
    return None


def _sum(items: Items) -> int:
    return sum(item.gross_total_amount for item in items)
