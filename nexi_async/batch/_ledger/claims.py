"""Working in the ledger: jobs are taken, marked as sending before anything leaves, and what became of them is written.

Whoever claims a job owns it until it is written back. A job may be claimed from somebody who has died, or seems to
have; should both work on it, the key keeps the charge single, and both write the same. Each claim has a fencing number
and an age by the wall clock: whoever was suspended for a while finds out that the job was claimed by others meanwhile,
and sends nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
from sqlalchemy import (
    Connection,
    Double,
    Integer,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    update,
)

from nexi_async import _codec as codec
from nexi_async._errors import InvalidRequest
from nexi_async._idempotency import derive_key
from nexi_async._models.subscription import ChargeSubscription
from nexi_async.batch._ledger.json_rows import as_one_value, numbers_in, rows_in, text_of
from nexi_async.batch._ledger.tables import IS_OPEN, JOBS, MEMBERS, PLANS, RUNS
from nexi_async.batch._results import JobOutcome, JobState

__all__ = [
    "ClaimedJob",
    "KindName",
    "Run",
    "Scope",
    "bind",
    "claim",
    "count_open",
    "reclaim",
    "record",
    "release",
    "renew",
    "save_subscription",
]

KindName: TypeAlias = Literal["scheduled", "unscheduled"]

CLAIM_SECONDS = 60.0
"""How long a claim is good for sending, by the wall clock; an older one has to be renewed first."""


@attrs.frozen
class Run:
    """A run as the ledger knows it."""

    id: int
    name: str
    jobs: int
    """How many were planned."""


@attrs.frozen
class Scope:
    """Which jobs of a run are meant: those whose numbers are from first to last."""

    first: int = 0
    last: int = 2**62


@attrs.frozen(kw_only=True)
class ClaimedJob:
    """A job that was taken to be worked on."""

    number: int
    reference: str
    key: str
    """The idempotency key, the same for the same job and attempt."""
    kind: KindName | None
    subscription_id: str | None
    external_reference: str | None
    body: bytes = attrs.field(repr=False)
    amount: int
    currency: str
    attempt: int
    previous_state: JobState
    """Where it stood before; unless it was planned, it may have been sent."""
    fence: int
    """The number of the claim; a later one of the same job has a higher number."""
    claimed_at: float
    """When it was claimed, or the claim renewed, seconds since 1970."""
    sent_at: float
    """When its key may have been sent first, seconds since 1970; 0 if nobody knows."""

    def is_claim_fresh(self, now: float) -> bool:
        """Whether the claim is good for sending; not if the clock was set back either."""
        return 0 <= now - self.claimed_at < CLAIM_SECONDS

    @property
    def may_have_been_sent(self) -> bool:
        """Whether to ask before sending."""
        return self.previous_state is not JobState.PLANNED

    @property
    def state_if_not_sent(self) -> JobState:
        """Where it stands when nothing has been done with it."""
        return JobState.UNKNOWN if self.may_have_been_sent else JobState.PLANNED

    @property
    def request(self) -> ChargeSubscription:
        """What is sent, the same for every attempt, as a model."""
        return codec.decode(self.body, ChargeSubscription)


def bind(connection: Connection, name: str, strategy: str) -> Run:
    """Find a run, and hold it to one strategy: what one has sent, the other would not recognise.

    Raises:
        InvalidRequest: there is no such run, or it was begun with another strategy.
    """
    row = connection.execute(select(RUNS).where(RUNS.c.name == name).with_for_update()).mappings().first()
    jobs = _planned(connection, row["id"]) if row else 0
    if row is None or not jobs:
        raise InvalidRequest([("run", f"{name} is not planned in this ledger")])
    if row["strategy"] not in (None, strategy):
        raise InvalidRequest([("strategy", f"the run was begun with {row['strategy']} and has to go on with it")])
    if row["strategy"] is None:
        connection.execute(update(RUNS).where(RUNS.c.id == row["id"]).values(strategy=strategy))
    return Run(row["id"], name, jobs)


def _planned(connection: Connection, run_id: int) -> int:
    return connection.execute(select(func.sum(PLANS.c.jobs)).where(PLANS.c.run == run_id)).scalar() or 0


def count_open(connection: Connection, run: Run, scope: Scope) -> int:
    """How many jobs are neither charged nor declined nor failed."""
    return connection.execute(select(func.count()).where(*_open_in(run, scope))).scalar_one()


def claim(
    connection: Connection, run: Run, *, scope: Scope, after: int, limit: int, owner: str, now: float, in_bulk: bool
) -> list[ClaimedJob]:
    """Take the next open jobs after a number, and mark them as sending; those that are in a bulk run only if wanted."""
    chosen = _next_open(connection.dialect.name, in_bulk=in_bulk)
    bounds = {"after": max(after, scope.first - 1), "last": scope.last}
    return _taken(connection, run, chosen, {"run": run.id, "limit": limit, **bounds}, owner, now)


def reclaim(connection: Connection, run: Run, numbers: Sequence[int], owner: str, now: float) -> list[ClaimedJob]:
    """Take these jobs over."""
    chosen = _these(connection.dialect.name)
    return _taken(connection, run, chosen, {"numbers": codec.as_json(list(numbers)).decode()}, owner, now)


# Statements are built once: building one costs more than the database takes to find the jobs.


@functools.cache
def _next_open(dialect: str, *, in_bulk: bool) -> Select[Any]:
    """The next open jobs, whose dates have come."""
    numbers = and_(JOBS.c.number > bindparam("after"), JOBS.c.number <= bindparam("last"))
    is_complete = JOBS.c.plan.in_(select(PLANS.c.id).where(PLANS.c.run == bindparam("run"), PLANS.c.jobs.is_not(None)))
    ready = (JOBS.c.run == bindparam("run"), IS_OPEN, numbers, JOBS.c.due <= bindparam("now"), is_complete)
    statement = select(*_COLUMNS).where(*ready).order_by(JOBS.c.number).limit(bindparam("limit", type_=Integer))
    if not in_bulk:
        membership = select(MEMBERS.c.job).where(MEMBERS.c.job == JOBS.c.number, MEMBERS.c.attempt == JOBS.c.attempt)
        statement = statement.where(~membership.exists())
    return _locked(dialect, statement)


@functools.cache
def _these(dialect: str) -> Select[Any]:
    """Jobs by their numbers."""
    return _locked(dialect, select(*_COLUMNS).where(JOBS.c.number.in_(numbers_in(dialect, "numbers"))))


def _locked(dialect: str, statement: Select[Any]) -> Select[Any]:
    body = text_of(dialect, JOBS.c.request).label("body")
    return as_one_value(dialect, statement.add_columns(body).with_for_update(skip_locked=True, of=JOBS))


def _taken(
    connection: Connection, run: Run, chosen: Select[Any], values: dict[str, Any], owner: str, now: float
) -> list[ClaimedJob]:
    dialect = connection.dialect.name
    found = connection.execute(chosen, {"now": now, **values}).scalar() or "[]"
    rows = codec.read_json(found.encode())
    jobs = [_claimed_job(run, row, now) for row in sorted(rows)]
    if jobs:
        numbers = codec.as_json([job.number for job in jobs]).decode()
        connection.execute(_marking(dialect), {"numbers": numbers, "now": now, "worker": owner})
    return jobs


@functools.cache
def _marking(dialect: str) -> Update:
    """Jobs are marked as sending."""
    sent_at = case((JOBS.c.state == "planned", bindparam("now", type_=Double)), else_=JOBS.c.sent_at)
    claimed = update(JOBS).where(JOBS.c.number.in_(numbers_in(dialect, "numbers")))
    worker = bindparam("worker", type_=Text)
    return claimed.values(state="sending", owner=worker, fence=JOBS.c.fence + 1, sent_at=sent_at)


def renew(connection: Connection, jobs: Iterable[ClaimedJob], now: float) -> list[ClaimedJob] | None:
    """The claims made fresh, if nobody has claimed one of the jobs since; what was never sent is sent from now on."""
    renewed = []
    for job in jobs:
        sent_at = job.sent_at if job.may_have_been_sent else now
        ours = and_(JOBS.c.number == job.number, JOBS.c.fence == job.fence, JOBS.c.state == "sending")
        if not connection.execute(update(JOBS).where(ours).values(sent_at=sent_at)).rowcount:
            return None
        renewed.append(attrs.evolve(job, claimed_at=now, sent_at=sent_at))
    return renewed


_COLUMNS = JOBS.c[
    "number",
    "reference",
    "kind",
    "subscription_id",
    "external_reference",
    "amount",
    "currency",
    "attempt",
    "state",
    "fence",
    "sent_at",
]


_STATES = {state.value: state for state in JobState}


def _claimed_job(run: Run, row: Sequence[Any], now: float) -> ClaimedJob:
    """A job of a row of `_COLUMNS` and its body."""
    number, reference, kind, subscription_id, external_reference, amount, currency = row[:7]
    attempt, state, fence, sent_at, body = row[7:]
    previous_state = _STATES[state]
    return ClaimedJob(
        number=number,
        reference=reference,
        key=derive_key(run.name, reference, attempt),
        kind=kind,
        subscription_id=subscription_id,
        external_reference=external_reference,
        body=body.encode(),
        amount=amount,
        currency=currency,
        attempt=attempt,
        previous_state=previous_state,
        fence=fence + 1,
        claimed_at=now,
        sent_at=now if previous_state is JobState.PLANNED else sent_at or 0.0,
    )


def _open_in(run: Run, scope: Scope) -> tuple[Any, ...]:
    bounds = () if scope == Scope() else (JOBS.c.number.between(scope.first, scope.last),)
    return (JOBS.c.run == run.id, IS_OPEN, *bounds)


def save_subscription(connection: Connection, job: ClaimedJob) -> None:
    """Keep which subscription an external reference stands for, so that no later attempt takes another."""
    found = {"kind": job.kind, "subscription_id": job.subscription_id}
    connection.execute(update(JOBS).where(JOBS.c.number == job.number).values(**found))


def release(connection: Connection, jobs: Iterable[ClaimedJob], owner: str) -> None:
    """Give back what was taken and not touched."""
    by_state: dict[JobState, list[int]] = {}
    for job in jobs:
        by_state.setdefault(job.previous_state, []).append(job.number)
    for state, numbers in by_state.items():
        ours = and_(JOBS.c.number.in_(numbers), JOBS.c.owner == owner, JOBS.c.state == "sending")
        not_sent: dict[str, Any] = {"sent_at": None} if state is JobState.PLANNED else {}
        connection.execute(update(JOBS).where(ours).values(state=state.value, **not_sent))


def record(
    connection: Connection, outcomes: Sequence[tuple[ClaimedJob, JobOutcome]], *, owner: str, now: float
) -> None:
    """Write what became of jobs; what is final stays as it is.

    What is final holds whoever says it, also after the job was put up for review; all else is said by the last who
    claimed the job.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for job, outcome in outcomes:
        rows.setdefault(_way_of(outcome.state), []).append(_row(job, outcome))
    statements = _statements(connection.dialect.name)
    for way, written in rows.items():
        values: dict[str, Any] = {"rows": codec.as_json(written).decode()}
        values |= {} if way == "leave open" else {"now": now}
        values |= {} if way == "end" else {"worker": owner}
        connection.execute(statements[way], values)


def _way_of(state: JobState) -> str:
    """How a state is written."""
    if state.is_final:
        return "end"
    return "leave open" if state.is_open else "review"


_MEMBERS = ("payment_id", "charge_id", "code", "error", "state")


def _row(job: ClaimedJob, outcome: JobOutcome) -> dict[str, Any]:
    return {
        "number": job.number,
        "attempt": job.attempt,
        "fence": job.fence,
        "state": outcome.state.value,
        "payment_id": outcome.payment_id,
        "charge_id": outcome.charge_id,
        "code": outcome.code,
        "error": outcome.error,
    }


@functools.cache
def _statements(dialect: str) -> dict[str, Update]:
    """How jobs end, go to review, and are left open, as the database reads JSON."""
    done = rows_in(dialect, "rows", integers=("number", "attempt", "fence"), texts=_MEMBERS)
    write = (
        update(JOBS)
        .where(JOBS.c.number == done["number"], JOBS.c.attempt == done["attempt"])
        .values({name: done[name] for name in _MEMBERS})
    )
    ours = write.where(IS_OPEN, JOBS.c.fence == done["fence"], JOBS.c.owner == bindparam("worker"))
    sent_at = case((done["state"] == "planned", null()), else_=JOBS.c.sent_at)
    return {
        "end": write.where(or_(IS_OPEN, JOBS.c.state == "review")).values(ended=bindparam("now")),
        "review": ours.values(ended=bindparam("now")),
        "leave open": ours.values(sent_at=sent_at),
    }
