"""The payment as it is now, for handlers that take it: fetched once for several events, within the API's limit.

The state in a webhook may be outdated. But Nexi lets a payment be retrieved 30 times an hour only, and
one payment brings a dozen events within seconds. So a fetched payment serves every event that came in before the fetch
and is handled within 10 seconds after it; those that wait longer, are retried later or are replayed get a new one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import attrs

from nexi_async._models.payment import Payment

Retrieve: TypeAlias = Callable[[str], Awaitable[Payment]]
"""Fetches a payment by its id, as `checkout.payments.retrieve` does."""

HOUR = 3600.0
MAX_FETCHES_PER_HOUR = 20
"""Fetches of one payment; Nexi allows 30, the rest is for the shop itself."""
MAX_AGE = 10.0
"""Seconds for which a fetched payment is taken for the payment as it is now."""
MAX_REMEMBERED = 1_000


class TooManyFetches(Exception):
    """A payment was fetched so often in the last hour that Nexi might refuse; the event is handled later."""


@attrs.frozen(eq=False)
class PaymentFetcher:
    """Fetches payments for events.

    Args:
        clock: seconds; the clock by which it is known when an event came in, and one that never goes back.
    """

    _retrieve: Retrieve
    _clock: Callable[[], float]
    _recent: OrderedDict[str, _Fetched] = attrs.field(init=False, factory=OrderedDict)

    async def payment(self, payment_id: str, received: float) -> Payment:
        """The payment, fetched after the moment at which an event about it came in, and within the last 10 seconds.

        Raises:
            TooManyFetches: it was fetched 20 times within the last hour.
            NexiError: it can't be fetched.
        """
        fetched = self._recall(payment_id)
        async with fetched.turn:  # those that wait here share one fetch
            now = self._clock()
            if fetched.payment is None or fetched.begun < max(received, now - MAX_AGE):
                fetched.count(now)
                fetched.payment = await self._retrieve(payment_id)
                fetched.begun = now
            return fetched.payment

    def _recall(self, payment_id: str) -> _Fetched:
        fetched = self._recent.setdefault(payment_id, _Fetched())
        self._recent.move_to_end(payment_id)
        if len(self._recent) > MAX_REMEMBERED:
            self._forget_oldest(keep=fetched)
        return fetched

    def _forget_oldest(self, *, keep: _Fetched) -> None:
        """Forget the payment asked for longest ago, of those that are not being fetched."""
        unused = (id_ for id_, fetched in self._recent.items() if fetched is not keep and not fetched.turn.locked())
        oldest = next(unused, None)
        if oldest is not None:
            del self._recent[oldest]


@attrs.define(eq=False)
class _Fetched:
    """A payment, when its fetch began, and the fetches of the last hour."""

    turn: anyio.Lock = attrs.field(factory=anyio.Lock)
    payment: Payment | None = None
    begun: float = 0.0
    _times: deque[float] = attrs.field(factory=deque)

    def count(self, now: float) -> None:
        """Count a fetch that begins now, if there may be another."""
        while self._times and self._times[0] <= now - HOUR:
            self._times.popleft()
        if len(self._times) >= MAX_FETCHES_PER_HOUR:
            raise TooManyFetches(f"fetched {MAX_FETCHES_PER_HOUR} times within an hour, handled later")
        self._times.append(now)
