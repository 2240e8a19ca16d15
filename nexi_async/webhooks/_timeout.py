"""A timeout that costs nothing where there is nothing to wait for.

Most bodies have come with their heads when they are read. `anyio.fail_after` around each reading would cost 8 us, ten
times what the reading costs, so a cancel scope is entered only when the event loop is to be waited for. It is the
innermost scope then, and is left before anything else goes on, so that whatever scopes the awaited code has (those of
Starlette's middleware, for one) are nested as they should be. One that was entered at the first wait and left at the
end would not be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

import anyio
from anyio import CancelScope

__all__ = ["Timeout"]

T = TypeVar("T")


class Timeout(Generic[T]):
    """Awaitable: what is awaited, or `TimeoutError` if it has waited for so many seconds in all.

    Args:
        seconds: how long it may wait.
        awaited: a coroutine, or anything else that can be awaited once.
    """

    def __init__(self, seconds: float, awaited: Awaitable[T]) -> None:
        self._seconds = seconds
        self._awaited = awaited
        self._deadline: float | None = None
        self._has_run_out = False

    def __await__(self) -> Generator[Any, Any, T]:
        """Hand on to the event loop what the awaited code waits for, and to that what the event loop says."""
        steps = self._awaited.__await__()
        step: Callable[..., Any] = steps.send
        said: Any = None
        while True:
            try:
                waits_for = step(said)
            except StopIteration as end:
                result: T = end.value
                return result
            except Exception as error:
                if self._has_run_out:  # whatever it made of that, perhaps a group
                    raise TimeoutError(f"waited for {self._seconds} seconds") from error
                raise
            try:
                step, said = steps.send, (yield from self._wait(waits_for))
            except BaseException as thrown:  # noqa: BLE001 - a time limit, or a cancellation that is not ours to take
                step, said = steps.throw, thrown

    def _wait(self, waits_for: Any) -> Generator[Any, Any, Any]:
        """Wait for one thing while there is time; once there is none, let the awaited code clear up."""
        if self._has_run_out:
            return (yield waits_for)
        if self._deadline is None:
            self._deadline = anyio.current_time() + self._seconds
        with CancelScope(deadline=self._deadline) as scope:
            said = yield waits_for
        # trio tells of a cancellation by what it says, asyncio by an exception that has ended here
        self._has_run_out = scope.cancel_called
        if self._has_run_out:
            raise TimeoutError
        return said
