"""Planning in the ledger: jobs are added in several transactions, and can be charged once the plan is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, Select, delete, insert, select, update

from nexi_async import _codec as codec
from nexi_async._errors import Fault, InvalidRequest
from nexi_async._storage import lock
from nexi_async.batch._job import ChargeJob
from nexi_async.batch._job_files import JobLine
from nexi_async.batch._ledger.tables import JOBS, PLANS, RUNS

AT_ONCE = 1000
"""How many jobs one transaction adds, so that it stays short."""


@attrs.frozen
class Plan:
    """A plan that is not complete yet."""

    run_id: int
    id: int


@attrs.frozen
class Comparison:
    """What some lines add to a plan."""

    fresh: list[dict[str, Any]]
    """The rows of new jobs."""
    known: list[int]
    """The numbers of jobs that the run has already, with the same content."""
    refused: list[JobLine]
    """Lines that can't be planned, with the reason."""


def begin(connection: Connection, run: str, now: float) -> tuple[Plan, list[Plan]]:
    """Begin a plan; also returns the incomplete ones of earlier calls, which are to be discarded."""
    lock(connection, f"nexi_batch.{run}")
    run_id = connection.execute(select(RUNS.c.id).where(RUNS.c.name == run)).scalar()
    if run_id is None:
        run_id = connection.execute(insert(RUNS).values(name=run, created=now).returning(RUNS.c.id)).scalar_one()
    left = connection.execute(select(PLANS.c.id).where(PLANS.c.run == run_id, PLANS.c.jobs.is_(None))).scalars()
    left_over = [Plan(run_id, plan_id) for plan_id in left]
    begun = insert(PLANS).values(run=run_id, created=now).returning(PLANS.c.id)
    return Plan(run_id, connection.execute(begun).scalar_one()), left_over


def compare(connection: Connection, plan: Plan, lines: Sequence[JobLine]) -> Comparison:
    """Compare jobs with those of the run; writes nothing. Only this plan adds to the run, until a later one begins."""
    existing = _existing(connection, plan, lines)
    fresh: dict[str, dict[str, Any]] = {}
    known: dict[str, int] = {}
    refused: list[JobLine] = []
    for line in lines:
        row = _row(line.job, plan) if line.job else {}
        reference = row["reference"]
        before = existing.get(reference)
        if reference in fresh or reference in known or (before and before["seen"] == plan.id):
            refused.append(_refused(line, "stands in this plan before; a reference can be charged once"))
        elif before is None:
            fresh[reference] = row
        elif _differs(before, row):
            refused.append(_refused(line, "was planned with other content; give it a reference of its own"))
        else:
            known[reference] = before["number"]
    return Comparison([*fresh.values()], [*known.values()], refused)


def add(connection: Connection, plan: Plan, compared: Comparison) -> None:
    """Write the new jobs, and note which others the plan has."""
    _require_open(connection, plan)
    if compared.fresh and not _has_job(connection, plan, compared.fresh[0]["reference"]):
        connection.execute(insert(JOBS), compared.fresh)
    if compared.known:
        connection.execute(update(JOBS).where(JOBS.c.number.in_(compared.known)).values(seen=plan.id))


def _has_job(connection: Connection, plan: Plan, reference: str) -> bool:
    """Whether a new job is there: then the transaction is repeated, since its commit was not confirmed."""
    job = select(JOBS.c.number).where(JOBS.c.run == plan.run_id, JOBS.c.reference == reference)
    return connection.execute(job).first() is not None


def complete(connection: Connection, plan: Plan, jobs: int) -> None:
    """Complete the plan: its jobs can be charged from now on."""
    if connection.execute(select(PLANS.c.jobs).where(PLANS.c.id == plan.id)).scalar() is not None:
        return  # the transaction is repeated, since its commit was not confirmed
    _require_open(connection, plan)
    connection.execute(update(PLANS).where(PLANS.c.id == plan.id).values(jobs=jobs))


def discard(connection: Connection, plan: Plan) -> bool:
    """Delete some of the jobs of a plan, if it is incomplete; returns whether none are left to delete."""
    if connection.execute(_incomplete(plan)).first() is None:
        return True
    some = select(JOBS.c.number).where(JOBS.c.run == plan.run_id, JOBS.c.plan == plan.id).limit(10 * AT_ONCE)
    deleted = connection.execute(delete(JOBS).where(JOBS.c.number.in_(some.scalar_subquery()))).rowcount
    if deleted == 10 * AT_ONCE:
        return False
    connection.execute(delete(PLANS).where(PLANS.c.id == plan.id))
    others = select(PLANS.c.id).where(PLANS.c.run == plan.run_id)
    connection.execute(delete(RUNS).where(RUNS.c.id == plan.run_id, ~others.exists()))
    return True


def _differs(before: Any, row: dict[str, Any]) -> bool:
    """Whether a key that may have been used already would be used with something else."""
    names = ["external_reference", "request"]
    if row["external_reference"] is None:  # the others have their subscription filled in when it is found
        names += ["kind", "subscription_id"]
    return any(before[name] != row[name] for name in names)


def _existing(connection: Connection, plan: Plan, lines: Sequence[JobLine]) -> dict[str, Any]:
    references = [line.job.reference for line in lines if line.job]
    columns = JOBS.c["number", "reference", "seen", "kind", "subscription_id", "external_reference", "request"]
    statement = select(*columns).where(JOBS.c.run == plan.run_id, JOBS.c.reference.in_(references))
    return {row["reference"]: row for row in connection.execute(statement).mappings()}


def _row(job: ChargeJob, plan: Plan) -> dict[str, Any]:
    return {
        "run": plan.run_id,
        "plan": plan.id,
        "seen": plan.id,
        "reference": job.reference,
        "kind": _kind(job),
        "subscription_id": job.subscription_id or job.unscheduled_subscription_id,
        "external_reference": job.external_reference,
        "request": codec.encode(job.request),
        "amount": job.order.amount,
        "currency": job.order.currency,
        "attempt": 1,
        "due": 0.0,
        "state": "planned",
    }


def _kind(job: ChargeJob) -> str | None:
    if job.external_reference is not None:
        return None
    return "scheduled" if job.subscription_id is not None else "unscheduled"


def _refused(line: JobLine, text: str) -> JobLine:
    return JobLine(line.number, line.job, (Fault("reference", text),))


def _incomplete(plan: Plan) -> Select[Any]:
    """The plan's row unless it is complete, locked so that it stays so."""
    return select(PLANS.c.id).where(PLANS.c.id == plan.id, PLANS.c.jobs.is_(None)).with_for_update()


def _require_open(connection: Connection, plan: Plan) -> None:
    """A later plan of the run discards this one, in several transactions."""
    later = select(PLANS.c.id).where(PLANS.c.run == plan.run_id, PLANS.c.id > plan.id)
    if connection.execute(_incomplete(plan).where(~later.exists())).first() is None:
        raise InvalidRequest([("run", "was planned by another process at the same time; plan it again")])
