"""Claims on jobs in the ledger: they begin by `claim` or `reclaim`, are renewed, and end by `release` or an outcome.

A claimed job is marked as sending on disk before anything is sent. A job may be claimed from a worker that has died, or
seems to have: should both work on it, the idempotency key keeps the charge single, and both record the same. Each claim
has a fencing number and an age by the wall clock, so that a worker that was suspended notices that the job was claimed
by another one meanwhile, and sends nothing. `outcomes` records what a claimed job has come to.
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
    select,
    update,
)

from nexi_async import _codec as codec
from nexi_async._idempotency import derive_key
from nexi_async._models.subscription import ChargeSubscription
from nexi_async.batch._ledger.json_rows import as_one_value, numbers_in, text_of
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._ledger.tables import HAS_COMPLETE_PLAN, IS_MEMBER, IS_OPEN, JOBS, MEMBERS
from nexi_async.batch._results import JobState

KindName: TypeAlias = Literal["scheduled", "unscheduled"]

CLAIM_SECONDS = 60.0
"""How many seconds a claim is valid for sending, by the wall clock; an older one has to be renewed first."""


@attrs.frozen(kw_only=True)
class ClaimedJob:
    """A job that a worker has claimed."""

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
    """Its state before the claim; unless that is planned, it may have been sent."""
    fence: int
    """The number of the claim; a later one of the same job has a higher number."""
    claimed_at: float
    """When it was claimed, or the claim renewed, seconds since 1970."""
    sent_at: float
    """When its key may have been sent first, seconds since 1970; 0 if not known."""

    def is_claim_fresh(self, now: float) -> bool:
        """Whether the claim is valid for sending; not if the clock was set back either."""
        return 0 <= now - self.claimed_at < CLAIM_SECONDS

    @property
    def may_have_been_sent(self) -> bool:
        """Whether its charge has to be looked up before it is sent."""
        return self.previous_state is not JobState.PLANNED

    @property
    def state_if_not_sent(self) -> JobState:
        """Its state if this claim ends without sending anything."""
        return JobState.UNKNOWN if self.may_have_been_sent else JobState.PLANNED

    @property
    def request(self) -> ChargeSubscription:
        """What is sent, the same for every attempt, as a model."""
        return codec.decode(self.body, ChargeSubscription)


def claim(
    connection: Connection, run: Run, *, scope: Scope, after: int, limit: int, owner: str, now: float, in_bulk: bool
) -> list[ClaimedJob]:
    """Claim the next open jobs after a number: mark them as sending; jobs of a bulk charge only if `in_bulk`."""
    chosen = _next_open(connection.dialect.name, in_bulk=in_bulk)
    bounds = {"after": max(after, scope.first - 1), "last": scope.last}
    return _claimed(connection, run, chosen, {"run": run.id, "limit": limit, **bounds}, owner, now)


def reclaim(connection: Connection, run: Run, numbers: Sequence[int], owner: str, now: float) -> list[ClaimedJob]:
    """Claim these jobs, of which another worker may have a claim."""
    chosen = _these(connection.dialect.name)
    return _claimed(connection, run, chosen, {"numbers": codec.as_json(list(numbers)).decode()}, owner, now)


# Statements are built once: building one costs more than the database takes to find the jobs.


@functools.cache
def _next_open(dialect: str, *, in_bulk: bool) -> Select[Any]:
    """The next open jobs, whose dates have come."""
    numbers = and_(JOBS.c.number > bindparam("after"), JOBS.c.number <= bindparam("last"))
    ready = (JOBS.c.run == bindparam("run"), IS_OPEN, numbers, JOBS.c.due <= bindparam("now"), HAS_COMPLETE_PLAN)
    statement = select(*_COLUMNS).where(*ready).order_by(JOBS.c.number).limit(bindparam("limit", type_=Integer))
    if not in_bulk:
        statement = statement.where(~select(MEMBERS.c.job).where(IS_MEMBER).exists())
    return _locked(dialect, statement)


@functools.cache
def _these(dialect: str) -> Select[Any]:
    """Jobs by their numbers."""
    return _locked(dialect, select(*_COLUMNS).where(JOBS.c.number.in_(numbers_in(dialect, "numbers"))))


def _locked(dialect: str, statement: Select[Any]) -> Select[Any]:
    body = text_of(dialect, JOBS.c.request).label("body")
    return as_one_value(dialect, statement.add_columns(body).with_for_update(skip_locked=True, of=JOBS))


def _claimed(
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
    """Marks jobs as sending."""
    sent_at = case((JOBS.c.state == "planned", bindparam("now", type_=Double)), else_=JOBS.c.sent_at)
    claimed = update(JOBS).where(JOBS.c.number.in_(numbers_in(dialect, "numbers")))
    worker = bindparam("worker", type_=Text)
    return claimed.values(state="sending", owner=worker, fence=JOBS.c.fence + 1, sent_at=sent_at)


def renew(connection: Connection, jobs: Sequence[ClaimedJob], now: float) -> list[ClaimedJob] | None:
    """The renewed claims; None if another worker has claimed one of the jobs. A job never sent is sent from now on."""
    numbers = [job.number for job in jobs]
    found = select(JOBS.c.number, JOBS.c.fence).where(JOBS.c.number.in_(numbers), JOBS.c.state == "sending")
    fences = {row.number: row.fence for row in connection.execute(found.with_for_update())}
    if any(fences.get(job.number) != job.fence for job in jobs):
        return None
    never_sent = [job.number for job in jobs if not job.may_have_been_sent]
    connection.execute(update(JOBS).where(JOBS.c.number.in_(never_sent)).values(sent_at=now))
    return [attrs.evolve(job, claimed_at=now, sent_at=job.sent_at if job.may_have_been_sent else now) for job in jobs]


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


def save_subscription(connection: Connection, job: ClaimedJob) -> None:
    """Save which subscription an external reference stands for, so that no later attempt charges another."""
    found = {"kind": job.kind, "subscription_id": job.subscription_id}
    connection.execute(update(JOBS).where(JOBS.c.number == job.number).values(**found))


def release(connection: Connection, jobs: Iterable[ClaimedJob], owner: str) -> None:
    """End the claims on jobs that were not sent."""
    by_state: dict[JobState, list[int]] = {}
    for job in jobs:
        by_state.setdefault(job.previous_state, []).append(job.number)
    for state, numbers in by_state.items():
        ours = and_(JOBS.c.number.in_(numbers), JOBS.c.owner == owner, JOBS.c.state == "sending")
        not_sent: dict[str, Any] = {"sent_at": None} if state is JobState.PLANNED else {}
        connection.execute(update(JOBS).where(ours).values(state=state.value, **not_sent))
