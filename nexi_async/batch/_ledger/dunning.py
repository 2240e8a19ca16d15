"""Dunning in the ledger: declined jobs are planned again, with a key and a date of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from nexi_async.batch._dunning import next_attempt
from nexi_async.batch._ledger.tables import ATTEMPTS, JOBS

AT_ONCE = 1000
"""How many jobs one transaction plans again, so that it stays short."""


def plan_again(connection: Connection, run_id: int, attempt: int, after: int) -> tuple[int | None, int, list[float]]:
    """Plan the attempt for some of the jobs whose last one was declined.

    Returns:
        The number to continue after, None at the end; how many are not retried; and when each of the others is due.
    """
    declined = (
        select(*JOBS.c["number", "attempt", "payment_id", "code", "error", "ended"])
        .where(JOBS.c.run == run_id, JOBS.c.state == "declined", JOBS.c.attempt == attempt - 1, JOBS.c.number > after)
        .order_by(JOBS.c.number)
        .limit(AT_ONCE)
        .with_for_update()
    )
    jobs = connection.execute(declined).mappings().all()
    earlier = earlier_attempts(connection, [job["number"] for job in jobs]) if attempt > 2 else {}
    again = []
    for job in jobs:
        ended = [attempt.ended for attempt in earlier.get(job["number"], ())]
        due = next_attempt(job["code"], [*ended, job["ended"]])
        if due is not None:
            again.append((job, due))
    if again:
        begin_attempt(connection, attempt, again)
    next_after = jobs[-1]["number"] if len(jobs) == AT_ONCE else None
    return next_after, len(jobs) - len(again), [due for _, due in again]


def begin_attempt(connection: Connection, attempt: int, jobs: Sequence[tuple[Any, float]]) -> None:
    """Archive the last attempt of each job, and plan the next for its date; it has a key of its own."""
    connection.execute(insert(ATTEMPTS), [_past(job) for job, _ in jobs])
    connection.execute(_AGAIN, [{"_number": job["number"], "_attempt": attempt, "_due": due} for job, due in jobs])


_AGAIN = (
    update(JOBS)
    .where(JOBS.c.number == bindparam("_number"))
    .values(
        state="planned",
        attempt=bindparam("_attempt"),
        due=bindparam("_due"),
        owner=None,
        payment_id=None,
        charge_id=None,
        code=None,
        error=None,
        ended=None,
        sent_at=None,
    )
)


def _past(job: Any) -> dict[str, Any]:
    """An attempt that is over, as a row."""
    names = ("attempt", "payment_id", "code", "error", "ended")
    return {"job": job["number"], **{name: job[name] for name in names}}


def earlier_attempts(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """The attempts before the last one, oldest first: when each ended and its code, by the job's number."""
    if not numbers:
        return {}
    columns = ATTEMPTS.c["job", "ended", "code"]
    statement = select(*columns).where(ATTEMPTS.c.job.in_(numbers)).order_by(ATTEMPTS.c.attempt)
    found: dict[int, list[Row[Any]]] = {}
    for attempt in connection.execute(statement):
        found.setdefault(attempt.job, []).append(attempt)
    return found
