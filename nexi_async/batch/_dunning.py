"""Dunning dates: when a declined charge may be retried, by the rules of the card schemes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from nexi_async.reference import acquirer_codes


@attrs.frozen
class Dunning:
    """The result of planning the next attempt.

    Attributes:
        planned: how many jobs will be charged again.
        given_up: how many will not, since another attempt can't succeed.
        first_due: when the first of them may be charged, seconds since 1970; None if there is none.
        last_due: when the last may be.
    """

    planned: int
    given_up: int
    first_due: float | None
    last_due: float | None


def next_attempt(code: str | None, attempts: Sequence[float]) -> float | None:
    """When a declined charge may be retried, in seconds since 1970; None if it should not be.

    Args:
        code: why it was declined.
        attempts: when the attempts so far ended, oldest first.
    """
    limit = acquirer_codes.look_up(code or "").limit
    if limit is None:
        return None
    due = attempts[-1] + limit.spacing.total_seconds()
    if len(attempts) >= limit.attempts:  # the limit of one window: the oldest attempt has to leave it
        due = max(due, attempts[-limit.attempts] + limit.window.total_seconds())
    return due
