"""Reading a run from the ledger: its figures, and its jobs one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Connection, Integer, Row, and_, cast, func, select

from nexi_async._idempotency import derive_key
from nexi_async.batch._dunning import next_attempt
from nexi_async.batch._ledger import dunning
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.runs import find_run
from nexi_async.batch._ledger.tables import HAS_COMPLETE_PLAN, JOBS
from nexi_async.batch._results import JobOutcome, JobResult, JobState
from nexi_async.batch._summary import Reason, Summary, Total

AT_ONCE = 1000
SLICES = 60
"""Into how many slices the time of a run is cut, at most."""


def summarise(connection: Connection, run: str, now: float) -> Summary:
    """The run in figures.

    Raises:
        InvalidRequest: there is no such run.
    """
    found = find_run(connection, run)
    in_run = and_(JOBS.c.run == found.id, HAS_COMPLETE_PLAN)
    size, ended = _throughput(connection, in_run)
    waiting, next_due = connection.execute(
        select(func.count(), func.min(JOBS.c.due)).where(in_run, JOBS.c.state == "planned", JOBS.c.due > now)
    ).one()
    return Summary(
        run=run,
        strategy=found.strategy,
        totals=_totals(connection, in_run),
        reasons=_reasons(connection, in_run),
        waiting=waiting,
        next_due=next_due,
        ended=ended,
        slice_seconds=size,
    )


def page(connection: Connection, run: str, after: int) -> tuple[int | None, list[JobResult]]:
    """Some of the run's jobs in the order they were planned, and the number to continue after; None at the end."""
    found = find_run(connection, run)
    without_request = [column for column in JOBS.c if column is not JOBS.c.request]  # it is large
    statement = select(*without_request).where(JOBS.c.run == found.id, HAS_COMPLETE_PLAN, JOBS.c.number > after)
    rows = connection.execute(statement.order_by(JOBS.c.number).limit(AT_ONCE)).all()
    earlier = dunning.earlier_attempts(connection, [row.number for row in rows if row.attempt > 1])
    results = [_stored_result(run, row, earlier.get(row.number, ())) for row in rows]
    return (rows[-1].number if len(rows) == AT_ONCE else None), results


def _stored_result(run: str, row: Row[Any], earlier: Sequence[Row[Any]]) -> JobResult:
    result = job_result(row, row, derive_key(run, row.reference, row.attempt))
    return attrs.evolve(
        result,
        code=earlier[-1].code if row.state == "planned" and earlier else row.code,
        sent_at=row.sent_at or None,
        ended_at=row.ended,
        next_attempt_at=_next_attempt_at(row, earlier),
    )


def _next_attempt_at(row: Row[Any], earlier: Sequence[Row[Any]]) -> float | None:
    if row.state == "declined":
        return next_attempt(row.code, [*(attempt.ended for attempt in earlier), row.ended])
    return row.due or None if row.state == "planned" else None


def job_result(job: ClaimedJob | Row[Any], outcome: JobOutcome | Row[Any], idempotency_key: str) -> JobResult:
    """A job with its outcome; a row of the ledger holds both."""
    return JobResult(
        reference=job.reference,
        state=JobState(outcome.state),
        subscription_id=job.subscription_id,
        payment_id=outcome.payment_id,
        charge_id=outcome.charge_id,
        amount=job.amount,
        currency=job.currency,
        attempts=job.attempt,
        code=outcome.code,
        error=outcome.error,
        idempotency_key=idempotency_key,
    )


def _totals(connection: Connection, in_run: ColumnElement[bool]) -> tuple[Total, ...]:
    groups = (JOBS.c.state, JOBS.c.currency)
    statement = select(*groups, func.count(), func.sum(JOBS.c.amount)).where(in_run).group_by(*groups).order_by(*groups)
    return tuple(
        Total(JobState(state), currency, jobs, int(amount))
        for state, currency, jobs, amount in connection.execute(statement)
    )


def _reasons(connection: Connection, in_run: ColumnElement[bool]) -> tuple[Reason, ...]:
    groups = (JOBS.c.state, JOBS.c.code)
    refused = JOBS.c.state.in_(("declined", "failed"))
    statement = select(*groups, func.count()).where(in_run, refused).group_by(*groups)
    reasons = [Reason(JobState(state), code, jobs) for state, code, jobs in connection.execute(statement)]
    return tuple(sorted(reasons, key=lambda reason: (-reason.jobs, reason.code or "")))


def _throughput(connection: Connection, in_run: ColumnElement[bool]) -> tuple[float, tuple[tuple[float, int], ...]]:
    """The slices of time in which jobs ended; what was charged much later, as by dunning, widens them."""
    first, last = connection.execute(select(func.min(JOBS.c.ended), func.max(JOBS.c.ended)).where(in_run)).one()
    if first is None:
        return 1.0, ()
    size = float(max(1, math.ceil((last - first) / SLICES)))
    number = cast(func.floor((JOBS.c.ended - first) / size), Integer).label("slice")
    statement = select(number, func.count()).where(in_run, JOBS.c.ended.is_not(None)).group_by(number)
    return size, tuple(sorted((first + place * size, jobs) for place, jobs in connection.execute(statement)))
