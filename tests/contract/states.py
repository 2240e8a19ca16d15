"""What must have happened before a call can succeed; each leaves its ids in the world."""

from __future__ import annotations

from nexi_async.emulator._engine import cards
from tests.contract.examples import AMOUNT, EMBEDDED_JSON, ITEM_JSON, KEY, ORDER_JSON
from tests.contract.world import Change, World

DAY = 86400.0


async def nothing(_: World) -> None:
    """The call needs nothing."""


async def new_payment(world: World) -> None:
    """A payment waits for its shopper."""
    made = await world.ask("POST", "/v1/payments", {"order": ORDER_JSON, "checkout": EMBEDDED_JSON})
    world.ids["paymentId"] = made["paymentId"]


async def reserved(world: World, *, card: str = cards.DEFAULT_CARD) -> None:
    """The shopper has paid by card."""
    await new_payment(world)
    world.emulator.pay(world.ids["paymentId"], card=card)


async def charged(world: World) -> None:
    """The payment is charged in full."""
    await reserved(world)
    made = await world.ask("POST", "/v1/payments/{paymentId}/charges", {"amount": AMOUNT, "orderItems": [ITEM_JSON]})
    world.ids["chargeId"] = made["chargeId"]


async def refund_pending(world: World) -> None:
    """The charge is being refunded."""
    await charged(world)
    made = await world.ask("POST", "/v1/charges/{chargeId}/refunds", {"amount": AMOUNT})
    world.ids["refundId"] = made["refundId"]


async def paid_out(world: World) -> None:
    """The charge has reached the merchant's bank account."""
    await charged(world)
    world.emulator.advance(4 * DAY)
    (payout,) = world.emulator.state()["payouts"]
    world.ids["id"] = payout["id"]


async def subscribed(world: World) -> None:
    """There is a subscription of each kind, taken over from another platform as "imported-1"."""
    (world.ids["subscriptionId"],) = world.emulator.sign_up(1, kind="scheduled", external_references=True)
    (world.ids["unscheduledSubscriptionId"],) = world.emulator.sign_up(1, kind="unscheduled", external_references=True)


def subscription_charged(kind: str) -> Change:
    """A subscription is charged, with `KEY`."""

    async def change(world: World) -> None:
        await subscribed(world)
        await world.ask("POST", _charges_path(kind), {"order": ORDER_JSON}, key=KEY)

    return change


def bulk_run(kind: str, what: str) -> Change:
    """A bulk run of one subscription has begun."""

    async def change(world: World) -> None:
        await subscribed(world)
        entry = {f"{kind}Id": world.ids[f"{kind}Id"]}
        if what == "charges":
            body = {"externalBulkChargeId": "run-1", f"{kind}s": [entry | {"order": ORDER_JSON}]}
        else:
            body = {"externalBulkVerificationId": "run-1", f"{kind}s": [entry]}
        world.ids["bulkId"] = (await world.ask("POST", f"/v1/{kind.lower()}s/{what}", body))["bulkId"]

    return change


def _charges_path(kind: str) -> str:
    return f"/v1/{kind.lower()}s/{{{kind}Id}}/charges"
