"""How old an idempotency key may get before the API may have forgotten it.

The API documents no lifetime of keys. While a key is remembered, sending it again cannot charge twice, and "not found"
means that nothing has happened. Once it may be forgotten neither holds: then nothing is sent with it any more.
"""

from __future__ import annotations

from datetime import timedelta

from nexi_async.errors import ConfigurationError

__all__ = ["KEY_LIFETIME", "is_remembered", "seconds_of"]

KEY_LIFETIME = timedelta(hours=24)
"""The cautious reading of what the API leaves open: payment APIs commonly remember keys for a day at least."""
MARGIN = 300.0
"""Seconds before the end from which a key is not trusted, for clocks that differ and for a request on its way."""


def is_remembered(sent_at: float, now: float, lifetime: float) -> bool:
    """Whether the API surely still knows a key; not if the clock says that it was sent well in the future."""
    margin = min(MARGIN, lifetime / 10)
    return sent_at - margin <= now < sent_at + lifetime - margin


def seconds_of(lifetime: timedelta) -> float:
    """The lifetime in seconds.

    Raises:
        ConfigurationError: it is not positive.
    """
    seconds = lifetime.total_seconds()
    if seconds <= 0:
        raise ConfigurationError([("key_lifetime", "must be more than 0")])
    return seconds
