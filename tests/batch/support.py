"""Orders, jobs and an emulator for the tests of the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs
import httpx

from nexi_async import AsyncCheckout, Order, OrderItem, RetryPolicy
from nexi_async.batch import BatchCharger, ChargeJob, JobResult, Ledger, Outage
from nexi_async.emulator import CheckoutEmulator, Clock
from nexi_async.reference.currencies import CurrencyCode

START = 1_790_000_000.0
SWIFT = RetryPolicy(attempts=2, first_delay=0.0, longest_delay=0.0)


def order(amount: int = 12500, currency: CurrencyCode = "SEK", reference: str | None = None) -> Order:
    """An order of one line, 25 % VAT included."""
    item = OrderItem.of(reference="box", name="Box", unit_price_with_tax=amount, tax_rate=2500)
    return Order.of(items=[item], currency=currency, reference=reference)


def job(
    reference: str, subscription_id: str = "s", *, amount: int = 12500, currency: CurrencyCode = "SEK"
) -> ChargeJob:
    """A job for a scheduled subscription, whose order has the same reference."""
    return ChargeJob(
        reference=reference, subscription_id=subscription_id, order=order(amount, currency, reference=reference)
    )


async def no_time(_: float) -> None:
    """A wait that is over at once."""


@attrs.frozen
class Shop:
    """An emulator, a client of it, and a ledger."""

    emulator: CheckoutEmulator
    checkout: AsyncCheckout
    ledger: Ledger

    def jobs(self, count: int, *, amount: int = 12500) -> list[ChargeJob]:
        """So many jobs, each for a subscription of its own."""
        return [job(f"job-{n}", id_, amount=amount) for n, id_ in enumerate(self.emulator.sign_up(count))]

    def charger(self, *, run: str = "r", concurrency: int = 20, checkout: AsyncCheckout | None = None) -> BatchCharger:
        """A charger that waits for nothing."""
        return BatchCharger(checkout or self.checkout, self.ledger, run=run, concurrency=concurrency, sleep=no_time)

    async def charge(self, *, run: str = "r", concurrency: int = 20) -> list[JobResult]:
        """Charge to the end."""
        return [result async for result in self.charger(run=run, concurrency=concurrency)]

    def charged(self) -> Counter[str]:
        """How often each job was charged, by the emulator's state."""
        return charges_in(self.emulator.state()["payments"])


def charges_in(payments: Iterable[dict[str, object]]) -> Counter[str]:
    """How many charges each order reference has."""
    count: Counter[str] = Counter()
    for payment in payments:
        details, charges = payment["orderDetails"], payment.get("charges", [])
        assert isinstance(details, dict)
        assert isinstance(charges, list)
        count[details["reference"]] += len(charges)
    return +count


@asynccontextmanager
async def open_shop(url: str, *, outage: Outage | None = None) -> AsyncIterator[Shop]:
    """An emulator in process, on a clock that stands still."""
    emulator = CheckoutEmulator(seed=1, clock=Clock(time_scale=0, start=START))
    checkout = AsyncCheckout(
        emulator.secret_key,
        base_url="https://emulator.test",
        transport=httpx.ASGITransport(app=emulator),
        retry=SWIFT,
    )
    async with checkout, Ledger.open(url, now=lambda: START, outage=outage) as ledger:
        yield Shop(emulator, checkout, ledger)
