"""Whether, when and how often a declined or refused request may be retried."""

from datetime import timedelta
from enum import StrEnum

import attrs

__all__ = ["RETRY_LIMIT", "RetryAdvice", "RetryLimit"]


@attrs.frozen
class RetryLimit:
    """How often one card may be charged again for the same amount after a decline."""

    attempts: int
    """The most attempts within the window, the first one included."""

    window: timedelta
    """How far back attempts count."""

    spacing: timedelta
    """The least time between two attempts."""


# Visa's rule as integrators quote it; Mastercard's, as quoted (10 in 24 hours, 35 in 30 days), is wider. The
# spacing is this SDK's own choice, so that the attempts are not used up in one night.
RETRY_LIMIT = RetryLimit(attempts=15, window=timedelta(days=30), spacing=timedelta(hours=24))


class RetryAdvice(StrEnum):
    """Whether a request may be repeated."""

    NEVER = "never"
    """The issuer will never approve, and another attempt may bring a fine; Nexi's own list."""

    HARD = "hard"
    """It will fail again until something has changed: the card, the order or the state of the payment."""

    SOFT = "soft"
    """It may succeed later, within `limit`."""

    UNKNOWN = "unknown"
    """No source says; trying again within `limit` breaks no known rule."""

    @property
    def may_retry(self) -> bool:
        """Whether the same request may be sent again, within `limit`."""
        return self in (RetryAdvice.SOFT, RetryAdvice.UNKNOWN)

    @property
    def limit(self) -> RetryLimit | None:
        """When and how often it may be tried again; None where it should not be tried again at all."""
        return RETRY_LIMIT if self.may_retry else None
