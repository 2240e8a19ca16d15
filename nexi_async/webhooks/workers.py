"""Workers: they take letters out of the inbox, hand them to handlers, and write down how it ended."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

from nexi_async.webhooks import letters
from nexi_async.webhooks.letters import Ending, Letter
from nexi_async.webhooks.log import facts

__all__ = ["Bell", "Exchange", "Workers"]

Exchange: TypeAlias = Callable[[Sequence[Ending], int], Awaitable[Sequence[Letter]]]
"""Writes how loans ended and lends at most so many letters, in one transaction."""

PAUSE = 1.0
"""Seconds between two looks into the inbox while nothing happens in this process."""
LAST_CALL = 10.0
"""Seconds that handlers have to end when the receiver stops."""


logger = logging.getLogger("nexi_async.webhooks")


class Bell:
    """Wakes the one who waits for it; rung while nobody waits, it wakes the next one at once."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Wake the one who waits."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, for so long at most."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = anyio.Event()


class Workers:
    """Works through an inbox as long as `running` runs.

    Args:
        exchange: the inbox.
        handle: what to do with a letter; what it raises is written down, and the letter is tried again later.
        clock: seconds since 1970.
        bell: is rung when there may be something to do.
        concurrency: how many letters may be worked on at once.
        tries: after how many failures a letter is dead.
        lease: seconds that `handle` may take.
    """

    def __init__(
        self,
        exchange: Exchange,
        handle: Callable[[Letter], Awaitable[None]],
        *,
        clock: Callable[[], float],
        bell: Bell,
        concurrency: int,
        tries: int,
        lease: float,
    ) -> None:
        self._exchange = exchange
        self._handle = handle
        self._clock = clock
        self._bell = bell
        self._free = concurrency
        self._concurrency = concurrency
        self._tries = tries
        self._lease = lease
        self._endings: list[Ending] = []
        self._is_open = True
        self._stopped = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the end of the block; then what is being worked on may end, and the rest is given back."""
        raised: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._run, tasks)
                try:
                    yield
                except Exception as error:  # noqa: BLE001 - raised below, where the task group can't wrap it
                    raised = error
                finally:
                    await self._stop()
                    tasks.cancel_scope.cancel()
        finally:
            await self._turn(0)
        if raised is not None:
            raise raised

    async def _run(self, tasks: TaskGroup) -> None:
        try:
            while self._is_open or self._free < self._concurrency:
                lent = await self._turn(self._free if self._is_open else 0)
                self._free -= len(lent)
                for letter in lent:
                    tasks.start_soon(self._work_on, letter)
                await self._bell.wait(PAUSE)
        finally:
            self._stopped.set()

    async def _stop(self) -> None:
        """No new letters; wait for those that are being worked on."""
        self._is_open = False
        self._bell.ring()
        with anyio.move_on_after(LAST_CALL, shield=True):
            await self._stopped.wait()

    async def _turn(self, most: int) -> Sequence[Letter]:
        """Write down what ended and take what is due; a database that is away is asked again later."""
        endings, self._endings = self._endings, []
        lent: Sequence[Letter] = ()
        with CancelScope(shield=True):  # what is lent must not get lost on the way
            try:
                lent = await self._exchange(endings, most)
            except Exception:
                self._endings[:0] = endings
                logger.exception("the inbox can't be worked on, trying again")
        return lent

    async def _work_on(self, letter: Letter) -> None:
        ending = letters.given_back(letter, self._clock())
        try:
            ending = await self._try(letter)
        finally:
            self._endings.append(ending)
            self._free += 1
            self._bell.ring()

    async def _try(self, letter: Letter) -> Ending:
        try:
            if letter.attempts > self._tries:
                raise RuntimeError("every worker that had it died")
            with anyio.fail_after(self._lease):
                await self._handle(letter)
        except Exception as error:
            ending = letters.failed(letter, error, self._clock(), tries=self._tries, chance=random.random())  # noqa: S311
            logger.exception(
                "handler failed, attempt %d of %d: event %r, id %r, payment %r, letter %d is %s",
                letter.attempts,
                self._tries,
                letter.event,
                letter.id,
                letter.payment_id,
                letter.number,
                ending.state,
                extra=facts(letter.event, letter.id, letter.payment_id),
            )
            return ending
        return letters.done(letter, self._clock())
