"""Runs in the ledger: found by name, held to one strategy, and counted."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Connection, Row, func, select, update

from nexi_async._errors import InvalidRequest
from nexi_async.batch._ledger.tables import HAS_COMPLETE_PLAN, IS_OPEN, JOBS, PLANS, RUNS


@attrs.frozen
class Run:
    """A run of the ledger."""

    id: int
    name: str
    jobs: int
    """How many jobs were planned."""


@attrs.frozen
class Scope:
    """A part of a run: the jobs whose numbers are from first to last."""

    first: int = 0
    last: int = 2**62


def find_run(connection: Connection, name: str, *, for_update: bool = False) -> Row[Any]:
    """The row of a run, locked for an update if that is asked for.

    Raises:
        InvalidRequest: there is no such run.
    """
    statement = select(RUNS).where(RUNS.c.name == name)
    row = connection.execute(statement.with_for_update() if for_update else statement).first()
    if row is None:
        raise _not_planned(name)
    return row


def _not_planned(name: str) -> InvalidRequest:
    return InvalidRequest([("run", f"{name} is not planned in this ledger")])


def bind(connection: Connection, name: str, strategy: str) -> Run:
    """Find a run and fix its strategy: neither strategy can look up what the other has sent.

    Raises:
        InvalidRequest: there is no such run, or it was begun with another strategy.
    """
    row = find_run(connection, name, for_update=True)
    jobs = connection.execute(select(func.sum(PLANS.c.jobs)).where(PLANS.c.run == row.id)).scalar()
    if not jobs:
        raise _not_planned(name)
    if row.strategy not in (None, strategy):
        raise InvalidRequest([("strategy", f"the run was begun with {row.strategy} and has to continue with it")])
    if row.strategy is None:
        connection.execute(update(RUNS).where(RUNS.c.id == row.id).values(strategy=strategy))
    return Run(row.id, name, jobs)


def count_open(connection: Connection, run: Run, scope: Scope) -> int:
    """How many jobs are neither charged nor declined nor failed."""
    in_scope = JOBS.c.number.between(scope.first, scope.last)
    counted = select(func.count()).where(JOBS.c.run == run.id, IS_OPEN, HAS_COMPLETE_PLAN, in_scope)
    return connection.execute(counted).scalar_one()
