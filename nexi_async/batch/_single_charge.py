"""Charging one job by a call of its own: look it up by its key if it may have been sent, then send it with its key."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from nexi_async._client import AsyncCheckout
from nexi_async._errors import NexiError, NotFound
from nexi_async._models.subscription import ChargeStatus, Subscription, UnscheduledSubscription
from nexi_async._resources.subscriptions import Subscriptions
from nexi_async.batch._ledger.claims import ClaimedJob, KindName
from nexi_async.batch._ledger.job_queue import JobQueue
from nexi_async.batch._results import JobOutcome, JobState, outcome_of

Group: TypeAlias = Subscriptions[Subscription] | Subscriptions[UnscheduledSubscription]


async def charge_one(checkout: AsyncCheckout, queue: JobQueue, job: ClaimedJob) -> tuple[ClaimedJob, JobOutcome]:
    """Charge a job; returns it, with its subscription if that had to be found, and the outcome. Never raises."""
    try:
        job = await find_subscription(checkout, queue, job)
    except NexiError as error:
        return job, unfound(job, error)
    return job, left_open(job, await _charge_once(group_of(checkout, job.kind), queue, job))


async def _charge_once(group: Group, queue: JobQueue, job: ClaimedJob) -> JobOutcome:
    """Look the charge up if it may have been sent, and send it unless it has happened."""
    status: ChargeStatus | None = None
    if job.may_have_been_sent:
        try:
            status = await group._charge_status_or_none(job.subscription_id or "", job.key)  # noqa: SLF001
        except NexiError as error:  # nothing is sent then: the API may have forgotten the key by now
            return attrs.evolve(outcome_of(error), state=JobState.UNKNOWN)
        if status is not None and status.completed:
            return JobOutcome.charged(status)
    unsent = await queue.reason_not_to_send([job], _text_of(status))
    if unsent is not None:
        return unsent
    send = group._charge_stored  # noqa: SLF001 - no promise to users, who would have to check the request themselves
    sent = send(job.subscription_id or "", job.body, idempotency_key=job.key, may_have_been_sent=job.may_have_been_sent)
    try:
        # also if it was declined, is in progress or was lost: with the same key it is the same charge
        return JobOutcome.charged(await sent)
    except NexiError as error:
        return outcome_of(error)


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


def group_of(checkout: AsyncCheckout, kind: KindName | None) -> Group:
    """The calls for a kind of subscription."""
    return checkout.subscriptions if kind == "scheduled" else checkout.unscheduled_subscriptions


def _text_of(status: ChargeStatus | None) -> str:
    return "the API does not know it" if status is None else f"payment {status.payment_id} is not completed"


def unfound(job: ClaimedJob, error: NexiError) -> JobOutcome:
    """The outcome of a job whose subscription was not found: only a refusal, as of an unknown reference, is final."""
    outcome = outcome_of(error)
    return outcome if outcome.state is JobState.FAILED else attrs.evolve(outcome, state=job.state_if_not_sent)


def left_open(job: ClaimedJob, outcome: JobOutcome) -> JobOutcome:
    """A job that was not sent keeps its state: once it may have been sent, it is looked up before every attempt."""
    return attrs.evolve(outcome, state=job.state_if_not_sent) if outcome.state is JobState.PLANNED else outcome
