"""Simulated processes die and are suspended as real ones do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from tests.simulation.event_loop import Deadlock, VirtualLoop
from tests.simulation.network import Network
from tests.simulation.processes import Process


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    """An event loop with a network."""
    network = Network(random.Random(0), lambda _: None)
    loop = VirtualLoop(network)
    yield loop
    loop.close()


def start(loop: VirtualLoop, process: Process, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run something in a process."""
    return loop.create_task(work, context=process.context())


def test_nothing_of_a_dead_process_runs(loop: VirtualLoop) -> None:
    """A dead process runs not even its `finally` blocks."""
    process, seen = Process("p"), []

    async def work() -> None:
        try:
            seen.append("begin")
            await asyncio.sleep(1)
        finally:
            seen.append("end")

    async def kill() -> None:
        await asyncio.sleep(0.5)
        process.kill()
        await asyncio.sleep(10)

    task = start(loop, process, work())
    loop.run_until_complete(kill())
    assert seen == ["begin"]
    assert not task.done()
    process.tasks.clear()


def test_a_suspended_process_goes_on_where_it_was(loop: VirtualLoop) -> None:
    """What falls due while a process is suspended runs when it is resumed."""
    process, seen = Process("p"), []

    async def work() -> None:
        await asyncio.sleep(1)
        seen.append(loop.time())

    async def suspend() -> None:
        process.suspend()
        await asyncio.sleep(100)
        loop.resume(process)
        await asyncio.sleep(1)

    start(loop, process, work())
    loop.run_until_complete(suspend())
    assert seen == [pytest.approx(100.0)]


def test_virtual_time_costs_nothing(loop: VirtualLoop) -> None:
    """A year passes at once when nothing happens in it."""
    loop.run_until_complete(asyncio.sleep(365 * 86_400))
    assert loop.time() == pytest.approx(365 * 86_400)


def test_waiting_for_ever_is_reported(loop: VirtualLoop) -> None:
    """If nothing can happen any more, the loop says so instead of hanging."""
    future = loop.create_future()
    with pytest.raises(Deadlock):
        loop.run_until_complete(future)
    future.cancel()
