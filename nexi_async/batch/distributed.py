"""Many machines on one run: procrastinate hands out its shards, and takes over those of machines that have died.

The ledger is on PostgreSQL, and so is the queue. A queue like this may hand out a shard twice; that is safe, since a
shard is charged like any run: whatever may have been sent is asked for, and its key keeps the charge single.
It runs on asyncio, as procrastinate does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import create_task_group

from nexi_async.batch.charger import BatchCharger
from nexi_async.batch.ledger import Ledger
from nexi_async.batch.ledger_work import Run, Scope
from nexi_async.batch.results import JobResult
from nexi_async.client import AsyncCheckout
from nexi_async.errors import InvalidRequest, NexiError

try:
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued
    from procrastinate.schema import SchemaManager
except ModuleNotFoundError as missing:
    text = "several machines need procrastinate: pip install 'nexi-async[distributed]'"
    raise ModuleNotFoundError(text) from missing

__all__ = ["ShardWorker"]

SHARD_SIZE = 500
"""How many jobs a shard has at most."""
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
"""A worker that was not heard of for so long is taken for dead."""
LOOKING_SECONDS = 2.0
"""How often a worker looks for shards that nobody works on, and for its share of the rate."""

_LIVE = (
    "SELECT count(*) AS live FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %(age)s)"
)


class ShardWorker:
    """One of several machines that charge a run together.

    Args:
        checkout: the client; have its `max_connections` at least as large as `concurrency`.
        ledger: the open ledger.
        url: the ledger's URL, on PostgreSQL.
        run: the run's name.
        concurrency: how many charges this machine has under way at once, at most.
        rate: how many charges all machines together may begin in a second; each takes its share of it.
        on_result: told of each result once it is on disk.

    Raises:
        InvalidRequest: the ledger is not on PostgreSQL.
    """

    def __init__(
        self,
        checkout: AsyncCheckout,
        ledger: Ledger,
        url: str,
        *,
        run: str,
        concurrency: int = 200,
        rate: float | None = None,
        on_result: Callable[[JobResult], None] | None = None,
    ) -> None:
        if not url.startswith(("postgresql:", "postgresql+psycopg:", "postgres:")):
            raise InvalidRequest([("ledger", "must be on PostgreSQL for several machines: postgresql://...")])
        self._checkout = checkout
        self._ledger = ledger
        self._conninfo = "postgresql" + url[url.index(":") :]
        self._run_name = run
        self._queue = f"nexi_batch:{run}"
        self._concurrency = concurrency
        self._rate = rate
        self._on_result = on_result
        self._charger: BatchCharger | None = None
        self._working: asyncio.Task[None] | None = None
        self._live = 1
        self._failure: NexiError | None = None
        self.stopped_because: str | None = None

    def stop(self) -> None:
        """End gracefully: what is under way is finished and written; the rest of the shard is left to others."""
        self._end("it was asked to stop")

    async def work(self) -> None:
        """Charge shards until the run has none left that can be charged now, whoever of the others dies.

        Raises:
            InvalidRequest: the run is not planned.
            NexiError: the API refuses the key.
        """
        run = await self._ledger.bind(self._run_name, "individual")
        await self._ledger.apply_schema(SchemaManager.get_schema())
        async with self.opened_app() as app, create_task_group() as tasks:
            tasks.start_soon(self._look_after, app)
            while self.stopped_because is None and await self._hand_out(app, run):
                await self._work_off(app)
            tasks.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    @asynccontextmanager
    async def opened_app(self) -> AsyncIterator[App]:
        """The queue, connected."""
        app = App(connector=PsycopgConnector(conninfo=self._conninfo))
        app.task(name="charge_shard", queue=self._queue)(self._charge_shard)
        async with app.open_async():
            yield app

    async def _hand_out(self, app: App, run: Run) -> bool:
        """Queue the shards that nobody has; returns whether there are any to be charged at all."""
        shards = await self._ledger.open_shards(run, SHARD_SIZE)
        taken = {
            job.lock
            for status in ("todo", "doing")
            for job in await app.job_manager.list_jobs_async(queue=self._queue, status=status)
        }
        for shard in shards:
            name = f"{self._run_name}:{shard.first}"
            if name not in taken:
                job = app.configure_task("charge_shard", queue=self._queue, lock=name, queueing_lock=name)
                with suppress(AlreadyEnqueued):
                    await job.defer_async(run=self._run_name, first=shard.first, last=shard.last)
        return bool(shards)

    async def _work_off(self, app: App) -> None:
        """Charge queued shards until none is left in the queue; others may still be at theirs."""
        worker = app.run_worker_async(
            queues=[self._queue],
            concurrency=1,
            wait=False,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )
        self._working = asyncio.create_task(worker)
        with suppress(asyncio.CancelledError):  # by `_end`, once the shard at hand is left
            await self._working
        self._working = None
        if self.stopped_because is None:
            await asyncio.sleep(LOOKING_SECONDS)

    async def _charge_shard(self, run: str, first: int, last: int) -> None:
        charger = BatchCharger(
            self._checkout,
            self._ledger,
            run=run,
            concurrency=self._concurrency,
            rate=self.share,
            scope=Scope(first, last),
        )
        self._charger = charger
        try:
            async for result in charger:
                if self._on_result is not None:
                    self._on_result(result)
        except NexiError as error:
            self._failure = error
        self._charger = None
        if charger.stopped_because is not None:
            self._end(charger.stopped_because)

    def _end(self, reason: str) -> None:
        self.stopped_because = self.stopped_because or reason
        if self._charger is not None:
            self._charger.stop()
        if self._working is not None:
            self._working.cancel()  # takes no more, and waits for the shard at hand

    # --- the others ----------------------------------------------------------------------------------------------

    async def _look_after(self, app: App) -> None:
        """Take over the shards of the dead, and keep to this machine's share of the rate."""
        while True:
            stalled = await app.job_manager.get_stalled_jobs(queue=self._queue, seconds_since_heartbeat=STALLED_SECONDS)
            for job in stalled:
                await app.job_manager.retry_job(job)
            await self.count_the_living(app)
            await asyncio.sleep(LOOKING_SECONDS)

    async def count_the_living(self, app: App) -> None:
        """See how many machines share the rate."""
        row = await app.connector.execute_query_one_async(_LIVE, age=STALLED_SECONDS)
        self._live = max(1, row["live"])
        if self._charger is not None:
            self._charger.set_rate(self.share)

    @property
    def share(self) -> float | None:
        """How many charges this machine may begin in a second; None for no limit."""
        return None if self._rate is None else self._rate / self._live
