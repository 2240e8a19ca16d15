"""`nexi-async webhooks trigger`: take a payment through everything that makes the API send an event."""

from __future__ import annotations

import sys
from typing import Annotated, Any, cast

import anyio
import attrs
import typer

from nexi_async._cli.api_command import API
from nexi_async._cli.confirmation import interruptible
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import EventArgument
from nexi_async._cli.output import facts_table
from nexi_async._cli.settings import webhook_authorization
from nexi_async._environment import is_this_machine
from nexi_async._errors import APIError, ConfigurationError, NotFound
from nexi_async._models.checkout import Checkout
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, OrderItem
from nexi_async._transport.request import Response
from nexi_async.reference.currencies import CurrencyCode
from nexi_async.reference.event_names import EventName, fault_of_event_name
from nexi_async.reference.sandbox import CARDS, Behaviour

AMOUNT = 12500
CURRENCY: CurrencyCode = "SEK"
MAX_WAIT_SECONDS = 10.0
"""Seconds to wait until the emulator has delivered the event."""


@attrs.frozen(kw_only=True)
class Scenario:
    """What brings an event about.

    Attributes:
        behaviour: of the card that the shopper pays with.
        actions: what the merchant does afterwards.
    """

    behaviour: Behaviour = Behaviour.SUCCEEDS
    actions: tuple[str, ...] = ()


SCENARIOS: dict[str, Scenario] = {
    "payment.created": Scenario(),
    "payment.checkout.completed": Scenario(),
    "payment.reservation.created": Scenario(),
    "payment.reservation.created.v2": Scenario(),
    "payment.reservation.failed": Scenario(behaviour=Behaviour.RESERVATION_FAILS),
    "payment.charge.created": Scenario(actions=("charge",)),
    "payment.charge.created.v2": Scenario(actions=("charge",)),
    "payment.charge.failed": Scenario(behaviour=Behaviour.CHARGE_FAILS, actions=("charge",)),
    "payment.charge.failed.v2": Scenario(behaviour=Behaviour.CHARGE_FAILS, actions=("charge",)),
    "payment.refund.initiated": Scenario(actions=("charge", "refund")),
    "payment.refund.initiated.v2": Scenario(actions=("charge", "refund")),
    "payment.refund.completed": Scenario(actions=("charge", "refund")),
    "payment.refund.failed": Scenario(behaviour=Behaviour.REFUND_FAILS, actions=("charge", "refund")),
    "payment.cancel.created": Scenario(actions=("cancel",)),
    "payment.cancel.failed": Scenario(actions=("cancel",)),
}


async def trigger(
    api: API,
    event: EventArgument,
    *,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The receiver's address.")] = "http://127.0.0.1:8500",
) -> None:
    """Create a payment and perform the operations that make the API send EVENT to a receiver.

    Against the emulator the payment is paid automatically, and the receiver's response is shown. In the test
    environment, which delivers to https addresses only, you pay in a browser: the page's address and the card to use
    are shown. Refused in live. The Authorization is that of NEXI_WEBHOOK_AUTHORIZATION or of the profile, the same as
    of `webhooks listen`.

    Exit status: 0 if the receiver accepted the event (emulator) or every operation was done (test), 1 if not.

    Example: `nexi-async webhooks trigger payment.refund.completed --to http://127.0.0.1:8500`
    """
    authorization = _authorization(api, event)
    emulator = is_this_machine(api.settings.host)
    payment_id, page = await _create(
        api, Notifications.to(to, authorization=authorization, events=[cast("EventName", event)])
    )
    card = next(card.number for card in CARDS.values() if card.behaviour is SCENARIOS[event].behaviour)
    if emulator:
        await _control(api, "POST", f"payments/{payment_id}/pay", {"card": card})
    else:
        await _let_pay(api, card, page)
    await _act(api, payment_id, event, emulator=emulator)
    result = await _delivered(api, payment_id) if emulator else None
    _show(api, event, payment_id, to, result)
    raise typer.Exit(ExitStatus.OK if result in (None, "200") else ExitStatus.FAILED)


def _authorization(api: API, event: str) -> str:
    """The value that the receiver takes, if the event can be triggered here.

    Raises:
        ConfigurationError: there is no such event or no value, or money would move.
    """
    fault = fault_of_event_name(event)
    if fault is not None:
        raise ConfigurationError([("EVENT", fault.partition("strict=")[0].strip())])
    if api.settings.is_live:
        raise ConfigurationError([("--environment", "must be test, or --base-url the emulator's: this makes payments")])
    authorization = webhook_authorization(api.settings.profile)
    if authorization is None:
        raise ConfigurationError([("NEXI_WEBHOOK_AUTHORIZATION", "must have the value that the receiver takes")])
    return authorization


async def _create(api: API, notifications: Notifications) -> tuple[str, str | None]:
    line = OrderItem.of(reference="trigger", name="Triggered event", unit_price_with_tax=AMOUNT, tax_rate=2500)
    created = await api.checkout.payments.create(
        order=Order.of(items=[line], currency=CURRENCY, reference="trigger"),
        checkout=Checkout.hosted(return_url="https://shop.example/", terms_url="https://shop.example/terms"),
        notifications=notifications,
    )
    return created.payment_id, created.hosted_payment_page_url


async def _let_pay(api: API, card: str, page: str | None) -> None:
    """Have the user pay in a browser."""
    if not sys.stdin.isatty():
        raise ConfigurationError([("trigger", "needs a terminal in the test environment: you pay in a browser")])
    api.output.note(f"Pay at   {page}\nwith     {card}, any future date and any code")
    with interruptible():
        typer.prompt("Press Enter when done", "", show_default=False, err=True)


async def _act(api: API, payment_id: str, event: str, *, emulator: bool) -> None:
    """Do the merchant's part; a failed event comes with a refusal."""
    fails = event == "payment.cancel.failed" and emulator
    if fails:
        await _control(api, "PUT", "settings", {"cancels_fail": True})
    try:
        for action in SCENARIOS[event].actions:
            await getattr(api.checkout.payments, action)(payment_id, amount=AMOUNT)
    except APIError:
        if ".failed" not in event:
            raise
    finally:
        if fails:
            await _control(api, "PUT", "settings", {"cancels_fail": False})


async def _delivered(api: API, payment_id: str) -> str:
    """The receiver's answer to the first delivery, as the emulator has noted it."""
    with anyio.move_on_after(MAX_WAIT_SECONDS):
        while True:
            state = (await _control(api, "GET", "state")).json()
            attempts = [
                attempt["result"]
                for delivery in state["deliveries"]
                if delivery["paymentId"] == payment_id
                for attempt in delivery["attempts"]
            ]
            if attempts:
                return str(attempts[0])
            await anyio.sleep(0.05)
    return f"none within {MAX_WAIT_SECONDS:g} s"


def _show(api: API, event: str, payment_id: str, url: str, result: str | None) -> None:
    document = {"event": event, "paymentId": payment_id, "url": url}
    document |= {} if result is None else {"delivery": result}
    facts = (("event", event), ("payment", payment_id), ("receiver", url), ("delivery", result))
    api.output.show(document, facts_table(facts))


async def _control(api: API, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
    """Call a control endpoint of the emulator."""
    try:
        return await api.checkout.request(method, f"/emulator/{path}", json=body)
    except NotFound:
        raise ConfigurationError([("--base-url", f"{api.settings.base_url} is not an emulator")]) from None
