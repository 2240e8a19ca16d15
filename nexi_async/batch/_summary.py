"""The figures of a run."""

from __future__ import annotations

import attrs

from nexi_async.batch._results import JobState
from nexi_async.reference import acquirer_codes


@attrs.frozen
class Total:
    """The jobs in one state and one currency.

    Attributes:
        state: their state.
        currency: ISO 4217.
        jobs: how many.
        amount: their sum in minor units.
    """

    state: JobState
    currency: str
    jobs: int
    amount: int


@attrs.frozen
class Reason:
    """Why jobs were declined or refused.

    Attributes:
        state: declined or failed.
        code: the acquirer's or the API's code; None if it gave none.
        jobs: how many.
    """

    state: JobState
    code: str | None
    jobs: int

    @property
    def meaning(self) -> str:
        """The meaning of the code."""
        return acquirer_codes.look_up(self.code or "").meaning

    @property
    def advice(self) -> str:
        """Whether to retry."""
        return acquirer_codes.look_up(self.code or "").retry.value


@attrs.frozen
class Summary:
    """A run in figures.

    Attributes:
        run: its name.
        strategy: individual or bulk; None if it has not begun.
        totals: by state and currency.
        reasons: why jobs were declined or refused, most frequent first.
        waiting: how many are planned for a later date.
        next_due: when the first of these is due, seconds since 1970; None if there is none.
        ended: how many jobs ended, by the second since 1970 at which a slice of the time began.
        slice_seconds: how long a slice is.
    """

    run: str
    strategy: str | None
    totals: tuple[Total, ...]
    reasons: tuple[Reason, ...]
    waiting: int
    next_due: float | None
    ended: tuple[tuple[float, int], ...]
    slice_seconds: float

    def count(self, *states: JobState) -> int:
        """How many jobs are in these states; in all, if none is named."""
        return sum(total.jobs for total in self.totals if not states or total.state in states)
