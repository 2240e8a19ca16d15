"""The billing run: sign up subscriptions and charge each once, one of them with a lost response and a retry."""

import itertools
import tempfile
from datetime import UTC, datetime, timedelta

import anyio

from nexi_async import (
    AsyncCheckout,
    Consumer,
    NexiError,
    Order,
    OrderItem,
    PrivatePerson,
    RetryPolicy,
    SubscriptionChargeReceipt,
    SubscriptionSetup,
    TransportError,
    derive_key,
)
from nexi_async._demo.checkout_flow import complete_checkout
from nexi_async._demo.listener import CHARGED
from nexi_async._demo.scenarios import card_number
from nexi_async._demo.services import ShopServices
from nexi_async._demo.sources import PaymentRecord
from nexi_async.batch import BatchCharger, ChargeJob, Ledger
from nexi_async.emulator import InjectedFault
from nexi_async.reference.currencies import CurrencyCode
from nexi_async.reference.sandbox import Behaviour

RUN = "2026-11"
LABEL = "subscription"
WORKERS = 16
"""How many charges are under way at once."""

MONTHS: dict[CurrencyCode, int] = {"SEK": 15900, "NOK": 15900, "DKK": 11900, "EUR": 1390}
"""The price of a month by currency, in minor units without VAT."""

_BY_PAGE = (("Kerstin", "Alm"), ("Jonas", "Brandt"), ("Pia", "Nurmi"))
"""Who sign up on the hosted page; the others are created at once, as in a migration."""


async def bill(services: ShopServices, count: int) -> None:
    """Sign up `count` subscriptions, charge each of them once, and wait for the webhooks that confirm it."""
    jobs = await _sign_up(services, count)
    if not jobs:
        return
    await _charge_with_lost_response(services, jobs[0])
    began = anyio.current_time()
    if jobs[1:]:
        await _charge_all(services, jobs[1:])
    seconds = anyio.current_time() - began
    services.log("billing", f"has charged {len(jobs) - 1} more, {WORKERS} at a time, in {seconds:.1f} s")
    await _confirm(services)


# --- signing up ------------------------------------------------------------------------------------------------------


async def _sign_up(services: ShopServices, count: int) -> list[ChargeJob]:
    """The charges of one month; a few sign up on the hosted page, half of the others are scheduled, half are not."""
    months = itertools.cycle(
        Order.of(items=[_item("Monthly box", price)], currency=currency) for currency, price in MONTHS.items()
    )
    by_page = [await _sign_up_by_page(services, place, next(months)) for place in range(min(count, len(_BY_PAGE)))]
    others = count - len(by_page)
    scheduled = services.emulator.sign_up(others - others // 2, kind="scheduled")
    unscheduled = services.emulator.sign_up(others // 2, kind="unscheduled")
    services.timeline.log("billing", "emulator", f"signs up {others} more, as if migrated from another platform")
    return [
        *(job for job in by_page if job is not None),
        *(_job(services, each, next(months)) for each in scheduled),
        *(_job(services, each, next(months), is_scheduled=False) for each in unscheduled),
    ]


async def _sign_up_by_page(services: ShopServices, place: int, month: Order) -> ChargeJob | None:
    """A payment of 0 whose shopper agrees to later charges."""
    first, last = _BY_PAGE[place]
    trial = Order(items=[_item("Trial week", 0)], amount=0, currency=month.currency, reference=f"sign-up {place + 1}")
    agreement = SubscriptionSetup(
        end_date=datetime.now(UTC) + timedelta(days=365), interval=0, allow_variable_amount=True
    )
    customer = Consumer(private_person=PrivatePerson(first_name=first, last_name=last))
    card = card_number(Behaviour.SUCCEEDS)
    try:
        payment = await complete_checkout(services, trial, customer, cards=(card,), subscription=agreement)
    except NexiError as error:
        services.log("billing", f"gives up on {trial.reference}: {error}")
        return None
    return _job(services, payment.subscription.id, month) if payment and payment.subscription else None


def _job(services: ShopServices, subscription_id: str, month: Order, *, is_scheduled: bool = True) -> ChargeJob:
    return ChargeJob(
        reference=subscription_id,
        order=month,
        notifications=services.listener.notifications(services.site_url, CHARGED),
        subscription_id=subscription_id if is_scheduled else None,
        unscheduled_subscription_id=None if is_scheduled else subscription_id,
    )


def _item(name: str, price: int) -> OrderItem:
    return OrderItem.of(reference="1", name=name, unit_price=price, tax_rate=2500)


# --- charging --------------------------------------------------------------------------------------------------------


async def _charge_all(services: ShopServices, jobs: list[ChargeJob]) -> None:
    """Charge each of them as a batch; a failure is logged and does not stop the others."""
    with tempfile.TemporaryDirectory() as folder:
        async with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
            await ledger.plan(RUN, jobs)
            async for result in BatchCharger(services.checkout, ledger, run=RUN, concurrency=WORKERS):
                if result.payment_id is not None and result.charge_id is not None:
                    _record(services, result.payment_id, result.charge_id, result.amount, result.currency)
                elif result.state.is_final:
                    services.log("billing", f"could not charge {result.subscription_id}: {result.error}")
                    services.timeline.advance()


async def _charge_with_lost_response(services: ShopServices, job: ChargeJob) -> None:
    """Lose the response to a charge, look it up by its key, and send it again: the shopper pays once."""
    path = f"/v1/subscriptions/{job.reference}/charges"
    services.emulator.set_faults([InjectedFault(fault="lose_response", method="POST", path=path, times=1)])
    try:
        receipt = await _charge(services.checkout.with_options(retry=RetryPolicy(attempts=1)), job)
    except TransportError as lost:
        services.log("billing", f"gets no response to a charge: {type(lost).__name__}, outcome {lost.outcome.value}")
        receipt = await _settle(services, job, lost.idempotency_key or "")
    _record(services, receipt.payment_id, receipt.charge_id, job.order.amount, job.order.currency)


async def _settle(services: ShopServices, job: ChargeJob, key: str) -> SubscriptionChargeReceipt:
    status = await services.checkout.subscriptions.charge_status(job.reference, idempotency_key=key)
    services.log("billing", f"looks it up by its key: it {'has' if status.completed else 'has not'} happened")
    receipt = await _charge(services.checkout, job)
    repeated = "the same charge, not a second one" if receipt.charge_id == status.charge_id else "charged"
    services.log("billing", f"sends it again with the same key: {repeated}")
    return receipt


async def _charge(checkout: AsyncCheckout, job: ChargeJob) -> SubscriptionChargeReceipt:
    """Charge a scheduled subscription; the key is derived, so that the same month is never charged twice."""
    key = derive_key(RUN, job.reference, 1)
    return await checkout.subscriptions.charge(
        job.reference, order=job.order, notifications=job.notifications, idempotency_key=key
    )


def _record(services: ShopServices, payment_id: str, charge_id: str, amount: int, currency: str) -> None:
    services.records[payment_id] = PaymentRecord(
        payment_id=payment_id, label=LABEL, currency=currency, charges={charge_id: amount}
    )
    services.timeline.advance()


async def _confirm(services: ShopServices) -> None:
    """Wait for the webhook of each charge; stop at the first that does not arrive in time."""
    for record in services.records.values():
        if record.label == LABEL and not await services.listener.wait_for(record.payment_id, CHARGED):
            services.log("billing", "has not received an event for every charge")
            return
