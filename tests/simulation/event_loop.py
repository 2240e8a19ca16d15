"""An asyncio event loop with a virtual clock: when nothing can run, time jumps to the next timer.

It opens no sockets (`create_connection` asks the simulated network), and runs nothing of dead or suspended processes.
The order in which sets of tasks are visited follows from the order of their creation, so that a run can be repeated
exactly.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Literal, TypeAlias, TypeVar, TypeVarTuple, Unpack

from tests.simulation.network import Network
from tests.simulation.processes import CURRENT, Process

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TaskKind: TypeAlias = Literal["C", "Python"]
"""Which of asyncio's two implementations of tasks runs the coroutines."""


TURN_SECONDS = 1e-7
"""How long a turn of the loop takes at least: otherwise whoever sleeps for the rest of a rounding error never wakes."""

RESOLUTION = 1e-6
"""Timers that are due within so many seconds run now: more than the rounding of a float that counts years."""


class Deadlock(RuntimeError):
    """Nothing can run and no timer is set: whoever still waits would wait for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one simulation.

    Its turns are asyncio's, without what serves sockets, threads and debugging.

    Args:
        network: what connections are made over.
        tasks: which implementation of tasks to use.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self, network: Network, tasks: TaskKind = "C") -> None:
        super().__init__()
        self._virtual_now = 0.0
        self._task_numbers = itertools.count()
        self._timer_numbers = itertools.count()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.network = network
        self._task_class = _NumberedTask if tasks == "C" else _NumberedPythonTask
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Virtual seconds since the simulation began."""
        return self._virtual_now

    def resume(self, process: Process) -> None:
        """Let a suspended process go on; what fell due meanwhile runs first."""
        self._ready.extend(process.resume())

    def timers_of(self, process: Process) -> list[str]:
        """The timers that the code of a process has set and not cancelled."""
        steps: list[Any] = [step for _, _, step in self._timers]
        callbacks = [step._callback for step in steps if not step._cancelled and step._context.get(CURRENT) is process]
        return [str(callback) for callback in callbacks if callback.__module__ != Network.__module__]

    def forget(self) -> None:
        """Let go of all timers."""
        self._timers.clear()

    # --- turns -------------------------------------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        step = _Step(self._virtual_now, callback, args, self, copy_context() if context is None else context)
        self._ready.append(step)
        return step

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        step = _Step(when, callback, args, self, copy_context() if context is None else context)
        heapq.heappush(self._timers, (when, next(self._timer_numbers), step))
        return step

    def _run_once(self) -> None:
        """One turn: let time pass if nothing can run, and run what can."""
        timers, ready = self._timers, self._ready
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        self._virtual_now += max(TURN_SECONDS, 0.0 if ready else self._seconds_to_wait())
        while timers and timers[0][0] < self._virtual_now + RESOLUTION:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            step: Any = ready.popleft()
            process = step._context.get(CURRENT)
            if not step._cancelled and (process is None or process.may_run(step)):
                step._run()

    def _seconds_to_wait(self) -> float:
        if not self._timers:
            raise Deadlock("nothing can run and no timer is set")
        return self._timers[0][0] - self._virtual_now

    # --- what reaches out of the loop --------------------------------------------------------------------------------

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(protocol_factory, str(host), int(port))

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        raise OSError("the simulation has no name service")

    def _new_task(
        self, _: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T], **options: Any
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = self._task_class(next(self._task_numbers), coroutine, loop=self, **options)
        context = options.get("context")
        process = CURRENT.get() if context is None else context.get(CURRENT)
        if process is not None:  # kept: the coroutines of a dead process must not be finalised while others run
            process.tasks.append(task)
        return task


class _Step(asyncio.TimerHandle):
    """A callback that is to run; made without what serves debugging."""

    def __init__(self, when: float, callback: Any, args: Any, loop: VirtualLoop, context: Context) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = context
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None


class _Numbered:
    """A task whose place in a set depends on when it was made, not on where it lies in memory."""

    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)  # type: ignore[call-arg]  # of the task that is mixed in
        self._log_destroy_pending = False  # those of dead processes never end

    def __hash__(self) -> int:
        return self._number


class _NumberedTask(_Numbered, asyncio.Task[Any]):
    __hash__ = _Numbered.__hash__


class _NumberedPythonTask(_Numbered, asyncio.tasks._PyTask):  # type: ignore[name-defined,misc]
    __hash__ = _Numbered.__hash__
