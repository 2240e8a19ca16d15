"""`nexi-async batch review` and `batch resolve`: charges that may have happened, and are looked for by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from nexi_async._cli.batch_command import Batch, batch_command
from nexi_async._cli.batch_summary import timestamp
from nexi_async._cli.exit_status import ExitStatus
from nexi_async.batch import ReviewItem
from nexi_async.batch._payment_search import PaymentSearch, check_payment
from nexi_async.batch._times import format_time
from nexi_async.reference.currencies import format_amount


@batch_command(calls_api=True)
async def review(
    batch: Batch,
    *,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Look in the payouts for charges that fit; needs the secret key.")
    ] = False,
) -> ExitStatus:
    """List charges that may have happened and can't be looked up by their key any more, with their data.

    The API has no search for payments. With --look-up the payouts since the first of the jobs was sent, 62 days at
    most, are read for charges of the same subscription, order reference, amount and currency. A charge is in a payout
    only some days after it was made: one that is not found may have happened all the same. Then look in the Checkout
    Portal, under payments, for the order reference or the amount on the days from when the job was sent.

    Resolve each with `batch resolve`.

    Exit status: 0 if there is nothing, 1 if there is, 2 if the ledger, the run or the key can't be used.
    """
    client = batch.settings().client({}) if look_up else None
    search: PaymentSearch | None = None
    async with batch.ledger() as ledger:
        items = [item async for item in ledger.in_review(batch.run)]
    if client is not None:
        async with client as checkout:
            search = await PaymentSearch.run(checkout, items, today=datetime.now(UTC).date())
    for item in items:
        if batch.output.as_json:
            batch.output.json(_document(item, search))
        else:
            _print_item(item, search)
    typer.echo(f"{len(items):,} jobs are in review.", err=batch.output.as_json)
    if search is not None and not search.is_whole:
        typer.echo("The payouts have too many charges; not all of them were read.", err=True)
    return ExitStatus.FAILED if items else ExitStatus.OK


def _document(item: ReviewItem, search: PaymentSearch | None) -> dict[str, Any]:
    """A job in review, with the charges that match if they were looked for."""
    document: dict[str, Any] = {
        "reference": item.reference,
        "amount": item.amount,
        "currency": item.currency,
        "subscriptionId": item.subscription_id,
        "sentAt": timestamp(item.sent_at),
        "orderReference": item.order_reference,
        "myReference": item.my_reference,
        "idempotencyKey": item.idempotency_key,
    }
    if search is not None:
        found = search.found.get(item.reference, [])
        document["matches"] = [{"paymentId": charge.payment_id, "chargeId": charge.charge_id} for charge in found]
    return document


def _print_item(item: ReviewItem, search: PaymentSearch | None) -> None:
    sent = "an unknown time" if item.sent_at is None else format_time(item.sent_at)
    typer.echo(
        f"{item.reference}: {format_amount(item.amount, item.currency)} from subscription {item.subscription_id}"
    )
    typer.echo(f"    sent since {sent}; order reference {item.order_reference or '-'},", nl=False)
    typer.echo(f" my reference {item.my_reference or '-'}, idempotency key {item.idempotency_key}")
    if search is None:
        return
    found = search.found.get(item.reference, [])
    for charge in found:
        made = "" if charge.made_at is None else f" of {format_time(charge.made_at.timestamp())}"
        typer.echo(f"    matches: --payment {charge.payment_id} --charge {charge.charge_id}{made}")
    if not found:
        typer.echo(f"    in no payout since {search.first_day}; it may not be paid out yet, so look in the portal")


@batch_command(calls_api=True)
async def resolve(
    batch: Batch,
    reference: Annotated[str, typer.Argument(help="The job's reference.", show_default=False)],
    *,
    payment: Annotated[str | None, typer.Option("--payment", metavar="ID", help="The payment that was found.")] = None,
    charge: Annotated[str | None, typer.Option("--charge", metavar="ID", help="The charge in it.")] = None,
    not_charged: Annotated[
        bool, typer.Option("--not-charged", help="It certainly was not charged: plan it again, with a new key.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Accept the ids without retrieving the payment from the API.")
    ] = False,
) -> ExitStatus:
    """Resolve a job in review: give --payment and --charge, or --not-charged.

    The payment is retrieved first, which needs the secret key: the charge has to be in it, of the job's amount,
    currency, subscription and references, and not from before the job was sent.

    Exit status: 0, or 2 if the job is not in review, the payment is not the job's, or the ledger, the run or the key
    can't be used.
    """
    if not_charged == (payment is not None and charge is not None) or (payment is None) != (charge is None):
        raise typer.BadParameter("give --payment ID and --charge ID, or --not-charged")
    if payment is None or charge is None:
        async with batch.ledger() as ledger:
            await ledger.resolve_not_charged(batch.run, reference)
        state, text = "planned", "planned again, with a new key"
    else:
        await _resolve_charged(batch, reference, payment, charge, is_checked=not unchecked)
        state = text = "charged"
    batch.output.show({"reference": reference, "state": state}, f"{reference} is {text}.")
    return ExitStatus.OK


async def _resolve_charged(batch: Batch, reference: str, payment_id: str, charge_id: str, *, is_checked: bool) -> None:
    client = batch.settings().client({}) if is_checked else None
    async with batch.ledger() as ledger:
        if client is not None:
            item = await ledger.review_item(batch.run, reference)
            async with client as checkout:
                payment = await checkout.payments.retrieve(payment_id)
            check_payment(item, payment, charge_id)
        await ledger.resolve_charged(batch.run, reference, payment_id=payment_id, charge_id=charge_id)
