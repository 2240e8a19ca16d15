"""Idempotency keys: one for each thing that must happen only once."""

from __future__ import annotations

import hashlib
import re
import secrets

from nexi_async.errors import InvalidRequest

__all__ = ["check_key", "derive_key", "new_key"]

MAX_LENGTH = 63
"""The overview page says 63, the endpoint pages 64; the smaller holds for both."""

_VALID = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}")


def new_key() -> str:
    """A fresh key for one charge or refund; every attempt at it reuses the key."""
    return secrets.token_hex(16)


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
