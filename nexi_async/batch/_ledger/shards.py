"""Shards of a run, one for each machine at a time: fixed ranges of job numbers."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select

from nexi_async._storage import lock
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._ledger.tables import HAS_COMPLETE_PLAN, IS_OPEN, JOBS


def open_shards(connection: Connection, run: Run, size: int, now: float) -> list[Scope]:
    """The shards that have jobs to be charged now; all machines use the same ranges."""
    number = (JOBS.c.number // size).label("shard")
    can_be_charged = (JOBS.c.run == run.id, IS_OPEN, HAS_COMPLETE_PLAN, JOBS.c.due <= now)
    statement = select(number).where(*can_be_charged).distinct().order_by(number)
    return [Scope(int(n) * size, int(n) * size + size - 1) for n in connection.execute(statement).scalars()]


def apply_schema(connection: Connection, schema: str) -> None:
    """Make procrastinate's tables if they are missing; several machines may do so at once."""
    lock(connection, "nexi_async.procrastinate")
    if not inspect(connection).has_table("procrastinate_jobs"):
        cursor = connection.connection.cursor()  # SQLAlchemy would prepare the many statements as one
        cursor.execute(schema)
        cursor.close()
