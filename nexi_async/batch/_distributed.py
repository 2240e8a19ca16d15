"""Several machines on one run: procrastinate queues its shards, and requeues those of machines that have died.

The ledger and the queue are on PostgreSQL. Such a queue may deliver a shard twice; that is safe, since a shard is
charged like any run: a charge that may have been sent is looked up first, and its key keeps it single. It runs on
asyncio, as procrastinate does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import CancelScope, create_task_group, move_on_after

from nexi_async._client import AsyncCheckout
from nexi_async._errors import InvalidRequest, NexiError, StorageUnavailable
from nexi_async.batch._charger import BatchCharger
from nexi_async.batch._ledger.ledger import Ledger, job_queue_of
from nexi_async.batch._ledger.runs import Run, Scope
from nexi_async.batch._results import JobResult
from nexi_async.batch._run_execution import MAX_PASSES

try:
    import psycopg
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    from procrastinate.job_context import JobContext
    from procrastinate.jobs import Job
    from procrastinate.schema import SchemaManager
    from psycopg_pool import PoolTimeout
except ModuleNotFoundError as missing:
    text = "several machines need procrastinate: pip install 'nexi-async[distributed]'"
    raise ModuleNotFoundError(text) from missing

SHARD_SIZE = 500
"""How many jobs a shard has at most."""
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
"""A worker without a heartbeat for so long is considered dead."""
POLL_SECONDS = 2.0
"""How many seconds pass before a worker looks again for unclaimed shards, and for its share of the rate."""

MAX_RECONNECTS = 20
"""How often a worker reconnects to the queue after outages of the database."""
END_TIMEOUT_SECONDS = 30.0
"""How many seconds a cancelled worker may take to release its claims, record the last outcomes and leave the queue."""
_LOST = (ConnectorException, psycopg.Error, PoolTimeout)
"""What the queue raises when its connections are lost."""

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
        rate: how many charges all machines together may begin in a second. Each keeps an equal share of it, so in
            any interval at most rate x seconds + 1 begin on each machine.
        on_result: called with each result once it is on disk.

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
        self._job_queue = job_queue_of(ledger)
        self._conninfo = "postgresql" + url[url.index(":") :]
        self._run_name = run
        self._queue = f"nexi_batch:{run}"
        self._rate = rate
        self._on_result = on_result
        self._charger = BatchCharger(checkout, ledger, run=run, concurrency=concurrency, rate=rate)
        self._working: asyncio.Task[None] | None = None
        self._shard_scope = CancelScope()
        self._live = 1
        self._has_joined = False
        self._failure: Exception | None = None

    @property
    def stop_reason(self) -> str | None:
        """Why it stopped before the end of the run; None if it did not."""
        return self._charger.stop_reason

    def stop(self) -> None:
        """Stop gracefully: charges under way are finished and recorded; the rest of the shard is left to others."""
        self._charger.stop()
        self._end()

    async def work(self) -> None:
        """Charge shards until the run has none left that can be charged now, also if other machines die.

        It also ends when no machine has made progress with the rest, several times in a row.

        Raises:
            InvalidRequest: the run is not planned.
            StorageUnavailable: the database is unavailable for too long.
            NexiError: the API refuses the key.
            Exception: what `on_result` raised.
        """
        run = await self._job_queue.bind(self._run_name, "individual")
        await self._job_queue.apply_schema(SchemaManager.get_schema())
        for _ in range(MAX_RECONNECTS):
            try:
                await self._work_connected(run)
                break
            except* _LOST as lost:
                failure = str(lost.exceptions[0])
            await self._job_queue.open_shards(run, SHARD_SIZE)  # waits until the database is back
        else:
            raise StorageUnavailable(f"the queue of shards can't be used: {failure}")
        if self._failure is not None:
            raise self._failure

    async def _work_connected(self, run: Run) -> None:
        async with self.opened_app() as app, create_task_group() as tasks:
            tasks.start_soon(self._supervise, app)
            try:
                await self._work_until_no_progress(app, run)
            except NexiError as error:  # the task group would wrap it
                self._failure = error
            tasks.cancel_scope.cancel()

    async def _work_until_no_progress(self, app: App, run: Run) -> None:
        """Enqueue and charge shards, until there are none or no worker makes progress."""
        left, rounds = await self._job_queue.count_open(run, Scope()), 0
        while not self._is_ending() and rounds < MAX_PASSES:
            if not await self._enqueue_shards(app, run):
                return
            await self._drain_queue(app)
            before, left = left, await self._job_queue.count_open(run, Scope())
            is_stuck = left == before and not await self._others_are_working(app)
            rounds = rounds + 1 if is_stuck else 0
            if not self._is_ending() and rounds < MAX_PASSES:
                await asyncio.sleep(POLL_SECONDS * (rounds or 1))

    @asynccontextmanager
    async def opened_app(self) -> AsyncIterator[App]:
        """The queue, connected."""
        app = App(connector=PsycopgConnector(conninfo=self._conninfo))
        app.task(name="charge_shard", queue=self._queue, pass_context=True)(self._charge_shard)
        try:
            await app.open_async()
            yield app
        finally:
            with move_on_after(END_TIMEOUT_SECONDS, shield=True):
                await app.close_async()

    async def _enqueue_shards(self, app: App, run: Run) -> bool:
        """Queue the shards that are not queued or claimed; returns whether any is to be charged at all."""
        shards = await self._job_queue.open_shards(run, SHARD_SIZE)
        taken = {job.lock for status in ("todo", "doing") for job in await self._shards_in_queue(app, status)}
        for shard in shards:
            name = f"{self._run_name}:{shard.first}"
            if name not in taken:
                job = app.configure_task("charge_shard", queue=self._queue, lock=name, queueing_lock=name)
                with suppress(AlreadyEnqueued):
                    await job.defer_async(run=self._run_name, first=shard.first, last=shard.last)
        return bool(shards)

    async def _others_are_working(self, app: App) -> bool:
        """Whether another machine has a shard; this one has none now."""
        return bool(await self._shards_in_queue(app, "doing"))

    async def _shards_in_queue(self, app: App, status: str) -> list[Job]:
        return [*await app.job_manager.list_jobs_async(queue=self._queue, status=status)]

    async def _drain_queue(self, app: App) -> None:
        """Charge queued shards until none is left in the queue; other machines may still have some.

        A cancellation cancels the present shard, and waits until procrastinate has ended its tasks: cancelled itself a
        second time, it would leave them behind.
        """
        worker = app.run_worker_async(
            queues=[self._queue],
            concurrency=1,
            wait=False,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )
        working = self._working = asyncio.create_task(worker)
        try:
            await asyncio.wait([working])
        finally:
            self._end()
            self._shard_scope.cancel()
            with move_on_after(END_TIMEOUT_SECONDS, shield=True):
                await asyncio.wait([working])
        with suppress(asyncio.CancelledError):  # by `_end`, once the present shard is left
            working.result()

    async def _charge_shard(self, context: JobContext, run: str, first: int, last: int) -> None:  # noqa: ARG002 - stored
        if self._working is None:  # it has ended since; the ledger still has the shard
            return
        if task := asyncio.current_task():
            task.add_done_callback(_retrieve_failure)
        with CancelScope() as self._shard_scope:
            await self._join(context.app)
            try:
                async with self._charger.part(Scope(first, last)) as results:
                    async for result in results:
                        if self._on_result is not None:
                            self._on_result(result)
            except Exception as error:  # noqa: BLE001 - raised by `work`; procrastinate would log it alone
                self._failure = error
        if self._is_ending():
            self._end()

    async def _join(self, app: App) -> None:
        """Count as one more machine that shares the rate; the others get time to notice before the first charge."""
        await self.count_live_workers(app)
        if self._rate is not None and self._live > 1 and not self._has_joined:
            await asyncio.sleep(POLL_SECONDS)
        self._has_joined = True

    def _is_ending(self) -> bool:
        return self.stop_reason is not None or self._failure is not None

    def _end(self) -> None:
        if self._working is not None:
            self._working.cancel()  # claims no more, and waits for the present shard
            self._working = None

    # --- other workers ----------------------------------------------------------------------------------------------

    async def _supervise(self, app: App) -> None:
        """Requeue the shards of workers without a heartbeat, and keep to this machine's share of the rate."""
        while True:
            with suppress(*_LOST):  # the present shard waits for the database by itself
                await self._requeue_stalled(app)
                await self.count_live_workers(app)
            await asyncio.sleep(POLL_SECONDS)

    async def _requeue_stalled(self, app: App) -> None:
        for job in await app.job_manager.get_stalled_jobs(queue=self._queue, seconds_since_heartbeat=STALLED_SECONDS):
            await app.job_manager.retry_job(job)

    async def count_live_workers(self, app: App) -> None:
        """Count the machines that share the rate."""
        row = await app.connector.execute_query_one_async(_LIVE, age=STALLED_SECONDS)
        self._live = max(1, row["live"])
        self._charger.set_rate(self.share)

    @property
    def share(self) -> float | None:
        """How many charges this machine may begin in a second; None for no limit."""
        return None if self._rate is None else self._rate / self._live


def _retrieve_failure(task: asyncio.Task[None]) -> None:
    """Keep asyncio from logging that procrastinate could not store the end of a shard: `work` meets that loss too."""
    if not task.cancelled():
        task.exception()
