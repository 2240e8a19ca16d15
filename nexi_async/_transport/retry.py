"""Which requests may be retried, and after what delay.

what happened                                the API may have acted?   with a key, GET, PUT     POST without a key
no connection                                no                        again                    again
408, 429                                     no                        again, after the delay   again, after the delay
connection lost, time ran out                yes                       again, same key & bytes  never
500, 502, 503, 504                           yes                       again, same key & bytes  never
409 without a code, sent with a key          working on it now         again, same key & bytes  -
400, 401, 402, 404, 405, 409 with a code     decided                   never                    never

A delay that the server names by `Retry-After` is respected whatever the status. It does not show whether the server
acted: a gateway answers 503 with `Retry-After` also when what stands behind it broke off half-way.
"""

from __future__ import annotations

import attrs

from nexi_async._errors import APIError, Conflict, NexiError, Outcome, ServerError, TransportError
from nexi_async._transport.request import Request

MAX_DOUBLINGS = 64
"""More doublings than any sensible limit needs, and within the range of a float."""

MIN_ATTEMPT_SECONDS = 3.0
"""Seconds; an attempt with less time than this is likelier to time out than to get its response."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """The limits of a call over all attempts.

    Attributes:
        attempts: how many times a call is sent at most; 1 disables retries.
        first_delay: seconds; the wait before the second attempt is drawn from 0 to this, and the range doubles with
            every further attempt.
        longest_delay: seconds, where doubling stops.
        deadline: seconds that all attempts and delays of one call may take together. If `Retry-After` is longer than
            the time that is left, the error is raised at once and has `retry_after`. No further attempt is begun in
            the last 3 seconds, or the last tenth of the deadline if that is shorter: if the deadline ended it, a known
            rejection would become an unknown outcome.
    """

    attempts: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    first_delay: float = attrs.field(default=0.5, validator=attrs.validators.ge(0))
    longest_delay: float = attrs.field(default=8.0, validator=attrs.validators.ge(0))
    deadline: float = attrs.field(default=90.0, validator=attrs.validators.gt(0))

    @property
    def last_start(self) -> float:
        """Seconds after which no attempt is begun any more."""
        return self.deadline - min(MIN_ATTEMPT_SECONDS, self.deadline / 10)


def retry_delay(
    policy: RetryPolicy, request: Request, failure: NexiError, *, attempt: int, elapsed: float, draw: float
) -> float | None:
    """Seconds to wait before sending the call again; None for no further attempt.

    `attempt` is the number of attempts made, `elapsed` the seconds since the first began, `draw` random from 0 to 1.
    """
    if attempt >= policy.attempts or not _is_retryable(request, failure):
        return None
    asked = failure.retry_after if isinstance(failure, APIError) else None
    delay = _backoff(policy, attempt) * draw if asked is None else asked
    return delay if elapsed + delay <= policy.last_start else None


def _is_retryable(request: Request, failure: NexiError) -> bool:
    if isinstance(failure, TransportError):
        return request.is_idempotent or failure.outcome is Outcome.NOT_SENT
    if not isinstance(failure, APIError):
        return False
    return failure.status in (408, 429) or (request.is_idempotent and _is_transient(failure))


def _is_transient(failure: APIError) -> bool:
    in_progress = isinstance(failure, Conflict) and failure.outcome is Outcome.UNKNOWN
    return in_progress or isinstance(failure, ServerError)


def _backoff(policy: RetryPolicy, attempt: int) -> float:
    return min(policy.longest_delay, policy.first_delay * 2.0 ** min(attempt - 1, MAX_DOUBLINGS))
