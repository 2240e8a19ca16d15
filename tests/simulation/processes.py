"""Simulated processes: everything that runs in one can be dropped or suspended at any await, with its memory.

A process is a context variable: tasks, callbacks and timers inherit it from whoever started them, and the event loop
asks for it before it runs any of them. A dead process is never resumed, not even for its `finally` blocks, as after
SIGKILL; a suspended one goes on later from where it stood, as after SIGSTOP and SIGCONT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any


class Process:
    """One simulated process of the operating system.

    Attributes:
        name: how the trace calls it.
        clock_offset: seconds by which its wall clock is wrong.
        on_death: what the operating system does for a dead process, such as closing its sockets.
        tasks: every task that was started in it.
        was_suspended: whether it was ever suspended.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock_offset = 0.0
        self.on_death: list[Callable[[], object]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.is_dead = False
        self.is_suspended = False
        self.was_suspended = False
        self._held: list[asyncio.Handle] = []
        self._dropped: list[asyncio.Handle] = []

    def __repr__(self) -> str:
        return f"Process({self.name!r})"

    def context(self) -> Context:
        """A context whose tasks and callbacks belong to this process."""
        context = copy_context()
        context.run(CURRENT.set, self)
        return context

    def kill(self) -> None:
        """Never run anything of it again."""
        if not self.is_dead:
            self.is_dead = True
            self._dropped += self._held
            self._held.clear()
            for act in self.on_death:
                act()

    def suspend(self) -> None:
        """Run nothing of it until it is resumed; time goes on."""
        self.is_suspended = self.was_suspended = True

    def resume(self) -> list[asyncio.Handle]:
        """Let it run again; returns the steps that fell due meanwhile, in their order."""
        self.is_suspended = False
        held, self._held = self._held, []
        return held

    def may_run(self, step: asyncio.Handle) -> bool:
        """Whether a step may run now; if not, it is kept: for later, or so that nothing of it is finalised."""
        if self.is_dead:
            self._dropped.append(step)
        elif self.is_suspended:
            self._held.append(step)
        return not (self.is_dead or self.is_suspended)


CURRENT: ContextVar[Process | None] = ContextVar("simulated process", default=None)
"""The process that the running code belongs to."""


def current() -> Process | None:
    """The process that the caller belongs to; None for the simulation itself."""
    return CURRENT.get()
