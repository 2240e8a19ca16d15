"""The crew that has Nexi charge bundles of jobs, and waits for what becomes of each job."""

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
from nexi_async.batch._gate import Gate
from nexi_async.batch._ledger import Ledger
from nexi_async.batch._ledger_bulks import Bulk
from nexi_async.batch._ledger_claims import Assignment, KindName, Run, Scope
from nexi_async.batch._pacing import Breaker
from nexi_async.batch._result_writer import Outbox
from nexi_async.batch._results import Ending, JobState, ending_of
from nexi_async.batch._single_charge import TAKEN_OVER, Group, find_subscription, unfound
from nexi_async.batch._worker_pool import RELEASE_SECONDS
from nexi_async.reference.states import BulkItemStatus

__all__ = ["BulkCrew"]

BUNDLE_SIZE = 500
"""How many jobs one request has, at most."""
BUNDLES_AT_ONCE = 4
LEASE_SECONDS = 15.0
"""For how long nobody else bundles the jobs of the run when its charger was not heard of."""
LEASE_CHECKS = 20
"""How often one looks whether it has ended."""


class BulkCrew:
    """Goes through a run by bundles, several at once.

    Args:
        checkout: the client.
        ledger: where jobs are taken from.
        breaker: learns from how charges end.
        gate: says when to begin no more.
        poll: how patiently to wait for a bundle.
    """

    def __init__(self, checkout: AsyncCheckout, ledger: Ledger, breaker: Breaker, gate: Gate, *, poll: Poll) -> None:
        self._checkout = checkout
        self._ledger = ledger
        self._breaker = breaker
        self._gate = gate
        self._poll = poll
        self._turn = anyio.Lock()
        self._bundles: deque[Bulk] = deque()

    def begin(self, run: Run, scope: Scope, owner: str) -> None:
        """Begin a pass: first over the bundles that were left, then over jobs that are in none."""
        self._run, self._scope, self._owner = run, scope, owner
        self._after_bulk: int | None = 0
        self._after_job: int | None = 0

    async def work(self, outbox: Outbox) -> bool:
        """Go on with the pass until its end or until the gate is closed; returns whether it is at its end.

        What was taken and not begun is given back, whatever happens.
        """
        self._outbox = outbox
        await self._wait_for_lease()
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(self._keep_lease)
                await self._work_together()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                await self._release()
                await self._ledger.end_bulk_lease(self._run, self._owner)
        return self._after_bulk is None and self._after_job is None

    async def _work_together(self) -> None:
        async with create_task_group() as tasks:
            for _ in range(BUNDLES_AT_ONCE):
                tasks.start_soon(self._work)

    async def _wait_for_lease(self) -> None:
        """Wait for the end of a lease that its holder may have died with; whoever lives makes it longer meanwhile."""
        for _ in range(LEASE_CHECKS):
            if await self._ledger.lease_bulks(self._run, self._owner, LEASE_SECONDS):
                return
            await self._gate.pause(2 * LEASE_SECONDS / LEASE_CHECKS)
            if not self._gate.is_open:
                return
        raise self._in_use()

    async def _keep_lease(self) -> None:
        while True:
            await anyio.sleep(LEASE_SECONDS / 3)
            if not await self._ledger.lease_bulks(self._run, self._owner, LEASE_SECONDS):
                raise self._in_use()

    def _in_use(self) -> InvalidRequest:
        return InvalidRequest([("run", f"another charger has Nexi charge the bundles of {self._run.name}; let it end")])

    async def _release(self) -> None:
        """Give back what was not begun; bundles are found again when the pass goes on."""
        if self._bundles:
            bundles, self._bundles = self._bundles, deque()
            self._after_bulk = min(bundle.number for bundle in bundles) - 1
            await self._ledger.release([job for bulk in bundles for job in bulk.jobs], self._owner)

    async def _work(self) -> None:
        while (bulk := await self._next()) is not None:
            await self._charge(bulk)

    async def _next(self) -> Bulk | None:
        async with self._turn:
            while self._gate.is_open:
                await self._ledger.outage.over()
                if self._bundles:
                    return self._bundles.popleft()
                if self._after_bulk is not None:
                    await self._take_left()
                elif self._after_job is not None:
                    await self._take_new()
                else:
                    break
        return None

    async def _take_left(self) -> None:
        bulk = await self._ledger.take_open_bulk(self._run, after=self._after_bulk or 0, owner=self._owner)
        self._after_bulk = None if bulk is None else bulk.number
        if bulk is not None:
            self._bundles.append(bulk)

    async def _take_new(self) -> None:
        await self._outbox.wait_for_room()
        jobs = await self._ledger.claim(
            self._run,
            scope=self._scope,
            after=self._after_job or 0,
            most=BUNDLE_SIZE,
            owner=self._owner,
            bundled=False,
        )
        self._after_job = jobs[-1].number if jobs else None
        found = [job for job in [await self._find(job) for job in jobs] if job is not None]
        for kind, bundle in _bundles(found):
            self._bundles.append(await self._ledger.begin_bulk(self._run, kind, bundle))

    async def _find(self, job: Assignment) -> Assignment | None:
        """The job with its subscription; None if that can't be found."""
        try:
            return await find_subscription(self._checkout, self._ledger, job)
        except NexiError as error:
            # it is in no bundle, so nothing of it was ever sent
            self._put(job, unfound(attrs.evolve(job, was=JobState.PLANNED), error))
            return None

    # --- a bundle ------------------------------------------------------------------------------------------------

    async def _charge(self, bulk: Bulk) -> None:
        """Have a bundle charged, and leave what became of each job; never raises."""
        waiting = {_bare(job.subscription_id or ""): job for job in bulk.jobs}
        unsent = None if bulk.bulk_id else await self._reason_not_to_send(bulk)
        if unsent is not None:
            for job in bulk.jobs:
                self._put(job, unsent)
            return
        try:
            bulk_id = bulk.bulk_id or await self._send(bulk)
        except NexiError as error:
            ending = ending_of(error)
            if ending.state is not JobState.FAILED:  # its name finds it again, whether Nexi has it or not
                ending = attrs.evolve(ending, state=JobState.UNKNOWN)
        else:
            ending = await self._wait(bulk, bulk_id, waiting)
        for job in waiting.values():
            self._put(job, ending)

    async def _reason_not_to_send(self, bulk: Bulk) -> Ending | None:
        """What becomes of the jobs of a bundle that must not be sent: it is somebody else's, or too old."""
        claimed = await self._ledger.confirm(bulk.jobs)
        if claimed is None:
            return TAKEN_OVER
        if all(map(self._ledger.may_send, claimed)):
            return None
        return Ending.for_review(f"in the bulk run {bulk.external_id}", min(job.sent_at for job in claimed))

    async def _wait(self, bulk: Bulk, bulk_id: str, waiting: dict[str, Assignment]) -> Ending:
        """Take each job out of those that wait, once it is done; returns what to say of the rest."""
        try:
            async with aclosing(self._group(bulk.kind).bulk_charges(bulk_id, poll=self._poll)) as items:
                async for item in items:
                    job = waiting.pop(_bare(item.subscription_id or ""), None)
                    if job is not None:
                        self._put(job, _ending_of_item(item))
        except NexiError as error:
            return attrs.evolve(ending_of(error), state=JobState.UNKNOWN)
        return Ending(state=JobState.UNKNOWN, error="the bulk run is done, but says nothing of this job")

    async def _send(self, bulk: Bulk) -> str:
        """Start the bulk run, or find the one that has the same name."""
        requests = [(job.subscription_id, job.request) for job in bulk.jobs]
        receipt = await self._group(bulk.kind).charge_bulk(
            subscriptions=[
                SubscriptionToCharge(subscription_id=id_, order=request.order, my_reference=request.my_reference)
                for id_, request in requests
            ],
            external_bulk_charge_id=bulk.external_id,
            notifications=requests[0][1].notifications,
        )
        await self._ledger.accept_bulk(bulk, receipt.bulk_id)
        return receipt.bulk_id

    def _group(self, kind: KindName) -> Group:
        return self._checkout.subscriptions if kind == "scheduled" else self._checkout.unscheduled_subscriptions

    def _put(self, job: Assignment, ending: Ending) -> None:
        self._breaker.note(ending)
        self._outbox.put(job, ending)


def _bundles(jobs: Iterable[Assignment]) -> list[tuple[KindName, list[Assignment]]]:
    """Jobs that one request can hold: of one kind, with the same notifications, and every subscription once."""
    bundles: dict[Any, list[Assignment]] = {}
    times: Counter[str] = Counter()
    for job in jobs:
        id_ = _bare(job.subscription_id or "")
        times[id_] += 1
        bundles.setdefault((job.kind, job.request.notifications, times[id_]), []).append(job)
    return [(kind, bundle) for (kind, _, _), bundle in bundles.items()]


def _bare(subscription_id: str) -> str:
    """Ids are compared without case and dashes, as the API does."""
    return subscription_id.replace("-", "").lower()


def _ending_of_item(item: BulkCharge) -> Ending:
    if item.status is BulkItemStatus.SUCCEEDED:
        return Ending(state=JobState.CHARGED, payment_id=item.payment_id, charge_id=item.charge_id)
    if item.status is BulkItemStatus.FAILED:
        return Ending(state=JobState.DECLINED, payment_id=item.payment_id, code=item.code, error=item.message)
    return Ending(state=JobState.UNKNOWN, error=f"the bulk run says {item.status}")
