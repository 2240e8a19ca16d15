"""Tests of nexi_async._transport.pool, on connections without sockets."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from nexi_async._transport.connection import Connection, Timeouts
from nexi_async._transport.pool import Pool
from tests.transport.connections import NumberedConnection
from tests.work import counted

PATIENT = Timeouts()


class Factory:
    """Makes connections, and fails or hesitates as it is told."""

    def __init__(self) -> None:
        self.made: list[NumberedConnection] = []
        self.api_errors: list[Exception] = []
        self.hesitation = 0
        self.lingers = False
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> Connection:
        self.seconds.append(seconds)
        for _ in range(self.hesitation):
            await checkpoint()
        if self.api_errors:
            raise self.api_errors.pop()
        connection = NumberedConnection(len(self.made))
        connection.lingers = self.lingers
        self.made.append(connection)
        return connection

    @property
    def open(self) -> int:
        return sum(not connection.closed for connection in self.made)


def new_pool(factory: Factory, *, size: int = 2, idle_seconds: float = 50.0) -> Pool:
    """A pool over the factory."""
    return Pool(factory, size=size, idle_seconds=idle_seconds)


async def take(pool: Pool, timeouts: Timeouts = PATIENT, deadline: float = math.inf) -> NumberedConnection:
    """A connection of the pool."""
    connection = await pool.acquire(timeouts, deadline)
    assert isinstance(connection, NumberedConnection)
    return connection


async def settled() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await checkpoint()


class Waiter:
    """A task that wants a connection."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.scope = anyio.CancelScope()
        self.got: NumberedConnection | None = None
        self.error: Exception | None = None

    async def run(self) -> None:
        with self.scope:
            try:
                self.got = await take(self.pool)
            except httpx.TransportError as error:
                self.error = error


async def waiting(pool: Pool, tasks: TaskGroup, count: int) -> list[Waiter]:
    """Tasks that wait, in this order."""
    waiters = [Waiter(pool) for _ in range(count)]
    for waiter in waiters:
        tasks.start_soon(waiter.run)
        await settled()
    return waiters


@asynccontextmanager
async def full_pool(size: int = 2) -> AsyncIterator[tuple[Pool, Factory, list[NumberedConnection], TaskGroup]]:
    """A pool with all its connections in use, and a task group for those who wait."""
    factory = Factory()
    pool = new_pool(factory, size=size)
    held = [await take(pool) for _ in range(size)]
    async with anyio.create_task_group() as tasks:
        yield pool, factory, held, tasks
        tasks.cancel_scope.cancel()


# --- idle connections -------------------------------------------------------------------------------------------------


async def test_last_used_is_used_first() -> None:
    """The others get older and can be closed."""
    pool = new_pool(Factory(), size=3)
    held = [await take(pool) for _ in range(3)]
    for connection in held:
        pool.release(connection)
    assert [await take(pool) for _ in range(3)] == held[::-1]


async def test_idle_connection_is_preferred() -> None:
    """A new one is opened only if there is none."""
    factory = Factory()
    pool = new_pool(factory)
    for _ in range(5):
        pool.release(await take(pool))
    assert len(factory.made) == pool.open_connections == 1


async def test_unusable_connection_is_closed() -> None:
    """What an exchange left unusable makes room for another."""
    factory = Factory()
    pool = new_pool(factory, size=1)
    spent = await take(pool)
    spent.is_reusable = False
    pool.release(spent)
    assert (spent.closed, pool.open_connections) == (1, 0)
    assert await take(pool) is not spent


async def test_dead_idle_connections_are_replaced() -> None:
    """However many have died, the call gets one that has not, or a new one."""
    factory = Factory()
    pool = new_pool(factory, size=3)
    held = [await take(pool) for _ in range(3)]
    for connection in held:
        pool.release(connection)
    held[1].surprise = held[2].surprise = True
    assert await take(pool) is held[0]
    assert [connection.closed for connection in held] == [0, 1, 1]
    assert pool.open_connections == 1
    assert (await take(pool)).number == 3


async def test_idle_for_too_long() -> None:
    """A server may be about to close what nobody used for long, so it is not used again."""
    factory = Factory()
    pool = new_pool(factory, size=3, idle_seconds=50.0)
    held = [await take(pool) for _ in range(3)]
    for connection in held:
        pool.release(connection)
        connection.idle_since -= 50.5
    assert (await take(pool)).number == 3
    assert [connection.closed for connection in held] == [1, 1, 1]
    assert pool.open_connections == 1


async def test_those_not_needed_are_closed_bit_by_bit() -> None:
    """While some are used, those that nobody needs any more do not stay open."""
    factory = Factory()
    pool = new_pool(factory, size=4, idle_seconds=50.0)
    for connection in [await take(pool) for _ in range(4)]:
        pool.release(connection)
    for _ in range(10):
        for connection in factory.made:
            connection.idle_since -= 20.0
        pool.release(await take(pool))
    assert [connection.closed for connection in factory.made] == [1, 1, 1, 0]
    assert pool.open_connections == 1


async def test_lost_idle_connection_leaves_at_once() -> None:
    """Its slot is free and its socket closed as soon as it ends or receives unsolicited data."""
    factory = Factory()
    pool = new_pool(factory, size=3)
    held = [await take(pool) for _ in range(3)]
    for connection in held[:2]:
        pool.release(connection)
    held[0].tell()
    assert [connection.closed for connection in held] == [1, 0, 0]
    assert pool.open_connections == 2
    assert await take(pool) is held[1]


async def test_lost_connection_in_use_keeps_its_place() -> None:
    """Until it is given back, so that the place is freed once."""
    factory = Factory()
    pool = new_pool(factory)
    held = await take(pool)
    held.tell()
    assert (held.closed, pool.open_connections) == (0, 1)
    held.is_reusable = False
    pool.release(held)
    assert (held.closed, pool.open_connections) == (1, 0)


# --- waiting ----------------------------------------------------------------------------------------------------------


async def test_first_come_first_served() -> None:
    """Who waits longest is served first, with a connection or a slot."""
    async with full_pool() as (pool, _, held, tasks):
        waiters = await waiting(pool, tasks, 3)
        pool.release(held[1])
        await settled()
        assert [waiter.got for waiter in waiters] == [held[1], None, None]
        held[0].is_reusable = False
        pool.release(held[0])
        await settled()
        assert waiters[1].got is not None
        assert (waiters[1].got.number, waiters[2].got) == (2, None)
        assert pool.open_connections == 2


async def test_waiters_do_not_overtake() -> None:
    """Who comes while a freed connection is on its way to a waiter waits behind it."""
    async with full_pool(size=1) as (pool, _, held, tasks):
        (first,) = await waiting(pool, tasks, 1)
        pool.release(held[0])
        with pytest.raises(httpx.PoolTimeout):
            await take(pool, Timeouts(pool=0.01))
        assert first.got is held[0]


async def test_no_connection_is_free_in_time() -> None:
    """Who waited in vain has sent nothing, and waits no longer."""
    async with full_pool() as (pool, factory, held, _):
        with pytest.raises(httpx.PoolTimeout, match="no connection became free in time"):
            await take(pool, Timeouts(pool=0.01))
        with pytest.raises(httpx.PoolTimeout):
            await take(pool, deadline=time.monotonic() + 0.01)
        pool.release(held[0])
        assert await take(pool) is held[0]
        assert len(factory.made) == 2


@pytest.mark.parametrize("reusable", [True, False])
@pytest.mark.parametrize("others", [0, 2])
async def test_cancelled_waiter_hands_on_what_it_got(reusable: bool, others: int) -> None:
    """Cancelled in the moment when it was served, its connection or place goes to the next, or back."""
    async with full_pool(size=1) as (pool, factory, held, tasks):
        cancelled, *next_ones = await waiting(pool, tasks, 1 + others)
        held[0].is_reusable = reusable
        cancelled.scope.cancel()
        pool.release(held[0])
        await settled()
        assert cancelled.got is None
        if others:
            assert next_ones[0].got is not None
            assert next_ones[1].got is None
        got = next_ones[0].got if others else await take(pool)
        assert got is factory.made[0 if reusable else 1]
        assert pool.open_connections == factory.open == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("reusable", [True, False])
async def test_task_of_asyncio_cancelled_when_served(reusable: bool) -> None:
    """The `Task.cancel` of asyncio itself still hits a task that was served but has not run."""
    async with full_pool(size=1) as (pool, factory, held, _):
        task = asyncio.create_task(pool.acquire(PATIENT, math.inf))
        await settled()
        held[0].is_reusable = reusable
        pool.release(held[0])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await take(pool) is factory.made[0 if reusable else 1]
        assert pool.open_connections == factory.open == 1


async def test_cancelled_waiters_are_forgotten() -> None:
    """Those in the queue before somebody do not get what was meant for them."""
    async with full_pool(size=1) as (pool, _, held, tasks):
        *gone, last = await waiting(pool, tasks, 4)
        for waiter in gone:
            waiter.scope.cancel()
        await settled()
        pool.release(held[0])
        await settled()
        assert last.got is held[0]


async def test_unsolicited_data_reaches_no_waiter() -> None:
    """A connection that receives unsolicited data between two tasks is not used."""
    async with full_pool(size=1) as (pool, factory, held, tasks):
        (waiter,) = await waiting(pool, tasks, 1)
        pool.release(held[0])
        held[0].surprise = True
        await settled()
        assert waiter.got is factory.made[1]
        assert held[0].closed
        assert pool.open_connections == 1


# --- opening ----------------------------------------------------------------------------------------------------------


async def test_failure_to_connect_gives_the_place_back() -> None:
    """The next one may try."""
    factory = Factory()
    factory.api_errors = [httpx.ConnectError("no way")]
    pool = new_pool(factory, size=1)
    with pytest.raises(httpx.ConnectError):
        await take(pool)
    assert pool.open_connections == 0
    assert (await take(pool)).number == 0


async def test_failure_to_connect_serves_the_next_waiter() -> None:
    """A place that was of no use to one is handed on at once."""
    async with full_pool(size=1) as (pool, factory, held, tasks):
        factory.api_errors = [httpx.ConnectError("no way")]
        waiters = await waiting(pool, tasks, 2)
        held[0].is_reusable = False
        pool.release(held[0])
        await settled()
        assert isinstance(waiters[0].error, httpx.ConnectError)
        assert waiters[1].got is factory.made[1]


async def test_cancelled_while_connecting() -> None:
    """A cancelled attempt gives its place back."""
    factory = Factory()
    factory.hesitation = 1000
    pool = new_pool(factory, size=1)
    async with anyio.create_task_group() as tasks:
        (waiter,) = await waiting(pool, tasks, 1)
        assert pool.open_connections == 1
        waiter.scope.cancel()
    assert (waiter.got, pool.open_connections) == (None, 0)


async def test_time_to_connect() -> None:
    """Connecting has its own limit, or what is left until the deadline."""
    factory = Factory()
    pool = new_pool(factory, size=3)
    await take(pool, Timeouts(connect=7.0))
    await take(pool, Timeouts(connect=7.0), time.monotonic() + 3.0)
    assert factory.seconds == [7.0, pytest.approx(3.0, abs=0.5)]


# --- closing ----------------------------------------------------------------------------------------------------------


async def test_close() -> None:
    """Idle connections are closed at once, the others when they come back."""
    factory = Factory()
    pool = new_pool(factory)
    held, idle = await take(pool), await take(pool)
    pool.release(idle)
    await pool.aclose()
    assert (idle.closed, held.closed, pool.open_connections) == (1, 0, 1)
    pool.release(held)
    assert (held.closed, pool.open_connections) == (1, 0)


async def test_close_while_a_connection_is_handed_over() -> None:
    """A connection that a cancelled waiter was given is closed with the pool."""
    async with full_pool(size=1) as (pool, factory, held, tasks):
        (waiter,) = await waiting(pool, tasks, 1)
        waiter.scope.cancel()
        pool.release(held[0])
        await pool.aclose()
        await settled()
        assert (factory.open, pool.open_connections) == (0, 0)


async def test_closed_pool_opens_nothing() -> None:
    """Who waited when it was closed, or comes later, gets no connection, and has sent nothing."""
    async with full_pool(size=1) as (pool, factory, held, tasks):
        waiters = await waiting(pool, tasks, 2)
        await pool.aclose()
        await settled()
        assert all(isinstance(waiter.error, httpx.ConnectError) for waiter in waiters)
        with pytest.raises(httpx.ConnectError, match="the connection pool is closed"):
            await take(pool)
        pool.release(held[0])
        assert (len(factory.made), factory.open, pool.open_connections) == (1, 0, 0)


async def test_closed_while_connecting() -> None:
    """A connection that is there too late is closed."""
    factory = Factory()
    factory.hesitation = 10
    pool = new_pool(factory)
    async with anyio.create_task_group() as tasks:
        (waiter,) = await waiting(pool, tasks, 1)
        await pool.aclose()
    assert isinstance(waiter.error, httpx.ConnectError)
    assert (len(factory.made), factory.open, pool.open_connections) == (1, 0, 0)


async def test_close_waits_for_sockets() -> None:
    """When closing is over, every socket is closed, also of those that were closed just before."""
    factory = Factory()
    pool = new_pool(factory)
    spent, idle = await take(pool), await take(pool)
    spent.lingers = idle.lingers = True
    spent.is_reusable = False
    pool.release(spent)
    pool.release(idle)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.aclose)
        await settled()
        for connection in (spent, idle):
            assert connection.closed == 1
            assert pool._closing
            connection.vanish()
    assert not pool._closing


async def test_connection_that_came_too_late_is_forgotten_once_it_is_closed() -> None:
    """Closing the pool would wait for its socket as long as it may take."""
    factory = Factory()
    factory.hesitation, factory.lingers = 10, True
    pool = new_pool(factory)
    async with anyio.create_task_group() as tasks:
        await waiting(pool, tasks, 1)
        await pool.aclose()
    assert factory.made[0].closed
    factory.made[0].vanish()
    assert not pool._closing


# --- all of it --------------------------------------------------------------------------------------------------------


class Borrower:
    """A task that takes a connection, keeps it until it is told, and gives it back clean or not."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.leaves_it_clean = True
        self.ended = False

    async def run(self) -> None:
        with self.scope:
            try:
                connection = await take(self.pool)
            except httpx.ConnectError:
                self.ended = True
                return
            try:
                connection.is_reusable = False
                await self.done.wait()
                connection.is_reusable = self.leaves_it_clean
            finally:
                self.pool.release(connection)
        self.ended = True

    def finish(self, *, clean: bool) -> None:
        self.leaves_it_clean = clean
        self.done.set()


class Game:
    """A pool, those who borrow from it, and what may happen to them."""

    def __init__(self, size: int, hesitation: int, tasks: TaskGroup) -> None:
        self.factory = Factory()
        self.factory.hesitation = hesitation
        self.size = size
        self.pool = new_pool(self.factory, size=size)
        self.borrowers: list[Borrower] = []
        self.tasks = tasks

    async def play(self, action: str, number: int) -> None:
        await getattr(self, action)(number)
        assert self.factory.open <= self.pool.open_connections <= self.size

    async def borrow(self, _: int) -> None:
        self.borrowers.append(Borrower(self.pool))
        self.tasks.start_soon(self.borrowers[-1].run)

    async def run(self, turns: int) -> None:
        for _ in range(turns):
            await checkpoint()

    async def fail(self, _: int) -> None:
        self.factory.api_errors.append(httpx.ConnectError("no way"))

    async def surprise(self, number: int) -> None:
        for connection in self.factory.made[number : number + 1]:
            connection.surprise = True

    async def lose(self, number: int) -> None:
        for connection in self.factory.made[number : number + 1]:
            connection.surprise = True
            connection.tell()

    async def cancel(self, number: int) -> None:
        for borrower in self.borrowers[number : number + 1]:
            borrower.scope.cancel()

    async def return_clean(self, number: int) -> None:
        for borrower in self.borrowers[number : number + 1]:
            borrower.finish(clean=True)

    async def return_dirty(self, number: int) -> None:
        for borrower in self.borrowers[number : number + 1]:
            borrower.finish(clean=False)


ACTIONS = st.sampled_from(
    ["borrow", "borrow", "return_clean", "return_dirty", "cancel", "fail", "surprise", "lose", "run"]
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.lists(st.tuples(ACTIONS, st.integers(0, 9)), max_size=80))
@pytest.mark.slow
async def test_no_place_is_ever_lost(size: int, hesitation: int, moves: list[tuple[str, int]]) -> None:
    """Whatever is cancelled, breaks or fails in whatever order: never too many open, and in the end all are there."""
    async with anyio.create_task_group() as tasks:
        game = Game(size, hesitation, tasks)
        for action, number in moves:
            await game.play(action, number)
        for borrower in game.borrowers:
            borrower.finish(clean=True)
    assert all(borrower.ended for borrower in game.borrowers)
    assert game.pool.open_connections == game.factory.open
    game.factory.api_errors.clear()
    taken = {await take(game.pool, Timeouts(pool=0.0)) for _ in range(size)}
    assert len(taken) == game.pool.open_connections == size
    assert all(not connection.closed for connection in taken)


# --- cost -------------------------------------------------------------------------------------------------------------


async def cost_of_a_turn(idle: int) -> float:
    """Calls for taking a connection and giving it back, with so many idle ones."""
    pool = new_pool(Factory(), size=idle + 1)
    for connection in [await take(pool) for _ in range(idle)]:
        pool.release(connection)
    with counted() as work:
        for _ in range(50):
            pool.release(await pool.acquire(PATIENT, math.inf))
    return work.calls / 50


async def cost_of_a_waiter(count: int) -> float:
    """Calls for each of so many waiters to come, be served by another or cancelled, and go."""

    async def wait_and_return() -> None:
        pool.release(await pool.acquire(PATIENT, math.inf))

    async with full_pool(size=1) as (pool, _, held, tasks):
        scopes = []

        async def wait_cancelled() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await pool.acquire(PATIENT, math.inf)

        with counted() as work:
            for _ in range(count // 2):
                tasks.start_soon(wait_and_return)
                tasks.start_soon(wait_cancelled)
            await settled()
            for scope in reversed(scopes):
                scope.cancel()
            pool.release(held[0])
            while pool._waiters:
                await checkpoint()
        return work.calls / count


async def test_cost_does_not_grow_with_idle_connections() -> None:
    """Five thousand idle connections cost a call no more than ten."""
    assert await cost_of_a_turn(5000) == await cost_of_a_turn(10)


@pytest.mark.slow
async def test_cost_does_not_grow_with_waiters() -> None:
    """Nor do two thousand tasks that wait."""
    assert await cost_of_a_waiter(2000) < 1.5 * await cost_of_a_waiter(20)
