"""The crew that charges jobs one by one: each worker takes the next job when it is done with the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
from anyio import create_task_group
from anyio.abc import TaskGroup

from nexi_async.batch.individual import charge_one
from nexi_async.batch.ledger import Ledger
from nexi_async.batch.ledger_work import Assignment, Run, Scope
from nexi_async.batch.outbox import Outbox
from nexi_async.batch.pacing import Breaker, Pace, RateCap
from nexi_async.client import AsyncCheckout

__all__ = ["Crew"]

LARGEST_CHUNK = 500
"""How many jobs are taken at once; after a crash so many at most are asked for that were never sent."""


class Crew:
    """Workers that go through a run, as many as the pace allows.

    Args:
        checkout: the client.
        ledger: where jobs are taken from.
        breaker: says when to begin no more.
        pace: how many work at once.
        rate: how fast they begin.
        now: seconds from any fixed point.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        checkout: AsyncCheckout,
        ledger: Ledger,
        breaker: Breaker,
        *,
        pace: Pace,
        rate: RateCap,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._checkout = checkout
        self._ledger = ledger
        self._breaker = breaker
        self._pace = pace
        self._rate = rate
        self._now = now
        self._sleep = sleep
        self._turn = anyio.Lock()
        self._turnstile = anyio.Lock()
        self._taken: deque[Assignment] = deque()
        self._workers = 0

    async def go_through(self, run: Run, scope: Scope, owner: str, outbox: Outbox) -> None:
        """Work on every open job once; what was taken and not begun in the end is given back.

        Args:
            run: the run.
            scope: the part of it.
            owner: in whose name jobs are taken.
            outbox: where what became of them goes.
        """
        self._run, self._scope, self._owner, self._outbox = run, scope, owner, outbox
        self._after, self._is_at_end = scope.first - 1, False
        async with create_task_group() as tasks:
            self._call_workers(tasks)
        if self._taken:
            await self._ledger.release(self._taken, owner)
            self._taken.clear()

    def _call_workers(self, tasks: TaskGroup) -> None:
        """Have as many as the pace allows, while there is work."""
        while self._workers < self._pace.limit and not (self._is_at_end or self._breaker.is_open()):
            self._workers += 1
            tasks.start_soon(self._work, tasks)

    async def _work(self, tasks: TaskGroup) -> None:
        while self._workers <= self._pace.limit:
            job = await self._next()
            if job is None:
                break
            await self._charge(job)
            self._call_workers(tasks)
        self._workers -= 1

    async def _next(self) -> Assignment | None:
        """The next job, when its turn has come; None if there is none or no more are to be begun."""
        has_turn = self._rate.per_second is None
        while await self._has_jobs():
            if has_turn:
                return self._taken.popleft()
            await self._wait_for_turn()
            has_turn = True
        return None

    async def _has_jobs(self) -> bool:
        if not self._taken:
            await self._take()
        return bool(self._taken) and not self._breaker.is_open()

    async def _wait_for_turn(self) -> None:
        """Keep the rate; one worker waits at a time, so that a stop is not waited for by all of them."""
        async with self._turnstile:
            if self._taken and not self._breaker.is_open():
                delay = self._rate.delay(self._now())
                if delay:
                    await self._sleep(delay)

    async def _take(self) -> None:
        """Take more from the ledger, where they are marked as sending from now on."""
        async with self._turn:
            if self._taken or self._is_at_end or self._breaker.is_open():
                return
            await self._outbox.wait_for_room()
            most = min(LARGEST_CHUNK, 10 * self._pace.limit)
            chunk = await self._ledger.claim(
                self._run, scope=self._scope, after=self._after, most=most, owner=self._owner
            )
            self._taken.extend(chunk)
            self._after = chunk[-1].number if chunk else self._after
            self._is_at_end = not chunk

    async def _charge(self, job: Assignment) -> None:
        """Charge one job, and learn from how it went."""
        began = self._now()
        job, ending = await charge_one(self._checkout, self._ledger, job)
        self._pace.note(self._now() - began, in_trouble=ending.in_trouble)
        self._breaker.note(ending)
        self._outbox.put(job, ending)
