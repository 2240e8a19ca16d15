"""The worker pool of the strategy "bulk": jobs are sent as bulk charges, and polled until each has an outcome."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import anyio
import attrs
from anyio import create_task_group

from nexi_async._client import AsyncCheckout
from nexi_async._errors import InvalidRequest, NexiError
from nexi_async._models.bulk import BulkCharge, SubscriptionToCharge
from nexi_async._resources.pages import Poll
from nexi_async._resources.requests import normalised_id
from nexi_async.batch._flow_control import CircuitBreaker
from nexi_async.batch._ledger.bulks import Bulk
from nexi_async.batch._ledger.claims import ClaimedJob, KindName
from nexi_async.batch._ledger.job_queue import RELEASE_TIMEOUT_SECONDS, JobQueue
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._result_writer import ResultWriter
from nexi_async.batch._results import JobOutcome, JobState, outcome_of
from nexi_async.batch._single_charge import find_subscription, group_of, left_open, unfound
from nexi_async.batch._stop_signal import StopSignal
from nexi_async.reference.states import BulkItemStatus

BULK_SIZE = 500
"""How many jobs one request has, at most."""
CONCURRENT_BULKS = 4
MAX_JOBS_UNDER_WAY = BULK_SIZE * CONCURRENT_BULKS
LEASE_SECONDS = 15.0
"""How long the lease on the bulks of a run lasts unless its holder renews it, in seconds."""
MAX_LEASE_CHECKS = 20
"""How often the pool tries to get the lease, before it gives up."""


@attrs.define(eq=False, repr=False, slots=False)
class BulkWorkerPool:
    """Charges the jobs of a run in bulks, several at once."""

    _checkout: AsyncCheckout
    _queue: JobQueue
    _breaker: CircuitBreaker
    _stop_signal: StopSignal
    _poll: Poll

    _claim_lock: anyio.Lock = attrs.field(init=False, factory=anyio.Lock)
    _bulks: deque[Bulk] = attrs.field(init=False, factory=deque)

    def begin(self, run: Run, scope: Scope, owner: str) -> None:
        """Begin a pass: first over the open bulks, then over jobs that are in none."""
        self._run, self._scope, self._owner = run, scope, owner
        self._after_bulk: int | None = 0
        self._after_job: int | None = 0

    async def work(self, result_writer: ResultWriter) -> bool:
        """Continue the pass until its end or until the stop signal is set; returns whether it is at its end.

        Claims on jobs that were not begun are released in any case.
        """
        self._result_writer = result_writer
        await self._wait_for_lease()
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(self._keep_lease)
                await self._work_together()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(RELEASE_TIMEOUT_SECONDS, shield=True):
                await self._release()
                await self._queue.end_bulk_lease(self._run, self._owner)
        return self._after_bulk is None and self._after_job is None

    async def _work_together(self) -> None:
        async with create_task_group() as tasks:
            for _ in range(CONCURRENT_BULKS):
                tasks.start_soon(self._work)

    async def _wait_for_lease(self) -> None:
        """Wait for the end of the present lease, whose owner may have died; a live owner renews it."""
        for _ in range(MAX_LEASE_CHECKS):
            if await self._queue.lease_bulks(self._run, self._owner, LEASE_SECONDS):
                return
            await self._stop_signal.sleep(2 * LEASE_SECONDS / MAX_LEASE_CHECKS)
            if self._stop_signal.is_set:
                return
        raise self._in_use()

    async def _keep_lease(self) -> None:
        while True:
            await anyio.sleep(LEASE_SECONDS / 3)
            if not await self._queue.lease_bulks(self._run, self._owner, LEASE_SECONDS):
                raise self._in_use()

    def _in_use(self) -> InvalidRequest:
        return InvalidRequest([("run", f"another charger has the bulks of {self._run.name}; wait until it ends")])

    async def _release(self) -> None:
        """Release what was not begun; bulks are claimed again when the pass continues."""
        if self._bulks:
            bulks, self._bulks = self._bulks, deque()
            self._after_bulk = min(bulk.number for bulk in bulks) - 1
            await self._queue.release([job for bulk in bulks for job in bulk.jobs], self._owner)

    async def _work(self) -> None:
        while (bulk := await self._next()) is not None:
            await self._charge(bulk)

    async def _next(self) -> Bulk | None:
        async with self._claim_lock:
            while not self._stop_signal.is_set:
                await self._queue.wait_until_available()
                if self._bulks:
                    return self._bulks.popleft()
                if self._after_bulk is not None:
                    await self._claim_open_bulk()
                elif self._after_job is not None:
                    await self._create_bulks()
                else:
                    break
        return None

    async def _claim_open_bulk(self) -> None:
        bulk = await self._queue.claim_open_bulk(self._run, after=self._after_bulk or 0, owner=self._owner)
        self._after_bulk = None if bulk is None else bulk.number
        if bulk is not None:
            self._bulks.append(bulk)

    async def _create_bulks(self) -> None:
        await self._result_writer.wait_for_room()
        jobs = await self._queue.claim(
            self._run,
            scope=self._scope,
            after=self._after_job or 0,
            limit=BULK_SIZE,
            owner=self._owner,
            in_bulk=False,
        )
        self._after_job = jobs[-1].number if jobs else None
        jobs = [attrs.evolve(job, previous_state=JobState.PLANNED) for job in jobs]  # in no bulk, so never sent
        found = [job for job in [await self._find(job) for job in jobs] if job is not None]
        for kind, grouped in _bulks(found):
            bulk = await self._queue.create_bulk(self._run, kind, grouped)
            if bulk is not None:
                self._bulks.append(bulk)
            else:
                self._put_all(grouped, JobOutcome.taken_over())

    async def _find(self, job: ClaimedJob) -> ClaimedJob | None:
        """The job with its subscription; None if that can't be found."""
        try:
            return await find_subscription(self._checkout, self._queue, job)
        except NexiError as error:
            self._put(job, unfound(job, error))
            return None

    # --- a bulk ------------------------------------------------------------------------------------------------

    async def _charge(self, bulk: Bulk) -> None:
        """Charge a bulk, and write the outcome of each job; never raises."""
        waiting = {normalised_id(job.subscription_id or ""): job for job in bulk.jobs}
        if bulk.bulk_id is None:
            unsent = await self._queue.reason_not_to_send(bulk.jobs, f"in the bulk {bulk.external_id}")
            if unsent is not None:
                self._put_all(bulk.jobs, unsent)
                return
        try:
            bulk_id = bulk.bulk_id or await self._send(bulk)
        except NexiError as error:
            outcome = outcome_of(error)
            if outcome.state is not JobState.FAILED:  # its external id finds it again if Nexi has accepted it
                outcome = attrs.evolve(outcome, state=JobState.UNKNOWN)
        else:
            outcome = await self._wait(bulk, bulk_id, waiting)
        self._put_all(waiting.values(), outcome)

    async def _wait(self, bulk: Bulk, bulk_id: str, waiting: dict[str, ClaimedJob]) -> JobOutcome:
        """Record each job that is done, and remove it from `waiting`; returns the outcome of the rest."""
        try:
            async with aclosing(group_of(self._checkout, bulk.kind).bulk_charges(bulk_id, poll=self._poll)) as items:
                async for item in items:
                    job = waiting.pop(normalised_id(item.subscription_id or ""), None)
                    if job is not None:
                        self._put(job, _item_outcome(item))
        except NexiError as error:
            return attrs.evolve(outcome_of(error), state=JobState.UNKNOWN)
        return JobOutcome(state=JobState.UNKNOWN, error="the bulk is done, but has no outcome for this job")

    async def _send(self, bulk: Bulk) -> str:
        """Start the bulk charge, or find the one that has the same external id."""
        requests = [(job.subscription_id, job.request) for job in bulk.jobs]
        start = group_of(self._checkout, bulk.kind)._charge_bulk  # noqa: SLF001 - users can't say that it was sent before
        receipt = await start(
            [
                SubscriptionToCharge(subscription_id=id_, order=request.order, my_reference=request.my_reference)
                for id_, request in requests
            ],
            bulk.external_id,
            requests[0][1].notifications,
            may_have_been_sent=any(job.may_have_been_sent for job in bulk.jobs),
        )
        await self._queue.save_bulk_id(bulk, receipt.bulk_id)
        return receipt.bulk_id

    def _put_all(self, jobs: Iterable[ClaimedJob], outcome: JobOutcome) -> None:
        for job in jobs:
            self._put(job, outcome)

    def _put(self, job: ClaimedJob, outcome: JobOutcome) -> None:
        self._breaker.record(outcome)
        self._result_writer.add(job, left_open(job, outcome))


def _bulks(jobs: Iterable[ClaimedJob]) -> list[tuple[KindName, list[ClaimedJob]]]:
    """Groups for one request each: of one kind, with the same notifications, and every subscription once."""
    bulks: dict[Any, list[ClaimedJob]] = {}
    times: Counter[str] = Counter()
    for job in jobs:
        id_ = normalised_id(job.subscription_id or "")
        times[id_] += 1
        bulks.setdefault((job.kind, job.request.notifications, times[id_]), []).append(job)
    return [(kind, bulk) for (kind, _, _), bulk in bulks.items()]


def _item_outcome(item: BulkCharge) -> JobOutcome:
    if item.status is BulkItemStatus.SUCCEEDED:
        return JobOutcome(state=JobState.CHARGED, payment_id=item.payment_id, charge_id=item.charge_id)
    if item.status is BulkItemStatus.FAILED:
        return JobOutcome(state=JobState.DECLINED, payment_id=item.payment_id, code=item.code, error=item.message)
    return JobOutcome(state=JobState.UNKNOWN, error=f"its status in the bulk is {item.status}")
