"""Isolation: a handler may end in any way and in any time without touching anything but its own event.

`except Exception` would not do. A handler that awaits a cancelled task raises `CancelledError`, which looks like the
cancellation of its caller; a library that it uses may raise `SystemExit`. Whether a cancellation is meant for
the caller is asked of the scopes that the caller runs in, never read from the exception.
"""

from __future__ import annotations

from collections.abc import Awaitable

import anyio
from anyio.lowlevel import checkpoint


class HandlerFailed(Exception):
    """A handler raised what is no `Exception`, such as `CancelledError` or `SystemExit`; that is the cause.

    Or an exception that can't be turned into text.
    """


async def run_isolated(handler: Awaitable[None]) -> None:
    """Run a handler in a task that has other things to do afterwards; for the rest see `contain`."""
    await contain(handler)
    if _is_cancelled():
        await _drop_stray_cancellation()


async def contain(handler: Awaitable[None]) -> None:
    """Run a handler. A cancellation of its own task that it leaves behind stays: to look for one costs a delivery 4 us.

    Raises:
        Exception: what the handler raised.
        HandlerFailed: the handler raised a `BaseException`.
    """
    try:
        await handler
    except Exception as error:
        if _has_text(error):
            raise
        raise HandlerFailed(f"the handler raised {type(error).__name__}, whose text can't be had") from error
    except BaseException as error:
        # no awaiting here: the error may be the GeneratorExit of an event loop that closes
        if isinstance(error, anyio.get_cancelled_exc_class()) and _is_cancelled():
            raise
        raise HandlerFailed(f"the handler raised {type(error).__name__}") from error


def _has_text(error: Exception) -> bool:
    """Whether it can be logged: logging it must not fail too."""
    try:
        str(error)
    except BaseException:  # noqa: BLE001 - `__str__` is the handler's code too
        return False
    return True


def _is_cancelled() -> bool:
    return anyio.get_current_task().has_pending_cancellation()


async def _drop_stray_cancellation() -> None:
    """Let a task go on that its handler has cancelled by itself; raise if it was the caller who was cancelled."""
    try:
        await checkpoint()
    except anyio.get_cancelled_exc_class():
        if _is_cancelled():
            raise
