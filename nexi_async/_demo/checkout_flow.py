"""The desk: from an order to a payment that its shopper has completed, or not."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import anyio
import attrs

from nexi_async import Checkout, Consumer, Order, Payment, SubscriptionSetup
from nexi_async._demo.amounts import as_text
from nexi_async._demo.business import Business
from nexi_async._demo.listener import CHARGED, EVENTS, PATIENCE
from nexi_async._demo.shopper import Shopper, Visit
from nexi_async._demo.sources import Receipts
from nexi_async.embed import read_return_url
from nexi_async.webhooks import ReservationFailed

__all__ = ["Desk", "Purchase"]


@attrs.frozen(kw_only=True)
class Purchase:
    """What a shopper buys, and how they will try to pay for it.

    Attributes:
        order: what is bought.
        customer: who buys.
        cards: the card numbers that they try, one after the other; without any they walk away.
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
        return as_text(self.order.amount, self.order.currency)


class Desk:
    """Creates payments and sees their shoppers through the hosted page."""

    def __init__(self, business: Business, shopper: Shopper) -> None:
        """Open the desk; from now on it handles `payment.reservation.failed`."""
        self._business = business
        self._checkout = business.checkout
        self._site_url = business.site_url
        self._listener = business.listener
        self._timeline = business.timeline
        self._receipts = business.receipts
        self._shopper = shopper
        self._declines: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self._listener.receiver.on("payment.reservation.failed")(self._offer_another_card)

    async def sell(self, purchase: Purchase) -> Payment | None:
        """The completed payment, or None if the shopper left: then the session is ended.

        Raises:
            NexiError: the SDK could not do it; see its outcome.
        """
        self._timeline.say(purchase.label, "shop", f"creates a payment of {purchase.price}")
        created = await self._checkout.payments.create(
            order=purchase.order,
            checkout=self._hosted_page(purchase.customer),
            notifications=self._listener.notifications(self._site_url, *EVENTS),
            subscription=_subscription() if purchase.signs_up else None,
        )
        payment_id = created.payment_id
        receipts = Receipts(payment_id=payment_id, label=purchase.label, currency=purchase.order.currency)
        self._receipts[payment_id] = receipts
        visit = await self._visit(purchase, payment_id, created.hosted_payment_page_url or "")
        if visit is None or read_return_url(visit.address).payment_id != payment_id:
            self._timeline.say(purchase.label, "shop", "ends the session")
            await self._checkout.payments.terminate(payment_id)
            return None
        return await self._look_at(purchase, receipts)

    def _hosted_page(self, customer: Consumer) -> Checkout:
        return Checkout.hosted(
            return_url=f"{self._site_url}/thanks",
            cancel_url=f"{self._site_url}/goodbye",
            terms_url=f"{self._site_url}/terms",
            consumer=customer,
        )

    async def _visit(self, purchase: Purchase, payment_id: str, page: str) -> Visit | None:
        """Where the shopper ended up; None if every card was declined."""
        if purchase.method:
            self._timeline.say(purchase.label, "shopper", f"pays with {purchase.method}")
            return await self._shopper.pay_with(page, purchase.method)
        if not purchase.cards:
            self._timeline.say(purchase.label, "shopper", "walks away")
            return await self._shopper.walk_away(page)
        for number in purchase.cards:
            self._timeline.say(purchase.label, "shopper", f"pays with card {_masked(number)}")
            visit = await self._shopper.pay_by_card(page, number)
            if not visit.is_declined:
                return visit
            if not await self._is_invited_again(payment_id):
                break
        return None

    async def _is_invited_again(self, payment_id: str) -> bool:
        """Whether the shop asked for another card; its webhook handler does, once it hears of the decline."""
        with anyio.move_on_after(PATIENCE):
            await self._declines[payment_id].wait()
            del self._declines[payment_id]
            return True
        return False

    async def _offer_another_card(self, event: ReservationFailed) -> None:
        """The handler of `payment.reservation.failed`."""
        await self._listener.keep(event)
        if event.payment_id in self._receipts:
            self._timeline.say(self._receipts[event.payment_id].label, "shop", "asks for another card")
        self._declines[event.payment_id].set()

    async def _look_at(self, purchase: Purchase, receipts: Receipts) -> Payment:
        """Note what is reserved or charged; a shopper's return proves nothing, so the payment is retrieved."""
        await self._business.hear_of(receipts, "payment.checkout.completed")
        payment = await self._checkout.payments.retrieve(receipts.payment_id)
        receipts.reserved = payment.summary.reserved_amount
        receipts.charges.update((charge.charge_id, charge.amount) for charge in payment.charges)
        done, event = ("charged", CHARGED) if payment.charges else ("reserved", "payment.reservation.created")
        await self._business.hear_of(receipts, event)
        self._timeline.say(purchase.label, "shop", f"sees {purchase.price} {done}")
        return payment


def _subscription() -> SubscriptionSetup:
    return SubscriptionSetup(end_date=datetime.now(UTC) + timedelta(days=365), interval=0, allow_variable_amount=True)


def _masked(number: str) -> str:
    return f"… {number[-4:]}"
