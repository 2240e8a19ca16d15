"""What the commands of `nexi-async batch` do, and their exit status."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import typer
from rich.console import Console
from rich.table import Table

from nexi_async._cli.batch_documents import review_document, summary_document, timestamp
from nexi_async._cli.batch_progress import showing_progress
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.output import Output
from nexi_async._cli.private_file import replacing
from nexi_async._cli.settings import Settings
from nexi_async._errors import NexiError
from nexi_async.batch import (
    KEY_LIFETIME,
    BatchCharger,
    JobLine,
    JobResult,
    JobState,
    Ledger,
    Outage,
    ReviewItem,
    Strategy,
    Summary,
)
from nexi_async.batch._csv_report import write_csv
from nexi_async.batch._html_report import MAX_LISTED, html_report, is_listed
from nexi_async.batch._job_files import read_jobs
from nexi_async.batch._payment_search import PaymentSearch, check_payment
from nexi_async.batch._times import format_time
from nexi_async.reference.currencies import format_amount


def opened_ledger(url: str, key_lifetime: timedelta = KEY_LIFETIME) -> AbstractAsyncContextManager[Ledger]:
    """A ledger whose calls wait while its database is unavailable; each outage is reported in a line."""
    outage = Outage(on_begin=lambda error: typer.echo(f"{error}; waiting for it.", err=True))
    return Ledger.open(url, key_lifetime=key_lifetime, outage=outage)


async def plan(file: Path, run: str, url: str, output: Output, *, strict: bool) -> ExitStatus:
    """Plan the jobs of a file."""
    async with opened_ledger(url) as ledger:
        planned = await ledger.plan_lines(run, read_jobs(file), strict=strict, on_bad=_print_bad_line)
    text = f"{planned.jobs:,} jobs planned, {planned.already:,} were already, {planned.bad:,} lines are bad."
    output.show({"planned": planned.jobs, "already": planned.already, "bad": planned.bad}, text)
    return ExitStatus.FAILED if planned.bad else ExitStatus.OK


def _print_bad_line(line: JobLine) -> None:
    for fault in line.faults:
        typer.echo(f"line {line.number}: {fault}", err=True)


async def charge(
    run: str,
    url: str,
    settings: Settings,
    output: Output,
    *,
    concurrency: int,
    rate: float | None,
    strategy: str,
    key_lifetime: timedelta,
) -> ExitStatus:
    """Charge a run, until its end or a signal."""
    async with (
        settings.client({"max_connections": concurrency}) as checkout,
        opened_ledger(url, key_lifetime) as ledger,
    ):
        with showing_progress(Console(stderr=output.as_json)) as show:
            charger = BatchCharger(
                checkout,
                ledger,
                run=run,
                concurrency=concurrency,
                rate=rate,
                strategy=cast("Strategy", strategy),
                on_progress=show,
            )
            is_at_end = await until_signalled(partial(_charge_all, charger), charger.stop)
        return await report_end(ledger, run, charger.stop_reason, output) if is_at_end else report_interrupted()


async def _charge_all(charger: BatchCharger) -> None:
    """Charge to the end; the ledger has the results."""
    async with charger as results:
        async for _ in results:
            pass


def report_interrupted() -> ExitStatus:
    """Report that charges were cancelled, and how to continue."""
    typer.echo("Interrupted; start the command again to continue.", err=True)
    return ExitStatus.STOPPED


async def report_end(ledger: Ledger, run: str, stop_reason: str | None, output: Output) -> ExitStatus:
    """Show the figures of the run, and why it stopped."""
    summary = await ledger.summary(run)
    _show(summary, output)
    if in_review := summary.count(JobState.REVIEW):
        typer.echo(f"{in_review:,} may have been charged: see `nexi-async batch review --run {run}`.", err=True)
    if stop_reason is not None:
        typer.echo(f"Stopped before the end: {stop_reason}. Start the command again to continue.", err=True)
        return ExitStatus.STOPPED
    left = summary.count(JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN) - summary.waiting
    if left:
        typer.echo(f"{left:,} jobs could not be charged now; start the command again later to continue.", err=True)
    return _status_of(summary)


async def until_signalled(work: Callable[[], Awaitable[None]], stop: Callable[[], None]) -> bool:
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


async def status(run: str, url: str, output: Output) -> ExitStatus:
    """Show the figures of a run."""
    async with opened_ledger(url) as ledger:
        summary = await ledger.summary(run)
    _show(summary, output)
    return _status_of(summary)


def _status_of(summary: Summary) -> ExitStatus:
    return ExitStatus.OK if summary.count(JobState.CHARGED) == summary.count() else ExitStatus.FAILED


def _show(summary: Summary, output: Output) -> None:
    table = Table("outcome", "jobs", "amount", title=f"Run {summary.run}", title_justify="left")
    for total in summary.totals:
        table.add_row(total.state, f"{total.jobs:,}", format_amount(total.amount, total.currency))
    for reason in summary.reasons:
        table.add_row(f"  {reason.code or '–'} {reason.meaning}: {reason.advice}", f"{reason.jobs:,}", "")
    output.show(summary_document(summary), table)
    if summary.next_due is not None and not output.as_json:
        output.line(f"{summary.waiting:,} are planned for later, the first for {format_time(summary.next_due)}.")


async def report(run: str, url: str, csv: Path | None, html: Path | None) -> None:
    """Write reports."""
    async with opened_ledger(url) as ledger:
        if csv is not None:
            await _write_csv(ledger, run, csv)
        if html is not None:
            await _write_html(ledger, run, html)


async def _write_csv(ledger: Ledger, run: str, path: Path) -> None:
    await ledger.summary(run)  # an unknown run leaves no file
    with replacing(path) as file:
        await write_csv(file, ledger.results(run))


async def _write_html(ledger: Ledger, run: str, path: Path) -> None:
    listed: list[JobResult] = []
    async with aclosing(ledger.results(run)) as results:
        async for result in results:
            if is_listed(result):
                listed.append(result)
            if len(listed) > MAX_LISTED:
                break
    page = html_report(await ledger.summary(run), listed, written_at=time.time())
    with replacing(path) as file:
        file.write(page)


async def review(run: str, url: str, settings: Settings | None, output: Output) -> ExitStatus:
    """List the jobs in review, with the charges that match if there is access to the API."""
    count = 0
    async with opened_ledger(url) as ledger:
        search = None if settings is None else await _search_payouts(ledger, run, settings)
        async for item in ledger.in_review(run):
            count += 1
            _show_item(item, search, output)
    typer.echo(f"{count:,} jobs are in review.", err=output.as_json)
    if search is not None and not search.is_whole:
        typer.echo("The payouts have too many charges; not all of them were read.", err=True)
    return ExitStatus.FAILED if count else ExitStatus.OK


async def _search_payouts(ledger: Ledger, run: str, settings: Settings) -> PaymentSearch:
    items = [item async for item in ledger.in_review(run)]
    async with settings.client({}) as checkout:
        return await PaymentSearch.run(checkout, items, today=datetime.now(UTC).date())


def _show_item(item: ReviewItem, search: PaymentSearch | None, output: Output) -> None:
    if output.as_json:
        output.json(review_document(item, search))
        return
    _print_item(item)
    if search is not None:
        _print_found(search, item)


def _print_item(item: ReviewItem) -> None:
    sent = "an unknown time" if item.sent_at is None else format_time(item.sent_at)
    typer.echo(
        f"{item.reference}: {format_amount(item.amount, item.currency)} from subscription {item.subscription_id}"
    )
    typer.echo(f"    sent since {sent}; order reference {item.order_reference or '-'},", nl=False)
    typer.echo(f" my reference {item.my_reference or '-'}, idempotency key {item.idempotency_key}")


def _print_found(search: PaymentSearch, item: ReviewItem) -> None:
    found = search.found.get(item.reference, [])
    for charge in found:
        made = "" if charge.made_at is None else f" of {format_time(charge.made_at.timestamp())}"
        typer.echo(f"    matches: --payment {charge.payment_id} --charge {charge.charge_id}{made}")
    if not found:
        typer.echo(f"    in no payout since {search.first_day}; it may not be paid out yet, so look in the portal")


async def resolve(
    run: str, url: str, reference: str, charged: tuple[str, str] | None, settings: Settings | None, output: Output
) -> None:
    """Resolve a job in review; the payment is checked if there is access to the API."""
    async with opened_ledger(url) as ledger:
        if charged is None:
            await ledger.resolve_not_charged(run, reference)
        else:
            payment_id, charge_id = charged
            if settings is not None:
                await _check(ledger, run, reference, charged, settings)
            await ledger.resolve_charged(run, reference, payment_id=payment_id, charge_id=charge_id)
    state, text = ("planned", "planned again, with a new key") if charged is None else ("charged", "charged")
    output.show({"reference": reference, "state": state}, f"{reference} is {text}.")


async def _check(ledger: Ledger, run: str, reference: str, charged: tuple[str, str], settings: Settings) -> None:
    item = await ledger.review_item(run, reference)
    async with settings.client({}) as checkout:
        payment = await checkout.payments.retrieve(charged[0])
    check_payment(item, payment, charged[1])


async def dunning(run: str, url: str, attempt: int, output: Output) -> None:
    """Plan another attempt."""
    async with opened_ledger(url) as ledger:
        planned = await ledger.dunning(run, attempt=attempt)
    document = {
        "planned": planned.planned,
        "givenUp": planned.given_up,
        "firstDue": timestamp(planned.first_due),
        "lastDue": timestamp(planned.last_due),
    }
    text = f"{planned.planned:,} jobs are planned again, {planned.given_up:,} will not be retried."
    output.show(document, text)
    if planned.first_due is not None and planned.last_due is not None and not output.as_json:
        output.line(f"They are due from {format_time(planned.first_due)} to {format_time(planned.last_due)}.")
