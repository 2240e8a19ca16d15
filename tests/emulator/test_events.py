"""Events: which follow which action, and the data of each of the fifteen."""

from typing import Any

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._engine.validation import EVENT_NAMES
from tests.emulator.raw import Wire, hosted, item, order

CONSUMER = {
    "reference": "c-1",
    "email": "ingrid.solheim@example.no",
    "shippingAddress": {"addressLine1": "Fjellveien 12", "postalCode": "5019", "city": "Bergen", "country": "NOR"},
    "phoneNumber": {"prefix": "+47", "number": "40000123"},
    "privatePerson": {"firstName": "Ingrid", "lastName": "Solheim"},
}
MONEY = {"amount": {"amount": 12500, "currency": "SEK"}, "surchargeAmount": 0}


def names(emulator: CheckoutEmulator) -> list[str]:
    """The names of all events so far."""
    return [event["event"] for event in emulator.state()["events"]]


def the(emulator: CheckoutEmulator, name: str) -> dict[str, Any]:
    """The only event of this name."""
    (found,) = [event for event in emulator.state()["events"] if event["event"] == name]
    return dict(found)


async def test_card_payment_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Creating emits nothing; paying emits created, both reservations, and completed, in this order."""
    payment_id = await wire.create()
    assert names(emulator) == []
    emulator.pay(payment_id)
    assert names(emulator) == [
        "payment.created",
        "payment.reservation.created",
        "payment.reservation.created.v2",
        "payment.checkout.completed",
    ]


async def test_auto_charge_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With `charge: true` both charge events follow."""
    await wire.reserved(checkout_charge=True)
    assert names(emulator)[-3:] == [
        "payment.checkout.completed",
        "payment.charge.created",
        "payment.charge.created.v2",
    ]


async def test_direct_method_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Direct methods have no reservation events."""
    await wire.reserved(pay={"method": "Trustly"})
    assert names(emulator) == [
        "payment.created",
        "payment.checkout.completed",
        "payment.charge.created",
        "payment.charge.created.v2",
    ]


async def test_decline_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A shopper who is declined and tries again emits created once and failed each time."""
    payment_id = await wire.create()
    emulator.decline(payment_id)
    emulator.decline(payment_id, code="51")
    assert names(emulator) == ["payment.created", "payment.reservation.failed", "payment.reservation.failed"]
    error = emulator.state()["events"][-1]["data"]["error"]
    assert error == {"code": "51", "message": "Reservation declined, not sufficient funds", "source": "Issuer"}


async def test_silent_declines_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Whether interactive declines emit anything is a setting."""
    emulator.settings = Settings(interactive_declines_emit=False)
    emulator.decline(await wire.create())
    assert names(emulator) == ["payment.created"]


async def test_created_at_creation_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """`payment.created` can be emitted by the API call instead, and then only there."""
    emulator.settings = Settings(created_event_at="create")
    payment_id = await wire.create()
    assert names(emulator) == ["payment.created"]
    emulator.pay(payment_id)
    assert names(emulator).count("payment.created") == 1


async def test_v1_and_v2_are_twins(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Both generations of one occurrence have one id, and name the merchant each in its own way."""
    _, charge_id = await wire.charged()
    v1, v2 = the(emulator, "payment.charge.created"), the(emulator, "payment.charge.created.v2")
    assert v1["id"] == v2["id"] == charge_id
    assert list(v1) == ["id", "merchantId", "timestamp", "event", "data"]
    assert list(v2) == ["id", "timestamp", "merchantNumber", "event", "data"]
    assert v1["merchantId"] == v2["merchantNumber"] == 100512877


async def test_checkout_completed_has_order_and_consumer(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The completed event has the whole order and the consumer, with `postcode` in the address."""
    payment_id = await wire.reserved(checkout_consumer=CONSUMER, myReference="web-1")
    address = {"addressLine1": "Fjellveien 12", "city": "Bergen", "country": "NOR", "postcode": "5019"}
    line = item() | {"quantity": 1.0}
    assert the(emulator, "payment.checkout.completed")["data"] == {
        "order": {
            "amount": {"amount": 12500, "currency": "SEK"},
            "reference": "order-77",
            "orderItems": [line],
        },
        "consumer": {
            "firstName": "Ingrid",
            "lastName": "Solheim",
            "billingAddress": address,
            "shippingAddress": address,
            "country": "NOR",
            "email": "ingrid.solheim@example.no",
            "phoneNumber": {"prefix": "+47", "number": "40000123"},
            "merchantReference": "c-1",
            "ip": "198.51.100.23",
        },
        "myReference": "web-1",
        "paymentId": payment_id,
    }


async def test_reservation_created_is_rich_and_its_v2_slim(wire: Wire, emulator: CheckoutEmulator) -> None:
    """V1 has card details, the reserve id and the consumer; v2 has none of them."""
    await wire.reserved(checkout_merchantHandlesConsumerData=True)
    rich, slim = the(emulator, "payment.reservation.created"), the(emulator, "payment.reservation.created.v2")
    assert rich["data"]["reserveId"] == rich["id"]
    assert rich["data"]["cardDetails"]["truncatedPan"] == "426827******4847"
    assert rich["data"]["consumer"] == {"ip": "198.51.100.23"}
    assert set(slim["data"]) == {
        "paymentMethod",
        "paymentType",
        "reconciliationReference",
        "amount",
        "surchargeAmount",
        "paymentId",
    }
    assert len(slim["data"]["reconciliationReference"]) == 25


async def test_charge_events(wire: Wire, emulator: CheckoutEmulator) -> None:
    """V1 names the reservation, v2 the method; both have items and amount."""
    payment_id, charge_id = await wire.charged()
    v1, v2 = the(emulator, "payment.charge.created")["data"], the(emulator, "payment.charge.created.v2")["data"]
    common = MONEY | {"chargeId": charge_id, "orderItems": [item() | {"quantity": 1.0}], "paymentId": payment_id}
    common["reconciliationReference"] = v1["reconciliationReference"]
    reserve_id = emulator.state()["payments"][0]["reserveId"]
    assert v1 == common | {"reservationId": reserve_id}
    assert v2 == common | {"paymentMethod": "Visa", "paymentType": "CARD"}


async def test_charge_failed_events(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A refused capture emits both failed events with the acquirer's error."""
    payment_id = await wire.reserved(pay={"card": "4925000000000079"})
    await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500})
    error = {"code": "99", "message": "Auth Fin Failure", "source": "Internal"}
    for name in ("payment.charge.failed", "payment.charge.failed.v2"):
        assert the(emulator, name)["data"]["error"] == error


async def test_cancel_events(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The id of a cancel shows in its event only; a refused cancel emits the failed event."""
    payment_id = await wire.reserved()
    emulator.settings = Settings(cancels_fail=True)
    await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})
    failed = the(emulator, "payment.cancel.failed")
    assert failed["data"]["error"] == {"code": "25", "message": "Trans not found", "source": "Internal"}
    emulator.settings = Settings()
    await wire.post(f"/v1/payments/{payment_id}/cancels", {"amount": 12500})
    created = the(emulator, "payment.cancel.created")
    assert created["data"] == MONEY | {
        "cancelId": created["id"],
        "orderItems": [item() | {"quantity": 1.0}],
        "paymentId": payment_id,
    }


async def test_refund_events(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Initiated names the charge, completed only the refund."""
    payment_id, charge_id = await wire.charged()
    body = {"amount": 12500, "myReference": "r-1"}
    refund_id = (await wire.post(f"/v1/charges/{charge_id}/refunds", body)).json()["refundId"]
    emulator.advance(2)
    initiated = the(emulator, "payment.refund.initiated.v2")
    assert initiated["id"] == refund_id
    slim = MONEY | {"refundId": refund_id, "chargeId": charge_id, "myReference": "r-1", "paymentId": payment_id}
    assert initiated["data"] == slim
    assert the(emulator, "payment.refund.initiated")["data"].keys() == slim.keys() | {"orderItems"}
    completed = the(emulator, "payment.refund.completed")["data"]
    reference = completed.pop("reconciliationReference")
    assert len(reference) == 25
    assert completed == MONEY | {"refundId": refund_id, "paymentId": payment_id}


async def test_refund_failed_event(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A refund that fails later emits the failed event."""
    _, charge_id = await wire.charged(pay={"card": "4925000000000061"})
    await wire.post(f"/v1/charges/{charge_id}/refunds", {"amount": 12500})
    emulator.advance(2)
    assert the(emulator, "payment.refund.failed")["data"]["error"]["code"] == "911"


async def test_invoice_details(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Invoice methods have the invoice in v1 charge events."""
    await wire.charged(pay={"method": "Arvato"})
    details = the(emulator, "payment.charge.created")["data"]["invoiceDetails"]
    assert details["yourReference"] == "order-77"
    assert details["invoiceDueDate"] == "2027-02-14T00:00:00"


async def test_subscription_charge_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A subscription charge emits charge events with its subscription; reservation events are a setting."""
    (agreement,) = emulator.sign_up(1)
    path = f"/v1/subscriptions/{agreement}/charges"
    await wire.post(path, {"order": order(), "myReference": "m"})
    assert names(emulator) == ["payment.charge.created", "payment.charge.created.v2"]
    assert the(emulator, "payment.charge.created.v2")["data"]["subscriptionId"] == agreement
    emulator.settings = Settings(subscription_charges_emit_reservations=True)
    await wire.post(path, {"order": order()})
    assert "payment.reservation.created.v2" in names(emulator)


async def test_subscription_decline_script(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A declined subscription charge emits one reservation.failed for its new payment."""
    (agreement,) = emulator.sign_up(1)
    await wire.post(f"/v1/subscriptions/{agreement}/charges", {"order": order(133)})
    failed = the(emulator, "payment.reservation.failed")["data"]
    assert failed["error"]["code"] == "33"
    assert failed["error"]["message"].startswith(f"Direct charge failed for payment id {failed['paymentId']}")
    assert failed["error"]["message"].endswith("Refused by issuer")


async def test_sign_up_tells_the_subscription(wire: Wire, emulator: CheckoutEmulator) -> None:
    """From the shopper's click on, the events of a sign-up name the new subscription."""
    payment_id = await wire.reserved(0, subscription={"interval": 0})
    agreement = (await wire.payment(payment_id))["subscription"]["id"]
    assert the(emulator, "payment.created")["data"]["subscriptionId"] == agreement
    assert the(emulator, "payment.reservation.created.v2")["data"]["subscriptionId"] == agreement


async def test_docs_shape_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The reference's samples have strings for numbers and both merchant keys."""
    emulator.settings = Settings(event_shape="docs")
    await wire.reserved()
    v2 = the(emulator, "payment.reservation.created.v2")
    assert (v2["merchantId"], v2["merchantNumber"]) == (0, 100512877)
    assert v2["data"]["amount"] == {"amount": "12500", "currency": "SEK"}
    created = the(emulator, "payment.created")
    assert created["data"]["order"]["orderItems"][0]["quantity"] == "1"


async def test_offsets_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Timestamps can carry a local offset for the same instant."""
    emulator.settings = Settings(event_offset_minutes=120)
    await wire.reserved()
    assert the(emulator, "payment.created")["timestamp"] == "2027-01-15T10:00:00.0000+02:00"


async def test_every_event_can_be_subscribed_to(wire: Wire) -> None:
    """All fifteen names are accepted, `webhooks` in any case; an unknown name is a 400."""
    assert len(EVENT_NAMES) == 15
    entries = [
        {"eventName": name, "url": "https://shop.test/hooks", "authorization": "abcdefgh"} for name in EVENT_NAMES
    ]
    response = await wire.post("/v1/payments", hosted(notifications={"webhooks": entries}))
    assert response.status_code == 201
    entries[3]["eventName"] = "payment.forgotten"
    response = await wire.post("/v1/payments", hosted(notifications={"webHooks": entries}))
    assert list(response.json()["errors"]) == ["notifications.webHooks[3].eventName"]


@pytest.mark.parametrize("structured", [False, True])
async def test_structured_ids_on_demand(wire: Wire, emulator: CheckoutEmulator, structured: bool) -> None:
    """Structured ids carry the unix time in their middle."""
    emulator.settings = Settings(structured_ids=structured)
    payment_id = await wire.create()
    assert (int(payment_id[8:16], 16) == 1_800_000_000) is structured
    assert len(payment_id) == 32
