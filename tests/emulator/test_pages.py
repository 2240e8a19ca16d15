"""The hosted page, as a browser without scripts uses it."""

from typing import Any

import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator
from tests.emulator.raw import Wire, hosted, item, webhooks

DECLINED = "The payment was declined. Try another card or another way to pay."
EMBEDDED = {"url": "https://shop.test/pay", "termsUrl": "https://shop.test/terms"}


async def page_of(wire: Wire, **changes: Any) -> tuple[str, str]:
    """A new payment's id and the address of its page."""
    response = (await wire.post("/v1/payments", hosted(**changes))).json()
    return response["paymentId"], response["hostedPaymentPageUrl"]


async def press(wire: Wire, url: str, **form: str) -> httpx.Response:
    """Send the form."""
    return await wire.client.post(url, data=form)


async def test_page_shows_the_order(wire: Wire) -> None:
    """The page lists the order lines and the total."""
    _, url = await page_of(wire)
    page = await wire.client.get(url + "&language=sv-SE")
    assert page.status_code == 200
    assert "Mug" in page.text
    assert "125,00\N{NO-BREAK SPACE}kr" in page.text


async def test_order_texts_are_escaped(wire: Wire) -> None:
    """Whatever a merchant puts into a name cannot become markup."""
    body = hosted(order={"items": [item(name="Salt & 'pepper' \"x\"")], "amount": 12500, "currency": "SEK"})
    url = (await wire.post("/v1/payments", body)).json()["hostedPaymentPageUrl"]
    assert "Salt &amp; &#39;pepper&#39; &#34;x&#34;" in (await wire.client.get(url)).text


async def test_paying_returns_to_the_shop_with_the_id(wire: Wire) -> None:
    """After success the shopper lands on returnUrl with `paymentid` appended to its query."""
    payment_id, url = await page_of(wire, checkout_returnUrl="https://shop.test/ok?cart=7#top")
    response = await press(wire, url, action="pay", method="card", card="5213 1998 0345 3465")
    assert response.status_code == 303
    assert response.headers["location"] == f"https://shop.test/ok?cart=7&paymentid={payment_id}#top"
    assert (await wire.payment(payment_id))["paymentDetails"]["paymentMethod"] == "MasterCard"


async def test_declined_shopper_stays_and_can_retry(wire: Wire) -> None:
    """A declined card shows the form again; another card works."""
    payment_id, url = await page_of(wire)
    declined = await press(wire, url, card="4925000000000087")
    assert declined.status_code == 402
    assert "declined" in declined.text
    assert (await press(wire, url, action="decline")).status_code == 402
    assert (await press(wire, url, card="4925000000000004")).status_code == 303
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


async def test_cancel_goes_to_the_cancel_url(wire: Wire) -> None:
    """Walking away leads to cancelUrl and leaves the payment as it was."""
    payment_id, url = await page_of(wire)
    response = await press(wire, url, action="cancel")
    assert (response.status_code, response.headers["location"]) == (303, "https://shop.test/no")
    assert await wire.summary(payment_id) == {}


async def test_other_methods_can_be_chosen(wire: Wire) -> None:
    """The page takes every method that is offered."""
    payment_id, url = await page_of(wire)
    assert (await press(wire, url, method="Swish")).status_code == 303
    assert await wire.summary(payment_id) == {"chargedAmount": 12500}


async def test_bad_card_number_is_explained(wire: Wire) -> None:
    """A number that is no card number is a 400 with the form, which keeps it."""
    _, url = await page_of(wire)
    response = await press(wire, url, card="4925000000000005")
    assert response.status_code == 400
    assert "This is not a card number." in response.text
    assert 'value="4925000000000005"' in response.text


async def test_method_outside_the_whitelist_is_refused(wire: Wire) -> None:
    """A method that the payment does not offer cannot be used."""
    _, url = await page_of(wire, paymentMethodsConfiguration=[{"name": "Card"}])
    page = (await wire.client.get(url)).text
    assert "Swish" not in page
    assert (await press(wire, url, method="Swish")).status_code == 400


async def test_wrong_checkout_key_finds_nothing(wire: Wire) -> None:
    """Without the public key there is no page."""
    payment_id, _ = await page_of(wire)
    response = await wire.client.get(f"/hostedpaymentpage/?checkoutKey=other&pid={payment_id}")
    assert response.status_code == 404
    assert (await wire.client.post(f"/hostedpaymentpage/?checkoutKey=other&pid={payment_id}")).status_code == 404


async def test_closed_payments_have_no_form(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A paid, terminated or expired payment shows that it is closed, and takes nothing."""
    _, url = await page_of(wire)
    await press(wire, url)
    assert (await wire.client.get(url)).status_code == 410
    assert (await press(wire, url)).status_code == 410
    _, other = await page_of(wire)
    emulator.advance(49 * 3600)
    assert (await wire.client.get(other)).status_code == 410


async def test_embedded_page_for_the_iframe(wire: Wire) -> None:
    """An embedded payment has its form at the iframe's address, and its buttons respond with JSON."""
    body = hosted(checkout=EMBEDDED)
    response = (await wire.post("/v1/payments", body)).json()
    assert "hostedPaymentPageUrl" not in response
    url = f"/v1/?checkoutKey=emulator-checkout-key&paymentId={response['paymentId']}"
    assert "iframe.js" in (await wire.client.get(url)).text
    declined = await press(wire, url, action="decline")
    assert declined.json() == {"result": "declined", "message": DECLINED, "problems": {}}
    assert (await press(wire, url, method="Cash")).json()["result"] == "refused"
    paid = await press(wire, url, action="pay")
    assert (paid.status_code, paid.json()["result"]) == (200, "completed")
    assert "data-completed" in (await wire.client.get(url)).text
    assert (await wire.client.post("/v1/?checkoutKey=x")).status_code == 404


async def test_payment_without_return_says_thanks(wire: Wire, emulator: CheckoutEmulator) -> None:
    """An embedded payment that is paid on the hosted page ends there."""
    body = hosted(checkout=EMBEDDED)
    payment_id = (await wire.post("/v1/payments", body)).json()["paymentId"]
    url = f"/hostedpaymentpage/?checkoutKey={emulator.checkout_key}&pid={payment_id}"
    page = await press(wire, url)
    assert (page.status_code, "completed" in page.text) == (200, True)


@pytest.mark.parametrize("path", ["/v1/checkout.js?v=1", "/emulator/iframe.js"])
async def test_scripts(wire: Wire, path: str) -> None:
    """The scripts are served as JavaScript, without a key."""
    response = await wire.get(path, Authorization="")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")


async def test_portal_shows_payments_events_and_deliveries(wire: Wire) -> None:
    """The front door leads to a page with the newest of everything."""
    payment_id, _ = await wire.charged(notifications=webhooks("payment.created"))
    assert (await wire.get("/")).headers["location"] == "/portal"
    page = (await wire.get("/portal")).text
    for text in (payment_id, "order-77", "payment.charge.created.v2", "https://shop.test/hooks", "pending"):
        assert text in page
    assert "q7Lw2ZtB9fKx4RdN" not in page


async def test_portal_stays_small(wire: Wire) -> None:
    """With many payments only the newest hundred are listed."""
    ids = [await wire.create() for _ in range(101)]
    page = (await wire.get("/portal")).text
    assert ids[0] not in page
    assert ids[1] in page
    assert "Payments (101)" in page
