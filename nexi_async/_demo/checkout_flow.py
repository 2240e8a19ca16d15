"""The checkout: from an order to a payment that its shopper has completed or abandoned."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import anyio
import attrs

from nexi_async import Checkout, Consumer, Order, Payment, SubscriptionSetup
from nexi_async._demo.listener import CHARGED, EVENTS, WEBHOOK_TIMEOUT
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.embed import read_return_url
from nexi_async.emulator import CheckoutEmulator
from nexi_async.reference.currencies import format_amount
from nexi_async.webhooks import ReservationFailed


@attrs.frozen(kw_only=True)
class Purchase:
    """What a shopper buys, and how they will try to pay for it.

    Attributes:
        order: what is bought.
        customer: who buys.
        cards: the card numbers that they try, one after the other; without any they abandon the page.
        method: another way to pay than by card.
        signs_up: whether they also agree to a subscription.
    """

    order: Order
    customer: Consumer = attrs.field(repr=False)
    cards: tuple[str, ...] = attrs.field(default=(), repr=False)
    method: str | None = None
    signs_up: bool = False

    @property
    def label(self) -> str:
        """The order number."""
        return self.order.reference or ""

    @property
    def price(self) -> str:
        """The amount for people to read."""
        return format_amount(self.order.amount, self.order.currency)


class CheckoutFlow:
    """Creates payments, and has the emulator play the shopper on their hosted page."""

    def __init__(self, services: ShopServices, emulator: CheckoutEmulator) -> None:
        """Register the handler of `payment.reservation.failed`."""
        self._services = services
        self._checkout = services.checkout
        self._site_url = services.site_url
        self._listener = services.listener
        self._timeline = services.timeline
        self._records = services.records
        self._emulator = emulator
        self._declines: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self._listener.receiver.on("payment.reservation.failed")(self._offer_another_card)

    async def complete(self, purchase: Purchase) -> Payment | None:
        """The completed payment; None if the shopper abandoned it, and then the payment is terminated.

        Raises:
            NexiError: a call failed; its outcome says what happened to the money.
        """
        self._timeline.log(purchase.label, "shop", f"creates a payment of {purchase.price}")
        created = await self._checkout.payments.create(
            order=purchase.order,
            checkout=self._hosted_page(purchase.customer),
            notifications=self._listener.notifications(self._site_url, *EVENTS),
            subscription=_subscription() if purchase.signs_up else None,
        )
        payment_id = created.payment_id
        record = PaymentRecord(payment_id=payment_id, label=purchase.label, currency=purchase.order.currency)
        self._records[payment_id] = record
        address = await self._visit(purchase, payment_id)
        if address is None or read_return_url(address).payment_id != payment_id:
            self._timeline.log(purchase.label, "shop", "terminates the payment")
            await self._checkout.payments.terminate(payment_id)
            return None
        return await self._record_payment(purchase, record)

    def _hosted_page(self, customer: Consumer) -> Checkout:
        return Checkout.hosted(
            return_url=f"{self._site_url}/thanks",
            cancel_url=f"{self._site_url}/goodbye",
            terms_url=f"{self._site_url}/terms",
            consumer=customer,
        )

    async def _visit(self, purchase: Purchase, payment_id: str) -> str | None:
        """The address that the hosted page sends the shopper to; None if every card was declined."""
        if purchase.method:
            self._timeline.log(purchase.label, "shopper", f"pays with {purchase.method}")
            return self._emulator.pay(payment_id, method=purchase.method).redirect
        if not purchase.cards:
            self._timeline.log(purchase.label, "shopper", "abandons the page")
            return self._emulator.cancel(payment_id).redirect
        for number in purchase.cards:
            self._timeline.log(purchase.label, "shopper", f"pays with card {_masked(number)}")
            outcome = self._emulator.pay(payment_id, card=number)
            if outcome.result == "completed":
                return outcome.redirect
            if not await self._may_try_again(payment_id):
                break
        return None

    async def _may_try_again(self, payment_id: str) -> bool:
        """Whether the shop asked for another card, which it does when the webhook of the decline arrives."""
        with anyio.move_on_after(WEBHOOK_TIMEOUT):
            await self._declines[payment_id].wait()
            del self._declines[payment_id]
            return True
        return False

    async def _offer_another_card(self, event: ReservationFailed) -> None:
        """The handler of `payment.reservation.failed`."""
        await self._listener.record(event)
        if event.payment_id in self._records:
            self._timeline.log(self._records[event.payment_id].label, "shop", "asks for another card")
        self._declines[event.payment_id].set()

    async def _record_payment(self, purchase: Purchase, record: PaymentRecord) -> Payment:
        """Record what is reserved or charged as the API reports it: the shopper's return is no proof of payment."""
        await self._services.wait_for_events(record, "payment.checkout.completed")
        payment = await self._checkout.payments.retrieve(record.payment_id)
        record.reserved = payment.summary.reserved_amount
        record.charges.update((charge.charge_id, charge.amount) for charge in payment.charges)
        done, event = ("charged", CHARGED) if payment.charges else ("reserved", "payment.reservation.created")
        await self._services.wait_for_events(record, event)
        self._timeline.log(purchase.label, "shop", f"sees {purchase.price} {done}")
        return payment


def _subscription() -> SubscriptionSetup:
    return SubscriptionSetup(end_date=datetime.now(UTC) + timedelta(days=365), interval=0, allow_variable_amount=True)


def _masked(number: str) -> str:
    return f"… {number[-4:]}"
