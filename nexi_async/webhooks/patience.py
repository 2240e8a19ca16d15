"""A time limit that costs nothing where there is nothing to wait for.

Most bodies have come with their heads when they are read. A cancel scope around each reading would cost more than the
reading itself, so one is set up only when the event loop is to be waited for. It is the innermost scope then, and
is left before anything else goes on, so that whatever scopes the awaited code has are nested as they should be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

import anyio
from anyio import CancelScope

__all__ = ["Within"]

T = TypeVar("T")


class Within(Generic[T]):
    """Awaitable: what is awaited, or `TimeoutError` if it has waited for so many seconds in all.

    Args:
        seconds: how long it may wait.
        awaited: a coroutine, or anything else that can be awaited once.
    """

    def __init__(self, seconds: float, awaited: Awaitable[T]) -> None:
        self._seconds = seconds
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, T]:
        """Hand on to the event loop what the awaited code waits for, and to that what the event loop says."""
        steps = self._awaited.__await__()
        step: Callable[..., Any] = steps.send
        said: Any = None
        deadline: float | None = None
        while True:
            try:
                waits_for = step(said)
            except StopIteration as end:
                result: T = end.value
                return result
            if deadline is None:
                deadline = anyio.current_time() + self._seconds
            try:
                with CancelScope(deadline=deadline) as patience:
                    step, said = steps.send, (yield waits_for)
                # what it waited for is given up: trio tells so by what it says, asyncio by an exception that ends here
                if patience.cancel_called:
                    step, said = steps.throw, TimeoutError(f"waited for {self._seconds} seconds")
            except BaseException as thrown:  # noqa: BLE001 - a cancellation from outside, which is not ours to take
                step, said = steps.throw, thrown
