"""Payments over the wire: create, retrieve, change, terminate."""

import re

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, hosted, order

UNKNOWN = "0" * 32


async def test_create_answers_with_the_hosted_page(wire: Wire) -> None:
    """A hosted payment has a 32 hex id, the end of its session, and a page on the host that was called."""
    response = await wire.post("/v1/payments", hosted())
    document = response.json()
    assert response.status_code == 201
    assert re.fullmatch(r"[0-9a-f]{32}", document["paymentId"])
    page = f"https://emulator.test/hostedpaymentpage/?checkoutKey=emulator-checkout-key&pid={document['paymentId']}"
    assert document == {
        "paymentId": document["paymentId"],
        "expiresAt": "2027-01-17T08:00:00.0000+00:00",
        "hostedPaymentPageUrl": page,
    }


async def test_unpaid_payment_shows_empty_objects(wire: Wire) -> None:
    """An unpaid payment has empty objects where nothing is known, as recorded from the real API."""
    payment_id = await wire.create()
    payment = await wire.payment(payment_id)
    assert payment["summary"] == {}
    assert payment["consumer"] == {
        "shippingAddress": {},
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {"phoneNumber": {}},
        "billingAddress": {},
    }
    assert payment["paymentDetails"] == {"invoiceDetails": {}, "cardDetails": {}}
    assert payment["orderDetails"] == {"amount": 12500, "currency": "SEK", "reference": "order-77"}
    assert not payment.keys() & {"charges", "refunds", "terminated", "subscription", "myReference"}


async def test_reserved_payment_shows_the_card(wire: Wire) -> None:
    """After the shopper paid, the summary has the reserved amount only and the card is masked."""
    payment_id = await wire.reserved(pay={"card": "4925000000000004"})
    payment = await wire.payment(payment_id)
    assert payment["summary"] == {"reservedAmount": 12500}
    assert payment["paymentDetails"] == {
        "paymentType": "CARD",
        "paymentMethod": "Visa",
        "invoiceDetails": {},
        "cardDetails": {"expiryDate": "1230", "maskedPan": "492500******0004"},
    }


async def test_wrong_key_is_401_without_body(wire: Wire) -> None:
    """Any key but the emulator's gets 401."""
    response = await wire.get(f"/v1/payments/{UNKNOWN}", Authorization="other")
    assert (response.status_code, response.content) == (401, b"")


async def test_unknown_payment_is_404_without_body(wire: Wire) -> None:
    """An unknown id gets an empty 404."""
    response = await wire.get(f"/v1/payments/{UNKNOWN}")
    assert (response.status_code, response.content) == (404, b"")


async def test_empty_id_is_405(wire: Wire) -> None:
    """Without an id the path collapses to the one that only takes POST."""
    assert (await wire.get("/v1/payments/")).status_code == 405


async def test_paths_and_ids_are_lenient(wire: Wire) -> None:
    """Paths match in any case and with a slash at the end, ids with dashes and in capitals."""
    response = await wire.post("/V1/Payments/", hosted())
    hex_id = response.json()["paymentId"].upper()
    dashed = f"{hex_id[:8]}-{hex_id[8:12]}-{hex_id[12:16]}-{hex_id[16:20]}-{hex_id[20:]}"
    body = {"amount": 100, "items": order(100)["items"]}
    assert (await wire.put(f"/v1/payments/{dashed}/orderItems/", body)).status_code == 204


async def test_order_update_changes_the_amount(wire: Wire) -> None:
    """Before the shopper pays the order can be replaced."""
    payment_id = await wire.create()
    await wire.put(f"/v1/payments/{payment_id}/orderitems", {"amount": 100, "items": order(100)["items"]})
    assert (await wire.payment(payment_id))["orderDetails"]["amount"] == 100


async def test_order_update_after_payment_is_409(wire: Wire) -> None:
    """A paid order stays as it is."""
    payment_id = await wire.reserved()
    body = {"amount": 100, "items": order(100)["items"]}
    assert (await wire.put(f"/v1/payments/{payment_id}/orderitems", body)).status_code == 409


async def test_references_can_be_set_after_payment(wire: Wire) -> None:
    """The order reference and myReference change in every state."""
    payment_id = await wire.reserved()
    url = (await wire.payment(payment_id))["checkout"]["url"]
    body = {"checkoutUrl": url, "reference": "A-1"}
    assert (await wire.put(f"/v1/payments/{payment_id}/referenceinformation", body)).status_code == 204
    assert (await wire.put(f"/v1/payments/{payment_id}/myreference", {"myReference": "m"})).status_code == 204
    payment = await wire.payment(payment_id)
    assert (payment["orderDetails"]["reference"], payment["myReference"]) == ("A-1", "m")


async def test_checkout_url_stays_on_its_host(wire: Wire) -> None:
    """Moving the checkout to another host is refused with 1017."""
    payment_id = await wire.create()
    body = {"checkoutUrl": "https://other.test/", "reference": "A-1"}
    response = await wire.put(f"/v1/payments/{payment_id}/referenceinformation", body)
    assert (response.status_code, response.json()["code"]) == (400, "1017")


async def test_terminate_ends_an_unpaid_payment(wire: Wire) -> None:
    """Terminating shows a time and closes the payment for the shopper; a repeat changes nothing."""
    payment_id = await wire.create()
    assert (await wire.put(f"/v1/payments/{payment_id}/terminate")).status_code == 204
    assert (await wire.put(f"/v1/payments/{payment_id}/terminate", {})).status_code == 204
    assert "terminated" in await wire.payment(payment_id)
    assert (await wire.post(f"/emulator/payments/{payment_id}/pay")).status_code == 409


async def test_paid_payment_cannot_be_terminated(wire: Wire) -> None:
    """After the checkout is completed, terminate is 409."""
    payment_id = await wire.reserved()
    assert (await wire.put(f"/v1/payments/{payment_id}/terminate")).status_code == 409


async def test_session_ends_after_48_hours(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The shopper cannot pay any more when the session is over."""
    payment_id = await wire.create()
    emulator.advance(48 * 3600 + 1)
    assert (await wire.post(f"/emulator/payments/{payment_id}/pay")).status_code == 409


async def test_thirty_one_retrievals_in_an_hour_are_too_many(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The 31st retrieval within an hour is 429 with Retry-After; after that wait it works again."""
    payment_id = await wire.create()
    for _ in range(30):
        await wire.payment(payment_id)
    response = await wire.get(f"/v1/payments/{payment_id}")
    assert response.status_code == 429
    emulator.advance(int(response.headers["Retry-After"]))
    assert (await wire.get(f"/v1/payments/{payment_id}")).status_code == 200


async def test_company_and_person_are_distinguished(wire: Wire) -> None:
    """A consumer is shown as a person, or as a company with a contact."""
    phone = {"prefix": "+46", "number": "701234567"}
    common = {"reference": "c-1", "email": "a@shop.test", "phoneNumber": phone}
    person = common | {"privatePerson": {"firstName": "Ada"}}
    shown = (await wire.payment(await wire.create(checkout_consumer=person)))["consumer"]
    assert shown["privatePerson"] == {
        "firstName": "Ada",
        "email": "a@shop.test",
        "merchantReference": "c-1",
        "phoneNumber": phone,
    }
    company = common | {"company": {"name": "Ada AB", "contact": {"firstName": "Ada"}}}
    shown = (await wire.payment(await wire.create(checkout_consumer=company)))["consumer"]
    assert shown["privatePerson"] == {"phoneNumber": {}}
    assert shown["company"] == {
        "name": "Ada AB",
        "merchantReference": "c-1",
        "contactDetails": {"firstName": "Ada", "email": "a@shop.test", "phoneNumber": phone},
    }


async def test_reference_can_be_final_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With `reference_set_once` on a reference is set once; the same one again is fine."""
    emulator.settings = Settings(reference_set_once=True, checkout_domain_locked=False)
    path = f"/v1/payments/{await wire.create()}/referenceinformation"
    same = {"checkoutUrl": "https://other.test/", "reference": "order-77"}
    assert (await wire.put(path, same)).status_code == 204
    response = await wire.put(path, same | {"reference": "order-78"})
    assert (response.status_code, response.json()["code"]) == (400, "1016")


async def test_terminating_again_is_409_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Whether terminate may be repeated is a setting; the order is closed either way."""
    emulator.settings = Settings(terminate_again_allowed=False)
    payment_id = await wire.create()
    assert (await wire.put(f"/v1/payments/{payment_id}/terminate")).status_code == 204
    assert (await wire.put(f"/v1/payments/{payment_id}/terminate")).status_code == 409
    body = {"amount": 100, "items": order(100)["items"]}
    assert (await wire.put(f"/v1/payments/{payment_id}/orderitems", body)).status_code == 409


async def test_order_updates_are_checked(wire: Wire) -> None:
    """Amount and items match, whichever of them is sent; nothing costs nothing."""
    payment_id = await wire.create()
    path = f"/v1/payments/{payment_id}/orderitems"
    for body in ({"amount": 1}, {"items": order(100)["items"]}, {"amount": 0, "items": order(0)["items"]}):
        response = await wire.put(path, body)
        assert (response.status_code, list(response.json()["errors"])) == (400, ["amount"])
    assert (await wire.payment(payment_id))["orderDetails"]["amount"] == 12500


async def test_empty_lists_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Whether charges and refunds are left out or empty is a setting."""
    emulator.settings = Settings(show_empty_lists=True)
    payment = await wire.payment(await wire.create())
    assert (payment["charges"], payment["refunds"]) == ([], [])
