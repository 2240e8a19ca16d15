"""Working in the ledger: jobs are taken, marked as sending before anything leaves, and what became of them is written.

Whoever takes a job owns it until it is written back. A job may be taken from somebody who has died, or seems to have;
should both work on it, the key keeps the charge single, and both write the same.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from nexi_async import codec
from nexi_async.batch.ledger_tables import IS_OPEN, JOBS, MEMBERS, PLANS, RUNS
from nexi_async.batch.results import Ending, JobResult, JobState
from nexi_async.errors import InvalidRequest
from nexi_async.idempotency import derive_key
from nexi_async.models.subscription import ChargeSubscription

__all__ = ["Assignment", "KindName", "Run", "Scope", "bind", "claim", "count_open", "note", "record", "release", "take"]

KindName: TypeAlias = Literal["scheduled", "unscheduled"]


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


@attrs.frozen(kw_only=True, slots=False)
class Assignment:
    """A job that was taken to be worked on."""

    number: int
    run: str
    reference: str
    kind: KindName | None
    subscription_id: str | None
    external_reference: str | None
    body: bytes = attrs.field(repr=False)
    amount: int
    currency: str
    attempt: int
    was: JobState
    """Where it stood before; unless it was planned, it may have been sent."""

    @property
    def may_have_been_sent(self) -> bool:
        """Whether to ask before sending."""
        return self.was is not JobState.PLANNED

    @property
    def untouched(self) -> JobState:
        """Where it stands when nothing has been done with it."""
        return JobState.UNKNOWN if self.may_have_been_sent else JobState.PLANNED

    @property
    def request(self) -> ChargeSubscription:
        """What is sent, the same for every attempt."""
        return codec.decode(self.body, ChargeSubscription)

    @cached_property
    def key(self) -> str:
        """The idempotency key, the same for the same job and attempt."""
        return derive_key(self.run, self.reference, self.attempt)

    def result(self, ending: Ending) -> JobResult:
        """What became of it."""
        return JobResult(
            reference=self.reference,
            state=ending.state,
            subscription_id=self.subscription_id,
            payment_id=ending.payment_id,
            charge_id=ending.charge_id,
            amount=self.amount,
            currency=self.currency,
            attempts=self.attempt,
            code=ending.code,
            error=ending.error,
            idempotency_key=self.key,
        )


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
    connection: Connection, run: Run, *, scope: Scope, after: int, most: int, owner: str, now: float, bundled: bool
) -> list[Assignment]:
    """Take the next open jobs after a number, and mark them as sending; those that are in a bulk run only if wanted."""
    is_complete = JOBS.c.plan.in_(select(PLANS.c.id).where(PLANS.c.run == run.id, PLANS.c.jobs.is_not(None)))
    statement = select(*_COLUMNS).where(*_open_in(run, scope), JOBS.c.number > after, JOBS.c.due <= now, is_complete)
    if not bundled:
        in_bulk = select(MEMBERS.c.job).where(MEMBERS.c.job == JOBS.c.number, MEMBERS.c.attempt == JOBS.c.attempt)
        statement = statement.where(~in_bulk.exists())
    return _taken(connection, run, statement.order_by(JOBS.c.number).limit(most), owner)


def take(connection: Connection, run: Run, numbers: Sequence[int], owner: str) -> list[Assignment]:
    """Take these jobs over."""
    return _taken(connection, run, select(*_COLUMNS).where(JOBS.c.number.in_(numbers)).order_by(JOBS.c.number), owner)


def _taken(connection: Connection, run: Run, statement: Select[Any], owner: str) -> list[Assignment]:
    rows = connection.execute(statement.with_for_update(skip_locked=True, of=JOBS))
    assignments = [_assignment(run, row) for row in rows]
    if assignments:
        numbers = [assignment.number for assignment in assignments]
        connection.execute(update(JOBS).where(JOBS.c.number.in_(numbers)).values(state="sending", owner=owner))
    return assignments


_COLUMNS = JOBS.c[
    "number",
    "reference",
    "kind",
    "subscription_id",
    "external_reference",
    "request",
    "amount",
    "currency",
    "attempt",
    "state",
]


def _assignment(run: Run, row: Any) -> Assignment:
    number, reference, kind, subscription_id, external_reference, request, amount, currency, attempt, state = row
    return Assignment(
        number=number,
        run=run.name,
        reference=reference,
        kind=kind,
        subscription_id=subscription_id,
        external_reference=external_reference,
        body=request,
        amount=amount,
        currency=currency,
        attempt=attempt,
        was=JobState(state),
    )


def _open_in(run: Run, scope: Scope) -> tuple[Any, ...]:
    bounds = () if scope == Scope() else (JOBS.c.number.between(scope.first, scope.last),)
    return (JOBS.c.run == run.id, IS_OPEN, *bounds)


def note(connection: Connection, assignment: Assignment) -> None:
    """Keep which subscription an external reference stands for, so that no later attempt takes another."""
    found = {"kind": assignment.kind, "subscription_id": assignment.subscription_id}
    connection.execute(update(JOBS).where(JOBS.c.number == assignment.number).values(**found))


def release(connection: Connection, assignments: Iterable[Assignment], owner: str) -> None:
    """Give back what was taken and not touched."""
    by_state: dict[JobState, list[int]] = {}
    for assignment in assignments:
        by_state.setdefault(assignment.was, []).append(assignment.number)
    for state, numbers in by_state.items():
        ours = and_(JOBS.c.number.in_(numbers), JOBS.c.owner == owner, JOBS.c.state == "sending")
        connection.execute(update(JOBS).where(ours).values(state=state.value))


def record(connection: Connection, endings: Sequence[tuple[Assignment, Ending]], *, owner: str, now: float) -> None:
    """Write what became of jobs; what is final stays as it is.

    What is final holds whoever says it; that a job is still open is said by its owner alone. All rows travel as one
    JSON parameter of one statement: row by row the thread would hand the interpreter's lock to and fro with the others.
    """
    final = [_row(job, ending) for job, ending in endings if ending.state.is_final]
    still_open = [_row(job, ending) for job, ending in endings if not ending.state.is_final]
    end, leave_open = _statements(connection.dialect.name)
    if final:
        connection.execute(end, {"rows": codec.as_json(final).decode(), "now": now})
    if still_open:
        connection.execute(leave_open, {"rows": codec.as_json(still_open).decode(), "worker": owner})


_MEMBERS = ("payment_id", "charge_id", "code", "error", "state")


def _row(job: Assignment, ending: Ending) -> dict[str, Any]:
    return {
        "number": job.number,
        "attempt": job.attempt,
        "state": ending.state.value,
        "payment_id": ending.payment_id,
        "charge_id": ending.charge_id,
        "code": ending.code,
        "error": ending.error,
    }


@functools.cache
def _statements(dialect: str) -> tuple[Update, Update]:
    """How jobs end, and how they are left open, as the database reads JSON."""
    done = _rows_of_postgres() if dialect == "postgresql" else _rows_of_sqlite()
    write = (
        update(JOBS)
        .where(JOBS.c.number == done["number"], JOBS.c.attempt == done["attempt"], IS_OPEN)
        .values({name: done[name] for name in _MEMBERS})
    )
    return write.values(ended=bindparam("now")), write.where(JOBS.c.owner == bindparam("worker"))


def _rows_of_postgres() -> dict[str, ColumnElement[Any]]:
    columns: list[Any] = [column("number", BigInteger), column("attempt", Integer)]
    columns += [column(name, Text) for name in _MEMBERS]
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), postgresql.JSON))
    return dict(rows.table_valued(*columns, name="done").render_derived(with_types=True).c)


def _rows_of_sqlite() -> dict[str, ColumnElement[Any]]:
    rows = func.json_each(bindparam("rows", type_=Text)).table_valued("value", name="done")
    return {name: func.json_extract(rows.c.value, f"$.{name}") for name in ("number", "attempt", *_MEMBERS)}
