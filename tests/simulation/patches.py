"""What the shipped code takes from outside, replaced for the time of a simulation: clocks, randomness, SQL threads."""

from __future__ import annotations

import functools
import gc
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any, TypeVar
from unittest.mock import patch

from anyio._backends import _asyncio
from sqlalchemy import Engine, create_engine

from nexi_async import _storage
from nexi_async.batch import _worker_pool as charging
from nexi_async.webhooks import _worker_pool as handling
from tests.simulation.database import InlineThreads
from tests.simulation.event_loop import VirtualLoop
from tests.simulation.processes import current

T = TypeVar("T")

BEGINNING = 1_800_000_000.0
"""The wall clock when a simulation begins, in seconds since 1970."""

INBOX_PAUSE = 120.0
"""Seconds between two looks into an idle inbox: each costs real time, and virtual days may pass."""

_REAL_CLOCKS = (time.time, time.monotonic)


def set_inbox_pause(seconds: float) -> None:
    """For how long an idle receiver waits between two looks into its inbox."""
    handling.POLL_INTERVAL = seconds


@contextmanager
def patched(loop: VirtualLoop, seed: int, threads: InlineThreads, on_charge: Callable[[Any], None]) -> Iterator[None]:
    """Replace everything until the end of the block.

    Args:
        loop: whose clock counts.
        seed: of what is random.
        threads: what SQL is run in.
        on_charge: told of each job whose charging begins.
    """
    chance = random.Random(f"random bytes {seed}")
    random.seed(seed)

    def wall_clock() -> float:
        process = current()
        return BEGINNING + loop.time() + (process.clock_offset if process else 0.0)

    charge_one: Any = vars(charging)["charge_one"]

    async def observed(checkout: Any, ledger: Any, job: Any) -> Any:
        on_charge(job)
        return await charge_one(checkout, ledger, job)

    with ExitStack() as stack:
        for owner, name, value in (
            (time, "time", wall_clock),
            (time, "monotonic", loop.time),
            (time, "clock_gettime", lambda _: loop.time()),  # of the time since the machine was started
            (os, "urandom", chance.randbytes),
            (secrets, "token_hex", lambda size=16: chance.randbytes(size).hex()),
            (uuid, "uuid4", lambda: uuid.UUID(bytes=chance.randbytes(16), version=4)),
            (_storage, "to_thread", threads),
            (_storage, "_SQLITE_PRAGMAS", ("PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF")),
            (_storage, "_sqlite", _sqlite_with_compiled_statements),
            (handling, "POLL_INTERVAL", INBOX_PAUSE),
            (charging, "charge_one", observed),
            (_asyncio.CancelScope, "__init__", _in_order(_asyncio.CancelScope.__init__)),
        ):
            stack.enter_context(patch.object(owner, name, value))
        for function, where in clocks_in_defaults():
            stack.enter_context(_replaced_default(function, where, {"time": wall_clock, "monotonic": loop.time}))
        yield


@functools.cache
def clocks_in_defaults() -> list[tuple[FunctionType, int | str]]:
    """Functions of the package that have a clock as the default of an argument: it was bound when they were defined."""
    found: list[tuple[FunctionType, int | str]] = []
    gc.unfreeze()  # objects that are frozen are not found
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and str(function.__module__).startswith("nexi_async"):
            found += [(function, name) for name, value in (function.__kwdefaults__ or {}).items() if _is_clock(value)]
            found += [(function, place) for place, value in enumerate(function.__defaults__ or ()) if _is_clock(value)]
    return found


def _is_clock(value: object) -> bool:
    return any(value is clock for clock in _REAL_CLOCKS)


@contextmanager
def _replaced_default(
    function: FunctionType, where: int | str, clocks: dict[str, Callable[[], float]]
) -> Iterator[None]:
    if isinstance(where, str):
        assert function.__kwdefaults__ is not None
        before = function.__kwdefaults__[where]
        function.__kwdefaults__[where] = clocks[before.__name__]
        yield
        function.__kwdefaults__[where] = before
    else:
        defaults = function.__defaults__ or ()
        clock = clocks[defaults[where].__name__]
        function.__defaults__ = (*defaults[:where], clock, *defaults[where + 1 :])
        yield
        function.__defaults__ = defaults


_new_sqlite = _storage._sqlite


def _sqlite_with_compiled_statements(*args: Any) -> Engine:
    """An engine that finds statements compiled which earlier ones have used: most of a short process's time."""
    engine, model = _new_sqlite(*args), _model_engine()
    engine.dialect, engine._compiled_cache = model.dialect, model._compiled_cache
    return engine


@functools.cache
def _model_engine() -> Engine:
    engine = create_engine("sqlite://")
    engine.connect().close()
    return engine


def forget_tasks(loop: VirtualLoop) -> None:
    """Have anyio forget the tasks of a loop: what it knows of those that never end keeps them in memory."""
    for task in [task for task in _asyncio._task_states if task.get_loop() is loop]:
        del _asyncio._task_states[task]


class _InOrder(dict[T, None]):
    """A set that is visited in the order in which members were added, not by where they lie in memory."""

    def add(self, member: T) -> None:
        self[member] = None

    def remove(self, member: T) -> None:
        del self[member]

    def discard(self, member: T) -> None:
        self.pop(member, None)


def _in_order(init: Callable[..., None]) -> Callable[..., None]:
    """Make a cancel scope keep its children in order."""

    @functools.wraps(init)
    def ordered(scope: Any, *args: Any, **options: Any) -> None:
        init(scope, *args, **options)
        scope._child_scopes = _InOrder()

    return ordered
