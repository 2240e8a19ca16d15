"""Cancels over the wire."""

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, item


def part(amount: int) -> dict[str, object]:
    """A partial operation's body."""
    return {"amount": amount, "orderItems": [item(amount)]}


async def test_full_cancel(wire: Wire) -> None:
    """A full cancel answers 204 without a body and is final."""
    payment_id = await wire.reserved()
    response = await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})
    assert (response.status_code, response.content) == (204, b"")
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "cancelledAmount": 12500}
    for operation in ("cancels", "charges"):
        response = await wire.post(f"/v1/payments/{payment_id}/{operation}", {"amount": 12500})
        assert (response.status_code, response.json()["code"]) == (402, "1019")


async def test_partial_cancel_leaves_the_rest(wire: Wire) -> None:
    """After a partial cancel the rest can be charged, and no more."""
    payment_id = await wire.reserved()
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", part(2500))).status_code == 204
    assert (await wire.post(f"/v1/payments/{payment_id}/charges", part(10001))).json()["code"] == "1001"
    assert (await wire.post(f"/v1/payments/{payment_id}/charges", part(10000))).status_code == 201


async def test_rest_of_a_partial_charge_can_be_cancelled(wire: Wire) -> None:
    """After a partial charge only what was not captured can be cancelled."""
    payment_id = await wire.reserved()
    await wire.post(f"/v1/payments/{payment_id}/charges", part(5000))
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})).json()["code"] == "1008"
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", part(7500))).status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [({"amount": 5000}, "1015"), (part(12501), "1019")],
)
async def test_refusals(wire: Wire, body: dict[str, object], code: str) -> None:
    """A part needs items and cannot be more than there is."""
    response = await wire.post(f"/v1/payments/{await wire.reserved()}/cancels", body)
    assert (response.status_code, response.json()["code"]) == (402, code)


async def test_unpaid_and_charged_payments_cannot_be_cancelled(wire: Wire) -> None:
    """Nothing reserved is 1003, everything charged is 1008."""
    response = await wire.post(f"/v1/payments/{await wire.create()}/cancels", {"amount": 12500})
    assert response.json()["code"] == "1003"
    payment_id, _ = await wire.charged()
    response = await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})
    assert response.json()["code"] == "1008"


async def test_invoices_are_cancelled_in_full_only(wire: Wire) -> None:
    """Partial cancels are for cards and wallets."""
    payment_id = await wire.reserved(pay={"method": "Arvato"})
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", part(5000))).json()["code"] == "1007"
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})).status_code == 204


async def test_partial_cancel_does_not_go_with_refunds(wire: Wire) -> None:
    """After a refund a partial cancel is refused with 1007."""
    payment_id = await wire.reserved()
    charge = (await wire.post(f"/v1/payments/{payment_id}/charges", part(5000))).json()["chargeId"]
    await wire.post(f"/v1/charges/{charge}/refunds", {"amount": 5000})
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", part(7500))).json()["code"] == "1007"


async def test_acquirer_can_refuse(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With `cancels_fail` on a cancel fails and takes nothing."""
    payment_id = await wire.reserved()
    emulator.settings = Settings(cancels_fail=True)
    assert (await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})).status_code == 402
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_status_of_a_refusal_is_a_switch(wire: Wire, emulator: CheckoutEmulator, status: int) -> None:
    """No reference says with which status a cancel is refused; for charges 402 is documented."""
    emulator.settings = Settings(undocumented_402_as=status)
    payment_id = await wire.create()
    response = await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})
    assert (response.status_code, response.json()["code"]) == (status, "1003")
    assert (await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})).status_code == 402
