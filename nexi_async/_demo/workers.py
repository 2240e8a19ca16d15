"""Work through many jobs with few tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import anyio

__all__ = ["work_through"]

Job = TypeVar("Job")


async def work_through(jobs: Iterable[Job], do: Callable[[Job], Awaitable[None]], *, workers: int) -> None:
    """Do every job, at most `workers` of them at once; each worker takes the next one when it is done with the last.

    An exception of one stops all.
    """
    pending = iter(jobs)
    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(_work, pending, do)


async def _work(pending: Iterator[Job], do: Callable[[Job], Awaitable[None]]) -> None:
    for job in pending:
        await do(job)
