"""Tests of nexi_async.transport.watch, on pairs of real sockets, with epoll and without."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import anyio
import pytest
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from nexi_async.transport import watch as watch_module
from nexi_async.transport.watch import Watch
from tests.transport.leaks import open_files
from tests.work import counted

SLACK = 0.6
"""Seconds that a busy machine may be late."""


@pytest.fixture(params=["epoll", "no epoll"], autouse=True)
def _with_epoll_and_without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no epoll":
        monkeypatch.setattr(watch_module, "select", SimpleNamespace())


class Pairs:
    """Sockets under one watch, and the other end of each."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.stack = ExitStack()

    def pair(self) -> Line:
        near, far = socket.socketpair()
        near.setblocking(False)
        self.watch.add(near)
        self.stack.callback(self.watch.forget)
        self.stack.enter_context(near)
        self.stack.enter_context(far)
        return Line(self.watch, near, far)


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """Sockets that are closed in the end."""
    made = Pairs()
    with made.stack:
        yield made


class Line:
    """A task that waits at one end, and the other end."""

    def __init__(self, watch: Watch, near: socket.socket, far: socket.socket) -> None:
        self.watch, self.near, self.far = watch, near, far
        self.scope = anyio.CancelScope()
        self.end: str | None = None
        self.ended = anyio.Event()
        self.ended_at = math.nan

    async def wait(self, deadline: float = math.inf) -> None:
        self.end = "cancelled"
        with self.scope:
            try:
                await self.watch.readable(self.near, deadline)
                self.end = "readable"
            except TimeoutError:
                self.end = "late"
        self.ended_at = anyio.current_time()
        self.ended.set()

    async def wait_in(self, tasks: TaskGroup, seconds: float = math.inf) -> None:
        """Begin to wait, in a task of its own."""
        tasks.start_soon(self.wait, anyio.current_time() + seconds)
        await settled()

    async def finished(self) -> str | None:
        """How the wait ended; fails if it does not."""
        with anyio.fail_after(5):
            await self.ended.wait()
        return self.end


async def settled() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await checkpoint()


async def test_wakes_when_something_comes(pairs: Pairs) -> None:
    """Not before, and soon after."""
    line = pairs.pair()
    async with anyio.create_task_group() as tasks:
        await line.wait_in(tasks)
        await anyio.sleep(0.02)
        assert not line.ended.is_set()
        line.far.send(b"x")
        assert await line.finished() == "readable"


async def test_wakes_at_the_end(pairs: Pairs) -> None:
    """A hang-up is something to read as well."""
    line = pairs.pair()
    async with anyio.create_task_group() as tasks:
        await line.wait_in(tasks)
        line.far.close()
        assert await line.finished() == "readable"


async def test_one_socket_after_the_other(pairs: Pairs) -> None:
    """Each piece is told once it comes, also the tenth."""
    line = pairs.pair()
    for _ in range(10):
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pairs.watch.readable, line.near, math.inf)
                await settled()
                line.far.send(b"x")
        assert line.near.recv(10) == b"x"


async def test_what_nobody_waited_for(pairs: Pairs) -> None:
    """Something for a socket that nobody waits at wakes nobody else."""
    line, other = pairs.pair(), pairs.pair()
    async with anyio.create_task_group() as tasks:
        await line.wait_in(tasks)
        other.far.send(b"x")
        await anyio.sleep(0.02)
        assert not line.ended.is_set()
        line.far.send(b"x")
        assert await line.finished() == "readable"


@pytest.mark.parametrize("seconds", [0.05, 0.0, -1.0])
async def test_deadline_of_one(pairs: Pairs, seconds: float) -> None:
    """It ends when its time is up, also if it was up before."""
    line = pairs.pair()
    began = anyio.current_time()
    await line.wait(began + seconds)
    assert line.end == "late"
    assert max(0.0, seconds) <= line.ended_at - began + 0.001
    assert line.ended_at - began < max(0.0, seconds) + SLACK


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (2, 1, 3)])
async def test_deadlines_of_many(pairs: Pairs, order: tuple[int, ...]) -> None:
    """Each ends at its own time, whoever leads and in whatever order they came."""
    lines = [pairs.pair() for _ in order]
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for place, line in zip(order, lines, strict=True):
            await line.wait_in(tasks, began + 0.05 * place - anyio.current_time())
    for place, line in zip(order, lines, strict=True):
        assert line.end == "late"
        assert 0.05 * place - 0.001 <= line.ended_at - began < 0.05 * place + SLACK
    assert [place for _, place in sorted(zip([line.ended_at for line in lines], order, strict=True))] == [1, 2, 3]


async def test_deadline_while_others_are_served(pairs: Pairs) -> None:
    """Traffic on other sockets, with leaders that come and go, holds no deadline up."""
    quiet, *busy = [pairs.pair() for _ in range(4)]
    began = anyio.current_time()

    async def chatter(line: Line) -> None:
        while not quiet.ended.is_set():
            line.far.send(b"x")
            await line.watch.readable(line.near, math.inf)
            line.near.recv(10)
            await anyio.sleep(0.001)

    async with anyio.create_task_group() as tasks:
        for line in busy:
            tasks.start_soon(chatter, line)
        await quiet.wait_in(tasks, 0.1)
    assert quiet.end == "late"
    assert 0.099 <= quiet.ended_at - began < 0.1 + SLACK


@pytest.mark.parametrize("fate", ["served", "cancelled", "late"])
async def test_leader_leaves(pairs: Pairs, fate: str) -> None:
    """However the leader's wait ends, somebody else leads, and nobody is left sleeping."""
    leader, *others = [pairs.pair() for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        await leader.wait_in(tasks, 0.02 if fate == "late" else math.inf)
        for line in others:
            await line.wait_in(tasks)
        if fate == "served":
            leader.far.send(b"x")
        elif fate == "cancelled":
            leader.scope.cancel()
        await leader.finished()
        for line in reversed(others):
            line.far.send(b"x")
            assert await line.finished() == "readable"


@pytest.mark.parametrize("fate", ["served", "cancelled"])
@pytest.mark.parametrize("heir_fate", ["served", "cancelled"])
async def test_leader_and_heir_leave_at_once(pairs: Pairs, fate: str, heir_fate: str) -> None:
    """Who was just asked to lead may be gone as well."""
    leader, heir, last = [pairs.pair() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for line in (leader, heir, last):
            await line.wait_in(tasks)
        for line, how in ((leader, fate), (heir, heir_fate)):
            if how == "served":
                line.far.send(b"x")
            else:
                line.scope.cancel()
        await leader.finished()
        await heir.finished()
        last.far.send(b"x")
        assert await last.finished() == "readable"


async def test_heir_is_cancelled_before_it_leads(pairs: Pairs) -> None:
    """The lead passes on, although the one who was called for it never ran."""
    leader, heir, last = [pairs.pair() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for line in (leader, heir, last):
            await line.wait_in(tasks)
        leader.scope.cancel()
        await leader.finished()
        heir.scope.cancel()
        await heir.finished()
        last.far.send(b"x")
        assert await last.finished() == "readable"


async def test_newcomer_leads(pairs: Pairs) -> None:
    """Whoever comes in the moment when nobody leads may do so; the one who was called steps back."""
    leader, heir, newcomer = [pairs.pair() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        await leader.wait_in(tasks)
        await heir.wait_in(tasks)
        tasks.start_soon(newcomer.wait)
        leader.scope.cancel()
        await settled()
        for line in (heir, newcomer):
            line.far.send(b"x")
            assert await line.finished() == "readable"


async def test_all_at_once(pairs: Pairs) -> None:
    """What comes for many sockets at the same time is told to all."""
    lines = [pairs.pair() for _ in range(300)]
    async with anyio.create_task_group() as tasks:
        for line in lines:
            tasks.start_soon(line.wait)
        await settled()
        for line in lines:
            line.far.send(b"x")
    assert {line.end for line in lines} == {"readable"}


async def test_all_late_at_once(pairs: Pairs) -> None:
    """So is the end of a time that is the same for many."""
    lines = [pairs.pair() for _ in range(300)]
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for line in lines:
            tasks.start_soon(line.wait, began + 0.1)
    assert {line.end for line in lines} == {"late"}
    assert max(line.ended_at for line in lines) - began < 0.1 + SLACK


FATES = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["send", "cancel", "wait", "late", "run"])), max_size=60)


@settings(max_examples=60, deadline=None)
@given(FATES)
async def test_nobody_is_left_sleeping(fates: list[tuple[int, str]]) -> None:
    """Whoever has something to read, is late or cancelled is woken, whatever happened to all others before."""
    made = Pairs()
    with made.stack:
        lines = [made.pair() for _ in range(8)]
        waiting: dict[int, Line] = {}
        async with anyio.create_task_group() as tasks:
            for number, fate in fates:
                if fate == "run":
                    await settled()
                elif fate in ("wait", "late") and number not in waiting:
                    line = waiting[number] = Line(made.watch, lines[number].near, lines[number].far)
                    tasks.start_soon(line.wait, math.inf if fate == "wait" else anyio.current_time())
                elif number in waiting:
                    line = waiting.pop(number)
                    line.far.send(b"x") if fate == "send" else line.scope.cancel()
                    assert await line.finished() in {"readable", "late", "cancelled"}
                    drain(line.near)
            for line in waiting.values():
                line.far.send(b"x")
                assert await line.finished() in {"readable", "late"}


def drain(near: socket.socket) -> None:
    """Read what there is."""
    try:
        near.recv(1000)
    except BlockingIOError:
        return


async def test_leaves_nothing_open() -> None:
    """The list of sockets is closed with the last of them, and made again for the next."""
    before = open_files()
    made = Pairs()
    for _ in range(2):
        with made.stack:
            lines = [made.pair() for _ in range(3)]
            async with anyio.create_task_group() as tasks:
                for line in lines:
                    await line.wait_in(tasks)
                    line.far.send(b"x")
            assert {line.end for line in lines} == {"readable"}
        assert not open_files() - before


async def cost_of_a_burst(count: int) -> float:
    """Calls for each of so many tasks to wait and to be woken, all at once."""
    made = Pairs()
    with made.stack:
        lines = [made.pair() for _ in range(count)]
        with counted() as work:
            async with anyio.create_task_group() as tasks:
                for line in lines:
                    tasks.start_soon(line.watch.readable, line.near, math.inf)
                await settled()
                for line in lines:
                    line.far.send(b"x")
        return work.calls / count


async def test_cost_does_not_grow_with_sockets() -> None:
    """A thousand tasks woken at once cost no more each than twenty."""
    assert await cost_of_a_burst(1000) < 1.5 * await cost_of_a_burst(20)
