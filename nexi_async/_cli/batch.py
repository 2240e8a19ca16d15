"""`nexi-async batch`: plan a run, charge it, report it, retry declined charges, resolve unknown ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from nexi_async._cli import batch_work
from nexi_async._cli.api_command import with_settings
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import JSONOption
from nexi_async._cli.output import Output
from nexi_async._cli.secrets import without_password
from nexi_async._cli.settings import Settings
from nexi_async._cli.usage_errors import reporting_errors
from nexi_async._errors import StorageUnavailable

batch = typer.Typer(no_args_is_help=True)

RunName = Annotated[str, typer.Option("--run", metavar="NAME", help="The run's name, e.g. 2026-10.")]
LedgerURL = Annotated[
    str,
    typer.Option(
        "--ledger",
        metavar="URL",
        envvar="NEXI_LEDGER",
        callback=without_password,
        help="sqlite:///file.db, or postgresql://user:password@host/name for several machines.",
    ),
]
KeyLifetime = Annotated[
    float,
    typer.Option(
        metavar="HOURS",
        min=0.01,
        help="How long the API remembers an idempotency key, which it does not document. What is unknown for longer is "
        "not sent again: see `batch review`.",
    ),
]


@contextlib.contextmanager
def _with_outages() -> Iterator[None]:
    """Report what can't be used, with status 2; a database that stays unavailable has a status of its own."""
    with reporting_errors():
        try:
            yield
        except StorageUnavailable as error:
            typer.echo(f"{error}, for too long. Start the command again later to continue.", err=True)
            raise typer.Exit(ExitStatus.UNAVAILABLE) from None


@batch.command()
def plan(
    file: Annotated[Path, typer.Argument(help="Jobs as CSV (.csv) or JSON lines.", show_default=False)],
    run: RunName,
    ledger: LedgerURL,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Plan nothing if any line is bad.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Plan the jobs of FILE; nothing is charged yet.

    A CSV file has a header line with the columns that it uses of: reference, subscription_id,
    unscheduled_subscription_id, external_reference, currency, amount, name, tax_rate. JSON lines have the same names,
    or "lines" for several order lines, each with name, quantity, unit_price (without VAT) or unit_price_with_tax, and
    tax_rate; and may add my_reference and notifications {"url", "authorization", "events"}. The amount is the total
    with VAT in minor units (12500 is 125.00), tax_rate is percent x 100 (2500 is 25 %).

    Planning a file again plans only what is new in it; a planned job never changes.

    Exit status: 0 if every line is planned, 1 if some are bad, 2 if the file or the ledger can't be used.
    """
    with _with_outages():
        raise typer.Exit(anyio.run(partial(batch_work.plan, file, run, ledger, Output(as_json), strict=strict)))


@batch.command("run")
@with_settings
def charge(
    settings: Callable[[], Settings],
    run: RunName,
    ledger: LedgerURL,
    *,
    concurrency: Annotated[int, typer.Option(min=1, help="How many charges are under way at once, at most.")] = 200,
    rate: Annotated[float | None, typer.Option(help="How many charges begin in a second, at most.")] = None,
    strategy: Annotated[str, typer.Option(help="individual, or bulk: up to 500 jobs a call.")] = "individual",
    key_lifetime: KeyLifetime = 24.0,
    as_json: JSONOption = False,
) -> None:
    """Charge every job of the run that is still open; start it again after an interruption.

    Ctrl-C (or SIGTERM) finishes the charges under way and stops; a second one cancels them. Either way the run can be
    continued: no job is charged twice, none is lost.

    Exit status: 0 if every job is charged, 1 if some are declined, refused or not due yet, 2 if the ledger, the run or
    the key can't be used, 3 if it was stopped before its end, 4 if the database was unavailable for two minutes.
    """
    with _with_outages():
        work = partial(
            batch_work.charge,
            concurrency=concurrency,
            rate=rate,
            strategy=strategy,
            key_lifetime=timedelta(hours=key_lifetime),
        )
        raise typer.Exit(anyio.run(work, run, ledger, settings(), Output(as_json)))


@batch.command()
def status(run: RunName, ledger: LedgerURL, *, as_json: JSONOption = False) -> None:
    """Show the figures of the run.

    Exit status: 0 if every job is charged, 1 if not, 2 if the ledger or the run can't be used.
    """
    with _with_outages():
        raise typer.Exit(anyio.run(batch_work.status, run, ledger, Output(as_json)))


@batch.command()
def report(
    run: RunName,
    ledger: LedgerURL,
    *,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Every job, with its times.")] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="A page with money, reasons and charts."),
    ] = None,
) -> None:
    """Write reports of the run.

    Exit status: 0, or 2 if the ledger, the run or a file can't be used.
    """
    if csv is None and html is None:
        raise typer.BadParameter("give --csv FILE, --html FILE or both")
    with _with_outages():
        anyio.run(batch_work.report, run, ledger, csv, html)


@batch.command()
@with_settings
def review(
    settings: Callable[[], Settings],
    run: RunName,
    ledger: LedgerURL,
    *,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Look in the payouts for charges that fit; needs the secret key.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """List charges that may have happened and can't be looked up by their key any more, with their data.

    The API has no search for payments. With --look-up the payouts since the first of the jobs was sent, 62 days at
    most, are read for charges of the same subscription, order reference, amount and currency. A charge is in a payout
    only some days after it was made: one that is not found may have happened all the same. Then look in the Checkout
    Portal, under payments, for the order reference or the amount on the days from when the job was sent.

    Resolve each with `batch resolve`.

    Exit status: 0 if there is nothing, 1 if there is, 2 if the ledger, the run or the key can't be used.
    """
    with _with_outages():
        chosen = settings() if look_up else None
        raise typer.Exit(anyio.run(batch_work.review, run, ledger, chosen, Output(as_json)))


@batch.command()
@with_settings
def resolve(
    settings: Callable[[], Settings],
    reference: Annotated[str, typer.Argument(help="The job's reference.", show_default=False)],
    run: RunName,
    ledger: LedgerURL,
    *,
    payment: Annotated[str | None, typer.Option("--payment", metavar="ID", help="The payment that was found.")] = None,
    charge: Annotated[str | None, typer.Option("--charge", metavar="ID", help="The charge in it.")] = None,
    not_charged: Annotated[
        bool, typer.Option("--not-charged", help="It certainly was not charged: plan it again, with a new key.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Accept the ids without retrieving the payment from the API.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Resolve a job in review: give --payment and --charge, or --not-charged.

    The payment is retrieved first, which needs the secret key: the charge has to be in it, of the job's amount,
    currency, subscription and references, and not from before the job was sent.

    Exit status: 0, or 2 if the job is not in review, the payment is not the job's, or the ledger, the run or the key
    can't be used.
    """
    if not_charged == (payment is not None and charge is not None) or (payment is None) != (charge is None):
        raise typer.BadParameter("give --payment ID and --charge ID, or --not-charged")
    found = None if payment is None or charge is None else (payment, charge)
    with _with_outages():
        is_checked = found is not None and not unchecked
        chosen = settings() if is_checked else None
        anyio.run(batch_work.resolve, run, ledger, reference, found, chosen, Output(as_json))


@batch.command()
def dunning(
    run: RunName,
    ledger: LedgerURL,
    *,
    attempt: Annotated[int, typer.Option(min=2, help="The attempt to plan; 2 follows the first.")],
    as_json: JSONOption = False,
) -> None:
    """Plan another attempt at declined charges that may be retried, on the dates that the card schemes allow.

    Charge it with `batch run` once the dates have come.

    Exit status: 0, or 2 if the ledger or the run can't be used.
    """
    with _with_outages():
        anyio.run(batch_work.dunning, run, ledger, attempt, Output(as_json))


@batch.command()
@with_settings
def worker(
    settings: Callable[[], Settings],
    run: RunName,
    ledger: LedgerURL,
    *,
    concurrency: Annotated[int, typer.Option(min=1, help="How many charges this machine has under way at once.")] = 200,
    rate: Annotated[
        float | None, typer.Option(help="How many charges all machines together begin in a second, at most.")
    ] = None,
    key_lifetime: KeyLifetime = 24.0,
    as_json: JSONOption = False,
) -> None:
    """Charge a run together with other machines: start one on each, with the same options and a ledger on PostgreSQL.

    Each charges shards of the run until none is left, and those of machines that have died. Ctrl-C (or SIGTERM)
    finishes the charges under way and leaves the rest to the others.

    Exit status: as of `batch run`, for the whole run.
    """
    with _with_outages():
        from nexi_async._cli import batch_worker

        work = partial(
            batch_worker.work, concurrency=concurrency, rate=rate, key_lifetime=timedelta(hours=key_lifetime)
        )
        raise typer.Exit(anyio.run(work, run, ledger, settings(), Output(as_json)))
