"""The ledger: every job of every run with its outcome, on disk in SQLite or PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self, TypeVar

import anyio
import attrs

from nexi_async._errors import ConfigurationError, Fault, InvalidRequest, StorageError, StorageUnavailable
from nexi_async._idempotency import KEY_LIFETIME
from nexi_async._storage import Database
from nexi_async.batch._dunning import Dunning
from nexi_async.batch._job import ChargeJob
from nexi_async.batch._job_files import JobLine, checked_line
from nexi_async.batch._ledger import dunning as dunning_plans
from nexi_async.batch._ledger import planning, reading, review
from nexi_async.batch._ledger.job_queue import JobQueue
from nexi_async.batch._ledger.planning import Plan
from nexi_async.batch._ledger.review import ReviewItem
from nexi_async.batch._ledger.runs import find_run
from nexi_async.batch._ledger.tables import migrate
from nexi_async.batch._outage import Outage, RetryingDatabase
from nexi_async.batch._results import JobResult
from nexi_async.batch._summary import Summary

T = TypeVar("T")

MAX_FAULTS = 100
"""How many an exception lists."""
CLEANUP_TIMEOUT_SECONDS = 20.0
"""How many seconds an incomplete plan may take to be removed after a cancellation."""


@attrs.frozen
class Planned:
    """The result of planning.

    Attributes:
        jobs: how many jobs were added to the run.
        already: how many it had already, with the same content.
        bad: how many can't be planned.
    """

    jobs: int
    already: int
    bad: int


class Ledger:
    """Stores the jobs of batch runs: `async with Ledger.open("sqlite:///october.db") as ledger:`.

    Requests are stored as they are sent, with all personal data of their orders and notifications.
    """

    def __init__(
        self, database: RetryingDatabase, *, key_lifetime: timedelta, now: Callable[[], float], outage: Outage
    ) -> None:
        """Use a database whose tables exist; `open` creates them."""
        self._database = database
        self._now = now
        self._job_queue = JobQueue(database=database, key_lifetime=key_lifetime, now=now, outage=outage)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        key_lifetime: timedelta = KEY_LIFETIME,
        now: Callable[[], float] = time.time,
        outage: Outage | None = None,
    ) -> AsyncIterator[Self]:
        """Open a ledger, made if it is not there, and brought up to date if it is older.

        Args:
            url: "sqlite:///file.db" or "postgresql://user:password@host/name".
            key_lifetime: how long the API remembers an idempotency key, which it does not document. A charge whose
                outcome is still unknown then is not sent again, since that could charge a second time: it goes to the
                state "review" and has to be resolved by hand.
            now: seconds since 1970.
            outage: how calls wait while the database is unavailable; for up to two minutes when left out.

        Raises:
            ConfigurationError: the lifetime is not positive, or the ledger can't be opened, or a newer version of this
                package made it.
            StorageUnavailable: the database is unavailable for longer than `outage` waits.
        """
        database, outage = Database(url), outage or Outage()
        retrying = RetryingDatabase(database, outage)
        try:
            await _migrated(retrying)
            yield cls(retrying, key_lifetime=key_lifetime, now=now, outage=outage)
        finally:
            await database.close()

    # --- planning ------------------------------------------------------------------------------------------------

    async def plan(self, run: str, jobs: Iterable[ChargeJob] | AsyncIterable[ChargeJob]) -> Planned:
        """Add jobs to a run, all or none; in little memory, however many.

        Jobs that the run has already are skipped, so an interrupted call can be repeated.

        Args:
            run: the run's name, e.g. "2026-10"; made if it is new.
            jobs: any iterable, asynchronous or not.

        Raises:
            InvalidRequest: jobs break a rule of the API, stand in the plan twice, or were planned with other content;
                the first 100 faults are listed with the job's place, from 1, and nothing is planned.
        """
        faults: list[Fault] = []

        def collect(line: JobLine) -> None:
            if len(faults) < MAX_FAULTS:
                faults.extend(Fault(f"jobs[{line.number}].{path}", text) for path, text in line.faults)

        planned = await self.plan_lines(run, _lines_of(jobs), strict=True, on_bad=collect)
        if planned.bad:
            raise InvalidRequest(faults)
        return planned

    async def plan_lines(
        self,
        run: str,
        lines: Iterable[JobLine] | AsyncIterable[JobLine],
        *,
        strict: bool = False,
        on_bad: Callable[[JobLine], None],
    ) -> Planned:
        """Add the jobs of a file's good lines to a run.

        Args:
            run: the run's name.
            lines: as `read_jobs` reads them.
            strict: plan nothing if any line is bad.
            on_bad: called with each bad line.

        Raises:
            InvalidRequest: the run's name can't be used.
        """
        if not run or not run.isprintable() or len(run) > 128:
            raise InvalidRequest([("run", "must have 1 to 128 printable characters")])
        plan, left_over = await self._database.run(planning.begin, run, self._now())
        for other in left_over:
            await self._discard(other)
        writer = _PlanWriter(self._database, plan, on_bad)
        try:
            await writer.add_all(lines)
            if not (strict and writer.bad):
                await self._database.run(planning.complete, plan, writer.jobs)
                return Planned(writer.jobs, writer.already, writer.bad)
        except BaseException:
            with anyio.move_on_after(CLEANUP_TIMEOUT_SECONDS, shield=True):
                await self._discard(plan)
            raise
        await self._discard(plan)
        return Planned(0, 0, writer.bad)

    async def _discard(self, plan: Plan) -> None:
        while not await self._database.run(planning.discard, plan):
            pass

    # --- reading -------------------------------------------------------------------------------------------------

    async def summary(self, run: str) -> Summary:
        """The figures of a run.

        Raises:
            InvalidRequest: there is no such run.
        """
        return await self._database.run(reading.summarise, run, self._now())

    async def results(self, run: str) -> AsyncGenerator[JobResult, None]:
        """Every job of the run in its present state, in the order they were planned; in little memory.

        Raises:
            InvalidRequest: there is no such run.
        """
        after: int | None = 0
        while after is not None:
            after, results = await self._database.run(reading.page, run, after)
            for result in results:
                yield result

    # --- reviewing -----------------------------------------------------------------------------------------------

    async def in_review(self, run: str) -> AsyncGenerator[ReviewItem, None]:
        """The jobs of the run in review: each may have been charged, and has to be resolved by hand.

        Raises:
            InvalidRequest: there is no such run.
        """
        after: int | None = 0
        while after is not None:
            after, items = await self._database.run(review.page, run, after)
            for item in items:
                yield item

    async def review_item(self, run: str, reference: str) -> ReviewItem:
        """One of the jobs in review.

        Raises:
            InvalidRequest: no such job is in review.
        """
        return await self._database.run(review.find, run, reference)

    async def resolve_charged(self, run: str, reference: str, *, payment_id: str, charge_id: str) -> None:
        """Resolve a job in review as charged.

        Args:
            run: the run's name.
            reference: the job's.
            payment_id: the payment that was found.
            charge_id: the charge in it.

        Raises:
            InvalidRequest: no such job is in review, or the payment is another job's.
        """
        found = {"payment_id": payment_id, "charge_id": charge_id}
        await self._database.run(review.mark_charged, run, reference, **found, now=self._now())

    async def resolve_not_charged(self, run: str, reference: str) -> None:
        """Resolve a job in review as certainly not charged: plan it again, with a new key.

        Raises:
            InvalidRequest: no such job is in review, or it is in review for less than five minutes: until then a
                request of another worker may still arrive.
        """
        await self._database.run(review.plan_again, run, reference, self._now())

    # --- dunning -------------------------------------------------------------------------------------------------

    async def dunning(self, run: str, *, attempt: int) -> Dunning:
        """Plan the next attempt at what was declined and may be tried again, on the dates that the schemes allow.

        Each job gets a key of its own for the attempt, and is charged by the first execution of the run after its date.
        A repeated call plans nothing twice.

        Args:
            run: the run's name.
            attempt: the number of the attempt to plan, from 2: for jobs whose last attempt was the one before.

        Raises:
            InvalidRequest: there is no such run, or the number is less than 2.
        """
        if attempt < 2:
            raise InvalidRequest([("attempt", "must be at least 2; planning the run makes the first")])
        run_id = (await self._database.run(find_run, run)).id
        planned = not_retried = 0
        due: list[float] = []
        after: int | None = 0
        while after is not None:
            after, refused, dates = await self._database.run(dunning_plans.plan_again, run_id, attempt, after)
            planned, not_retried = planned + len(dates), not_retried + refused
            due = [min([*due, *dates]), max([*due, *dates])] if due or dates else []
        return Dunning(planned, not_retried, due[0] if due else None, due[-1] if due else None)


def job_queue_of(ledger: Ledger) -> JobQueue:
    """The part of a ledger that workers use; it is not public."""
    return ledger._job_queue  # noqa: SLF001 - the only access


async def _migrated(database: RetryingDatabase) -> None:
    try:
        await database.run(migrate)
    except StorageUnavailable:
        raise
    except StorageError as error:
        raise ConfigurationError([("ledger", f"can't be opened: {error}")]) from None


class _PlanWriter:
    """Writes lines in groups, one transaction each, and counts them."""

    def __init__(self, database: RetryingDatabase, plan: Plan, on_bad: Callable[[JobLine], None]) -> None:
        self._database = database
        self._plan = plan
        self._on_bad = on_bad
        self.jobs = self.already = self.bad = 0

    async def add_all(self, lines: Iterable[JobLine] | AsyncIterable[JobLine]) -> None:
        """Write all jobs."""
        gathered: list[JobLine] = []
        async for line in _each(lines):
            if line.faults:
                self._refuse(line)
                continue
            gathered.append(line)
            if len(gathered) == planning.AT_ONCE:
                await self._write(gathered)
                gathered = []
        if gathered:
            await self._write(gathered)

    async def _write(self, lines: list[JobLine]) -> None:
        compared = await self._database.run(planning.compare, self._plan, lines)
        await self._database.run(planning.add, self._plan, compared)
        self.jobs += len(compared.fresh)
        self.already += len(compared.known)
        for line in compared.refused:
            self._refuse(line)

    def _refuse(self, line: JobLine) -> None:
        self.bad += 1
        self._on_bad(line)


async def _lines_of(jobs: Iterable[ChargeJob] | AsyncIterable[ChargeJob]) -> AsyncIterator[JobLine]:
    """Jobs from Python, checked and numbered like the lines of a file."""
    number = 0
    async for job in _each(jobs):
        number += 1
        yield checked_line(number, job)


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
