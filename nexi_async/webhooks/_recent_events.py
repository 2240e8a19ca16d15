"""Deduplication without an inbox: the events that were handled, and those that are being handled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeAlias

import anyio
import attrs

P = ParamSpec("P")

Key: TypeAlias = tuple[str, str]
"""An event's id and name; both generations of an event share the id."""

MAX_REMEMBERED = 10_000
DUPLICATE_TIMEOUT = 10.0
"""Seconds that a repeated delivery waits for the one that is being handled."""


@attrs.define(eq=False)
class HandledEvents:
    """Runs the handler of each event once, however many deliveries bring the event.

    Only success is remembered, for the 10,000 most recent events of this process. A handler that failed or was
    cancelled is not remembered, so the next delivery runs it again.
    """

    _handled: OrderedDict[Key, None] = attrs.field(init=False, factory=OrderedDict)
    _running: dict[Key, anyio.Event | None] = attrs.field(init=False, factory=dict)
    duplicates: int = attrs.field(init=False, default=0)
    """How many deliveries brought an event that was handled, or was being handled, already."""

    async def once(self, key: Key, handle: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Handle the event, by calling `handle`, unless another delivery did or is doing so.

        Returns:
            Whether the event is handled now. False if the other delivery failed or takes longer than 10 seconds.
        """
        if key in self._handled:
            self.duplicates += 1
            self._handled.move_to_end(key)
            return True
        if key in self._running:
            self.duplicates += 1
            return await self._outcome_of(key)
        self._running[key] = None  # an anyio.Event only if another delivery has to wait for it
        try:
            await handle(*args, **kwargs)
            self._remember(key)
        finally:
            finished = self._running.pop(key)
            if finished is not None:
                finished.set()
        return True

    async def _outcome_of(self, key: Key) -> bool:
        finished = self._running[key] = self._running[key] or anyio.Event()
        with anyio.move_on_after(DUPLICATE_TIMEOUT):
            await finished.wait()
        return key in self._handled

    def _remember(self, key: Key) -> None:
        self._handled[key] = None
        if len(self._handled) > MAX_REMEMBERED:
            self._handled.popitem(last=False)
