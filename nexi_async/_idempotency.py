"""Idempotency keys: one for each operation that must be performed only once."""

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
    """An idempotency key from three values; the same values always give the same key.

    Args:
        run: the name of the operation or of the billing run, e.g. "ship" or "2026-10".
        reference: what it is about, e.g. the id of the payment or of the subscription.
        attempt: the number of the attempt to collect the money, from 1. For the same key the API repeats its response,
            a decline too, so a new attempt after a decline needs a new number.

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


def clock_fault(sent_at: float, now: float, lifetime: float) -> str | None:
    """How far this machine's clock is behind, if a key was sent well after now, so that its age is unknown; or None."""
    if now >= sent_at - _margin(lifetime):
        return None
    return f"the clock of this machine is {sent_at - now:,.0f} s behind the time at which it was sent first"


def is_remembered(sent_at: float, now: float, lifetime: float) -> bool:
    """Whether the API surely still knows a key; not if its age is unknown."""
    return clock_fault(sent_at, now, lifetime) is None and now < sent_at + lifetime - _margin(lifetime)


def _margin(lifetime: float) -> float:
    return min(MARGIN, lifetime / 10)


def seconds_of(lifetime: timedelta) -> float:
    """The lifetime in seconds.

    Raises:
        ConfigurationError: it is not positive.
    """
    seconds = lifetime.total_seconds()
    if seconds <= 0:
        raise ConfigurationError([("key_lifetime", "must be more than 0")])
    return seconds
