"""Charging one job by a call of its own: look it up by its key if it may have been sent, then send it with its key."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from nexi_async._client import AsyncCheckout
from nexi_async._errors import NexiError, NotFound, StorageError
from nexi_async._models.subscription import ChargeStatus, Subscription, UnscheduledSubscription
from nexi_async._resources.subscriptions import Subscriptions
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.batch._ledger.job_queue import JobQueue
from nexi_async.batch._results import JobOutcome, JobState, outcome_of

TAKEN_OVER = JobOutcome(state=JobState.UNKNOWN, error="another worker has claimed the job")

Group: TypeAlias = Subscriptions[Subscription] | Subscriptions[UnscheduledSubscription]


async def charge_one(checkout: AsyncCheckout, queue: JobQueue, job: ClaimedJob) -> tuple[ClaimedJob, JobOutcome]:
    """Charge a job; returns it, with its subscription if that had to be found, and the outcome. Never raises."""
    try:
        job = await find_subscription(checkout, queue, job)
    except NexiError as error:
        return job, unfound(job, error)
    group = group_of(checkout, job)
    status: ChargeStatus | None = None
    if job.may_have_been_sent:
        try:
            status = await _status(group, job)
        except NexiError as error:  # nothing is sent then: the API may have forgotten the key by now
            return job, attrs.evolve(outcome_of(error), state=JobState.UNKNOWN)
        if status is not None and status.completed:
            return job, JobOutcome.charged(status)
    job, unsent = await _checked(queue, job, status)
    if unsent is not None:
        return job, unsent
    try:
        # also if it was declined, is in progress or was lost: with the same key it is the same charge
        return job, await _send(group, job)
    except NexiError as error:
        return job, _left_open(job, outcome_of(error))


async def _checked(
    queue: JobQueue, job: ClaimedJob, status: ChargeStatus | None
) -> tuple[ClaimedJob, JobOutcome | None]:
    """The job with its confirmed claim, and its outcome if it must not be sent."""
    try:
        claimed = await queue.confirm_claims([job])
    except StorageError as error:
        return job, attrs.evolve(outcome_of(error), state=job.state_if_not_sent)
    if claimed is None:
        return job, TAKEN_OVER
    (job,) = claimed
    if queue.may_send(job):
        return job, None
    status_text = "the API does not know it" if status is None else f"payment {status.payment_id} is not completed"
    return job, queue.outcome_if_unsent(job, status_text)


async def find_subscription(checkout: AsyncCheckout, queue: JobQueue, job: ClaimedJob) -> ClaimedJob:
    """Look up the subscription that an external reference stands for, and save it before the charge.

    Raises:
        NexiError: it could not be found; nothing was charged.
    """
    if job.subscription_id is not None:
        return job
    reference = job.external_reference or ""
    try:
        scheduled = await checkout.subscriptions.find(external_reference=reference)
        job = attrs.evolve(job, kind="scheduled", subscription_id=scheduled.subscription_id)
    except NotFound:
        unscheduled = await checkout.unscheduled_subscriptions.find(external_reference=reference)
        job = attrs.evolve(job, kind="unscheduled", subscription_id=unscheduled.unscheduled_subscription_id)
    await queue.save_subscription(job)
    return job


def group_of(checkout: AsyncCheckout, job: ClaimedJob) -> Group:
    """The calls for the kind of its subscription."""
    return checkout.subscriptions if job.kind == "scheduled" else checkout.unscheduled_subscriptions


async def _status(group: Group, job: ClaimedJob) -> ChargeStatus | None:
    """The status of the charge by its key; None if the API does not know the key."""
    try:
        return await group.charge_status(job.subscription_id or "", idempotency_key=job.key)
    except NotFound:
        return None


async def _send(group: Group, job: ClaimedJob) -> JobOutcome:
    send = group._charge_stored  # noqa: SLF001 - no promise to users, who would have to check the request themselves
    return JobOutcome.charged(await send(job.subscription_id or "", job.body, idempotency_key=job.key))


def unfound(job: ClaimedJob, error: NexiError) -> JobOutcome:
    """The outcome of a job whose subscription was not found: only a refusal, as of an unknown reference, is final."""
    outcome = outcome_of(error)
    return outcome if outcome.state is JobState.FAILED else attrs.evolve(outcome, state=job.state_if_not_sent)


def _left_open(job: ClaimedJob, outcome: JobOutcome) -> JobOutcome:
    """A job that was not sent keeps its state: once it may have been sent, it is looked up before every attempt."""
    return attrs.evolve(outcome, state=job.state_if_not_sent) if outcome.state is JobState.PLANNED else outcome
