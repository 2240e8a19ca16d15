"""The checkout in an iframe of a shop's page, on another origin: by clicks, and by the methods of checkout.js."""

from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.shop import Shop
from tests.emulator.raw import item

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DECLINED_CARD = "4925000000000087"
RESERVED = ["payment.reservation.created", "payment.reservation.created.v2", "payment.checkout.completed"]
CHARGED = ["payment.checkout.completed", "payment.charge.created", "payment.charge.created.v2"]


@pytest.fixture
def payment_id(shop: Shop) -> str:
    """A payment of 125.00 SEK that the shop's own page embeds."""
    return shop.create(embedded=True)


def show(page: Page, shop: Shop, payment_id: str) -> FrameLocator:
    """The checkout within the shop's page."""
    page.goto(shop.checkout(payment_id))
    frame = page.frame_locator("#nets-checkout-iframe")
    expect(frame.get_by_role("button", name="Mastercard 5213")).to_be_visible()
    return frame


def press(frame: FrameLocator, name: str) -> None:
    """Press a button of the checkout."""
    frame.get_by_role("button", name=name).click()


def expect_receipt(page: Page, shop: Shop, payment_id: str) -> None:
    """The shop's page leads to the receipt."""
    expect(page).to_have_url(f"{shop.url}/thanks?paymentid={payment_id}")


def seen(page: Page, count: int) -> Any:
    """What the shop's script has put into `seen`, once it is this much."""
    page.wait_for_function("count => seen.length >= count", arg=count)
    return page.evaluate("seen")


def test_a_declined_card_stays_open(page: Page, shop: Shop, payment_id: str) -> None:
    """The card that was typed is declined and stays in its field; another one pays."""
    frame = show(page, shop, payment_id)
    frame.get_by_label("Card number").fill(DECLINED_CARD)
    press(frame, "Pay SEK")
    expect(frame.get_by_role("alert")).to_contain_text("declined")
    expect(frame.get_by_label("Card number")).to_have_value(DECLINED_CARD)
    assert shop.summary(payment_id) == {}
    press(frame, "Mastercard 5213")
    press(frame, "Pay SEK")
    expect_receipt(page, shop, payment_id)
    assert shop.payment(payment_id)["paymentDetails"]["paymentMethod"] == "MasterCard"
    assert shop.received(5) == ["payment.created", "payment.reservation.failed", *RESERVED]


@pytest.mark.parametrize(("method", "currency", "money", "events"), [
    ("Swish", "SEK", {"chargedAmount": 12500}, CHARGED), ("Vipps", "NOK", {"reservedAmount": 12500}, RESERVED),
])  # fmt: skip
def test_other_ways_to_pay(
    page: Page, shop: Shop, method: str, currency: str, money: dict[str, int], events: list[str]
) -> None:
    """The chosen method is the one that pays."""
    payment_id = shop.create(embedded=True, currency=currency)
    frame = show(page, shop, payment_id)
    frame.get_by_label(method).check()
    press(frame, f"Pay {currency}")
    expect_receipt(page, shop, payment_id)
    assert shop.payment(payment_id)["paymentDetails"]["paymentMethod"] == method
    assert (shop.summary(payment_id), shop.received(4)) == (money, ["payment.created", *events])


def test_problems_are_found_before_the_shop_is_asked(page: Page, shop: Shop, payment_id: str) -> None:
    """A card number that is none is marked beside its field; `pay-initialized` is not fired."""
    shop.script = (
        'checkout.on("pay-initialized", () => { seen.push("asked"); checkout.send("payment-order-finalized", true); });'
    )
    frame = show(page, shop, payment_id)
    frame.get_by_label("Card number").fill("1234")
    press(frame, "Pay SEK")
    expect(frame.get_by_label("Card number")).to_have_accessible_description("This is not a card number.")
    expect(frame.get_by_label("Card number")).to_be_focused()
    assert (page.evaluate("seen"), shop.events) == ([], [])


def test_cancelling(page: Page, shop: Shop, payment_id: str) -> None:
    """The shop's page hears of it, by the shopper's button and by its own request."""
    shop.script = 'checkout.on("payment-cancelled", () => seen.push("cancelled"));'
    frame = show(page, shop, payment_id)
    press(frame, "Cancel")
    assert seen(page, 1) == ["cancelled"]
    page.evaluate('checkout.send("payment-cancel-initiated")')
    assert seen(page, 2) == ["cancelled"] * 2
    assert shop.summary(payment_id) == {}


def test_the_page_of_the_iframe_on_its_own(page: Page, shop: Shop, payment_id: str) -> None:
    """Without a shop's page around it there is none to ask, and Pay pays."""
    page.goto(f"{shop.emulator}/v1/?checkoutKey=emulator-checkout-key&paymentId={payment_id}")
    page.get_by_role("button", name="Pay SEK").click()
    expect(page.get_by_role("alert")).to_contain_text("Thank you")
    assert shop.summary(payment_id) == {"reservedAmount": 12500}


# --- pay-initialized ---


def test_the_shop_decides_whether_to_go_on(page: Page, shop: Shop, payment_id: str) -> None:
    """Paying waits for `payment-order-finalized`: false leaves everything as it was, true pays."""
    shop.script = 'checkout.on("pay-initialized", (id) => seen.push(id));'
    frame = show(page, shop, payment_id)
    press(frame, "Pay SEK")
    assert seen(page, 1) == [payment_id]
    expect(frame.get_by_label("Card number")).to_be_disabled()
    assert shop.events == []
    page.evaluate('checkout.send("payment-order-finalized", false)')
    expect(frame.get_by_role("alert")).to_contain_text("The shop stopped the payment")
    expect(frame.get_by_label("Card number")).to_be_enabled()
    press(frame, "Pay SEK")
    assert seen(page, 2) == [payment_id] * 2
    page.evaluate('checkout.send("payment-order-finalized", true)')
    expect_receipt(page, shop, payment_id)


def test_nothing_is_paid_that_the_shopper_did_not_press(page: Page, shop: Shop, payment_id: str) -> None:
    """`payment-order-finalized` without a pressed button does nothing."""
    frame = show(page, shop, payment_id)
    page.evaluate('checkout.send("payment-order-finalized", true)')
    press(frame, "Cancel")
    expect(frame.get_by_role("alert")).to_contain_text("cancelled")
    assert shop.events == []


def test_payment_completed_names_the_payment(page: Page, shop: Shop, payment_id: str) -> None:
    """Every handler gets the id."""
    shop.options = {"receipt_url": None}
    shop.script = 'for (const _ of [1, 2]) checkout.on("payment-completed", (payment) => seen.push(payment));'
    frame = show(page, shop, payment_id)
    press(frame, "Pay SEK")
    assert seen(page, 2) == [{"paymentId": payment_id}] * 2
    expect(frame.get_by_role("alert")).to_contain_text("Thank you")
    expect(frame.get_by_label("Card number")).to_be_disabled()


# --- the other methods and events ---


def test_changing_the_order_between_freeze_and_thaw(page: Page, shop: Shop, payment_id: str) -> None:
    """A frozen form takes nothing; thawing shows the new amount and keeps what was typed."""
    frame = show(page, shop, payment_id)
    frame.get_by_label("Card number").fill(DECLINED_CARD)
    page.evaluate("checkout.freezeCheckout()")
    expect(frame.get_by_role("button", name="Pay SEK")).to_be_disabled()
    update = {"amount": 20000, "items": [item(20000)], "shipping": {"costSpecified": True}}
    assert shop.api.put(f"/v1/payments/{payment_id}/orderitems", json=update).status_code == 204
    page.evaluate("checkout.thawCheckout()")
    expect(frame.get_by_role("button", name="Pay SEK 200.00")).to_be_enabled()
    expect(frame.get_by_label("Card number")).to_have_value(DECLINED_CARD)


def test_setting_the_language(page: Page, shop: Shop, payment_id: str) -> None:
    """The option chooses the first language, the method another one, and what was typed stays."""
    shop.options = {"language": "fi-FI"}
    frame = show(page, shop, payment_id)
    frame.get_by_label("Kortin numero").fill(DECLINED_CARD)
    page.evaluate('checkout.setLanguage("sv-SE")')
    expect(frame.get_by_role("button", name="Betala 125,00 kr")).to_be_visible()
    expect(frame.locator("html")).to_have_attribute("lang", "sv-SE")
    press(frame, "Betala")
    expect(frame.get_by_role("alert")).to_contain_text("Betalningen nekades")
    expect(frame.get_by_label("Kortnummer")).to_have_value(DECLINED_CARD)


def test_setting_the_theme(page: Page, shop: Shop, payment_id: str) -> None:
    """The option and the method set colours and shapes of the checkout."""
    shop.options = {"theme": {"primaryColor": "rgb(1, 2, 3)", "buttonRadius": 7}}
    frame = show(page, shop, payment_id)
    pay = frame.get_by_role("button", name="Pay SEK")
    expect(pay).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(pay).to_have_css("border-top-left-radius", "7px")
    page.evaluate('checkout.setTheme({ buttonbackgroundColor: "rgb(4, 5, 6)", panelColor: "rgb(7, 8, 9)" })')
    expect(pay).to_have_css("background-color", "rgb(4, 5, 6)")
    expect(frame.get_by_role("region", name="Your order")).to_have_css("background-color", "rgb(7, 8, 9)")


def test_a_changed_address_is_reported(page: Page, shop: Shop, payment_id: str) -> None:
    """Country and postal code reach the shop's page, which may change the order for them."""
    shop.script = 'checkout.on("address-changed", (address) => seen.push(address));'
    frame = show(page, shop, payment_id)
    frame.get_by_label("Country").select_option("Norway")
    address = {"paymentId": payment_id, "countryCode": "NOR", "postalCode": "11122"}
    assert seen(page, 1) == [address]


def test_apple_pay_asks_for_the_amount_at_an_address(page: Page, shop: Shop, payment_id: str) -> None:
    """Paying waits until the shop has answered the contact's address."""
    shop.script = 'checkout.on("applepay-contact-updated", (contact) => seen.push(contact));'
    frame = show(page, shop, payment_id)
    frame.get_by_label("Apple Pay").check()
    press(frame, "Pay SEK")
    assert seen(page, 1) == [{"countryCode": "SWE", "postalCode": "11122"}]
    assert shop.events == []
    page.evaluate("checkout.completeApplePayShippingContactUpdate(12500)")
    expect_receipt(page, shop, payment_id)
    assert shop.payment(payment_id)["paymentDetails"]["paymentMethod"] == "ApplePay"


def test_cleaning_up(page: Page, shop: Shop, payment_id: str) -> None:
    """The iframe is gone, and a new checkout can take its place."""
    show(page, shop, payment_id)
    page.evaluate("checkout.cleanup()")
    expect(page.locator("iframe")).to_have_count(0)
    page.evaluate("new Nets.Checkout(checkout.options)")
    expect(page.frame_locator("#nets-checkout-iframe").get_by_role("button", name="Pay SEK")).to_be_visible()


def test_the_iframe_is_as_high_as_its_page(page: Page, shop: Shop, payment_id: str) -> None:
    """There is one scroll bar, the shop's."""
    frame = show(page, shop, payment_id)
    height = frame.locator("body").evaluate("body => body.getBoundingClientRect().height")
    page.wait_for_function("height => Math.abs(document.querySelector('iframe').offsetHeight - height) < 2", arg=height)


# --- 3-D Secure ---


def be_challenged(page: Page, shop: Shop, payment_id: str) -> None:
    """Pay with the card whose issuer asks; the whole page goes to the issuer."""
    frame = show(page, shop, payment_id)
    press(frame, "4925 0000 0000 0095")
    press(frame, "Pay SEK")
    expect(page.get_by_role("heading", name="Do you approve this payment?")).to_be_visible()


def test_an_approved_payment_completes(page: Page, shop: Shop, payment_id: str) -> None:
    """The shopper comes back to the shop's page with `paymentid`; its new checkout reports the payment."""
    be_challenged(page, shop, payment_id)
    came_back = f"{shop.url}/checkout?paymentid={payment_id}"
    with page.expect_request(lambda request: request.url == came_back):
        page.get_by_role("button", name="Approve").click()
    expect_receipt(page, shop, payment_id)
    assert shop.summary(payment_id) == {"reservedAmount": 12500}
    assert shop.received(4) == ["payment.created", *RESERVED]


def test_the_return_url_comes_first(page: Page, shop: Shop) -> None:
    """A payment that names a return url leads there after an approved challenge."""
    payment_id = shop.create(embedded=True, checkout={"returnUrl": f"{shop.url}/thanks?cart=7"})
    be_challenged(page, shop, payment_id)
    page.get_by_role("button", name="Approve").click()
    expect(page).to_have_url(f"{shop.url}/thanks?cart=7&paymentid={payment_id}")


@pytest.mark.parametrize(("button", "notice"), [
    ("Refuse", "Your bank did not confirm"),
    ("Back to the shop", "You left your bank's page"),
    ("Let the time run out", "ran out"),
])  # fmt: skip
def test_any_other_answer_leaves_the_payment_open(
    page: Page, shop: Shop, payment_id: str, button: str, notice: str
) -> None:
    """The checkout in the shop's page says what happened, and another card pays."""
    be_challenged(page, shop, payment_id)
    page.get_by_role("button", name=button).click()
    frame = page.frame_locator("#nets-checkout-iframe")
    expect(frame.get_by_role("alert")).to_contain_text(notice)
    expect(page).to_have_url(f"{shop.url}/checkout?paymentid={payment_id}")  # paymentFailed is removed
    assert shop.summary(payment_id) == {}
    press(frame, "Pay SEK")
    expect_receipt(page, shop, payment_id)
    assert shop.received(5) == ["payment.created", "payment.reservation.failed", *RESERVED]


# --- other origins ---


def test_another_page_can_not_embed_the_checkout(page: Page, shop: Shop) -> None:
    """A page of another origin than the payment's gets no form, but a text that names the page it belongs to."""
    payment_id = shop.create(embedded=True, checkout={"url": "https://other.example/checkout"})
    page.goto(shop.checkout(payment_id))
    frame = page.frame_locator("#nets-checkout-iframe")
    expect(frame.get_by_role("heading")).to_contain_text("https://other.example")
    expect(frame.get_by_role("button")).to_have_count(0)


def test_a_page_that_hides_its_origin_can_not_either(page: Page, shop: Shop) -> None:
    """The browser refuses to show the iframe, whatever the page says of itself."""
    payment_id = shop.create(embedded=True, checkout={"url": "https://other.example/checkout"})
    page.goto(f"{shop.url}/thanks")
    address = f"{shop.emulator}/v1/?checkoutKey=emulator-checkout-key&paymentId={payment_id}"
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate("url => { document.body.innerHTML = `<iframe src='${url}'></iframe>`; }", address)
    assert page.frame_locator("iframe").get_by_role("button").count() == 0


def test_neither_side_listens_to_others(page: Page, shop: Shop, payment_id: str) -> None:
    """Messages that do not come from the checkout's iframe fire nothing; the iframe ignores other windows."""
    shop.script = 'checkout.on("payment-completed", () => seen.push("completed"));'
    frame = show(page, shop, payment_id)
    page.evaluate("window.postMessage(JSON.stringify({ eventType: 'paymentSuccess' }), '*')")
    frame.locator("body").evaluate("() => window.postMessage(JSON.stringify({ eventType: 'freezeCheckout' }), '*')")
    frame.locator("body").evaluate("() => new Promise((done) => setTimeout(done))")
    expect(frame.get_by_role("button", name="Pay SEK")).to_be_enabled()
    assert page.evaluate("seen") == []
