"""The iterators against the emulator: each item once, no page before it is needed, runs waited for to their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import date
from typing import Literal, TypeAlias, TypeVar

import attrs
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    BulkCharge,
    BulkItemStatus,
    PaymentAction,
    Payout,
    Poll,
    SubscriptionToCharge,
    SubscriptionToVerify,
    TimedOut,
)
from tests.contract.catalogue import Group
from tests.contract.examples import AMOUNT, ORDER
from tests.contract.refusals import DECLINED_CARD
from tests.contract.states import DAY, charged
from tests.contract.world import RecordingTransport, World, new_world

T = TypeVar("T")

Kind: TypeAlias = Literal["scheduled", "unscheduled"]

GROUPS: dict[Kind, Group] = {
    "scheduled": lambda checkout: checkout.subscriptions,
    "unscheduled": lambda checkout: checkout.unscheduled_subscriptions,
}
each_kind = pytest.mark.parametrize(("kind", "group"), list(GROUPS.items()), ids=list(GROUPS))

SOON = Poll(first_delay=0.001, longest_delay=0.002)


class PassingTime(RecordingTransport):
    """A line on which every request takes a while of the emulator's time."""

    def __init__(self, world: World, seconds: float) -> None:
        super().__init__(world.emulator)
        self._world = world
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self._world.emulator.advance(self._seconds)
        return response


@attrs.frozen
class Run:
    """A bulk charge of some subscriptions that are fine and one whose card is declined."""

    world: World
    checkout: AsyncCheckout
    bulk_id: str
    charged: list[str]
    declined: str

    @property
    def asked(self) -> int:
        """How many pages were fetched."""
        return len([request for request in self.world.transport.requests if request.method == "GET"])


@asynccontextmanager
async def started(kind: Kind, *, count: int, seconds: float = 0.0) -> AsyncIterator[Run]:
    """A run of so many charges that takes two seconds in all, on a line where every request takes so long."""
    async with new_world() as world:
        world.transport = PassingTime(world, seconds)
        (declined,) = world.emulator.sign_up(1, kind=kind, card=DECLINED_CARD)
        fine = world.emulator.sign_up(count - 1, kind=kind)
        async with world.checkout() as checkout:
            jobs = [SubscriptionToCharge(subscription_id=each, order=ORDER) for each in (declined, *fine)]
            receipt = await GROUPS[kind](checkout).charge_bulk(subscriptions=jobs, external_bulk_charge_id="october")
            yield Run(world, checkout, receipt.bulk_id, fine, declined)


async def listed(items: AsyncGenerator[T, None]) -> list[T]:
    """All items."""
    return [item async for item in items]


async def noted(items: AsyncGenerator[T, None], found: list[T]) -> None:
    """All items that come before an error, if there is one."""
    async for item in items:
        found.append(item)  # noqa: PERF401  what came before an error counts


def all_payouts(checkout: AsyncCheckout, *, page_size: int = 100) -> AsyncGenerator[Payout, None]:
    """Every payout there is."""
    return checkout.reports.payouts(from_date=date(2020, 1, 1), to_date=date(2099, 12, 31), page_size=page_size)


# --- bulk runs --------------------------------------------------------------------------------------------------------


@each_kind
async def test_waiting_for_a_run(kind: Kind, group: Group) -> None:
    """While a run goes on, each item comes once, in its final state, and every charge is real."""
    async with started(kind, count=7, seconds=0.3) as run:
        found = await listed(group(run.checkout).bulk_charges(run.bulk_id, page_size=3, poll=SOON))
        state = run.world.emulator.state()
    assert run.asked > 3
    assert Counter(item.subscription_id for item in found) == Counter([*run.charged, run.declined])
    assert {item.subscription_id: item.status for item in found} == dict.fromkeys(
        run.charged, BulkItemStatus.SUCCEEDED
    ) | {run.declined: BulkItemStatus.FAILED}
    charges = {charge["chargeId"] for payment in state["payments"] for charge in payment.get("charges", ())}
    assert {item.charge_id for item in found if item.charge_id} == charges
    assert len(charges) == len(run.charged)


@each_kind
async def test_items_come_as_soon_as_they_are_final(kind: Kind, group: Group) -> None:
    """The first item is yielded before the last is final."""
    async with started(kind, count=4, seconds=0.6) as run:
        items = group(run.checkout).bulk_charges(run.bulk_id, poll=SOON)
        async with aclosing(items):
            first = await anext(items)
            (document,) = run.world.emulator.state()["bulkRuns"]
    assert (first.subscription_id, first.status, first.code) == (run.declined, BulkItemStatus.FAILED, "05")
    assert document["status"] == "Processing"


@each_kind
async def test_run_as_it_stands(kind: Kind, group: Group) -> None:
    """Without waiting, pending items come too."""
    async with started(kind, count=3) as run:
        found = await listed(group(run.checkout).bulk_charges(run.bulk_id))
    assert [item.status for item in found] == [BulkItemStatus.PENDING] * 3
    assert run.asked == 1


@pytest.mark.parametrize(("wanted", "pages"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
async def test_pages_of_a_run_are_fetched_when_needed(wanted: int, pages: int) -> None:
    """A page is fetched with the first item that stands on it, and never before."""
    async with started("scheduled", count=5) as run:
        items = run.checkout.subscriptions.bulk_charges(run.bulk_id, page_size=2)
        async with aclosing(items):
            found = [await anext(items) for _ in range(wanted)]
    assert len({item.subscription_id for item in found}) == wanted
    assert run.asked == pages


async def test_run_that_takes_too_long() -> None:
    """After the timeout, items that were final until then have been yielded."""
    async with started("scheduled", count=2) as run:
        run.world.emulator.advance(1)
        poll = Poll(first_delay=0.001, longest_delay=0.001, deadline=0.01)
        found: list[BulkCharge] = []
        with pytest.raises(TimedOut):
            await noted(run.checkout.subscriptions.bulk_charges(run.bulk_id, poll=poll), found)
    assert [item.subscription_id for item in found] == [run.declined]


@each_kind
async def test_waiting_for_a_verification(kind: Kind, group: Group) -> None:
    """Cards are checked in the same way, also of subscriptions from another platform, and no money moves."""
    async with new_world() as world:
        world.transport = PassingTime(world, 0.3)
        world.emulator.sign_up(3, kind=kind, external_references=True)
        async with world.checkout() as checkout:
            checks = [SubscriptionToVerify(external_reference=f"imported-{number}") for number in (1, 2, 3, 4)]
            receipt = await group(checkout).verify_bulk(subscriptions=checks)
            found = await listed(group(checkout).bulk_verifications(receipt.bulk_id, page_size=2, poll=SOON))
        assert world.emulator.state()["payments"] == []
    states = {item.external_reference: item.status.value for item in found}
    assert len(found) == 4
    assert states == dict.fromkeys(["imported-1", "imported-2", "imported-3"], "Succeeded") | {"imported-4": "Failed"}


# --- reports ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def paid_out_daily(days: int) -> AsyncIterator[tuple[World, AsyncCheckout]]:
    """One charge was made on each of these days, and all are paid out."""
    async with new_world() as world:
        for _ in range(days):
            await charged(world)
            world.emulator.advance(DAY)
        world.emulator.advance(4 * DAY)
        async with world.checkout() as checkout:
            yield world, checkout


@pytest.mark.parametrize(("page_size", "pages"), [(1, 5), (2, 3), (4, 2), (5, 1), (100, 1)])
async def test_payouts_over_several_pages(page_size: int, pages: int) -> None:
    """Every payout comes once, oldest first, whatever the size of the pages."""
    async with paid_out_daily(5) as (world, checkout):
        found = await listed(all_payouts(checkout, page_size=page_size))
    assert [payout.charged_amount for payout in found] == [AMOUNT] * 5
    assert [payout.date for payout in found] == sorted({payout.date for payout in found})
    assert len(world.transport.requests) == pages


@pytest.mark.parametrize(("wanted", "pages"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3)])
async def test_pages_of_payouts_are_fetched_when_needed(wanted: int, pages: int) -> None:
    """A page is fetched with the first payout that stands on it, and never before."""
    async with paid_out_daily(5) as (world, checkout):
        payouts = all_payouts(checkout, page_size=2)
        async with aclosing(payouts):
            found = [await anext(payouts) for _ in range(wanted)]
    assert len({payout.id for payout in found}) == wanted
    assert len(world.transport.requests) == pages


async def test_no_payouts() -> None:
    """An empty period takes one request."""
    async with new_world() as world, world.checkout() as checkout:
        assert await listed(all_payouts(checkout)) == []
    assert len(world.transport.requests) == 1


async def test_actions_over_several_pages() -> None:
    """A payout names every charge and refund that it is made of, and its sums are theirs."""
    async with new_world() as world:
        for _ in range(4):
            await charged(world)
        await world.ask("POST", "/v1/charges/{chargeId}/refunds", {"amount": AMOUNT})
        world.emulator.advance(4 * DAY)
        async with world.checkout() as checkout:
            (payout,) = await listed(all_payouts(checkout))
            actions = await listed(checkout.reports.payment_actions(payout.id, page_size=2))
            whole = await checkout.reports.payout(payout.id)
    kinds = Counter(action.payment_action for action in actions)
    assert kinds == {PaymentAction.CHARGE: 4, PaymentAction.REFUND: 1}
    assert whole.number_of_payment_actions == len({action.id for action in actions}) == 5
    assert payout.charged_amount == sum(a.amount for a in actions if a.payment_action is PaymentAction.CHARGE)
    assert payout.refunded_amount == AMOUNT
    assert payout.fees == sum(action.fee or 0 for action in actions)
    assert payout.amount == payout.charged_amount - payout.refunded_amount - payout.fees
