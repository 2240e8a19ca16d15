"""The checkout: from an order to a payment that its shopper has completed or abandoned."""

from nexi_async import Checkout, Consumer, Order, Payment, SubscriptionSetup
from nexi_async._demo.listener import CHARGED, EVENTS
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.embed import read_return_url
from nexi_async.reference.currencies import format_amount


async def complete_checkout(
    services: ShopServices,
    order: Order,
    customer: Consumer,
    *,
    cards: tuple[str, ...] = (),
    method: str | None = None,
    subscription: SubscriptionSetup | None = None,
) -> Payment | None:
    """The completed payment; None if the shopper abandoned it, and then the payment is terminated.

    The shopper tries the cards one after the other, and abandons the page if there are none and no other method.

    Raises:
        NexiError: a call failed; its outcome says what happened to the money.
    """
    label, price = order.reference or "", format_amount(order.amount, order.currency)
    services.log(label, f"creates a payment of {price}")
    created = await services.checkout.payments.create(
        order=order,
        checkout=_hosted_page(services.site_url, customer),
        notifications=services.listener.notifications(services.site_url, *EVENTS),
        subscription=subscription,
    )
    record = PaymentRecord(payment_id=created.payment_id, label=label, currency=order.currency)
    services.records[record.payment_id] = record
    address = await _visit(services, record, cards, method)
    if address is None or read_return_url(address).payment_id != record.payment_id:
        services.log(label, "terminates the payment")
        await services.checkout.payments.terminate(record.payment_id)
        return None
    return await _record_payment(services, record, price)


def _hosted_page(site_url: str, customer: Consumer) -> Checkout:
    return Checkout.hosted(
        return_url=f"{site_url}/thanks",
        cancel_url=f"{site_url}/goodbye",
        terms_url=f"{site_url}/terms",
        consumer=customer,
    )


async def _visit(
    services: ShopServices, record: PaymentRecord, cards: tuple[str, ...], method: str | None
) -> str | None:
    """The address that the hosted page sends the shopper to; None if every card was declined."""
    emulator, payment_id = services.emulator, record.payment_id
    if method:
        services.timeline.log(record.label, "shopper", f"pays with {method}")
        return emulator.pay(payment_id, method=method).redirect
    if not cards:
        services.timeline.log(record.label, "shopper", "abandons the page")
        return emulator.cancel(payment_id).redirect
    for declines, number in enumerate(cards, start=1):
        services.timeline.log(record.label, "shopper", f"pays with card … {number[-4:]}")
        outcome = emulator.pay(payment_id, card=number)
        if outcome.result == "completed":
            return outcome.redirect
        if not await services.listener.wait_for(payment_id, "payment.reservation.failed", times=declines):
            return None
        services.log(record.label, "asks for another card")
    return None


async def _record_payment(services: ShopServices, record: PaymentRecord, price: str) -> Payment:
    """Record what is reserved or charged as the API reports it: the shopper's return is no proof of payment."""
    await services.wait_for_events(record, "payment.checkout.completed")
    payment = await services.checkout.payments.retrieve(record.payment_id)
    record.reserved = payment.summary.reserved_amount
    record.charges.update((charge.charge_id, charge.amount) for charge in payment.charges)
    done, event = ("charged", CHARGED) if payment.charges else ("reserved", "payment.reservation.created")
    await services.wait_for_events(record, event)
    services.log(record.label, f"sees {price} {done}")
    return payment
