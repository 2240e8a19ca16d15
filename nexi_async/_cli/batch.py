"""`nexi-async batch`: plan a run, charge it, report it, retry declined charges, resolve unknown ones."""

from __future__ import annotations

import time
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from nexi_async._cli.batch_charging import charge, worker
from nexi_async._cli.batch_command import Batch, batch_command
from nexi_async._cli.batch_review import resolve, review
from nexi_async._cli.batch_summary import show_summary, status_of, timestamp
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.private_file import replacing
from nexi_async.batch import JobLine, JobResult, Ledger
from nexi_async.batch._csv_report import write_csv
from nexi_async.batch._html_report import MAX_LISTED, html_report, is_listed
from nexi_async.batch._job_files import read_jobs
from nexi_async.batch._times import format_time

batch = typer.Typer(no_args_is_help=True)


@batch.command()
@batch_command()
async def plan(
    batch: Batch,
    file: Annotated[Path, typer.Argument(help="Jobs as CSV (.csv) or JSON lines.", show_default=False)],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Plan nothing if any line is bad.")] = False,
) -> ExitStatus:
    """Plan the jobs of FILE; nothing is charged yet.

    A CSV file has a header line with the columns that it uses of: reference, subscription_id,
    unscheduled_subscription_id, external_reference, currency, amount, name, tax_rate. JSON lines have the same names,
    or "lines" for several order lines, each with name, quantity, unit_price (without VAT) or unit_price_with_tax, and
    tax_rate; and may add my_reference and notifications {"url", "authorization", "events"}. The amount is the total
    with VAT in minor units (12500 is 125.00), tax_rate is percent x 100 (2500 is 25 %).

    Planning a file again plans only what is new in it; a planned job never changes.

    Exit status: 0 if every line is planned, 1 if some are bad, 2 if the file or the ledger can't be used.
    """
    async with batch.ledger() as ledger:
        planned = await ledger.plan_lines(batch.run, read_jobs(file), strict=strict, on_bad=_print_bad_line)
    text = f"{planned.jobs:,} jobs planned, {planned.already:,} were already, {planned.bad:,} lines are bad."
    batch.output.show({"planned": planned.jobs, "already": planned.already, "bad": planned.bad}, text)
    return ExitStatus.FAILED if planned.bad else ExitStatus.OK


def _print_bad_line(line: JobLine) -> None:
    for fault in line.faults:
        typer.echo(f"line {line.number}: {fault}", err=True)


batch.command("run")(charge)


@batch.command()
@batch_command()
async def status(batch: Batch) -> ExitStatus:
    """Show the figures of the run.

    Exit status: 0 if every job is charged, 1 if not, 2 if the ledger or the run can't be used.
    """
    async with batch.ledger() as ledger:
        summary = await ledger.summary(batch.run)
    show_summary(summary, batch.output)
    return status_of(summary)


@batch.command()
@batch_command(prints_json=False)
async def report(
    batch: Batch,
    *,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Every job, with its times.")] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="A page with money, reasons and charts."),
    ] = None,
) -> ExitStatus:
    """Write reports of the run.

    Exit status: 0, or 2 if the ledger, the run or a file can't be used.
    """
    if csv is None and html is None:
        raise typer.BadParameter("give --csv FILE, --html FILE or both")
    async with batch.ledger() as ledger:
        if csv is not None:
            await _write_csv(ledger, batch.run, csv)
        if html is not None:
            await _write_html(ledger, batch.run, html)
    return ExitStatus.OK


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


batch.command()(review)
batch.command()(resolve)


@batch.command()
@batch_command()
async def dunning(
    batch: Batch, *, attempt: Annotated[int, typer.Option(min=2, help="The attempt to plan; 2 follows the first.")]
) -> ExitStatus:
    """Plan another attempt at declined charges that may be retried, on the dates that the card schemes allow.

    Charge it with `batch run` once the dates have come.

    Exit status: 0, or 2 if the ledger or the run can't be used.
    """
    async with batch.ledger() as ledger:
        planned = await ledger.dunning(batch.run, attempt=attempt)
    document = {
        "planned": planned.planned,
        "givenUp": planned.given_up,
        "firstDue": timestamp(planned.first_due),
        "lastDue": timestamp(planned.last_due),
    }
    text = f"{planned.planned:,} jobs are planned again, {planned.given_up:,} will not be retried."
    if planned.first_due is not None and planned.last_due is not None:
        text += f"\nThey are due from {format_time(planned.first_due)} to {format_time(planned.last_due)}."
    batch.output.show(document, text)
    return ExitStatus.OK


batch.command()(worker)
