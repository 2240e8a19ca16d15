"""Hooks that users may set: before and after each attempt, and before each wait for a retry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import attrs

from nexi_async._errors import NexiError
from nexi_async._transport.request import Response

logger = logging.getLogger("nexi_async")


@attrs.frozen(eq=False)
class Attempt:
    """One attempt at a call; the same object is given to every hook that is called for it.

    Attributes:
        operation: the SDK's name of the call, e.g. "subscriptions.charge": few different values, good for metrics.
        method: GET, POST or PUT.
        path: with ids; not for metrics.
        number: from 1.
        idempotency_key: the key it carries, if any.
    """

    operation: str
    method: str
    path: str
    host: str
    port: int
    number: int
    idempotency_key: str | None = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Hooks:
    """Functions called around each attempt; what they raise is logged and affects no payment.

    Attributes:
        on_request: before each attempt.
        on_response: after each attempt: the response, the failure, or None if it was cancelled with an unknown outcome;
            and the seconds it took.
        on_retry: before the wait for another attempt: the failure, and the seconds to wait.
    """

    on_request: Callable[[Attempt], None] | None = None
    on_response: Callable[[Attempt, Response | NexiError | None, float], None] | None = None
    on_retry: Callable[[Attempt, NexiError, float], None] | None = None


def call_hook(hook: Callable[..., None] | None, *facts: Any) -> None:
    """Call a hook, if it is set; what it raises is logged."""
    try:
        if hook is not None:
            hook(*facts)
    except Exception:
        logger.exception("a hook failed; the call continues")
