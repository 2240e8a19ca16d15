"""Jobs in review: the data that identifies each charge, and how a job is resolved by hand."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Connection, Row, func, select, update

from nexi_async import _codec as codec
from nexi_async._errors import InvalidRequest
from nexi_async._idempotency import MARGIN, derive_key
from nexi_async._models.subscription import ChargeSubscription
from nexi_async._resources.requests import normalised_id
from nexi_async.batch._ledger.dunning import begin_attempt
from nexi_async.batch._ledger.runs import find_run
from nexi_async.batch._ledger.tables import JOBS

AT_ONCE = 1000


@attrs.frozen(kw_only=True)
class ReviewItem:
    """A charge that may have happened, and can't be looked up by its key any more.

    Attributes:
        reference: the job's own name.
        subscription_id: the subscription, of either kind.
        amount: minor units.
        currency: ISO 4217.
        order_reference: the order's reference, by which reports name the payment.
        my_reference: the merchant's own text on the payment.
        sent_at: when it may have been sent first, seconds since 1970; None if not known.
        idempotency_key: the key it was sent with.
        error: why it is here.
    """

    reference: str
    subscription_id: str | None
    amount: int
    currency: str
    order_reference: str | None
    my_reference: str | None
    sent_at: float | None
    idempotency_key: str
    error: str | None


def page(connection: Connection, run: str, after: int) -> tuple[int | None, list[ReviewItem]]:
    """Some jobs in review in the order they were planned, and the number to continue after; None at the end.

    Raises:
        InvalidRequest: there is no such run.
    """
    in_review = (JOBS.c.run == find_run(connection, run).id, JOBS.c.state == "review", JOBS.c.number > after)
    rows = connection.execute(select(JOBS).where(*in_review).order_by(JOBS.c.number).limit(AT_ONCE)).all()
    return (rows[-1].number if len(rows) == AT_ONCE else None), [_item(run, row) for row in rows]


def find(connection: Connection, run: str, reference: str) -> ReviewItem:
    """One job in review.

    Raises:
        InvalidRequest: no such job is in review.
    """
    return _item(run, _in_review(_job(connection, run, reference), run, reference))


def mark_charged(
    connection: Connection, run: str, reference: str, *, payment_id: str, charge_id: str, now: float
) -> None:
    """Resolve a job as charged.

    Raises:
        InvalidRequest: no such job is in review, or the payment is another job's.
    """
    found = {"payment_id": payment_id, "charge_id": charge_id, "code": None, "error": None}
    job = _job(connection, run, reference)
    if job is not None and (job.state, job.payment_id, job.charge_id) == ("charged", payment_id, charge_id):
        return  # the transaction is repeated, since its commit was not confirmed
    job = _in_review(job, run, reference)
    is_the_same = func.lower(func.replace(JOBS.c.payment_id, "-", "")) == normalised_id(payment_id)
    other = connection.execute(select(JOBS.c.reference).where(is_the_same)).scalar()
    if other is not None:  # each charge of a subscription has a payment of its own
        raise InvalidRequest([("payment", f"{payment_id} is the payment of the job {other}")])
    connection.execute(update(JOBS).where(JOBS.c.number == job.number).values(state="charged", ended=now, **found))


def plan_again(connection: Connection, run: str, reference: str, now: float) -> None:
    """Plan the next attempt at a job, at once.

    Raises:
        InvalidRequest: no such job is in review, or a request with its last key may still be on its way.
    """
    job = _in_review(_job(connection, run, reference), run, reference)
    remaining = (job.ended or 0.0) + MARGIN - now
    if remaining > 0:
        late = f"{reference} has just been put in review, and a charge of it may still be on its way"
        raise InvalidRequest([("reference", f"{late}: look for its payment again in {remaining:,.0f} s")])
    begin_attempt(connection, job.attempt + 1, [(job._mapping, 0.0)])  # noqa: SLF001 - SQLAlchemy's public name


def _job(connection: Connection, run: str, reference: str) -> Row[Any] | None:
    job = select(JOBS).where(JOBS.c.run == find_run(connection, run).id, JOBS.c.reference == reference)
    return connection.execute(job.with_for_update()).first()


def _in_review(job: Row[Any] | None, run: str, reference: str) -> Row[Any]:
    if job is None or job.state != "review":
        raise InvalidRequest([("reference", f"{reference} is not in review in the run {run}")])
    return job


def _item(run: str, row: Row[Any]) -> ReviewItem:
    request = codec.decode(row.request, ChargeSubscription)
    return ReviewItem(
        reference=row.reference,
        subscription_id=row.subscription_id,
        amount=row.amount,
        currency=row.currency,
        order_reference=request.order.reference,
        my_reference=request.my_reference,
        sent_at=row.sent_at,
        idempotency_key=derive_key(run, row.reference, row.attempt),
        error=row.error,
    )
