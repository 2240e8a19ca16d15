"""Many jobs, few tasks."""

from __future__ import annotations

import anyio
import pytest

from nexi_async._demo.workers import work_through


async def test_every_job_is_done_by_few_workers_at_a_time() -> None:
    """A hundred jobs are done once each, and never more than three at once."""
    done: list[int] = []
    at_once: list[int] = []

    async def do(job: int) -> None:
        at_once.append(job)
        assert len(at_once) <= 3
        await anyio.lowlevel.checkpoint()
        at_once.remove(job)
        done.append(job)

    await work_through(range(100), do, workers=3)

    assert sorted(done) == list(range(100))


async def test_a_failure_stops_all() -> None:
    """An exception of one job comes out, and the jobs after it are not begun."""
    begun: list[int] = []

    async def do(job: int) -> None:
        begun.append(job)
        await anyio.lowlevel.checkpoint()
        if job == 1:
            raise RuntimeError("broken")

    with pytest.RaisesGroup(RuntimeError):
        await work_through(range(100), do, workers=2)

    assert len(begun) < 10
