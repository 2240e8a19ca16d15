"""The states and outcomes of a job, and what an error means for it.

    planned --> sending --> charged | declined | failed
       ^           |
       |           +--> unknown   asked for and sent again with the same key, until it is one of the three
       |           |       |
       |           |       +--> review   the API may have forgotten the key: a person looks what has happened
       +-----------+                     nothing was done with the request (not sent, or refused unread): sent later

A job is `sending` on disk before its first byte leaves, so after a crash every charge that may have happened is known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import attrs

from nexi_async._errors import (
    APIError,
    ChargeDeclined,
    InvalidRequest,
    NexiError,
    Outcome,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
)
from nexi_async._models.subscription import ChargeStatus, SubscriptionChargeReceipt
from nexi_async.reference import acquirer_codes
from nexi_async.reference.retry_advice import RetryAdvice

__all__ = ["JobOutcome", "JobResult", "JobState", "outcome_of"]


class JobState(StrEnum):
    """Where a job stands."""

    PLANNED = "planned"
    """Nothing has been sent, or nothing of it was done."""
    SENDING = "sending"
    """It may be on its way right now; after a crash it is asked for first."""
    CHARGED = "charged"
    """The money was taken, once."""
    DECLINED = "declined"
    """The issuer said no; the code tells whether a later attempt makes sense."""
    FAILED = "failed"
    """The API refused it for a reason that trying again does not change."""
    UNKNOWN = "unknown"
    """It may have happened; the next run asks for it first."""
    REVIEW = "review"
    """It may have happened, and its key is too old to ask or to send again: a person has to look, and resolve it."""

    @property
    def is_final(self) -> bool:
        """Whether this attempt was decided by an answer of the API."""
        return self in (JobState.CHARGED, JobState.DECLINED, JobState.FAILED)

    @property
    def is_open(self) -> bool:
        """Whether the next run goes on with it."""
        return self in (JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN)


@attrs.frozen(kw_only=True)
class JobOutcome:
    """The outcome of one attempt to charge a job."""

    state: JobState
    payment_id: str | None = None
    charge_id: str | None = None
    code: str | None = None
    """Why it was declined or refused: an acquirer's code, or one of the API."""
    error: str | None = None
    is_api_failure: bool = False
    """Whether the API or the way to it is overloaded or broken."""
    is_overloaded: bool = False
    """Whether fewer charges at once may help: the API said so, or did not answer in time."""
    refused_for_all: NexiError | None = None
    """Set if the API refuses the key itself, so that no other job can fare better."""

    @classmethod
    def charged(cls, receipt: SubscriptionChargeReceipt | ChargeStatus) -> JobOutcome:
        """The money was taken."""
        return cls(state=JobState.CHARGED, payment_id=receipt.payment_id, charge_id=receipt.charge_id)

    @classmethod
    def clock_is_behind(cls, sent_at: float, now: float) -> JobOutcome:
        """A worker whose clock is behind can't tell how old the key is: it sends nothing, and the job stays open.

        Args:
            sent_at: when it may have been sent first, seconds since 1970.
            now: what the worker's clock says, seconds since 1970.
        """
        behind = f"the clock of this machine is {sent_at - now:,.0f} s behind the time at which it was sent first"
        return cls(state=JobState.UNKNOWN, error=f"{behind}: set the clock, then charge the run again")

    @classmethod
    def for_review(cls, what: str, sent_at: float) -> JobOutcome:
        """Nobody but a person can find out any more.

        Args:
            what: what the API says now.
            sent_at: when it may have been sent first, seconds since 1970.
        """
        since = datetime.fromtimestamp(sent_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if sent_at else "long ago"
        text = (
            f"it may have been sent since {since}, {what}, and the API may have forgotten its key: look for its payment"
        )
        return cls(state=JobState.REVIEW, error=text)


@attrs.frozen(kw_only=True)
class JobResult:
    """A job with the outcome of one attempt.

    Attributes:
        reference: the job's own name.
        state: charged, declined, failed; unknown or planned if it is still open; review if a person has to look.
        subscription_id: the subscription, of either kind; None if it could not be found.
        payment_id: the payment that the charge made.
        charge_id: the charge within it.
        amount: minor units.
        currency: ISO 4217.
        attempts: which attempt at collecting the money this was, from 1; more come from dunning.
        code: why it was declined or refused.
        error: the same in words, for logs.
        idempotency_key: the key it was sent with.
    """

    reference: str
    state: JobState
    subscription_id: str | None
    payment_id: str | None = None
    charge_id: str | None = None
    amount: int
    currency: str
    attempts: int
    code: str | None = None
    error: str | None = None
    idempotency_key: str

    @property
    def advice(self) -> RetryAdvice | None:
        """Whether a declined job should be tried again; None if it was not declined."""
        return acquirer_codes.look_up(self.code or "").retry if self.state is JobState.DECLINED else None


_REFUSED_FOR_ALL = (401, 403)
_OVERLOADED = (503, 504)
_REFUSED_UNREAD = (408, 429, 503)


def outcome_of(error: NexiError) -> JobOutcome:
    """What an error means for the job that was charged."""
    status = error.status if isinstance(error, APIError) else None
    return JobOutcome(
        state=_state_after(error, status),
        code=error.code if isinstance(error, APIError) else None,
        error=str(error),
        is_api_failure=isinstance(error, RateLimited | ServerError | TransportError),
        is_overloaded=isinstance(error, RateLimited | TimedOut) or status in _OVERLOADED,
        refused_for_all=error if status in _REFUSED_FOR_ALL else None,
    )


def _state_after(error: NexiError, status: int | None) -> JobState:
    if error.outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED):
        return JobState.UNKNOWN  # accepted too: asking brings the ids that could not be read
    if isinstance(error, ChargeDeclined):
        return JobState.DECLINED
    is_put_off = error.outcome is Outcome.NOT_SENT and not isinstance(error, InvalidRequest)
    if is_put_off or status in _REFUSED_UNREAD or status in _REFUSED_FOR_ALL:
        return JobState.PLANNED
    return JobState.FAILED
