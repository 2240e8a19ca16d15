"""Refunds over the wire."""

from typing import Any

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, item

DAY = 86400


def part(amount: int) -> dict[str, Any]:
    """A partial operation's body."""
    return {"amount": amount, "orderItems": [item(amount)]}


async def refund_of(wire: Wire, charge_id: str, body: dict[str, Any]) -> str:
    """Refund a charge; returns the refund's id."""
    response = await wire.post(f"/v1/charges/{charge_id}/refunds", body)
    assert response.status_code == 201, response.text
    return str(response.json()["refundId"])


async def state(wire: Wire, payment_id: str) -> str:
    """The state of the payment's last refund."""
    return str((await wire.payment(payment_id))["refunds"][-1]["state"])


async def test_refund_is_pending_then_completed(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The summary counts a refund only when it is completed; the charged amount stays."""
    payment_id, charge_id = await wire.charged()
    refund_id = await refund_of(wire, charge_id, {"amount": 12500, "myReference": "m"})
    assert await state(wire, payment_id) == "Pending"
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "chargedAmount": 12500}
    emulator.advance(2)
    assert await state(wire, payment_id) == "Completed"
    assert await wire.summary(payment_id) == {
        "reservedAmount": 12500,
        "chargedAmount": 12500,
        "refundedAmount": 12500,
    }
    assert (await wire.get(f"/v1/refunds/{refund_id}")).json() == {
        "refundId": refund_id,
        "amount": 12500,
        "surchargeAmount": 0,
    }


@pytest.mark.parametrize(("body", "code"), [(part(12501), "1009"), ({"amount": 5000}, "1015")])
async def test_refusals(wire: Wire, body: dict[str, Any], code: str) -> None:
    """More than the charge is 1009, a part without items 1015."""
    _, charge_id = await wire.charged()
    response = await wire.post(f"/v1/charges/{charge_id}/refunds", body)
    assert (response.status_code, response.json()["code"]) == (402, code)


async def test_pending_refunds_count_as_gone(wire: Wire) -> None:
    """What is pending cannot be refunded again; nothing left is 1023."""
    _, charge_id = await wire.charged()
    await refund_of(wire, charge_id, {"amount": 12500})
    response = await wire.post(f"/v1/charges/{charge_id}/refunds", part(1))
    assert response.json()["code"] == "1023"


async def test_payment_refund_spreads_over_charges(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A refund of the payment takes from the oldest charges first."""
    payment_id = await wire.reserved()
    charges = []
    for amount in (5000, 7500):
        response = await wire.post(f"/v1/payments/{payment_id}/charges", part(amount))
        charges.append(response.json()["chargeId"])
    response = await wire.post(f"/v1/payments/{payment_id}/refunds", part(6000))
    assert response.status_code == 201
    (refund,) = emulator.state()["payments"][0]["refunds"]
    assert refund["charges"] == [
        {"chargeId": charges[0], "amount": 5000},
        {"chargeId": charges[1], "amount": 1000},
    ]
    assert (await wire.post(f"/v1/payments/{payment_id}/refunds", part(6501))).json()["code"] == "1009"
    assert (await wire.post(f"/v1/charges/{charges[0]}/refunds", part(1))).json()["code"] == "1023"


async def test_payment_refund_needs_a_charge(wire: Wire) -> None:
    """Without a charge a refund of the payment is 1011."""
    response = await wire.post(f"/v1/payments/{await wire.reserved()}/refunds", {"amount": 12500})
    assert response.json()["code"] == "1011"


async def test_payment_refund_is_not_for_every_method(wire: Wire) -> None:
    """Invoices and PayPal are refunded charge by charge."""
    payment_id, charge_id = await wire.charged(pay={"method": "PayPal"})
    assert (await wire.post(f"/v1/payments/{payment_id}/refunds", {"amount": 12500})).status_code == 402
    assert (await wire.post(f"/v1/charges/{charge_id}/refunds", {"amount": 12500})).status_code == 201


async def test_low_balance_keeps_refunds_pending(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With a low balance a refund waits, and completes when the balance is back."""
    emulator.settings = Settings(low_balance=True)
    payment_id, charge_id = await wire.charged()
    await refund_of(wire, charge_id, {"amount": 12500})
    emulator.advance(DAY)
    assert await state(wire, payment_id) == "Pending"
    emulator.settings = Settings()
    assert await state(wire, payment_id) == "Completed"


async def test_pending_refund_can_be_cancelled(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Cancelling gives the amount back to the charge; a second time is 1012."""
    payment_id, charge_id = await wire.charged()
    refund_id = await refund_of(wire, charge_id, {"amount": 12500})
    path = f"/v1/pending-refunds/{refund_id}/cancel"
    assert (await wire.post(path)).status_code == 204
    emulator.advance(DAY)
    assert await state(wire, payment_id) == "Cancelled"
    assert (await wire.post(path)).json()["code"] == "1012"
    await refund_of(wire, charge_id, {"amount": 12500})


async def test_completed_refund_cannot_be_cancelled(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Too late is 1025, an unknown refund 404."""
    _, charge_id = await wire.charged()
    refund_id = await refund_of(wire, charge_id, {"amount": 12500})
    emulator.advance(2)
    assert (await wire.post(f"/v1/pending-refunds/{refund_id}/cancel")).json()["code"] == "1025"
    assert (await wire.post(f"/v1/pending-refunds/{'0' * 32}/cancel")).status_code == 404


async def test_waiting_refund_expires(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A refund that waits for balance too long expires and gives its amount back."""
    emulator.settings = Settings(low_balance=True)
    payment_id, charge_id = await wire.charged()
    refund_id = await refund_of(wire, charge_id, {"amount": 12500})
    emulator.advance(30 * DAY)
    assert await state(wire, payment_id) == "Expired"
    assert (await wire.post(f"/v1/pending-refunds/{refund_id}/cancel")).json()["code"] == "1013"
    emulator.settings = Settings()
    assert await state(wire, payment_id) == "Expired"


async def test_card_can_refuse_the_refund(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The test card for failing refunds lets a refund fail after it was accepted."""
    payment_id, charge_id = await wire.charged(pay={"card": "4925000000000061"})
    refund_id = await refund_of(wire, charge_id, {"amount": 12500})
    emulator.advance(2)
    assert await state(wire, payment_id) == "Failed"
    assert "refundedAmount" not in await wire.summary(payment_id)
    assert (await wire.post(f"/v1/pending-refunds/{refund_id}/cancel")).json()["code"] == "1014"


async def test_surcharge_comes_on_top(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With a surcharge every amount has its own surcharge beside it."""
    emulator.settings = Settings(surcharge_rate=150)
    payment_id, charge_id = await wire.charged()
    refund_id = await refund_of(wire, charge_id, part(5000))
    emulator.advance(2)
    assert await wire.summary(payment_id) == {
        "reservedAmount": 12500,
        "reservedSurchargeAmount": 188,
        "chargedAmount": 12500,
        "chargedSurchargeAmount": 188,
        "refundedAmount": 5000,
        "refundedSurchargeAmount": 75,
    }
    assert (await wire.get(f"/v1/charges/{charge_id}")).json()["surchargeAmount"] == 188
    assert (await wire.get(f"/v1/refunds/{refund_id}")).json()["surchargeAmount"] == 75


async def test_full_refund_of_a_part_has_its_items(wire: Wire) -> None:
    """A partial charge that is refunded whole needs no items; its own are shown."""
    payment_id = await wire.reserved()
    charge = (await wire.post(f"/v1/payments/{payment_id}/charges", part(5000))).json()["chargeId"]
    await refund_of(wire, charge, {"amount": 5000})
    (refund,) = (await wire.payment(payment_id))["refunds"]
    assert [line["grossTotalAmount"] for line in refund["orderItems"]] == [5000]
