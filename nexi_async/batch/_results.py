"""The states and outcomes of a job, and what an error means for it.

    planned --> sending --> charged | declined | failed
       ^           |
       |           +--> unknown   looked up and sent again with the same key, until it is one of the three
       |           |       |
       |           |       +--> review   the API may have forgotten the key: resolved by hand
       +-----------+                     the request had no effect (not sent, or refused unread): sent later

A job is `sending` on disk before its first byte leaves, so after a crash every charge that may have happened is known.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from nexi_async._errors import (
    APIError,
    ChargeDeclined,
    InvalidRequest,
    NexiError,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
)
from nexi_async._models.subscription import ChargeStatus, SubscriptionChargeReceipt
from nexi_async.batch._times import format_time
from nexi_async.reference import acquirer_codes
from nexi_async.reference.retry_advice import RetryAdvice


class JobState(StrEnum):
    """The state of a job."""

    PLANNED = "planned"
    """Nothing has been sent, or it had no effect."""
    SENDING = "sending"
    """It may be under way; after a crash it is looked up first."""
    CHARGED = "charged"
    """The money was charged, once."""
    DECLINED = "declined"
    """The issuer declined; the code decides whether a later attempt can succeed."""
    FAILED = "failed"
    """The API refused it for a reason that trying again does not change."""
    UNKNOWN = "unknown"
    """It may have happened; the next execution looks it up first."""
    REVIEW = "review"
    """It may have happened, and its key is too old to look it up or to send it again: it is resolved by hand."""

    @property
    def is_final(self) -> bool:
        """Whether this attempt was decided by a response of the API."""
        return self in (JobState.CHARGED, JobState.DECLINED, JobState.FAILED)

    @property
    def is_open(self) -> bool:
        """Whether the next execution of the run continues with it."""
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
    """Whether the API or the network failed."""
    is_overloaded: bool = False
    """Whether fewer concurrent charges may help: the API reported it, or did not respond in time."""
    refused_for_all: NexiError | None = None
    """Set if the API refuses the secret key, and so every other job too."""

    @classmethod
    def charged(cls, receipt: SubscriptionChargeReceipt | ChargeStatus) -> JobOutcome:
        """The money was charged."""
        return cls(state=JobState.CHARGED, payment_id=receipt.payment_id, charge_id=receipt.charge_id)

    @classmethod
    def taken_over(cls) -> JobOutcome:
        """Another worker has claimed the job meanwhile, and reports its outcome."""
        return cls(state=JobState.UNKNOWN, error="another worker has claimed the job")

    @classmethod
    def clock_is_behind(cls, fault: str) -> JobOutcome:
        """A worker whose clock is behind can't tell how old the key is: it sends nothing, and the job stays open."""
        return cls(state=JobState.UNKNOWN, error=f"{fault}: set the clock, then charge the run again")

    @classmethod
    def for_review(cls, status: str, sent_at: float) -> JobOutcome:
        """The outcome can only be found by hand.

        Args:
            status: what the API reports now.
            sent_at: when it may have been sent first, seconds since 1970.
        """
        since = format_time(sent_at) if sent_at else "an unknown time"
        text = (
            f"may have been sent since {since}, {status}, and the API may have forgotten its key: look for its payment"
        )
        return cls(state=JobState.REVIEW, error=text)


@attrs.frozen(kw_only=True)
class JobResult:
    """A job with the outcome of one attempt.

    Attributes:
        reference: the job's own name.
        state: charged, declined, failed; unknown or planned if still open; review if it has to be resolved by hand.
        subscription_id: the subscription, of either kind; None if it could not be found.
        payment_id: the payment that the charge made.
        charge_id: the charge within it.
        amount: minor units.
        currency: ISO 4217.
        attempts: which attempt at collecting the money this was, from 1; more come from dunning.
        code: why it was declined or refused; of a job that is planned again, why the attempt before was.
        error: the error message, for logs.
        idempotency_key: the key it was sent with.
        sent_at: when it may have been sent first; this and the following only in results read from the ledger, in
            seconds since 1970.
        ended_at: when it was charged, declined, failed or put in review.
        next_attempt_at: when it may be charged again: the date it is planned for, or the earliest date for which
            `Ledger.dunning` would plan a declined charge; None if it should not be charged again.
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
    sent_at: float | None = None
    ended_at: float | None = None
    next_attempt_at: float | None = None

    @property
    def advice(self) -> RetryAdvice | None:
        """Whether a declined job should be retried; None if it was not declined."""
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
        is_api_failure=isinstance(error, RateLimited | ServerError | TransportError) or _is_lost(error),
        is_overloaded=isinstance(error, RateLimited | TimedOut) or status in _OVERLOADED,
        refused_for_all=error if status in _REFUSED_FOR_ALL else None,
    )


def _is_lost(error: NexiError) -> bool:
    """Whether a gateway had no way to the API, which never got the request then."""
    return isinstance(error, APIError) and error.status == 404 and not isinstance(error, NotFound)


def _state_after(error: NexiError, status: int | None) -> JobState:
    if error.outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED):
        return JobState.UNKNOWN  # accepted too: the look-up brings the ids that could not be read
    if isinstance(error, ChargeDeclined):
        return JobState.DECLINED
    is_put_off = error.outcome is Outcome.NOT_SENT and not isinstance(error, InvalidRequest)
    if is_put_off or _is_lost(error) or status in _REFUSED_UNREAD or status in _REFUSED_FOR_ALL:
        return JobState.PLANNED
    return JobState.FAILED
