"""The ledger as workers use it: jobs are claimed, and released or recorded. Not public."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from nexi_async._errors import StorageError
from nexi_async._idempotency import clock_fault, is_remembered, seconds_of
from nexi_async.batch._ledger import bulks, claims, outcomes, runs, shards
from nexi_async.batch._ledger.bulks import Bulk
from nexi_async.batch._ledger.claims import ClaimedJob, KindName
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._outage import Outage, RetryingDatabase
from nexi_async.batch._results import JobOutcome, JobState, outcome_of

RELEASE_TIMEOUT_SECONDS = 10.0
"""How many seconds a worker that ends may take to release its claims, and again to record the last outcomes, also after
a cancellation; jobs neither released nor recorded are looked up later."""


@attrs.define(kw_only=True, eq=False, repr=False)
class JobQueue:
    """Runs the transactions of workers, on the ledger's clock."""

    _database: RetryingDatabase
    _key_lifetime: float = attrs.field(converter=seconds_of)
    """For how many seconds the API remembers an idempotency key."""
    _now: Callable[[], float]
    """Seconds since 1970."""
    outage: Outage

    async def wait_until_available(self) -> None:
        """Wait for the end of an outage of the database, if there is one."""
        await self._database.wait_until_available()

    async def bind(self, run: str, strategy: str) -> Run:
        """Find a run, and fix its strategy from now on.

        Raises:
            InvalidRequest: there is no such run, or it was begun with another strategy.
        """
        return await self._database.run(runs.bind, run, strategy)

    async def count_open(self, run: Run, scope: Scope) -> int:
        """How many jobs are neither charged nor declined nor failed."""
        return await self._database.run(runs.count_open, run, scope)

    async def claim(
        self, run: Run, *, scope: Scope, after: int, limit: int, owner: str, in_bulk: bool = True
    ) -> list[ClaimedJob]:
        """Claim the next open jobs after a number; when this returns they are marked as sending on disk.

        Jobs that are in a bulk are claimed only if `in_bulk`.
        """
        return await self._database.run(
            claims.claim, run, scope=scope, after=after, limit=limit, owner=owner, now=self._now(), in_bulk=in_bulk
        )

    async def lease_bulks(self, run: Run, owner: str, seconds: float) -> bool:
        """Lease the bulks of a run for so many seconds from now; False if another owner holds the lease."""
        return await self._database.run(bulks.lease, run, owner, self._now(), seconds)

    async def end_bulk_lease(self, run: Run, owner: str) -> None:
        """End the lease on the bulks of a run."""
        await self._database.run(bulks.end_lease, run, owner)

    async def create_bulk(self, run: Run, kind: KindName, jobs: Sequence[ClaimedJob]) -> Bulk | None:
        """Group jobs for a bulk charge; when this returns the bulk is on disk.

        None if another worker has claimed one of the jobs since.
        """
        return await self._database.run(bulks.create, run, kind, jobs, self._now())

    async def save_bulk_id(self, bulk: Bulk, bulk_id: str) -> None:
        """Save Nexi's id of a bulk."""
        await self._database.run(bulks.save_id, bulk, bulk_id)

    async def claim_open_bulk(self, run: Run, *, after: int, owner: str) -> Bulk | None:
        """Claim the next bulk that has jobs without an outcome."""
        return await self._database.run(bulks.claim_open, run, after, owner, self._now())

    async def confirm_claims(self, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob] | None:
        """Confirm the claims right before the jobs are sent; None if another worker has claimed one since.

        A fresh claim is confirmed without the ledger; an older one, as of a machine that was suspended, is compared
        with the ledger and renewed.
        """
        if all(job.is_claim_fresh(self._now()) for job in jobs):
            return list(jobs)
        return await self._database.run(claims.renew, jobs, self._now())

    async def reason_not_to_send(self, jobs: Sequence[ClaimedJob], status: str) -> JobOutcome | None:
        """Check right before jobs are sent that it can't charge twice; None if so, else their outcome. Never raises.

        Args:
            jobs: what is sent by one request.
            status: what the API reports of them.
        """
        try:
            claimed = await self.confirm_claims(jobs)
        except StorageError as error:
            return attrs.evolve(outcome_of(error), state=JobState.PLANNED)
        if claimed is None:
            return JobOutcome.taken_over()
        if all(map(self._may_send, claimed)):
            return None
        return self._outcome_of_old_key(min(claimed, key=lambda job: job.sent_at), status)

    def _may_send(self, job: ClaimedJob) -> bool:
        """Whether the API surely still remembers the key if it has received it, so that sending cannot charge twice."""
        return is_remembered(job.sent_at, self._now(), self._key_lifetime)

    def _outcome_of_old_key(self, job: ClaimedJob, status: str) -> JobOutcome:
        """The outcome of a job whose key may not be sent any more.

        A clock that is behind is no reason for a review: another worker may be charging the job right now.
        """
        fault = clock_fault(job.sent_at, self._now(), self._key_lifetime)
        return JobOutcome.for_review(status, job.sent_at) if fault is None else JobOutcome.clock_is_behind(fault)

    async def save_subscription(self, job: ClaimedJob) -> None:
        """Save which subscription an external reference stands for."""
        await self._database.run(claims.save_subscription, job)

    async def release(self, jobs: Iterable[ClaimedJob], owner: str) -> None:
        """End the claims on jobs that were not sent."""
        await self._database.run(claims.release, jobs, owner)

    async def record(self, ended: Sequence[tuple[ClaimedJob, JobOutcome]], owner: str) -> None:
        """Write the outcomes of jobs; when this returns they are on disk."""
        await self._database.run(outcomes.record, ended, owner=owner, now=self._now())

    async def open_shards(self, run: Run, size: int) -> list[Scope]:
        """The parts of so many job numbers that have jobs to be charged now."""
        return await self._database.run(shards.open_shards, run, size, self._now())

    async def apply_schema(self, schema: str) -> None:
        """Create the tables of the queue of shards, in the ledger's database."""
        await self._database.run(shards.apply_schema, schema)
