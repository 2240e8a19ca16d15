"""The lease on the bulk charges of a run: one charger at a time has it, renews it, and ends it.

A lease that is not renewed ends by itself at its time, as after a crash of its owner.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from nexi_async._storage import lock
from nexi_async.batch._ledger.runs import Run
from nexi_async.batch._ledger.tables import BULK_LEASES

__all__ = ["end_lease", "lease"]


def lease(connection: Connection, run: Run, owner: str, now: float, seconds: float) -> bool:
    """Lease the bulks of a run for so many seconds; False if another owner holds the lease."""
    lock(connection, f"nexi_async.bulk.{run.id}")
    held = connection.execute(select(BULK_LEASES).where(BULK_LEASES.c.run == run.id)).first()
    if held is None:
        connection.execute(insert(BULK_LEASES).values(run=run.id, owner=owner, until=now + seconds))
    elif held.owner == owner or held.until <= now:
        ours = update(BULK_LEASES).where(BULK_LEASES.c.run == run.id)
        connection.execute(ours.values(owner=owner, until=now + seconds))
    else:
        return False
    return True


def end_lease(connection: Connection, run: Run, owner: str) -> None:
    """End the lease on the bulks of a run."""
    connection.execute(delete(BULK_LEASES).where(BULK_LEASES.c.run == run.id, BULK_LEASES.c.owner == owner))
