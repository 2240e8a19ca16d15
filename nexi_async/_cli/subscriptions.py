"""`nexi-async subscriptions`: show one, charge it, and look up the status of a charge."""

from __future__ import annotations

from typing import Annotated

import typer

from nexi_async._cli.amounts import AmountArgument, TaxRateOption, amount_of, line_of, rate_of
from nexi_async._cli.api_command import API, api_command, key_of
from nexi_async._cli.confirmation import confirm_live
from nexi_async._cli.options import (
    IdempotencyKeyOption,
    MyReferenceOption,
    OrderReferenceOption,
    PersonalDataOption,
    YesOption,
)
from nexi_async._cli.output import document_of, facts_table
from nexi_async._models.order import Order
from nexi_async._models.subscription import Subscription, UnscheduledSubscription
from nexi_async._resources.subscriptions import Subscriptions

subscriptions = typer.Typer(no_args_is_help=True)

SubscriptionID = Annotated[
    str, typer.Argument(metavar="SUBSCRIPTION_ID", show_default=False, help="The subscription's id.")
]
UnscheduledOption = Annotated[bool, typer.Option("--unscheduled", help="It is an unscheduled subscription.")]


@subscriptions.command("get")
@api_command
async def get(
    api: API,
    subscription_id: SubscriptionID,
    *,
    unscheduled: UnscheduledOption = False,
    personal_data: PersonalDataOption = False,
) -> None:
    """Show a subscription with its masked card.

    Example: `nexi-async subscriptions get d079718b3ae542ec9bd8c39c4bd4d3a1`
    """
    found = await _group(api, unscheduled=unscheduled).retrieve(subscription_id)
    card, details = found.payment_details.card_details, found.payment_details
    facts: list[tuple[str, object]] = [("subscription", subscription_id)]
    if isinstance(found, Subscription):
        facts += [("days between charges", found.interval), ("ends", found.end_date)]
    facts.append(("method", " ".join(filter(None, (details.payment_method, card.masked_pan if card else None)))))
    if personal_data and card is not None:
        facts.append(("card expires", card.expiry_date))
    api.output.show(document_of(found, personal_data=personal_data), facts_table(facts))


@subscriptions.command("charge")
@api_command
async def charge(
    api: API,
    subscription_id: SubscriptionID,
    amount: AmountArgument,
    *,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the charge is for.")] = "Subscription",
    tax_rate: TaxRateOption = "0",
    reference: OrderReferenceOption = None,
    my_reference: MyReferenceOption = None,
    unscheduled: UnscheduledOption = False,
    idempotency_key: IdempotencyKeyOption = None,
    yes: YesOption = False,
) -> None:
    """Charge the stored card now, which makes a new payment.

    The idempotency key is shown before anything is sent. Whatever happens then, running the same command with the same
    key within a day charges once, and `subscriptions status` shows what has happened.

    Exit status: 0 charged, 1 declined or rejected, 2 can't be carried out, 3 unknown or unreadable, 4 not sent.

    Example: `nexi-async subscriptions charge d079718b3ae542ec9bd8c39c4bd4d3a1 99.00 SEK --tax-rate 25`
    """
    money = amount_of(amount)
    key = key_of(idempotency_key)
    line = line_of(money, name=name, reference=reference or "subscription", tax_rate=rate_of(tax_rate))
    order = Order.of(items=[line], currency=money.currency, reference=reference)
    confirm_live(f"charge {money} to subscription {subscription_id}", api.settings, api.output, yes=yes)
    flag = ("--unscheduled",) if unscheduled else ()
    look = api.command_line("subscriptions", "status", subscription_id, key, *flag)
    api.begin(f"To find out: {look}\nTo charge, once at most: {api.same_with_key(key)}", idempotency_key=key)
    receipt = await _group(api, unscheduled=unscheduled).charge(
        subscription_id, order=order, my_reference=my_reference, idempotency_key=key
    )
    api.show(
        receipt,
        ("payment", receipt.payment_id),
        ("charge", receipt.charge_id),
        ("charged", money),
        ("idempotency key", key),
    )


@subscriptions.command("status")
@api_command
async def status(
    api: API,
    subscription_id: SubscriptionID,
    idempotency_key: Annotated[str, typer.Argument(metavar="KEY", show_default=False, help="The charge's key.")],
    *,
    unscheduled: UnscheduledOption = False,
) -> None:
    """Show the status of a charge, by the idempotency key that it was sent with.

    Exit status: 0 if the API knows the charge; see "completed". 1 if it does not: within a day of sending it, nothing
    was charged; later the API may have forgotten the key.

    Example: `nexi-async subscriptions status d079718b3ae542ec9bd8c39c4bd4d3a1 october-4711`
    """
    found = await _group(api, unscheduled=unscheduled).charge_status(subscription_id, idempotency_key=idempotency_key)
    api.show(
        found,
        ("payment", found.payment_id),
        ("charge", found.charge_id),
        ("completed", "yes" if found.completed else "no: it is in progress, or was declined"),
    )


def _group(api: API, *, unscheduled: bool) -> Subscriptions[Subscription] | Subscriptions[UnscheduledSubscription]:
    return api.checkout.unscheduled_subscriptions if unscheduled else api.checkout.subscriptions
