"""Charges over the wire."""

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, item

DAY = 86400


async def test_full_charge_needs_the_amount_only(wire: Wire) -> None:
    """A full charge takes the whole reservation."""
    payment_id, charge_id = await wire.charged()
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "chargedAmount": 12500}
    charge = (await wire.payment(payment_id))["charges"][0]
    assert (charge["chargeId"], charge["amount"], len(charge["orderItems"])) == (charge_id, 12500, 1)


async def test_parts_add_up(wire: Wire) -> None:
    """Several partial charges each have an id and count together."""
    payment_id = await wire.reserved()
    for amount in (5000, 7500):
        body = {"amount": amount, "orderItems": [item(amount)]}
        assert (await wire.post(f"/v1/payments/{payment_id}/charges", body)).status_code == 201
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "chargedAmount": 12500}


async def test_partial_charge_needs_items(wire: Wire) -> None:
    """A part without items is refused with 1015."""
    payment_id = await wire.reserved()
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 5000})
    assert (response.status_code, response.json()["code"]) == (402, "1015")


async def test_overcharge_is_1001(wire: Wire) -> None:
    """More than what is left is refused with 1001 and nothing is taken."""
    payment_id = await wire.reserved()
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12501, "orderItems": [item(12501)]})
    assert response.status_code == 402
    assert response.json()["code"] == "1001"
    assert response.json()["source"] == "internal"
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


async def test_sum_of_items_must_match(wire: Wire) -> None:
    """A sum that differs gets the recorded text under the path of the amount."""
    payment_id = await wire.reserved()
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 5000, "orderItems": [item(4999)]})
    assert response.status_code == 400
    assert response.json() == {"errors": {"amount": ["Amount dosen't match sum of orderitems"]}}


async def test_unpaid_payment_is_not_reserved(wire: Wire) -> None:
    """Before the shopper paid, charging is refused with 1003."""
    response = await wire.post(f"/v1/payments/{await wire.create()}/charges", {"amount": 12500})
    assert (response.status_code, response.json()["code"]) == (402, "1003")


async def test_zero_charge_is_refused(wire: Wire) -> None:
    """An amount of 0 is a 400."""
    response = await wire.post(f"/v1/payments/{await wire.reserved()}/charges", {"amount": 0})
    assert response.json() == {"errors": {"amount": ["Amount must be greater than 0"]}}


async def test_final_charge_releases_the_rest(wire: Wire) -> None:
    """After `finalCharge` nothing more can be charged; the rest counts as cancelled."""
    payment_id = await wire.reserved()
    body = {"amount": 5000, "orderItems": [item(5000)], "finalCharge": True}
    await wire.post(f"/v1/payments/{payment_id}/charges", body)
    assert await wire.summary(payment_id) == {
        "reservedAmount": 12500,
        "chargedAmount": 5000,
        "cancelledAmount": 7500,
    }
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 1, "orderItems": [item(1)]})
    assert response.json()["code"] == "1001"


async def test_reservation_expires(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A reservation older than 30 days is refused with 1010."""
    payment_id = await wire.reserved()
    emulator.advance(30 * DAY + 1)
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})
    assert response.json()["code"] == "1010"


async def test_card_can_refuse_the_charge(wire: Wire) -> None:
    """The test card for failing charges reserves, then refuses with 1020."""
    payment_id = await wire.reserved(pay={"card": "4925000000000079"})
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})
    assert (response.status_code, response.json()["code"]) == (402, "1020")
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


async def test_auto_charge(wire: Wire) -> None:
    """With `charge: true` the payment is charged as soon as it is paid."""
    payment_id = await wire.reserved(checkout_charge=True)
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "chargedAmount": 12500}


async def test_retrieve_charge(wire: Wire) -> None:
    """A charge can be looked up by its id."""
    _, charge_id = await wire.charged()
    response = await wire.get(f"/v1/charges/{charge_id}")
    assert response.json() == {"chargeId": charge_id, "amount": 12500, "surchargeAmount": 0}


@pytest.mark.parametrize("method", ["Swish", "Trustly", "Sofort"])
async def test_direct_methods_charge_without_a_reservation(wire: Wire, method: str) -> None:
    """Account-to-account methods are charged at once; charging again is refused with 1001."""
    payment_id = await wire.reserved(pay={"method": method})
    assert await wire.summary(payment_id) == {"chargedAmount": 12500}
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})
    assert response.json()["code"] == "1001"
    assert response.json()["message"].startswith("Cannot overcharge payment. Reserved amount: 0.")


async def test_invoice_charge_has_a_number(wire: Wire) -> None:
    """Charging an invoice method responds with the invoice number, which retrieve payment shows too."""
    payment_id = await wire.reserved(pay={"method": "Arvato"})
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})
    number = response.json()["invoice"]["invoiceNumber"]
    details = (await wire.payment(payment_id))["paymentDetails"]
    assert details["invoiceDetails"] == {"invoiceNumber": number}
    link = (await wire.get(f"/v1/charges/{response.json()['chargeId']}")).json()["invoiceDetails"]["link"]
    assert number in link


async def test_release_can_be_silent(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Whether a final charge's release shows as cancelled is a setting; the rest is gone either way."""
    emulator.settings = Settings(final_charge_shows_as_cancelled=False)
    payment_id = await wire.reserved()
    body = {"amount": 5000, "orderItems": [item(5000)], "finalCharge": True}
    await wire.post(f"/v1/payments/{payment_id}/charges", body)
    assert await wire.summary(payment_id) == {"reservedAmount": 12500, "chargedAmount": 5000}
    response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 1, "orderItems": [item(1)]})
    assert response.json()["code"] == "1001"


async def test_merchant_brings_the_invoice_number(wire: Wire) -> None:
    """`paymentMethodReference` becomes the invoice number of an invoice."""
    payment_id = await wire.reserved(pay={"method": "Arvato"})
    body = {"amount": 12500, "paymentMethodReference": "INV-7"}
    response = await wire.post(f"/v1/payments/{payment_id}/charges", body)
    assert response.json()["invoice"] == {"invoiceNumber": "INV-7"}
