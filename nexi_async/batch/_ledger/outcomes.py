"""The outcomes of charges in the ledger: each group of them is written by at most three statements.

The outcome of a job ends the claim on it. A final outcome (charged, declined, failed) is an answer of the API, so it is
written whoever reports it, also if the job was put in review meanwhile; of two such answers the first stays, but money
that was charged counts also if another worker was refused before. Any other outcome is written only by the worker
that claimed the job last.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, case, null, or_, update

from nexi_async import _codec as codec
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.json_rows import rows_in
from nexi_async.batch._ledger.tables import IS_OPEN, JOBS
from nexi_async.batch._results import JobOutcome, JobState


def record(
    connection: Connection, outcomes: Sequence[tuple[ClaimedJob, JobOutcome]], *, owner: str, now: float
) -> None:
    """Write the outcomes of claimed jobs; a final state is never overwritten, except by a charge of the same attempt.

    Args:
        connection: the transaction.
        outcomes: the jobs, each with its outcome.
        owner: the worker that reports them.
        now: when they ended, seconds since 1970.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for job, outcome in outcomes:
        rows.setdefault(_statement_for(outcome.state), []).append(_row(job, outcome))
    statements = _statements(connection.dialect.name)
    for name, written in rows.items():
        values: dict[str, Any] = {"rows": codec.as_json(written).decode()}
        values |= {} if name == "leave open" else {"now": now}
        values |= {} if name == "end" else {"worker": owner}
        connection.execute(statements[name], values)


def _statement_for(state: JobState) -> str:
    """Which statement writes a state."""
    if state.is_final:
        return "end"
    return "leave open" if state.is_open else "review"


_TEXTS = ("payment_id", "charge_id", "code", "error")
_MEMBERS = (*_TEXTS, "state")


def _row(job: ClaimedJob, outcome: JobOutcome) -> dict[str, Any]:
    texts = {name: _storable(getattr(outcome, name)) for name in _TEXTS}
    return {"number": job.number, "attempt": job.attempt, "fence": job.fence, "state": outcome.state.value, **texts}


def _storable(text: str | None) -> str | None:
    """A text of the API as databases take it; PostgreSQL would refuse the whole group for a NUL."""
    return None if text is None else text.replace("\0", "\ufffd")


@functools.cache
def _statements(dialect: str) -> dict[str, Update]:
    """The updates that end jobs, put them in review, and leave them open."""
    done = rows_in(dialect, "rows", integers=("number", "attempt", "fence"), texts=_MEMBERS)
    write = (
        update(JOBS)
        .where(JOBS.c.number == done["number"], JOBS.c.attempt == done["attempt"])
        .values({name: done[name] for name in _MEMBERS})
    )
    ours = write.where(IS_OPEN, JOBS.c.fence == done["fence"], JOBS.c.owner == bindparam("worker"))
    refused = JOBS.c.state.in_([JobState.DECLINED.value, JobState.FAILED.value])
    may_end = or_(IS_OPEN, JOBS.c.state == "review", and_(refused, done["state"] == "charged"))
    sent_at = case((done["state"] == "planned", null()), else_=JOBS.c.sent_at)
    return {
        "end": write.where(may_end).values(ended=bindparam("now")),
        "review": ours.values(ended=bindparam("now")),
        "leave open": ours.values(sent_at=sent_at),
    }
