"""The payment as it is now, for handlers that take it: fetched once for several events, within the API's limit.

The state in a webhook may be outdated. But Nexi lets a payment be retrieved 30 times an hour only, and
one payment brings a dozen events within seconds. So a fetched payment serves every event that came in before the fetch.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from nexi_async._models.payment import Payment

Retrieve: TypeAlias = Callable[[str], Awaitable[Payment]]
"""Fetches a payment by its id, as `checkout.payments.retrieve` does."""

HOUR = 3600.0
MAX_FETCHES_PER_HOUR = 20
"""Fetches of one payment; Nexi allows 30, the rest is for the shop itself."""
MAX_REMEMBERED = 1_000


class TooManyFetches(Exception):
    """A payment was fetched so often in the last hour that Nexi might refuse; the event is handled later."""


class PaymentFetcher:
    """Fetches payments for events.

    Args:
        retrieve: how, e.g. `checkout.payments.retrieve`.
        clock: seconds; the clock by which it is known when an event came in, and one that never goes back.
    """

    def __init__(self, retrieve: Retrieve, clock: Callable[[], float]) -> None:
        self._retrieve = retrieve
        self._clock = clock
        self._recent: OrderedDict[str, _Fetched] = OrderedDict()

    async def payment(self, payment_id: str, received: float) -> Payment:
        """The payment, fetched after the moment at which an event about it came in.

        Raises:
            TooManyFetches: it was fetched 20 times within the last hour.
            NexiError: it can't be fetched.
        """
        fetched = self._recall(payment_id)
        async with fetched.turn:  # those that wait here share one fetch
            if fetched.payment is None or fetched.begun < received:
                begun = self._clock()
                fetched.count(begun)
                fetched.payment = await self._retrieve(payment_id)
                fetched.begun = begun
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


class _Fetched:
    """A payment, when its fetch began, and the fetches of the last hour."""

    def __init__(self) -> None:
        self.turn = anyio.Lock()
        self.payment: Payment | None = None
        self.begun = 0.0
        self._times: deque[float] = deque()

    def count(self, now: float) -> None:
        """Count a fetch that begins now, if there may be another."""
        while self._times and self._times[0] <= now - HOUR:
            self._times.popleft()
        if len(self._times) >= MAX_FETCHES_PER_HOUR:
            raise TooManyFetches(f"fetched {MAX_FETCHES_PER_HOUR} times within an hour, handled later")
        self._times.append(now)
