"""Bulk charges in the ledger: their jobs, their external id, their id at Nexi, and the lease on those of a run.

For each attempt a job is in one bulk at most: its outcome is read from that bulk alone. One charger at a time has the
lease and renews it; one that is not renewed ends by itself at its time, as after a crash of its owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import attrs
from sqlalchemy import Connection, delete, insert, select, update

from nexi_async._storage import lock
from nexi_async.batch._ledger.claims import ClaimedJob, KindName, reclaim, renew
from nexi_async.batch._ledger.runs import Run
from nexi_async.batch._ledger.tables import BULK_LEASES, BULKS, IS_MEMBER, IS_OPEN, JOBS, MEMBERS


@attrs.frozen(kw_only=True)
class Bulk:
    """Jobs that are charged by one request.

    Attributes:
        number: its row.
        kind: of which kind the subscriptions are.
        external_id: our id of it, the same whenever the same jobs are grouped.
        bulk_id: Nexi's id of it; None until its acceptance is known.
        jobs: its jobs that are still open.
    """

    number: int
    kind: KindName
    external_id: str
    bulk_id: str | None
    jobs: tuple[ClaimedJob, ...]


def create(connection: Connection, run: Run, kind: KindName, jobs: Sequence[ClaimedJob], now: float) -> Bulk | None:
    """Put jobs in a new bulk, before it is sent; None if another worker has claimed one of them since."""
    renewed = renew(connection, jobs, now)
    if renewed is None:
        return None
    name = hashlib.sha256("".join(job.key for job in jobs).encode()).hexdigest()[:63]
    known = connection.execute(select(BULKS).where(BULKS.c.external_id == name)).first()
    if known is not None:  # the transaction is repeated, since its commit was not confirmed
        return Bulk(number=known.number, kind=kind, external_id=name, bulk_id=known.bulk_id, jobs=tuple(renewed))
    made = insert(BULKS).values(run=run.id, kind=kind, external_id=name).returning(BULKS.c.number)
    number = connection.execute(made).scalar_one()
    connection.execute(insert(MEMBERS), [{"job": job.number, "attempt": job.attempt, "bulk": number} for job in jobs])
    return Bulk(number=number, kind=kind, external_id=name, bulk_id=None, jobs=tuple(renewed))


def save_id(connection: Connection, bulk: Bulk, bulk_id: str) -> None:
    """Save Nexi's id of the bulk."""
    connection.execute(update(BULKS).where(BULKS.c.number == bulk.number).values(bulk_id=bulk_id))


def claim_open(connection: Connection, run: Run, after: int, owner: str, now: float) -> Bulk | None:
    """Claim the next bulk that has open jobs."""
    open_jobs = select(JOBS.c.number).join(MEMBERS, IS_MEMBER).where(MEMBERS.c.bulk == BULKS.c.number, IS_OPEN)
    statement = select(BULKS).where(BULKS.c.run == run.id, BULKS.c.number > after, open_jobs.exists())
    row = connection.execute(statement.order_by(BULKS.c.number).limit(1)).first()
    if row is None:
        return None
    members = select(JOBS.c.number).join(MEMBERS, IS_MEMBER).where(MEMBERS.c.bulk == row.number, IS_OPEN)
    numbers = connection.execute(members.order_by(JOBS.c.number)).scalars().all()
    jobs = reclaim(connection, run, numbers, owner, now)
    return Bulk(number=row.number, kind=row.kind, external_id=row.external_id, bulk_id=row.bulk_id, jobs=tuple(jobs))


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
