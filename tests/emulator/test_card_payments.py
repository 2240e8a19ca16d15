"""Card payments from server to server, and the list of payment methods."""

from typing import Any

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, order, webhooks

PATH = "/v1/cardpayments"


def card_payment(number: str = "4268270087374847", amount: int = 12500, **changes: Any) -> dict[str, Any]:
    """A card payment's body."""
    details = {"cardNumber": number, "expiryMonth": "12", "expiryYear": "33", "cvc": "123"}
    return {"interactionType": 0, "order": order(amount), "paymentInfo": {}, "cardDetails": details} | changes


async def test_reserves_and_echoes_the_key(wire: Wire) -> None:
    """The response names the payment and the key; the payment is reserved with the given card."""
    response = await wire.post(PATH, card_payment(), Idempotency_Key="k")
    assert response.status_code == 201
    payment_id = response.json()["paymentId"]
    assert response.json() == {"paymentId": payment_id, "idempotencyKey": "k"}
    assert (await wire.post(PATH, card_payment(), Idempotency_Key="k")).json() == response.json()
    payment = await wire.payment(payment_id)
    assert payment["summary"] == {"reservedAmount": 12500}
    assert payment["paymentDetails"]["cardDetails"] == {"expiryDate": "1233", "maskedPan": "426827******4847"}


async def test_charges_on_demand(wire: Wire) -> None:
    """With `charge` the money is taken at once."""
    response = await wire.post(PATH, card_payment(paymentInfo={"charge": True}))
    assert await wire.summary(response.json()["paymentId"]) == {"reservedAmount": 12500, "chargedAmount": 12500}


async def test_declined_card(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A declined card is refused with the acquirer's code and emits an event; the status is a setting."""
    body = card_payment("4925000000000087", notifications=webhooks("payment.reservation.failed"))
    response = await wire.post(PATH, body)
    assert response.status_code == 402
    assert (response.json()["code"], response.json()["source"]) == ("05", "Issuer")
    assert len(emulator.state()["deliveries"]) == 1
    emulator.settings = Settings(undocumented_402_as=400)
    assert (await wire.post(PATH, body)).status_code == 400


async def test_expired_card(wire: Wire) -> None:
    """A card whose month is over is declined with 54."""
    body = card_payment()
    body["cardDetails"]["expiryYear"] = "26"
    assert (await wire.post(PATH, body)).json()["code"] == "54"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"cardDetails": None}, "cardDetails"),
        ({"paymentInfo": None}, "paymentInfo"),
        ({"paymentInfo": {"consumer": {"privatePerson": {}}}}, "paymentInfo.consumer.privatePerson.firstName"),
        ({"order": order(0)}, "order.amount"),
        ({"notifications": webhooks("payment.created", url="http://shop.test")}, "notifications.webHooks[0].url"),
    ],
)
async def test_bad_requests_name_the_place(wire: Wire, changes: dict[str, Any], path: str) -> None:
    """Each error stands under its path."""
    response = await wire.post(PATH, card_payment() | changes)
    assert response.status_code == 400
    assert path in response.json()["errors"]


async def test_number_that_is_no_card(wire: Wire) -> None:
    """A number with a wrong check digit is a 400 that does not repeat it."""
    response = await wire.post(PATH, card_payment("4268270087374848"))
    assert response.json() == {"errors": {"cardDetails": ["The card number is not valid"]}}


async def test_payment_methods(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The list is a bare array, filtered by currency and by what is enabled."""
    every = (await wire.get("/v1/paymentmethods")).json()
    assert {"name": "Visa", "paymentType": "CARD", "currency": "EUR", "enabled": True} in every
    swedish = (await wire.get("/v1/paymentmethods?Currency=SEK&Enabled=true")).json()
    assert {entry["currency"] for entry in swedish} == {"SEK"}
    assert "Swish" in {entry["name"] for entry in swedish}
    emulator.settings = Settings(disabled_methods=("Swish",))
    off = (await wire.get("/v1/paymentmethods?Currency=SEK&Enabled=false")).json()
    assert [entry["name"] for entry in off] == ["Swish"]
    assert (await wire.get("/v1/paymentmethods?Enabled=maybe")).status_code == 400


async def test_disabled_methods_are_not_offered(wire: Wire, emulator: CheckoutEmulator) -> None:
    """What is not configured for the merchant cannot be chosen."""
    emulator.settings = Settings(disabled_methods=("Swish",))
    response = await wire.post(f"/emulator/payments/{await wire.create()}/pay", {"method": "Swish"})
    assert response.status_code == 400
