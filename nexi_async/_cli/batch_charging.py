"""`nexi-async batch run` and `batch worker`: charge a run, on one machine or on several."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Annotated, cast

import anyio
import typer
from rich.console import Console

from nexi_async._cli.batch_command import Batch, batch_command
from nexi_async._cli.batch_progress import showing_progress
from nexi_async._cli.batch_summary import show_summary, status_of
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._errors import NexiError
from nexi_async.batch import BatchCharger, JobResult, JobState, Ledger, Strategy

LINE_EVERY = 1000
"""How many jobs pass between two lines of progress of a worker."""
QUEUE_LIBRARIES = ("procrastinate", "psycopg")

KeyLifetime = Annotated[
    float,
    typer.Option(
        metavar="HOURS",
        min=0.01,
        help="How long the API remembers an idempotency key, which it does not document. What is unknown for longer is "
        "not sent again: see `batch review`.",
    ),
]


@batch_command(calls_api=True)
async def charge(
    batch: Batch,
    *,
    concurrency: Annotated[int, typer.Option(min=1, help="How many charges are under way at once, at most.")] = 200,
    rate: Annotated[float | None, typer.Option(help="How many charges begin in a second, at most.")] = None,
    strategy: Annotated[str, typer.Option(help="individual, or bulk: up to 500 jobs a call.")] = "individual",
    key_lifetime: KeyLifetime = 24.0,
) -> ExitStatus:
    """Charge every job of the run that is still open; start it again after an interruption.

    Ctrl-C (or SIGTERM) finishes the charges under way and stops; a second one cancels them. Either way the run can be
    continued: no job is charged twice, none is lost.

    Exit status: 0 if every job is charged, 1 if some are declined, refused or not due yet, 2 if the ledger, the run or
    the key can't be used, 3 if it was stopped before its end, 4 if the database was unavailable for two minutes.
    """
    async with batch.client_and_ledger(concurrency=concurrency, key_lifetime=key_lifetime) as (checkout, ledger):
        with showing_progress(Console(stderr=batch.output.as_json)) as show:
            charger = BatchCharger(
                checkout,
                ledger,
                run=batch.run,
                concurrency=concurrency,
                rate=rate,
                strategy=cast("Strategy", strategy),
                on_progress=show,
            )
            is_at_end = await _until_signalled(partial(_charge_all, charger), charger.stop)
        return await _report(batch, ledger, charger.stop_reason, is_at_end=is_at_end)


async def _charge_all(charger: BatchCharger) -> None:
    """Charge to the end; the ledger has the results."""
    async with charger as results:
        async for _ in results:
            pass


@batch_command(calls_api=True)
async def worker(
    batch: Batch,
    *,
    concurrency: Annotated[int, typer.Option(min=1, help="How many charges this machine has under way at once.")] = 200,
    rate: Annotated[
        float | None, typer.Option(help="How many charges all machines together begin in a second, at most.")
    ] = None,
    key_lifetime: KeyLifetime = 24.0,
) -> ExitStatus:
    """Charge a run together with other machines: start one on each, with the same options and a ledger on PostgreSQL.

    Each charges shards of the run until none is left, and those of machines that have died. Ctrl-C (or SIGTERM)
    finishes the charges under way and leaves the rest to the others.

    Exit status: as of `batch run`, for the whole run.
    """
    from nexi_async.batch import ShardWorker

    for library in QUEUE_LIBRARIES:  # an outage is reported in one line, and retried
        logging.getLogger(library).addHandler(logging.NullHandler())
    console = Console(stderr=batch.output.as_json)
    charged = 0

    def count(_: JobResult) -> None:
        nonlocal charged
        charged += 1
        if charged == 1 or charged % LINE_EVERY == 0:
            console.print(f"{charged:,} jobs done here", highlight=False)

    async with batch.client_and_ledger(concurrency=concurrency, key_lifetime=key_lifetime) as (checkout, ledger):
        shards = ShardWorker(
            checkout, ledger, batch.url, run=batch.run, concurrency=concurrency, rate=rate, on_result=count
        )
        is_at_end = await _until_signalled(shards.work, shards.stop)
        return await _report(batch, ledger, shards.stop_reason, is_at_end=is_at_end)


async def _until_signalled(work: Callable[[], Awaitable[None]], stop: Callable[[], None]) -> bool:
    """Work; the first signal stops gracefully, the second cancels, and then this is False."""
    failures: list[NexiError] = []
    is_at_end = False
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_on_signals, signals, stop, tasks.cancel_scope)
            try:
                await work()
            except NexiError as error:  # a task group would wrap it
                failures.append(error)
            is_at_end = True
            tasks.cancel_scope.cancel()
    for failure in failures:
        raise failure
    return is_at_end


async def _on_signals(
    signals: AsyncIterable[signal.Signals], stop: Callable[[], None], scope: anyio.CancelScope
) -> None:
    is_stopping = False
    async for _ in signals:
        if is_stopping:
            scope.cancel()
        is_stopping = True
        stop()
        typer.echo("Finishing the charges under way; repeat the signal to cancel them.", err=True)


async def _report(batch: Batch, ledger: Ledger, stop_reason: str | None, *, is_at_end: bool) -> ExitStatus:
    """Show the figures of the run, unless charges were cancelled, and how to continue if it stopped."""
    if not is_at_end:
        typer.echo("Interrupted; start the command again to continue.", err=True)
        return ExitStatus.STOPPED
    summary = await ledger.summary(batch.run)
    show_summary(summary, batch.output)
    if in_review := summary.count(JobState.REVIEW):
        typer.echo(f"{in_review:,} may have been charged: see `nexi-async batch review --run {batch.run}`.", err=True)
    if stop_reason is not None:
        typer.echo(f"Stopped before the end: {stop_reason}. Start the command again to continue.", err=True)
        return ExitStatus.STOPPED
    left = summary.count(JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN) - summary.waiting
    if left:
        typer.echo(f"{left:,} jobs could not be charged now; start the command again later to continue.", err=True)
    return status_of(summary)
