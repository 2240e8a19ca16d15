"""The shop: sells every order and carries out the action of its scenario."""

from nexi_async import NexiError, Order
from nexi_async._demo import cash_operations as cash
from nexi_async._demo.cash_operations import Items
from nexi_async._demo.checkout_flow import complete_checkout
from nexi_async._demo.orders import CustomerOrder
from nexi_async._demo.scenarios import ShopAction, scenario_for
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord

_REFUNDED = {ShopAction.REFUNDED, ShopAction.PARTLY_REFUNDED, ShopAction.REFUND_CANCELLED, ShopAction.REFUND_FAILED}
_IN_PARTS = {ShopAction.CHARGED_IN_PARTS, ShopAction.PARTLY_CHARGED, ShopAction.PARTLY_SHIPPED}


async def sell(services: ShopServices, customer_order: CustomerOrder, place: int) -> None:
    """Sell the order at this place of the file; an error is logged and leaves the money as it is."""
    order, customer = customer_order.order, customer_order.customer
    scenario = scenario_for(place, order.currency)
    try:
        payment = await complete_checkout(services, order, customer, cards=scenario.cards, method=scenario.method)
        if payment is not None:
            await _perform(services, scenario.action, services.records[payment.payment_id], order)
    except NexiError as error:
        services.log(customer_order.reference, f"gives up: {error}")


async def _perform(services: ShopServices, action: ShopAction, record: PaymentRecord, order: Order) -> None:
    """Carry out the action on a paid order; cancel it if the acquirer declines the charge."""
    if action is ShopAction.RESERVED:
        return
    if action is ShopAction.CANCELLED:
        await cash.cancel(services, record, order.amount)
    elif action in _IN_PARTS:
        await _charge_in_parts(services, action, record, order)
    elif not await _charge(services, record, order):
        await cash.cancel(services, record, order.amount)
    elif action in _REFUNDED:
        await _refund(services, action, record, order)


async def _charge(services: ShopServices, record: PaymentRecord, order: Order) -> bool:
    """Charge it all, unless the payment method already did."""
    return bool(record.charges) or await cash.charge(services, record, order.amount)


async def _charge_in_parts(services: ShopServices, action: ShopAction, record: PaymentRecord, order: Order) -> None:
    """Charge a part; then charge, cancel or leave the rest. An order that can't be split is charged whole."""
    parts = split(order.items)
    if parts is None:
        await _charge(services, record, order)
        return
    first, rest = parts
    is_charged = await cash.charge(services, record, _sum(first), first)
    if is_charged and action is ShopAction.CHARGED_IN_PARTS:
        await cash.charge(services, record, _sum(rest), rest)
    elif is_charged and action is ShopAction.PARTLY_CHARGED:
        await cash.cancel(services, record, _sum(rest), rest)


async def _refund(services: ShopServices, action: ShopAction, record: PaymentRecord, order: Order) -> None:
    parts = split(order.items)
    if action is ShopAction.PARTLY_REFUNDED and parts is not None:
        await cash.refund(services, record, parts[0])
        return
    refund_id = await cash.refund(services, record)
    if action is ShopAction.REFUND_CANCELLED:
        await cash.cancel_refund(services, record, refund_id)


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
