"""`nexi-async payments`: create, show, charge, refund, cancel and terminate a payment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import typer
from rich.console import Group

from nexi_async._cli.amounts import (
    AmountArgument,
    PartTaxRateOption,
    TaxRateOption,
    amount_of,
    check_currency,
    line_of,
    rate_of,
)
from nexi_async._cli.api_command import API, api_command, key_of
from nexi_async._cli.confirmation import confirm_live
from nexi_async._cli.options import (
    IdempotencyKeyOption,
    MyReferenceOption,
    OrderReferenceOption,
    PersonalDataOption,
    YesOption,
)
from nexi_async._cli.output import document_of, facts_table, rows_table
from nexi_async._cli.settings import webhook_authorization
from nexi_async._errors import InvalidRequest
from nexi_async._models.checkout import Checkout
from nexi_async._models.create_payment import SubscriptionSetup, UnscheduledSubscriptionSetup
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, OrderItem
from nexi_async._models.payment import Payment
from nexi_async._money import Money
from nexi_async.reference.currencies import format_amount
from nexi_async.reference.event_names import EVENT_NAMES

payments = typer.Typer(no_args_is_help=True)

PaymentID = Annotated[str, typer.Argument(metavar="PAYMENT_ID", show_default=False, help="The payment.")]
PartNameOption = Annotated[str, typer.Option("--name", metavar="TEXT", help="What a part of the payment is for.")]


@payments.command("create")
@api_command
async def create(
    api: API,
    amount: AmountArgument,
    *,
    return_url: Annotated[str, typer.Option(metavar="URL", help="Where the shopper goes after paying.")],
    terms_url: Annotated[str, typer.Option(metavar="URL", help="The shop's terms.")],
    cancel_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the shopper goes after cancelling.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What is bought.")] = "Order",
    tax_rate: TaxRateOption = "0",
    reference: OrderReferenceOption = None,
    my_reference: MyReferenceOption = None,
    charge: Annotated[bool, typer.Option("--charge", help="Charge as soon as the shopper has paid.")] = False,
    sign_up: Annotated[
        Literal["scheduled", "unscheduled"] | None,
        typer.Option(help="Sign the shopper up for later charges of the stored card."),
    ] = None,
    webhook_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The address for all webhooks; their Authorization is NEXI_WEBHOOK_AUTHORIZATION or the profile's.",
        ),
    ] = None,
) -> None:
    """Create a payment with one order line, for the shopper to complete on the hosted page.

    No money moves yet. The API takes no idempotency key here; a payment that was created twice by accident is harmless
    and can be terminated.

    Example: `nexi-async payments create 125.00 SEK --name "Wool blanket" --tax-rate 25 --reference A-17
    --return-url https://shop.example/thanks --terms-url https://shop.example/terms`
    """
    money = amount_of(amount)
    line = line_of(money, name=name, reference=reference or "order", tax_rate=rate_of(tax_rate))
    created = await api.checkout.payments.create(
        order=Order.of(items=[line], currency=money.currency, reference=reference),
        checkout=Checkout.hosted(
            return_url=return_url, terms_url=terms_url, cancel_url=cancel_url, charge=True if charge else None
        ),
        notifications=None if webhook_url is None else _notifications(api, webhook_url),
        subscription=SubscriptionSetup(interval=0) if sign_up == "scheduled" else None,
        unscheduled_subscription=UnscheduledSubscriptionSetup(create=True) if sign_up == "unscheduled" else None,
        my_reference=my_reference,
    )
    api.show(
        created,
        ("payment", created.payment_id),
        ("pay at", created.hosted_payment_page_url),
        ("expires", created.expires_at),
    )


def _notifications(api: API, url: str) -> Notifications:
    authorization = webhook_authorization(api.settings.profile)
    if authorization is None:
        raise InvalidRequest(
            [("--webhook-url", "needs NEXI_WEBHOOK_AUTHORIZATION, or webhook_authorization in a profile")]
        )
    return Notifications.to(url, authorization=authorization, events=EVENT_NAMES)


@payments.command("get")
@api_command
async def get(api: API, payment_id: PaymentID, *, personal_data: PersonalDataOption = False) -> None:
    """Show a payment: its status, money, method, charges and refunds.

    The API allows 30 retrievals of one payment an hour. With --json a member "status" is added, worked out from the
    payment's money.

    Example: `nexi-async payments get 02d5b2a1e2c14d3b9c0f6f3b8a7d9e10 --json`
    """
    payment = await api.checkout.payments.retrieve(payment_id)
    document = document_of(payment, personal_data=personal_data) | {"status": payment.status.value}
    tables = [facts_table(_facts(payment))]
    if personal_data and payment.consumer is not None:
        tables.append(facts_table(_flattened("", document.get("consumer", {}))))
    if payment.charges:
        rows = ((charge.charge_id, _money(payment, charge.amount), charge.created) for charge in payment.charges)
        tables.append(rows_table(("charge", "amount", "created"), rows))
    if payment.refunds:
        refunds = ((each.refund_id, _money(payment, each.amount), each.state) for each in payment.refunds)
        tables.append(rows_table(("refund", "amount", "state"), refunds))
    api.output.show(document, Group(*tables))


def _facts(payment: Payment) -> Iterator[tuple[str, object]]:
    money, details = payment.summary, payment.payment_details
    yield "payment", payment.payment_id
    yield "status", payment.status.value
    yield "order", _money(payment, payment.order_details.amount)
    yield "reference", payment.order_details.reference
    yield "my reference", payment.my_reference
    for name, amount in (
        ("reserved", money.reserved_amount),
        ("charged", money.charged_amount),
        ("refunded", money.refunded_amount),
        ("cancelled", money.cancelled_amount),
    ):
        yield name, _money(payment, amount) if amount else None
    card = details.card_details
    yield "method", " ".join(filter(None, (details.payment_method, card.masked_pan if card else None)))
    yield "created", payment.created
    yield "terminated", payment.terminated
    yield "subscription", payment.subscription.id if payment.subscription else None
    agreement = payment.unscheduled_subscription
    yield "unscheduled subscription", agreement.unscheduled_subscription_id if agreement else None


def _money(payment: Payment, amount: int) -> str:
    return format_amount(amount, payment.order_details.currency)


def _flattened(path: str, members: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _flattened(f"{path}{name}.", value)
        else:
            yield f"{path}{name}", value


# --- moving money --------------------------------------------------------------------------------------------------


@payments.command("charge")
@api_command
async def charge(
    api: API,
    payment_id: PaymentID,
    amount: AmountArgument,
    *,
    name: PartNameOption = "Partial charge",
    tax_rate: PartTaxRateOption = None,
    final: Annotated[bool, typer.Option("--final", help="Release what is left of the reservation.")] = False,
    my_reference: MyReferenceOption = None,
    idempotency_key: IdempotencyKeyOption = None,
    yes: YesOption = False,
) -> None:
    """Charge a reserved payment, all of it or a part; a part needs --tax-rate.

    The payment is retrieved first: an amount in another currency is refused. The idempotency key is shown before
    anything is sent. Whatever happens then, running the same command with the same key charges once.

    Exit status: 0 charged, 1 declined or rejected, 2 can't be carried out, 3 unknown or unreadable, 4 not sent.

    Example: `nexi-async payments charge 02d5b2a1e2c14d3b9c0f6f3b8a7d9e10 125.00 SEK`
    """
    key = key_of(idempotency_key)
    _, money, items = await _confirmed(api, "charge", payment_id, amount, name, tax_rate, yes=yes)
    api.begin(f"To find out, run the same again; it charges once: {api.same_with_key(key)}", idempotency_key=key)
    receipt = await api.checkout.payments.charge(
        payment_id,
        amount=money.amount,
        order_items=items,
        final_charge=True if final else None,
        my_reference=my_reference,
        idempotency_key=key,
    )
    api.show(receipt, ("charge", receipt.charge_id), ("charged", money), ("idempotency key", key))


@payments.command("refund")
@api_command
async def refund(
    api: API,
    payment_id: PaymentID,
    amount: AmountArgument,
    *,
    name: PartNameOption = "Partial refund",
    tax_rate: PartTaxRateOption = None,
    my_reference: MyReferenceOption = None,
    idempotency_key: IdempotencyKeyOption = None,
    yes: YesOption = False,
) -> None:
    """Refund what was charged, all of it or a part; a part needs --tax-rate.

    The refund is accepted at first; `payments get` shows when it is completed. The idempotency key is shown before
    anything is sent. Whatever happens then, running the same command with the same key refunds once.

    Exit status: 0 accepted, 1 rejected, 2 can't be carried out, 3 unknown or unreadable, 4 not sent.

    Example: `nexi-async payments refund 02d5b2a1e2c14d3b9c0f6f3b8a7d9e10 25.00 SEK --tax-rate 25`
    """
    key = key_of(idempotency_key)
    _, money, items = await _confirmed(api, "refund", payment_id, amount, name, tax_rate, yes=yes)
    api.begin(f"To find out, run the same again; it refunds once: {api.same_with_key(key)}", idempotency_key=key)
    receipt = await api.checkout.payments.refund(
        payment_id, amount=money.amount, order_items=items, my_reference=my_reference, idempotency_key=key
    )
    api.show(receipt, ("refund", receipt.refund_id), ("accepted", money), ("idempotency key", key))


@payments.command("cancel")
@api_command
async def cancel(
    api: API,
    payment_id: PaymentID,
    amount: AmountArgument,
    *,
    name: PartNameOption = "Partial cancellation",
    tax_rate: PartTaxRateOption = None,
    yes: YesOption = False,
) -> None:
    """Release a reservation, all of it or a part that is not charged; a part needs --tax-rate.

    The API takes no idempotency key here: after an unknown outcome look at the payment before cancelling again.

    Exit status: 0 released, 1 rejected, 2 can't be carried out, 3 unknown, 4 not sent.

    Example: `nexi-async payments cancel 02d5b2a1e2c14d3b9c0f6f3b8a7d9e10 125.00 SEK`
    """
    payment, money, items = await _confirmed(api, "cancel", payment_id, amount, name, tax_rate, yes=yes)
    look = api.command_line("payments", "get", payment_id)
    api.begin(
        f"To find out, compare what is cancelled with {_money(payment, payment.summary.cancelled_amount)}: {look}"
    )
    await api.checkout.payments.cancel(payment_id, amount=money.amount, order_items=items)
    document = {"paymentId": payment_id, "cancelledAmount": money.amount}
    api.output.show(document, facts_table((("payment", payment_id), ("cancelled", money))))


@payments.command("terminate")
@api_command
async def terminate(api: API, payment_id: PaymentID, *, yes: YesOption = False) -> None:
    """End the session of a payment that the shopper has not completed; it can't be paid any more.

    Exit status: 0 terminated, 1 rejected, e.g. since it is paid, 2 can't be carried out, 3 unknown, 4 not sent.

    Example: `nexi-async payments terminate 02d5b2a1e2c14d3b9c0f6f3b8a7d9e10`
    """
    confirm_live(f"terminate payment {payment_id}", api.settings, api.output, yes=yes)
    api.begin(f"Terminating again is safe: {api.command_line('payments', 'terminate', payment_id)}")
    await api.checkout.payments.terminate(payment_id)
    document = {"paymentId": payment_id, "terminated": True}
    api.output.show(document, facts_table((("payment", payment_id), ("status", "terminated"))))


async def _confirmed(
    api: API, action: str, payment_id: str, amount: list[str], name: str, tax_rate: str | None, *, yes: bool
) -> tuple[Payment, Money, list[OrderItem] | None]:
    """The payment as it is, an amount that can be of it, and the order line of a part; confirmed if it is in live."""
    money = amount_of(amount)
    payment = await api.checkout.payments.retrieve(payment_id)
    check_currency(money, payment.order_details.currency)
    whole = payment.summary.charged_amount if action == "refund" else payment.order_details.amount
    items = _part(money, whole, name, tax_rate)
    confirm_live(f"{action} {money} of payment {payment_id}", api.settings, api.output, yes=yes)
    return payment, money, items


def _part(money: Money, whole: int, name: str, tax_rate: str | None) -> list[OrderItem] | None:
    """The line that the API asks for when an amount is a part; None if it is the whole, or more than the API will take.

    Raises:
        InvalidRequest: the VAT of a part is not given.
    """
    if money.amount >= whole:
        return None
    if tax_rate is None:
        total = format_amount(whole, money.currency)
        raise InvalidRequest(
            [("--tax-rate", f"is needed: {money} is not the whole of {total}, and a part needs its VAT rate")]
        )
    return [line_of(money, name=name, reference="part", tax_rate=rate_of(tax_rate))]
