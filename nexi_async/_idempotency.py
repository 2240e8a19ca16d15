"""Idempotency keys: one for each thing that must happen only once."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta

from nexi_async._errors import ConfigurationError, InvalidRequest

MAX_LENGTH = 63
"""The overview page says 63, the endpoint pages 64; the smaller holds for both."""

_VALID = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}")


def new_key() -> str:
    """A fresh key for one charge or refund; every attempt at it reuses the key."""
    return secrets.token_bytes(16).hex()


def derive_key(run: str, reference: str, attempt: int) -> str:
    """The key of one job of one run: the same three values always give the same key.

    Args:
        run: the name of the billing run, e.g. "2026-10".
        reference: the job's own reference within the run.
        attempt: the dunning attempt, from 1. A decided decline is replayed for the same key, so a new attempt to
            collect the money needs a new number.

    Returns:
        64 hex digits of a hash cut to 63 characters; nothing of the reference can be read from it.
    """
    identity = f"{len(run)}:{run}{len(reference)}:{reference}{attempt}"
    return hashlib.sha256(identity.encode()).hexdigest()[:MAX_LENGTH]


def check_key(key: object) -> str:
    """Return the key, or raise `InvalidRequest` if the API would refuse it."""
    if not isinstance(key, str) or not _VALID.fullmatch(key):
        raise InvalidRequest(
            [("Idempotency-Key", f"must be 1 to {MAX_LENGTH} printable ASCII characters without spaces")]
        )
    return key


# --- age -----------------------------------------------------------------------------------------------------------

KEY_LIFETIME = timedelta(hours=24)
"""How long the API surely remembers a key: the cautious reading of what it leaves open.

While a key is remembered, sending it again cannot charge twice, and "not found" means that nothing has happened. Once
it may be forgotten neither holds: then nothing may be sent with it any more.
"""
MARGIN = 300.0
"""Seconds before the end from which a key is not trusted, for clocks that differ and for a request on its way."""


def is_of_the_future(sent_at: float, now: float, lifetime: float) -> bool:
    """Whether a key was sent well after now, so that one of two clocks is wrong."""
    return now < sent_at - min(MARGIN, lifetime / 10)


def is_remembered(sent_at: float, now: float, lifetime: float) -> bool:
    """Whether the API surely still knows a key; not if the clock says that it was sent well in the future."""
    margin = min(MARGIN, lifetime / 10)
    return not is_of_the_future(sent_at, now, lifetime) and now < sent_at + lifetime - margin


def seconds_of(lifetime: timedelta) -> float:
    """The lifetime in seconds.

    Raises:
        ConfigurationError: it is not positive.
    """
    seconds = lifetime.total_seconds()
    if seconds <= 0:
        raise ConfigurationError([("key_lifetime", "must be more than 0")])
    return seconds
