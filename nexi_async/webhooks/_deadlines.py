"""Deadlines of whatever a receiver waits for: bodies and handlers, all by one timer.

A cancel scope with a deadline costs a delivery 15 µs of CPU on asyncio, a quarter of what it costs in all: a record of
the scope, a weak reference to the task, and a timer that is set and cancelled, for something that hardly ever happens.
So on asyncio a deadline is an entry in a set. One timer for all of them is set for the earliest and looks through the
set; what is late has its task cancelled, as `asyncio.timeout` does. On trio, whose scopes are cheap, it is a scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import anyio

T = TypeVar("T")

TOLERANCE = 0.05
"""Seconds between two looks through the set, and so the most that a deadline may be missed by."""
GRACE = 1.0
"""Seconds after which a task is cancelled again that was cancelled and goes on, e.g. hangs while it cleans up."""

_TOO_LONG = "took longer than {:g} seconds"


class Deadlines:
    """Stops what takes too long.

    Nothing runs while nothing is waited for: the timer is not set again once the set is empty. A receiver may be used
    on one event loop after another, as test clients do.
    """

    def __init__(self) -> None:
        self._pending: set[_Deadline] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    async def limit(self, seconds: float, awaited: Awaitable[T]) -> T:
        """Wait for something no longer than so many seconds, and 0.05 more.

        Raises:
            TimeoutError: it took longer. It was cancelled, by the task that waits for it: on asyncio as `Task.cancel`
                does, which a shield of anyio does not hold up, and again after each second that it goes on.
        """
        task = _current_asyncio_task()
        if task is None:
            with anyio.move_on_after(seconds):
                return await awaited
            raise TimeoutError(_TOO_LONG.format(seconds))
        deadline = self._start(task, seconds)
        try:
            return await awaited
        except asyncio.CancelledError:
            if deadline.caused_cancellation():
                raise TimeoutError(_TOO_LONG.format(seconds)) from None
            raise
        finally:
            self._pending.discard(deadline)
            deadline.withdraw_cancellations()

    def cancel_idle_timer(self) -> None:
        """Leave no timer behind when its owner ends; what is waited for still keeps it."""
        if self._timer is not None and not self._pending:
            self._timer.cancel()
            self._timer = None

    def _start(self, task: asyncio.Task[object], seconds: float) -> _Deadline:
        loop = task.get_loop()
        deadline = _Deadline(task, loop.time() + seconds)
        self._pending.add(deadline)
        if self._timer is None or loop is not self._loop or deadline.due < self._timer_due:
            self._set_timer(loop, deadline.due)
        return deadline

    def _set_timer(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None and loop is self._loop:
            self._timer.cancel()
        self._loop, self._timer_due = loop, due
        self._timer = loop.call_at(due, self._cancel_late, loop)

    def _cancel_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is late, and set the timer again if anything is left."""
        self._timer, now = None, loop.time()
        own = [deadline for deadline in tuple(self._pending) if deadline.task.get_loop() is loop]
        for deadline in own:
            if deadline.due <= now:
                deadline.cancel(now)
        if own:
            self._set_timer(loop, max(min(deadline.due for deadline in own), now + TOLERANCE))


class _Deadline:
    """When a task is to be cancelled next, and how often it has been."""

    __slots__ = ("_before", "_cancellations", "due", "task")

    def __init__(self, task: asyncio.Task[object], due: float) -> None:
        self.task = task
        self.due = due
        self._before = task.cancelling()
        self._cancellations = 0

    def cancel(self, now: float) -> None:
        """Cancel the task, which is not done: it is waiting for what is limited."""
        self.due = now + GRACE
        self._cancellations += 1
        self.task.cancel()

    def caused_cancellation(self) -> bool:
        """Whether the task was cancelled for this alone: if others cancelled it too, theirs goes on."""
        return 0 < self._cancellations >= self.task.cancelling() - self._before

    def withdraw_cancellations(self) -> None:
        """Let the task go on as if it had never been cancelled for this."""
        for _ in range(self._cancellations):
            self.task.uncancel()


def _current_asyncio_task() -> asyncio.Task[object] | None:
    """None on trio, also where trio runs as a guest of an asyncio loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
