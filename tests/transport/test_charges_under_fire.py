"""Thousands of charges under faults, compared with the state of the API: none is made twice, no outcome is wrong.

Set NEXI_TEST_FULL=1 to make it 20,000.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import attrs
import pytest

from nexi_async import (
    AsyncCheckout,
    ChargeDeclined,
    NexiError,
    Order,
    OrderItem,
    Outcome,
    RetryPolicy,
    SubscriptionChargeReceipt,
    TimedOut,
)
from nexi_async.emulator import CheckoutEmulator, InjectedFault
from nexi_async.emulator._server import serve
from tests.transport.leaks import open_files

pytestmark = pytest.mark.slow

FULL = os.environ.get("NEXI_TEST_FULL") == "1"
CHARGES = 20_000 if FULL else 2_000
WORKERS = 60
CONNECTIONS = 25
BAD_CARD = "4925000000000087"
ORDER = Order.of(items=[OrderItem.of(reference="abo", name="Abo", unit_price=9900)], currency="NOK")
IMPATIENT = RetryPolicy(attempts=2, first_delay=0.01, longest_delay=0.05, deadline=20.0)

CHARGE, ASK = "*/charges", "*/charges/status"
FAULTS = [
    InjectedFault(fault="lose_response", rate=0.06, path=CHARGE),
    InjectedFault(fault="cut", rate=0.03, after_bytes=0, path=CHARGE),
    InjectedFault(fault="cut", rate=0.03, after_bytes=20, path=CHARGE),
    InjectedFault(fault="cut", rate=0.03, after_bytes=80, path=CHARGE),
    InjectedFault(fault="status", rate=0.03, status=500, path=CHARGE),
    InjectedFault(fault="status", rate=0.03, status=503, path=CHARGE),
    InjectedFault(fault="status", rate=0.02, status=429, path=CHARGE),
    InjectedFault(fault="status", rate=0.5, times=2, status=429, seconds=1.0, path=CHARGE),
    InjectedFault(fault="status", rate=0.5, times=1, status=503, seconds=1.0, path=CHARGE),
    InjectedFault(fault="delay", rate=0.05, seconds=0.05, path=CHARGE),
    InjectedFault(fault="delay", rate=0.01, seconds=0.8, path=CHARGE),
    InjectedFault(fault="lose_response", rate=0.05, path=ASK),
    InjectedFault(fault="status", rate=0.05, status=500, path=ASK),
    InjectedFault(fault="delay", rate=0.02, seconds=0.8, path=ASK),
]


@pytest.fixture
def anyio_backend() -> str:
    """The emulator's server runs on asyncio only."""
    return "asyncio"


@attrs.define
class Job:
    """One charge that shall happen once, and what its caller came to believe.

    Attributes:
        belief: "charged", "declined", or "not charged".
        story: what happened on the way, for counting.
    """

    number: int
    subscription_id: str
    belief: str | None = None
    receipt: SubscriptionChargeReceipt | None = None
    story: list[str] = attrs.field(factory=list)

    @property
    def key(self) -> str:
        return f"run-{self.number}"


@attrs.define
class Merchant:
    """Charges everybody, and settles what is unknown until it knows."""

    checkout: AsyncCheckout
    chance: random.Random

    async def bill(self, jobs: Iterator[Job]) -> None:
        """Work through the jobs, which several do together."""
        for job in jobs:
            await self.charge(job)

    async def charge(self, job: Job) -> None:
        """Charge once, and learn what became of it."""
        try:
            receipt = await self.perhaps_cancelled(job)
        except ChargeDeclined:
            job.belief = "declined"
        except NexiError as error:
            job.story.append(error.outcome.name)
            if error.outcome is Outcome.UNKNOWN:
                await self.resolve_charge(job)
            else:
                job.belief = "not charged"
        else:
            if receipt is None:
                job.story.append("cancelled")
                await self.resolve_charge(job)
            else:
                self.note(job, receipt)

    async def perhaps_cancelled(self, job: Job) -> SubscriptionChargeReceipt | None:
        """The receipt; None if the call was cancelled, by anyio or by asyncio itself."""
        drawn = self.chance.random()
        if drawn < 0.04:
            with anyio.move_on_after(self.chance.random() * 0.06):
                return await self.send(job)
            return None
        if drawn < 0.08:
            try:
                async with asyncio.timeout(self.chance.random() * 0.06):
                    return await self.send(job)
            except TimeoutError:
                return None
        return await self.send(job)

    async def send(self, job: Job) -> SubscriptionChargeReceipt:
        return await self.checkout.subscriptions.charge(
            job.subscription_id, order=ORDER, my_reference=job.key, idempotency_key=job.key
        )

    async def resolve_charge(self, job: Job) -> None:
        """Ask until there is an answer; a charge that is not completed is sent again, since decisions are replayed."""
        while job.belief is None:
            job.story.append("settle")
            try:
                receipt = await self.checkout.subscriptions.resolve_charge(
                    job.subscription_id, job.key, sent_at=datetime.now(UTC), max_wait=0.3
                )
            except TimedOut:
                await self.ask_again(job)
            except NexiError:
                continue
            else:
                if isinstance(receipt, SubscriptionChargeReceipt):
                    self.note(job, receipt)
                elif self.chance.random() < 0.5:
                    job.belief = "not charged"
                else:
                    await self.ask_again(job)

    async def ask_again(self, job: Job) -> None:
        """Charge again with the same key, which is always safe."""
        job.story.append("again")
        try:
            self.note(job, await self.send(job))
        except ChargeDeclined:
            job.belief = "declined"
        except NexiError as error:
            job.story.append(error.outcome.name)

    def note(self, job: Job, receipt: SubscriptionChargeReceipt) -> None:
        job.belief, job.receipt = "charged", receipt


@asynccontextmanager
async def under_fire(emulator: CheckoutEmulator) -> AsyncIterator[AsyncCheckout]:
    """A client of the emulator behind TLS, with the faults in force."""
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(emulator, port=0, tls=True, task_status=task_status))
        context = ssl.create_default_context(cafile=listening.ca_file)
        emulator.set_faults(FAULTS)
        async with AsyncCheckout(
            emulator.secret_key,
            base_url=listening.url,
            ssl_context=context,
            retry=IMPATIENT,
            timeout=0.6,
            max_connections=CONNECTIONS,
        ) as checkout:
            yield checkout
        tasks.cancel_scope.cancel()


def charged(emulator: CheckoutEmulator) -> dict[str, list[tuple[str, str, int]]]:
    """What the emulator has charged: job, payment, charge and amount."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for payment in emulator.state()["payments"]:
        for entry in payment.get("charges", ()):
            charge = (payment["paymentId"], entry["chargeId"], entry["amount"])
            found.setdefault(payment["myReference"], []).append(charge)
    return found


@pytest.mark.timeout(900)
async def test_charges_under_fire(record_property: Callable[[str, object], None]) -> None:
    """No charge twice, none reported charged that is not, none reported failed that is, and nothing stays unknown."""
    emulator, chance = CheckoutEmulator(seed=11), random.Random(12)
    good = emulator.sign_up(CHARGES - CHARGES // 20)
    bad = emulator.sign_up(CHARGES // 20, card=BAD_CARD)
    jobs = [Job(number, subscription) for number, subscription in enumerate(good + bad)]
    chance.shuffle(jobs)
    files = open_files()
    async with under_fire(emulator) as checkout:
        merchant, queue = Merchant(checkout, chance), iter(jobs)
        async with anyio.create_task_group() as workers:
            for _ in range(WORKERS):
                workers.start_soon(merchant.bill, queue)
    assert not open_files() - files

    charges_by_key = charged(emulator)
    assert all(len(charges) == 1 and charges[0][2] == 9900 for charges in charges_by_key.values())
    believed = {job.key for job in jobs if job.belief == "charged"}
    assert believed == charges_by_key.keys()
    for job in jobs:
        assert job.belief in {"charged", "declined", "not charged"}
        if job.receipt is not None:
            assert charges_by_key[job.key] == [(job.receipt.payment_id, job.receipt.charge_id, 9900)]
            assert job.receipt.idempotency_key == job.key
    declined = {job.subscription_id for job in jobs if job.belief == "declined"}
    assert declined <= set(bad)
    told = Counter(word for job in jobs for word in job.story) + Counter(job.belief for job in jobs)
    record_property("told", dict(told))
    assert min(told[word] for word in ("UNKNOWN", "cancelled", "settle", "again", "declined", "not charged")) > 0
