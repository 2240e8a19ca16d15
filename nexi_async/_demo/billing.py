"""The billing run: subscriptions are signed up and charged, one of them twice over because its answer got lost."""

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
from nexi_async._demo.business import Business
from nexi_async._demo.checkout_flow import Desk, Purchase
from nexi_async._demo.controls import Controls
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.sources import Receipts
from nexi_async.batch import BatchCharger, ChargeJob, JobResult, Ledger
from nexi_async.reference.sandbox import CARDS, Behaviour

__all__ = ["LABEL", "Agreement", "Billing"]

RUN = "2026-11"
LABEL = "subscription"
WORKERS = 16
"""How many charges are under way at once."""
BY_PAGE = 3
"""How many sign up on the hosted page, at most; the others at once, as if taken over from another platform."""

MONTHS = {"SEK": 15900, "NOK": 15900, "DKK": 11900, "EUR": 1390}
"""What a month costs by currency, in minor units without VAT."""

_CARD = next(number for number, card in CARDS.items() if card.behaviour is Behaviour.SUCCEEDS)
_NAMES = (("Kerstin", "Alm"), ("Jonas", "Brandt"), ("Pia", "Nurmi"))


@attrs.frozen
class Agreement:
    """A subscription to bill: its id, and what a month of it costs."""

    subscription_id: str
    month: Order
    is_scheduled: bool = True


class Billing:
    """Signs up subscriptions and charges each of them once."""

    def __init__(self, business: Business, desk: Desk, controls: Controls) -> None:
        """Get ready.

        Args:
            business: the shop's means.
            desk: where some of the subscribers sign up.
            controls: sign up the others, and lose an answer.
        """
        self._checkout = business.checkout
        self._impatient = business.checkout.with_options(retry=RetryPolicy(attempts=1))
        self._notifications = business.listener.notifications(business.site_url, CHARGED)
        self._listener = business.listener
        self._timeline = business.timeline
        self._receipts = business.receipts
        self._desk = desk
        self._controls = controls

    async def run(self, count: int) -> None:
        """Sign up so many, charge each of them once, and see that the webhooks confirm it."""
        agreements = await self._sign_up(count)
        if not agreements:
            return
        await self._charge_twice(agreements[0])
        began = anyio.current_time()
        if agreements[1:]:
            await self._charge_all(agreements[1:])
        seconds = anyio.current_time() - began
        self._say(f"has charged {len(agreements) - 1} more, {WORKERS} at a time, in {seconds:.1f} s")
        await self._confirm([receipts for receipts in self._receipts.values() if receipts.label == LABEL])

    # --- signing up ----------------------------------------------------------------------------------------------

    async def _sign_up(self, count: int) -> list[Agreement]:
        """A few come through the hosted page; half of the others are scheduled, half are not."""
        months = itertools.cycle(_month(currency) for currency in MONTHS)
        by_page = [await self._sign_up_by_page(place, next(months)) for place in range(min(count, BY_PAGE))]
        others = count - len(by_page)
        scheduled = await self._controls.sign_up(others - others // 2, "scheduled")
        unscheduled = await self._controls.sign_up(others // 2, "unscheduled")
        self._timeline.say("billing", "emulator", f"signs up {others} more, as if taken over from another platform")
        return [
            *(agreement for agreement in by_page if agreement is not None),
            *(Agreement(subscription_id, next(months)) for subscription_id in scheduled),
            *(Agreement(subscription_id, next(months), is_scheduled=False) for subscription_id in unscheduled),
        ]

    async def _sign_up_by_page(self, place: int, month: Order) -> Agreement | None:
        """A payment of 0 whose shopper agrees to later charges."""
        first, last = _NAMES[place]
        purchase = Purchase(
            order=Order.of(items=[_trial()], currency=month.currency, reference=f"sign-up {place + 1}"),
            customer=Consumer(private_person=PrivatePerson(first_name=first, last_name=last)),
            cards=(_CARD,),
            signs_up=True,
        )
        try:
            payment = await self._desk.sell(purchase)
        except NexiError as error:
            self._say(f"gives up on {purchase.label}: {error}")
            return None
        return Agreement(payment.subscription.id, month) if payment and payment.subscription else None

    # --- charging ------------------------------------------------------------------------------------------------

    async def _charge_all(self, agreements: Sequence[Agreement]) -> None:
        """Charge each of them as a batch; what fails is told, and the others go on."""
        by_id = {agreement.subscription_id: agreement for agreement in agreements}
        with tempfile.TemporaryDirectory() as folder:
            async with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
                await ledger.plan(RUN, map(self._job, agreements))
                async for result in BatchCharger(self._checkout, ledger, run=RUN, concurrency=WORKERS):
                    self._note_result(by_id[result.reference], result)

    def _job(self, agreement: Agreement) -> ChargeJob:
        return ChargeJob(
            reference=agreement.subscription_id,
            order=agreement.month,
            notifications=self._notifications,
            subscription_id=agreement.subscription_id if agreement.is_scheduled else None,
            unscheduled_subscription_id=None if agreement.is_scheduled else agreement.subscription_id,
        )

    def _note_result(self, agreement: Agreement, result: JobResult) -> None:
        if result.payment_id is not None and result.charge_id is not None:
            self._note(agreement, result.payment_id, result.charge_id)
            self._timeline.step()
        elif result.state.is_final:
            self._say(f"could not charge {agreement.subscription_id}: {result.error}")
            self._timeline.step()

    async def _charge_twice(self, agreement: Agreement) -> None:
        """Lose the answer to a charge, ask what became of it, and send it again: the shopper pays once."""
        await self._controls.lose_answer_of(f"/v1/subscriptions/{agreement.subscription_id}/charges")
        try:
            receipt = await self._charge(self._impatient, agreement)
        except TransportError as lost:
            self._say(f"gets no answer to a charge: {type(lost).__name__}, outcome {lost.outcome.value}")
            receipt = await self._settle(agreement, lost.idempotency_key or "")
        self._note(agreement, receipt.payment_id, receipt.charge_id)
        self._timeline.step()

    async def _settle(self, agreement: Agreement, key: str) -> SubscriptionChargeReceipt:
        status = await self._checkout.subscriptions.charge_status(agreement.subscription_id, idempotency_key=key)
        self._say(f"asks for it by its key: {'it has happened' if status.completed else 'it has not happened'}")
        receipt = await self._charge(self._checkout, agreement)
        is_same = receipt.charge_id == status.charge_id
        self._say(f"sends it again with the same key: {'the same charge, not a second one' if is_same else 'charged'}")
        return receipt

    async def _charge(self, checkout: AsyncCheckout, agreement: Agreement) -> SubscriptionChargeReceipt:
        """Charge a month; the key is derived, so that the same month is never charged twice."""
        kind = checkout.subscriptions if agreement.is_scheduled else checkout.unscheduled_subscriptions
        return await kind.charge(
            agreement.subscription_id,
            order=agreement.month,
            notifications=self._notifications,
            idempotency_key=derive_key(RUN, agreement.subscription_id, 1),
        )

    def _note(self, agreement: Agreement, payment_id: str, charge_id: str) -> None:
        self._receipts[payment_id] = Receipts(
            payment_id=payment_id,
            label=LABEL,
            currency=agreement.month.currency,
            charges={charge_id: agreement.month.amount},
        )

    async def _confirm(self, charged: Iterable[Receipts]) -> None:
        """Wait for the webhooks of the charges, as long as they keep coming in."""
        for receipts in charged:
            if not await self._listener.wait_for(receipts.payment_id, CHARGED):
                self._say("has not heard of every charge")
                return

    def _say(self, text: str) -> None:
        self._timeline.say("billing", "shop", text)


def _month(currency: str) -> Order:
    item = OrderItem.of(reference="box", name="Monthly box", unit_price=MONTHS[currency], tax_rate=2500)
    return Order.of(items=[item], currency=currency)


def _trial() -> OrderItem:
    return OrderItem.of(reference="trial", name="Trial week", unit_price=0, tax_rate=2500)
