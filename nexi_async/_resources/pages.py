"""Answers that come in pages, as iterators that fetch the next page only when it is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import attrs

from nexi_async._errors import InvalidRequest, Outcome, TimedOut
from nexi_async.reference.states import BulkItemStatus, BulkStatus

if TYPE_CHECKING:
    from nexi_async._models.bulk import BulkCharge, BulkVerification

PAGE_SIZE = 500

T = TypeVar("T")
Result = tuple[str | None, str | None, BulkItemStatus, str | None]
"""The result of an item: subscription, external reference, status and payment of an item."""


@attrs.frozen(kw_only=True)
class Poll:
    """The delays and the time limit of polling a bulk run.

    Attributes:
        first_delay: seconds before the second request; doubles with every request.
        longest_delay: seconds, where doubling stops.
        deadline: seconds after which `TimedOut` is raised; the run itself goes on at Nexi.
    """

    first_delay: float = attrs.field(default=2.0, validator=attrs.validators.gt(0))
    longest_delay: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    deadline: float = attrs.field(default=3600.0, validator=attrs.validators.gt(0))


Item = TypeVar("Item", bound="BulkCharge | BulkVerification")
Item_co = TypeVar("Item_co", bound="BulkCharge | BulkVerification", covariant=True)


class BulkPage(Protocol[Item_co]):
    """A part of a run's items."""

    @property
    def page(self) -> tuple[Item_co, ...]: ...
    @property
    def more(self) -> bool: ...
    @property
    def status(self) -> BulkStatus | None: ...


Fetch = Callable[[int, int], Awaitable[BulkPage[Item]]]
"""Fetches the page of so many items after skipping so many."""


def items_of(fetch: Fetch[Item], *, page_size: int, poll: Poll | None) -> AsyncGenerator[Item, None]:
    """Every item of a bulk run: as it stands now, or each once it is final."""
    check_page_size(page_size)
    return _items_now(fetch, page_size) if poll is None else _final_items(fetch, page_size, poll)


async def _pages(fetch: Fetch[Item], page_size: int) -> AsyncGenerator[BulkPage[Item], None]:
    skip = 0
    while True:
        page = await fetch(skip, page_size)
        yield page
        skip += len(page.page)
        if not page.more or not page.page:
            return


async def _items_now(fetch: Fetch[Item], page_size: int) -> AsyncGenerator[Item, None]:
    async with aclosing(_pages(fetch, page_size)) as pages:
        async for page in pages:
            for item in page.page:
                yield item


async def _final_items(fetch: Fetch[Item], page_size: int, poll: Poll) -> AsyncGenerator[Item, None]:
    yielded: Counter[Result] = Counter()
    ends = anyio.current_time() + poll.deadline
    delay = poll.first_delay
    while True:
        seen: Counter[Result] = Counter()
        is_done = True
        async with aclosing(_pages(fetch, page_size)) as pages:
            async for page in pages:
                is_done = is_done and page.status is BulkStatus.DONE
                for item in _newly_final(page, seen, yielded):
                    yield item
        if is_done:
            return
        await _wait(delay, ends, poll)
        delay = min(delay * 2, poll.longest_delay)


def _newly_final(page: BulkPage[Item], seen: Counter[Result], yielded: Counter[Result]) -> Iterator[Item]:
    """A subscription may stand in a run twice, ending in any order: results are compared, and equal ones counted."""
    for item in page.page:
        if not _is_final(item.status, page.status):
            continue
        result = (item.subscription_id, item.external_reference, item.status, item.payment_id)
        seen[result] += 1
        if seen[result] > yielded[result]:
            yielded[result] += 1
            yield item


def _is_final(item: BulkItemStatus, run: BulkStatus | None) -> bool:
    """A status that this SDK does not know may be a passing one, as long as the run goes on."""
    return item is not BulkItemStatus.PENDING if item.is_known else run is BulkStatus.DONE


async def _wait(delay: float, ends: float, poll: Poll) -> None:
    left = ends - anyio.current_time()
    if left <= 0:
        raise TimedOut(f"the bulk run was not done within {poll.deadline:g} s; it continues", outcome=Outcome.ACCEPTED)
    await anyio.sleep(min(delay, left))


async def numbered_pages(fetch: Callable[[int], Awaitable[tuple[tuple[T, ...], int]]]) -> AsyncGenerator[T, None]:
    """Every item of a report, whose pages are numbered from 0 and say how many items there are in all."""
    number = count = 0
    while True:
        items, total = await fetch(number)
        for item in items:
            yield item
        count += len(items)
        number += 1
        if count >= total or not items:
            return


def check_page_size(page_size: int) -> None:
    """Refuse a page size that asks for nothing."""
    if page_size < 1:
        raise InvalidRequest([("page_size", "must be at least 1")])
