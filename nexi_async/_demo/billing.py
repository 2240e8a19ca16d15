"""The billing run: sign up subscriptions and charge each once, one of them with a lost response and a retry."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Sequence

import anyio
import attrs

from nexi_async import (
    AsyncCheckout,
    Consumer,
    NexiError,
    Order,
    OrderItem,
    PrivatePerson,
    RetryPolicy,
    SubscriptionChargeReceipt,
    TransportError,
    derive_key,
)
from nexi_async._demo.checkout_flow import CheckoutFlow, Purchase
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.batch import BatchCharger, ChargeJob, JobResult, Ledger
from nexi_async.emulator import CheckoutEmulator, InjectedFault
from nexi_async.reference.currencies import CurrencyCode
from nexi_async.reference.sandbox import CARDS, Behaviour

RUN = "2026-11"
LABEL = "subscription"
WORKERS = 16
"""How many charges are under way at once."""
BY_PAGE = 3
"""How many sign up on the hosted page, at most; the others are created at once, as in a migration."""

MONTHS: dict[CurrencyCode, int] = {"SEK": 15900, "NOK": 15900, "DKK": 11900, "EUR": 1390}
"""The price of a month by currency, in minor units without VAT."""

_CARD = next(number for number, card in CARDS.items() if card.behaviour is Behaviour.SUCCEEDS)
_NAMES = (("Kerstin", "Alm"), ("Jonas", "Brandt"), ("Pia", "Nurmi"))


@attrs.frozen
class BilledSubscription:
    """A subscription to bill: its id, and the order of one month."""

    subscription_id: str
    month: Order
    is_scheduled: bool = True


class Billing:
    """Signs up subscriptions and charges each of them once."""

    def __init__(self, services: ShopServices, checkout_flow: CheckoutFlow, emulator: CheckoutEmulator) -> None:
        """Prepare the run.

        Args:
            services: the dependencies of the shop.
            checkout_flow: signs up some of the subscribers.
            emulator: signs up the others, and loses a response.
        """
        self._checkout = services.checkout
        self._checkout_without_retries = services.checkout.with_options(retry=RetryPolicy(attempts=1))
        self._notifications = services.listener.notifications(services.site_url, CHARGED)
        self._listener = services.listener
        self._timeline = services.timeline
        self._records = services.records
        self._checkout_flow = checkout_flow
        self._emulator = emulator

    async def run(self, count: int) -> None:
        """Sign up `count` subscriptions, charge each of them once, and wait for the webhooks that confirm it."""
        subscriptions = await self._sign_up(count)
        if not subscriptions:
            return
        await self._charge_with_lost_response(subscriptions[0])
        began = anyio.current_time()
        if subscriptions[1:]:
            await self._charge_all(subscriptions[1:])
        seconds = anyio.current_time() - began
        self._log(f"has charged {len(subscriptions) - 1} more, {WORKERS} at a time, in {seconds:.1f} s")
        await self._confirm([record for record in self._records.values() if record.label == LABEL])

    # --- signing up ----------------------------------------------------------------------------------------------

    async def _sign_up(self, count: int) -> list[BilledSubscription]:
        """A few sign up on the hosted page; half of the others are scheduled, half are not."""
        months = itertools.cycle(_month(currency) for currency in MONTHS)
        by_page = [await self._sign_up_by_page(place, next(months)) for place in range(min(count, BY_PAGE))]
        others = count - len(by_page)
        scheduled = self._emulator.sign_up(others - others // 2, kind="scheduled")
        unscheduled = self._emulator.sign_up(others // 2, kind="unscheduled")
        self._timeline.log("billing", "emulator", f"signs up {others} more, as if migrated from another platform")
        return [
            *(subscription for subscription in by_page if subscription is not None),
            *(BilledSubscription(subscription_id, next(months)) for subscription_id in scheduled),
            *(BilledSubscription(subscription_id, next(months), is_scheduled=False) for subscription_id in unscheduled),
        ]

    async def _sign_up_by_page(self, place: int, month: Order) -> BilledSubscription | None:
        """A payment of 0 whose shopper agrees to later charges."""
        first, last = _NAMES[place]
        purchase = Purchase(
            order=Order(items=[_trial()], amount=0, currency=month.currency, reference=f"sign-up {place + 1}"),
            customer=Consumer(private_person=PrivatePerson(first_name=first, last_name=last)),
            cards=(_CARD,),
            signs_up=True,
        )
        try:
            payment = await self._checkout_flow.complete(purchase)
        except NexiError as error:
            self._log(f"gives up on {purchase.label}: {error}")
            return None
        return BilledSubscription(payment.subscription.id, month) if payment and payment.subscription else None

    # --- charging ------------------------------------------------------------------------------------------------

    async def _charge_all(self, subscriptions: Sequence[BilledSubscription]) -> None:
        """Charge each of them as a batch; a failure is logged and does not stop the others."""
        by_id = {subscription.subscription_id: subscription for subscription in subscriptions}
        with tempfile.TemporaryDirectory() as folder:
            async with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
                await ledger.plan(RUN, map(self._job, subscriptions))
                async for result in BatchCharger(self._checkout, ledger, run=RUN, concurrency=WORKERS):
                    self._record_result(by_id[result.reference], result)

    def _job(self, subscription: BilledSubscription) -> ChargeJob:
        return ChargeJob(
            reference=subscription.subscription_id,
            order=subscription.month,
            notifications=self._notifications,
            subscription_id=subscription.subscription_id if subscription.is_scheduled else None,
            unscheduled_subscription_id=None if subscription.is_scheduled else subscription.subscription_id,
        )

    def _record_result(self, subscription: BilledSubscription, result: JobResult) -> None:
        if result.payment_id is not None and result.charge_id is not None:
            self._record(subscription, result.payment_id, result.charge_id)
        elif result.state.is_final:
            self._log(f"could not charge {subscription.subscription_id}: {result.error}")
        else:
            return
        self._timeline.advance()

    async def _charge_with_lost_response(self, subscription: BilledSubscription) -> None:
        """Lose the response to a charge, look it up by its key, and send it again: the shopper pays once."""
        path = f"/v1/subscriptions/{subscription.subscription_id}/charges"
        self._emulator.set_faults([InjectedFault(fault="lose_response", method="POST", path=path, times=1)])
        try:
            receipt = await self._charge(self._checkout_without_retries, subscription)
        except TransportError as lost:
            self._log(f"gets no response to a charge: {type(lost).__name__}, outcome {lost.outcome.value}")
            receipt = await self._settle(subscription, lost.idempotency_key or "")
        self._record(subscription, receipt.payment_id, receipt.charge_id)
        self._timeline.advance()

    async def _settle(self, subscription: BilledSubscription, key: str) -> SubscriptionChargeReceipt:
        status = await self._checkout.subscriptions.charge_status(subscription.subscription_id, idempotency_key=key)
        self._log(f"looks it up by its key: {'it has happened' if status.completed else 'it has not happened'}")
        receipt = await self._charge(self._checkout, subscription)
        is_same = receipt.charge_id == status.charge_id
        self._log(f"sends it again with the same key: {'the same charge, not a second one' if is_same else 'charged'}")
        return receipt

    async def _charge(self, checkout: AsyncCheckout, subscription: BilledSubscription) -> SubscriptionChargeReceipt:
        """Charge a month; the key is derived, so that the same month is never charged twice."""
        kind = checkout.subscriptions if subscription.is_scheduled else checkout.unscheduled_subscriptions
        return await kind.charge(
            subscription.subscription_id,
            order=subscription.month,
            notifications=self._notifications,
            idempotency_key=derive_key(RUN, subscription.subscription_id, 1),
        )

    def _record(self, subscription: BilledSubscription, payment_id: str, charge_id: str) -> None:
        self._records[payment_id] = PaymentRecord(
            payment_id=payment_id,
            label=LABEL,
            currency=subscription.month.currency,
            charges={charge_id: subscription.month.amount},
        )

    async def _confirm(self, charged: Iterable[PaymentRecord]) -> None:
        """Wait for the webhook of each charge; stop at the first that does not arrive in time."""
        for record in charged:
            if not await self._listener.wait_for(record.payment_id, CHARGED):
                self._log("has not received an event for every charge")
                return

    def _log(self, text: str) -> None:
        self._timeline.log("billing", "shop", text)


def _month(currency: CurrencyCode) -> Order:
    item = OrderItem.of(reference="box", name="Monthly box", unit_price=MONTHS[currency], tax_rate=2500)
    return Order.of(items=[item], currency=currency)


def _trial() -> OrderItem:
    return OrderItem.of(reference="trial", name="Trial week", unit_price=0, tax_rate=2500)
