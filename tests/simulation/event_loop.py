"""An asyncio event loop with a virtual clock: when nothing can run, time jumps to the next timer.

It opens no sockets (`create_connection` asks the simulated network), and runs nothing of dead or suspended processes.
The order in which sets of tasks are visited follows from the order of their creation, so that a run can be repeated
exactly.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Literal, TypeAlias, TypeVar, TypeVarTuple, Unpack

from tests.simulation.network import Network
from tests.simulation.processes import CURRENT, Process

__all__ = ["Deadlock", "TaskKind", "VirtualLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TaskKind: TypeAlias = Literal["C", "Python"]
"""Which of asyncio's two implementations of tasks runs the coroutines."""


TURN_SECONDS = 1e-7
"""How long a turn of the loop takes at least: otherwise whoever sleeps for the rest of a rounding error never wakes."""


class Deadlock(RuntimeError):
    """Nothing can run and no timer is set: whoever still waits would wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop of one simulation.

    Args:
        network: what connections are made over.
        tasks: which implementation of tasks to use.
    """

    def __init__(self, network: Network, tasks: TaskKind = "C") -> None:
        self._virtual_now = 0.0
        self._numbers = itertools.count()
        super().__init__(_NoSockets(self))
        self._clock_resolution = 1e-6  # more than the rounding of a float that counts years of seconds
        self.network = network
        self._task_class = _NumberedTask if tasks == "C" else _NumberedPythonTask
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Virtual seconds since the simulation began."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Let time pass at once."""
        self._virtual_now += seconds

    def resume(self, process: Process) -> None:
        """Let a suspended process go on; what fell due meanwhile runs first."""
        for callback, args, context in process.resume():
            self.call_soon(callback, *args, context=context)

    def timers_of(self, process: Process) -> list[str]:
        """The timers that the code of a process has set and not cancelled."""
        handles: list[Any] = self._scheduled  # type: ignore[attr-defined]
        callbacks = [one._args[0] for one in handles if not one.cancelled() and one._context.get(CURRENT) is process]
        return [str(callback) for callback in callbacks if callback.__module__ != Network.__module__]

    # --- steps of processes ------------------------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        return super().call_soon(self._run, callback, args, context, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        return super().call_at(when, self._run, callback, args, context, context=context)

    def _run(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        process = CURRENT.get()
        if process is None or process.may_run((callback, args, context)):
            callback(*args)

    # --- what reaches out of the loop --------------------------------------------------------------------------------

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(protocol_factory, str(host), int(port))

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        raise OSError("the simulation has no name service")

    def _new_task(
        self, _: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T], **options: Any
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = self._task_class(next(self._numbers), coroutine, loop=self, **options)
        context = options.get("context")
        process = CURRENT.get() if context is None else context.get(CURRENT)
        if process is not None:  # kept: the coroutines of a dead process must not be finalised while others run
            process.tasks.append(task)
        return task


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


class _NoSockets(selectors.SelectSelector):
    """Instead of waiting for sockets it lets virtual time pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("nothing can run and no timer is set")
        self._loop.jump(max(timeout, TURN_SECONDS))
        return []
