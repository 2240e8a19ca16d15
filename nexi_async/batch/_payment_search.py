"""Payments for jobs in review: looked for in the payouts, and checked before a job is resolved as charged.

The API cannot search payments, neither by a reference nor by a subscription. The charges within payouts name both, so
a charge can be found once it is paid out, some days after it was made. One that is not found may still have happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta

import attrs

from nexi_async._client import AsyncCheckout
from nexi_async._errors import InvalidRequest
from nexi_async._models.payment import Payment
from nexi_async._models.payout import PayoutAction
from nexi_async._resources.requests import normalised_id
from nexi_async.batch._ledger.review import ReviewItem
from nexi_async.reference.states import PaymentAction

MAX_ACTIONS = 200_000
"""How many charges and refunds of payouts a search reads at most, at 100 a request."""
MAX_SEARCH = timedelta(days=62)
"""How long before today a search begins at the earliest."""
CLOCK_SKEW = timedelta(hours=1)
"""How much earlier than it was sent a charge may be dated, since two machines' clocks differ."""


@attrs.frozen(kw_only=True)
class FoundCharge:
    """A charge in a payout that may be the one of a job."""

    payment_id: str
    charge_id: str
    made_at: datetime | None


@attrs.frozen
class PaymentSearch:
    """The result of a search: the charges that match, by the job's reference.

    Attributes:
        found: a job without a match may be charged all the same: its charge may not be paid out yet.
        first_day: where the search began; earlier payouts were not read.
        is_whole: whether it reached today.
    """

    found: dict[str, list[FoundCharge]]
    first_day: date
    is_whole: bool

    @classmethod
    async def run(cls, checkout: AsyncCheckout, items: Iterable[ReviewItem], *, today: date) -> PaymentSearch:
        """Read the payouts since the first of the jobs was sent; changes nothing.

        Raises:
            NexiError: the reports can't be read.
        """
        by_money: dict[tuple[int, str], list[ReviewItem]] = {}
        for item in items:
            by_money.setdefault((item.amount, item.currency), []).append(item)
        first_day = _first_day((item for fitting in by_money.values() for item in fitting), today)
        search, count = cls({}, first_day, is_whole=True), 0
        # one day more, since where Nexi is it may be tomorrow already
        all_payouts = checkout.reports.payouts(from_date=first_day, to_date=today + timedelta(days=1))
        async with aclosing(all_payouts) as payouts:
            async for payout in payouts:
                async with aclosing(checkout.reports.payment_actions(payout.id)) as actions:
                    async for action in actions:
                        count += 1
                        if count > MAX_ACTIONS:
                            return attrs.evolve(search, is_whole=False)
                        search.note(action, by_money.get((action.amount, action.currency), ()))
        return search

    def note(self, action: PayoutAction, items: Iterable[ReviewItem]) -> None:
        """Record a charge for each of the jobs that it may belong to."""
        if action.payment_action != PaymentAction.CHARGE or action.payment_id is None:
            return
        charge = FoundCharge(payment_id=action.payment_id, charge_id=action.id, made_at=action.timestamp)
        for item in items:
            if _fits(item, action):
                self.found.setdefault(item.reference, []).append(charge)


def check_payment(item: ReviewItem, payment: Payment, charge_id: str) -> None:
    """Check that a charge of a payment can be the one of a job.

    Raises:
        InvalidRequest: it can't; lists everything that differs.
    """
    faults = list(_differences(item, payment, charge_id))
    if faults:
        raise InvalidRequest(faults)


def _differences(item: ReviewItem, payment: Payment, charge_id: str) -> Iterator[tuple[str, str]]:
    charge = next((charge for charge in payment.charges if _is_same_id(charge.charge_id, charge_id)), None)
    if charge is None:
        yield "charge", f"payment {payment.payment_id} has no charge {charge_id}"
    elif charge.amount != item.amount:
        yield "charge", f"is of {charge.amount}, the job of {item.amount}"
    if charge is not None and _is_earlier(item, charge.created):
        yield "charge", f"was made at {charge.created}, before the job was sent"
    if payment.order_details.currency != item.currency:
        yield "payment", f"is in {payment.order_details.currency}, the job in {item.currency}"
    theirs = _subscription_of(payment)
    for name, is_same in (
        ("subscription", theirs is None or _is_same_id(item.subscription_id, theirs)),
        ("order reference", item.order_reference in (None, payment.order_details.reference)),
        ("my reference", item.my_reference in (None, payment.my_reference)),
    ):
        if not is_same:
            yield "payment", f"has another {name} than the job"


def _fits(item: ReviewItem, action: PayoutAction) -> bool:
    known = []
    if action.subscription_id is not None:
        known.append(_is_same_id(item.subscription_id, action.subscription_id))
    if item.order_reference is not None and action.reference is not None:
        known.append(item.order_reference == action.reference)
    return bool(known) and all(known) and not _is_earlier(item, action.timestamp)


def _is_earlier(item: ReviewItem, made_at: datetime | None) -> bool:
    if made_at is None or not item.sent_at:
        return False
    return made_at < datetime.fromtimestamp(item.sent_at, UTC) - CLOCK_SKEW


def _first_day(items: Iterable[ReviewItem], today: date) -> date:
    """The day before the first was sent, for the time zones, unless that is too long ago or unknown."""
    earliest = today - MAX_SEARCH
    sent = (datetime.fromtimestamp(item.sent_at, UTC).date() if item.sent_at else earliest for item in items)
    return max(earliest, min(sent, default=today) - timedelta(days=1))


def _subscription_of(payment: Payment) -> str | None:
    if payment.subscription is not None:
        return payment.subscription.id
    unscheduled = payment.unscheduled_subscription
    return None if unscheduled is None else unscheduled.unscheduled_subscription_id


def _is_same_id(one: str | None, other: str) -> bool:
    return one is not None and normalised_id(one) == normalised_id(other)
