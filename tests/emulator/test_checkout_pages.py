"""The hosted page, as a browser without scripts uses it."""

import re
from typing import Any

import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator
from tests.emulator.raw import Wire, hosted, item

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


@pytest.mark.parametrize(("field", "value", "problem"), [
    ("card", "", "This is not a card number."),
    ("card", "4268-2700-8737-4848", "This is not a card number."),
    ("expiry", "", "Type month and year"),
    ("expiry", "1/2", "Type month and year"),
    ("expiry", "12/25", "This card has expired."),
    ("cvc", "", "Type the 3 digits"),
    ("cvc", "12a", "Type the 3 digits"),
    ("email", "x@y", "This is not an e-mail address."),
    ("postalCode", "1234", "This is not a postal code of the country."),
    ("city", "x" * 129, "This can&#39;t be used here."),
    ("method", "Cash", "The shop does not offer this way to pay."),
])  # fmt: skip
async def test_what_is_wrong_stands_beside_its_field(wire: Wire, field: str, value: str, problem: str) -> None:
    """Nothing is paid with a field that is empty or wrong, and the form keeps what was typed."""
    payment_id, url = await page_of(wire)
    form = {"email": "a@b.example", "country": "SWE", "postalCode": "11122", field: value}
    response = await press(wire, url, **form)
    assert response.status_code == 400
    assert re.search(rf'id="{field}-problem">\s*{re.escape(problem)}', response.text)
    assert f'value="{value}"' in response.text or field == "method"
    assert await wire.summary(payment_id) == {}


@pytest.mark.parametrize("expiry", ["12/30", "1230", " 12 / 2030 ", "1/31"])
async def test_dates_as_people_type_them(wire: Wire, expiry: str) -> None:
    """The month may lack its zero, the year may have four digits."""
    payment_id, url = await page_of(wire)
    assert (await press(wire, url, card="4925-0000 0000 0004", expiry=expiry, cvc="123")).status_code == 303
    shown = (await wire.payment(payment_id))["paymentDetails"]["cardDetails"]["expiryDate"]
    assert shown == ("0131" if expiry == "1/31" else "1230")


async def test_a_card_that_the_shop_does_not_take(wire: Wire) -> None:
    """It is said beside the card's number, and the cards to choose from are those that are taken."""
    _, url = await page_of(wire, paymentMethodsConfiguration=[{"name": "MasterCard"}])
    page = (await wire.client.get(url)).text
    assert "4925 0000 0000 0004" not in page
    assert 'value="5213 1998 0345 3465"' in page
    response = await press(wire, url, card="4925000000000004")
    assert re.search(r'id="card-problem">\s*The shop does not take this kind of card.', response.text)


async def test_unspecified_shipping_cost_is_explained(wire: Wire) -> None:
    """Where the merchant handles shipping cost, the page says that it is missing."""
    _, url = await page_of(wire, checkout_shipping={"merchantHandlesShippingCost": True})
    assert "not named the shipping cost" in (await press(wire, url)).text


async def test_the_merchant_chooses_the_button_and_the_countries(wire: Wire) -> None:
    """The text of the button, whether the order is shown, and where goods are shipped to."""
    appearance = {
        "displayOptions": {"showOrderSummary": False},
        "textOptions": {"completePaymentButtonText": "book"},
    }
    countries = [{"countryCode": "SWE"}, {"countryCode": "NOR"}]
    _, url = await page_of(wire, checkout_appearance=appearance, checkout_shipping={"countries": countries})
    page = (await wire.client.get(url)).text
    assert "Book for SEK\N{NO-BREAK SPACE}125.00" in page
    assert "Your order" not in page
    assert re.findall(r'<option value="(\w+)"', page) == ["NOR", "SWE"]


async def test_no_text_of_a_shopper_becomes_markup(wire: Wire) -> None:
    """What was typed comes back escaped."""
    _, url = await page_of(wire)
    page = (await press(wire, url, card='"><script>alert(1)</script>', email="a@b.example", country="SWE")).text
    assert "<script>alert" not in page


async def test_pages_of_other_sites_can_neither_frame_nor_press(wire: Wire) -> None:
    """Pages run their own scripts only, in no frame but that of the shop which embeds the checkout."""
    payment_id, url = await page_of(wire)
    policy = (await wire.client.get(url)).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    foreign = {"Origin": "https://evil.example"}
    assert (await wire.client.post(url, headers=foreign)).status_code == 403
    body = hosted(checkout=EMBEDDED | {"url": "https://shop.test:444/pay"})
    embedded_id = (await wire.post("/v1/payments", body)).json()["paymentId"]
    frame = f"/v1/?checkoutKey=emulator-checkout-key&paymentId={embedded_id}"
    assert (await wire.client.get(frame)).headers["content-security-policy"].endswith("https://shop.test:444")
    assert (await wire.client.get(f"{frame}&origin=https://evil.example")).status_code == 403
    assert (await wire.client.post(frame, headers=foreign)).status_code == 403
    assert (await wire.client.post(challenge_url(payment_id), headers=foreign)).status_code == 403


def challenge_url(payment_id: str, challenge_id: str = "x") -> str:
    """The address of an issuer's page."""
    return f"/emulator/3ds?checkoutKey=emulator-checkout-key&pid={payment_id}&challenge={challenge_id}"


async def test_a_challenge_is_answered_once_and_by_its_own_address(wire: Wire) -> None:
    """The address of the issuer's page names the challenge; any other, and any later answer, pays nothing."""
    payment_id, url = await page_of(wire)
    address = (await press(wire, url, card="4925000000000095")).headers["location"]
    guessed = await wire.client.post(challenge_url(payment_id), data={"result": "approved"})
    unknown = await wire.client.post(address, data={"result": "whatever"})
    for response in (guessed, unknown):
        assert response.headers["location"].endswith("&paymentFailed=true")
        assert await wire.summary(payment_id) == {}
    paid = await wire.client.post(address, data={"result": "approved"})
    assert paid.headers["location"] == f"https://shop.test/ok?paymentid={payment_id}"
    again = await wire.client.post(address, data={"result": "refused"})
    assert again.headers["location"] == paid.headers["location"]
    assert (await wire.client.get(address)).headers["location"] == paid.headers["location"]
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


async def test_there_is_no_challenge_without_a_payment(wire: Wire) -> None:
    """Unknown payments and payments that were not challenged have no page."""
    payment_id, _ = await page_of(wire)
    assert (await wire.client.get(challenge_url(payment_id))).status_code == 404
    for method in ("GET", "POST"):
        assert (await wire.client.request(method, challenge_url("0" * 32))).status_code == 404


@pytest.mark.parametrize("path", ["/v1/checkout.js?v=1", "/emulator/iframe.js", "/emulator/form.js"])
async def test_scripts(wire: Wire, path: str) -> None:
    """The scripts are served as JavaScript, without a key."""
    response = await wire.get(path, Authorization="")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")
