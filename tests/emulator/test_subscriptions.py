"""Subscriptions and unscheduled subscriptions over the wire."""

from typing import Any

import anyio
import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, order

DAY = 86400
KINDS = [
    ("subscriptions", "subscriptionId", {"subscription": {"interval": 0, "endDate": "2030-01-01T00:00:00+02:00"}}),
    ("unscheduledsubscriptions", "unscheduledSubscriptionId", {"unscheduledSubscription": {"create": True}}),
]


async def signed_up(wire: Wire, agreement_request: dict[str, Any], amount: int = 0, **pay: Any) -> str:
    """Sign up through checkout; returns the id."""
    payment_id = await wire.reserved(amount, pay=pay, **agreement_request)
    payment = await wire.payment(payment_id)
    if "subscription" in agreement_request:
        return str(payment["subscription"]["id"])
    return str(payment["unscheduledSubscription"]["unscheduledSubscriptionId"])


@pytest.mark.parametrize(("name", "id_member", "agreement_request"), KINDS)
async def test_sign_up_and_charge(wire: Wire, name: str, id_member: str, agreement_request: dict[str, Any]) -> None:
    """A sign-up for 0 gives an agreement; a charge of it is a new payment, charged, answered with 200."""
    agreement = await signed_up(wire, agreement_request, card="4925000000000004")
    found = (await wire.get(f"/v1/{name}/{agreement}")).json()
    assert found[id_member] == agreement
    assert found["paymentDetails"] == {
        "paymentType": "CARD",
        "paymentMethod": "Visa",
        "cardDetails": {"expiryDate": "1230", "maskedPan": "492500******0004"},
    }
    response = await wire.post(f"/v1/{name}/{agreement}/charges", {"order": order(500)}, Idempotency_Key="k")
    assert response.status_code == 200
    assert await wire.summary(response.json()["paymentId"]) == {"reservedAmount": 500, "chargedAmount": 500}
    assert (await wire.get(f"/v1/charges/{response.json()['chargeId']}")).json()["amount"] == 500


async def test_scheduled_shows_its_rules(wire: Wire) -> None:
    """Only scheduled subscriptions have an interval and an end date."""
    agreement_request = {"subscription": {"interval": 30, "endDate": "2030-01-01T00:00:00+02:00"}}
    agreement = await signed_up(wire, agreement_request)
    found = (await wire.get(f"/v1/subscriptions/{agreement}")).json()
    assert (found["interval"], found["endDate"]) == (30, "2029-12-31T22:00:00.0000+00:00")


async def test_interval_is_kept(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Charging before the interval is over is refused, after it works, then the interval starts anew."""
    agreement = await signed_up(wire, {"subscription": {"interval": 30, "endDate": "2030-01-01T00:00"}})
    path = f"/v1/subscriptions/{agreement}/charges"
    assert (await wire.post(path, {"order": order()})).json()["code"] == "1031"
    emulator.advance(30 * DAY)
    assert (await wire.post(path, {"order": order()})).status_code == 200
    assert (await wire.post(path, {"order": order()})).status_code == 402


async def test_end_date_is_kept(wire: Wire, emulator: CheckoutEmulator) -> None:
    """After the end date a charge is refused with 1030."""
    agreement = await signed_up(wire, {"subscription": {"interval": 0, "endDate": "2027-02-01T00:00:00Z"}})
    emulator.advance(30 * DAY)
    response = await wire.post(f"/v1/subscriptions/{agreement}/charges", {"order": order()})
    assert (response.status_code, response.json()["code"]) == (402, "1030")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("issuer", [("51", "Issuer"), ("41", "Issuer")]),
        ("platform", [("1020", "internal"), ("1029", "internal")]),
    ],
)
async def test_declined_charge_tells_a_code(
    wire: Wire, emulator: CheckoutEmulator, setting: str, expected: list[tuple[str, str]]
) -> None:
    """The issuer's own, or the platform's, which only separates what must never be retried."""
    emulator.settings = Settings(declined_charge_code=setting)
    (agreement,) = emulator.sign_up(1)
    told = []
    for amount in (151, 141):
        response = await wire.post(f"/v1/subscriptions/{agreement}/charges", {"order": order(amount)})
        told.append((response.json()["code"], response.json()["source"]))
    assert told == expected


async def test_declined_charge_is_not_completed(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A magic amount is declined; the status of its key is not completed."""
    (agreement,) = emulator.sign_up(1, kind="unscheduled")
    path = f"/v1/unscheduledsubscriptions/{agreement}/charges"
    response = await wire.post(path, {"order": order(151)}, Idempotency_Key="k")
    assert response.status_code == 402
    status = (await wire.get(f"{path}/status", Idempotency_Key="k")).json()
    assert status["completed"] is False
    assert await wire.summary(status["paymentId"]) == {}
    emulator.settings = Settings(declined_charge_status="not_found")
    assert (await wire.get(f"{path}/status", Idempotency_Key="k")).status_code == 404


async def test_hard_decline_blocks_until_the_card_is_new(wire: Wire) -> None:
    """After a code that must never be retried the response is 1029, until a new payment updates the card."""
    agreement = await signed_up(wire, {"subscription": {"interval": 0}})
    path = f"/v1/subscriptions/{agreement}/charges"
    assert (await wire.post(path, {"order": order(141)})).status_code == 402
    assert (await wire.post(path, {"order": order()})).json()["code"] == "1029"
    same = await signed_up(wire, {"subscription": {"subscriptionId": agreement}}, card="5213199803453465")
    assert same == agreement
    assert (await wire.post(path, {"order": order()})).status_code == 200


@pytest.mark.parametrize(("card", "code"), [("4925000000000087", "1020"), ("4925000000000079", "1020")])
async def test_failing_cards_fail(wire: Wire, emulator: CheckoutEmulator, card: str, code: str) -> None:
    """The test cards for failures fail at the reservation or at the charge, and nothing stays reserved."""
    (agreement,) = emulator.sign_up(1, card=card)
    response = await wire.post(f"/v1/subscriptions/{agreement}/charges", {"order": order()})
    assert (response.status_code, response.json()["code"]) == (402, code)
    assert [payment["summary"] for payment in emulator.state()["payments"]] == [{}]


async def test_status_needs_a_known_key(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Without a key the status is 400, for a key that was never used 404."""
    (agreement,) = emulator.sign_up(1)
    path = f"/v1/subscriptions/{agreement}/charges/status"
    assert (await wire.get(path)).status_code == 400
    assert (await wire.get(path, Idempotency_Key="k")).status_code == 404


async def test_unknown_agreement_is_404(wire: Wire) -> None:
    """An id of the other kind is unknown too."""
    agreement = await signed_up(wire, {"subscription": {}})
    assert (await wire.get(f"/v1/unscheduledsubscriptions/{agreement}")).status_code == 404
    body = {"order": order()}
    assert (await wire.post(f"/v1/unscheduledsubscriptions/{agreement}/charges", body)).status_code == 404


async def test_slow_amounts_hold_the_answer_back(wire: Wire, emulator: CheckoutEmulator) -> None:
    """An order of 3.10 is charged at once and answered ten seconds later."""
    (agreement,) = emulator.sign_up(1)
    answers = []

    async def charge() -> None:
        answers.append(await wire.post(f"/v1/subscriptions/{agreement}/charges", {"order": order(310)}))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(charge)
        await anyio.wait_all_tasks_blocked()
        emulator.advance(9.9)
        await anyio.wait_all_tasks_blocked()
        assert not answers
        emulator.advance(0.2)
    assert answers[0].status_code == 200


async def test_fixed_amounts_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With `fixed_subscription_amounts` on, a scheduled charge repeats the amount of its sign-up unless it may vary."""
    emulator.settings = Settings(fixed_subscription_amounts=True)
    fixed = await signed_up(wire, {"subscription": {}}, 12500)
    free = await signed_up(wire, {"subscription": {"allowVariableAmount": True}}, 12500)
    assert (await wire.post(f"/v1/subscriptions/{fixed}/charges", {"order": order(500)})).status_code == 402
    assert (await wire.post(f"/v1/subscriptions/{fixed}/charges", {"order": order()})).status_code == 200
    assert (await wire.post(f"/v1/subscriptions/{free}/charges", {"order": order(500)})).status_code == 200
