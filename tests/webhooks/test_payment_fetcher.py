"""A handler that asks for the payment gets it as it is after its event, and Nexi is not asked too often."""

from __future__ import annotations

import anyio
import pytest

from nexi_async._models.payment import Payment
from nexi_async.webhooks import TooManyFetches
from nexi_async.webhooks import _payment_fetcher as payment_fetcher
from nexi_async.webhooks._payment_fetcher import MAX_FETCHES_PER_HOUR, PaymentFetcher
from tests.webhooks.support import a_payment


class Nexi:
    """Answers with a payment that says how often it was asked; its clock moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.gate = anyio.Event()
        self.gate.set()
        self.fetcher = PaymentFetcher(self.retrieve, clock=lambda: self.now)

    async def retrieve(self, payment_id: str) -> Payment:
        """Answer, when the gate is open."""
        self.asked.append(payment_id)
        number = len(self.asked)
        await self.gate.wait()
        return a_payment(payment_id, myReference=str(number))

    async def answer(self, received: float, payment_id: str = "bb02") -> str | None:
        """Which answer an event gets."""
        return (await self.fetcher.payment(payment_id, received)).my_reference


@pytest.fixture
async def nexi() -> Nexi:
    """Nexi, never asked so far."""
    return Nexi()


async def test_one_fetch_serves_all_that_came_before_it(nexi: Nexi) -> None:
    """Events that were received before the fetch began share it; a later one needs another."""
    assert [await nexi.answer(received) for received in (1000.0, 990.0, 999.9)] == ["1", "1", "1"]
    nexi.now = 1001.0
    assert await nexi.answer(1000.5) == "2"
    assert await nexi.answer(1000.0) == "2"


async def test_a_payment_grows_old(nexi: Nexi) -> None:
    """An event that is handled long after it came in, or again, is not decided on what was true then."""
    assert await nexi.answer(1000.0) == "1"
    nexi.now = 1000.0 + payment_fetcher.MAX_AGE
    assert await nexi.answer(1000.0) == "1"
    nexi.now += 0.1
    assert await nexi.answer(1000.0) == "2"


async def test_tasks_share_a_fetch(nexi: Nexi) -> None:
    """Those that wait while a payment is fetched get it from there."""
    answers: list[str | None] = []

    async def ask(received: float) -> None:
        answers.append(await nexi.answer(received))

    nexi.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask, 1000.0)
        await anyio.wait_all_tasks_blocked()
        nexi.now = 1001.0
        for _ in range(5):  # these came in after that fetch had begun: it may not know of them
            tasks.start_soon(ask, 1000.5)
        await anyio.wait_all_tasks_blocked()
        nexi.gate.set()
    assert sorted(map(str, answers)) == ["1"] * 5 + ["2"] * 5


async def test_payments_do_not_wait_for_each_other(nexi: Nexi) -> None:
    """Each has its own."""
    assert await nexi.answer(1000.0, "bb02") == "1"
    assert await nexi.answer(1000.0, "cc03") == "2"


async def test_fetches_are_limited(nexi: Nexi) -> None:
    """So many an hour for a payment, the next one is refused; as the hour moves on there may be more."""
    for minute in range(MAX_FETCHES_PER_HOUR):
        nexi.now = 1000.0 + 60 * minute
        await nexi.answer(nexi.now)
    with pytest.raises(TooManyFetches):
        await nexi.answer(nexi.now + 1)
    assert await nexi.answer(nexi.now) == str(MAX_FETCHES_PER_HOUR)
    await nexi.answer(nexi.now, "cc03")
    nexi.now = 1000.0 + 3600
    await nexi.answer(nexi.now)


async def test_a_failed_fetch_is_tried_again(nexi: Nexi) -> None:
    """A fetch that failed serves no event."""

    async def fail(payment_id: str) -> Payment:
        raise ConnectionError(payment_id)

    failing = PaymentFetcher(fail, clock=lambda: nexi.now)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await failing.payment("bb02", 1000.0)


async def test_memory_is_bounded(nexi: Nexi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payments asked for longest ago are forgotten."""
    monkeypatch.setattr(payment_fetcher, "MAX_REMEMBERED", 2)
    for payment_id in ("aa", "bb", "aa", "cc", "aa", "bb"):
        await nexi.answer(1000.0, payment_id)
    assert nexi.asked == ["aa", "bb", "cc", "bb"]


async def test_a_payment_that_is_being_fetched_is_not_forgotten(nexi: Nexi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next event would fetch it a second time, past the limit of fetches."""
    monkeypatch.setattr(payment_fetcher, "MAX_REMEMBERED", 1)
    nexi.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for payment_id in ("aa", "bb", "aa"):
            tasks.start_soon(nexi.answer, 1000.0, payment_id)
            await anyio.wait_all_tasks_blocked()
        nexi.gate.set()
    assert nexi.asked == ["aa", "bb"]
