"""The hosted page by clicks and keys: every outcome, and the webhooks that the shop gets for it."""

import re

import pytest
from anyio.from_thread import BlockingPortal
from playwright.sync_api import Page, expect

from nexi_async.emulator import CheckoutEmulator
from tests.browser.shop import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DECLINED_CARD = "4925 0000 0000 0087"
CHALLENGED_CARD = "4925 0000 0000 0095"
RESERVED = ["payment.reservation.created", "payment.reservation.created.v2", "payment.checkout.completed"]
CHARGED = ["payment.checkout.completed", "payment.charge.created", "payment.charge.created.v2"]


@pytest.fixture
def payment_id(shop: Shop) -> str:
    """A payment of 125.00 SEK."""
    return shop.create()


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name).click()


def expect_paid(page: Page, shop: Shop, payment_id: str) -> None:
    """The shopper is back at the shop, with the payment's id."""
    expect(page).to_have_url(f"{shop.url}/thanks?paymentid={payment_id}")


def test_paying_by_card(page: Page, shop: Shop, payment_id: str) -> None:
    """Pay reserves the amount and leads back to the shop, which gets its events in order."""
    page.goto(shop.hosted(payment_id))
    press(page, "Pay SEK 125.00")
    expect_paid(page, shop, payment_id)
    assert shop.summary(payment_id) == {"reservedAmount": 12500}
    assert shop.received(4) == ["payment.created", *RESERVED]


def test_pressing_pay_again_while_it_takes_long(page: Page, shop: Shop) -> None:
    """The second click changes nothing: the shopper comes to the shop, and not to a page that says it is too late."""
    payment_id = shop.create(301)  # answered a second late
    page.goto(shop.hosted(payment_id))
    pay = page.get_by_role("button", name="Pay SEK")
    pay.evaluate("button => { button.click(); setTimeout(() => button.click(), 200); }")
    expect_paid(page, shop, payment_id)


def test_the_page_of_a_completed_payment(page: Page, shop: Shop, payment_id: str) -> None:
    """It says so, and leads to the shop."""
    page.goto(shop.hosted(payment_id))
    press(page, "Pay SEK 125.00")
    expect_paid(page, shop, payment_id)
    page.goto(shop.hosted(payment_id))
    expect(page.get_by_role("heading")).to_have_text("Thank you, the payment is completed.")
    page.get_by_role("link", name="Back to the shop").click()
    expect_paid(page, shop, payment_id)
    assert shop.summary(payment_id) == {"reservedAmount": 12500}


def test_a_declined_shopper_tries_another_card(page: Page, shop: Shop, payment_id: str) -> None:
    """What was typed stays, the payment stays open, and a test card is chosen by a click."""
    page.goto(shop.hosted(payment_id))
    page.get_by_label("First name").fill("Örjan")
    page.get_by_label("Card number").fill(DECLINED_CARD)
    page.get_by_label("Expiry date").fill("01/31")
    press(page, "Pay SEK")
    expect(page.get_by_role("alert")).to_contain_text("The payment was declined")
    expect(page.get_by_label("Card number")).to_have_value(DECLINED_CARD)
    expect(page.get_by_label("Expiry date")).to_have_value("01/31")
    expect(page.get_by_label("First name")).to_have_value("Örjan")
    assert shop.summary(payment_id) == {}
    press(page, "Mastercard 5213")
    press(page, "Pay SEK")
    expect_paid(page, shop, payment_id)
    payment = shop.payment(payment_id)
    assert payment["paymentDetails"]["cardDetails"]["maskedPan"] == "521319******3465"
    assert payment["consumer"]["privatePerson"]["firstName"] == "Örjan"
    assert shop.received(5) == ["payment.created", "payment.reservation.failed", *RESERVED]


def test_cancelling(page: Page, shop: Shop, payment_id: str) -> None:
    """Cancel leads to the shop's cancel page; nothing was paid and no event is sent."""
    page.goto(shop.hosted(payment_id))
    press(page, "Cancel")
    expect(page).to_have_url(f"{shop.url}/cancelled")
    assert (shop.summary(payment_id), shop.events) == ({}, [])


@pytest.mark.parametrize(("method", "currency", "charges_at_once"), [
    ("Swish", "SEK", True), ("Vipps", "NOK", False), ("Invoice", "SEK", False),
])  # fmt: skip
def test_other_ways_to_pay(page: Page, shop: Shop, method: str, currency: str, charges_at_once: bool) -> None:
    """A chosen method hides the card; Swish charges at once, others reserve."""
    payment_id = shop.create(currency=currency)
    page.goto(shop.hosted(payment_id))
    page.get_by_label(method, exact=True).check()
    expect(page.get_by_label("Card number")).to_be_hidden()
    press(page, f"Pay {currency}")
    expect_paid(page, shop, payment_id)
    assert shop.summary(payment_id) == {"chargedAmount" if charges_at_once else "reservedAmount": 12500}
    assert shop.received(4) == ["payment.created", *(CHARGED if charges_at_once else RESERVED)]


def test_only_what_the_currency_allows_is_offered(page: Page, shop: Shop) -> None:
    """Swish takes Swedish kronor, Vipps Norwegian ones."""
    page.goto(shop.hosted(shop.create(currency="NOK")))
    expect(page.get_by_label("Vipps")).to_be_visible()
    expect(page.get_by_label("Swish")).to_have_count(0)


def test_problems_stand_beside_their_fields(page: Page, shop: Shop, payment_id: str) -> None:
    """Each wrong field is marked and described, the first one has the focus, and nothing was tried."""
    page.goto(shop.hosted(payment_id))
    wrong = {"E-mail": "x", "Postal code": "1", "Card number": "1234", "Expiry date": "13/30", "Security code": ""}
    for label, value in wrong.items():
        page.get_by_label(label).fill(value)
    press(page, "Pay SEK")
    expect(page.get_by_label("E-mail")).to_be_focused()
    for label, value in wrong.items():
        field = page.get_by_label(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("."))
        expect(field).to_have_value(value)
    expect(page.get_by_label("City")).not_to_have_attribute("aria-invalid", "true")
    assert shop.events == []


def test_the_keyboard_suffices(page: Page, shop: Shop, payment_id: str) -> None:
    """From the top of the page, Tab and arrow keys reach another method, and Enter pays."""
    page.goto(shop.hosted(payment_id))
    for _ in range(8):  # seven fields about the shopper, then the methods
        page.keyboard.press("Tab")
    expect(page.get_by_label("Card", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Swish")).to_be_checked()
    page.keyboard.press("Enter")
    expect_paid(page, shop, payment_id)
    assert shop.summary(payment_id) == {"chargedAmount": 12500}


def test_the_order_is_shown_with_vat(page: Page, shop: Shop, payment_id: str) -> None:
    """A whole quantity is a whole number, and net amount, VAT and total are there."""
    page.goto(shop.hosted(payment_id))
    order = page.get_by_role("region", name="Your order")
    expect(order).to_contain_text("1 pcs, incl. 25% VAT")
    expect(order.get_by_role("row", name="Total excl. VAT SEK 100.00")).to_be_visible()
    expect(order.get_by_role("row", name="VAT SEK 25.00", exact=True)).to_be_visible()
    expect(order.get_by_role("row", name="Total SEK 125.00", exact=True)).to_be_visible()


def test_the_terms_are_the_merchants(page: Page, shop: Shop, payment_id: str) -> None:
    """The link leads to the shop's terms; an address that would run code is no link."""
    page.goto(shop.hosted(payment_id))
    expect(page.get_by_role("link", name="shop's terms")).to_have_attribute("href", f"{shop.url}/terms")
    page.goto(shop.hosted(shop.create(checkout={"termsUrl": "javascript:alert(1)"})))
    expect(page.get_by_role("button", name="Pay SEK")).to_be_visible()
    expect(page.get_by_role("link")).to_have_count(0)


# --- 3-D Secure ---


def be_challenged(page: Page, url: str) -> None:
    """Pay with the card whose issuer asks the shopper."""
    page.goto(url)
    press(page, CHALLENGED_CARD)
    press(page, "Pay SEK")
    expect(page.get_by_role("heading", name="Do you approve this payment?")).to_be_visible()


def test_an_approved_payment_completes(page: Page, shop: Shop, payment_id: str) -> None:
    """The issuer's page shows amount and card; approving pays and leads to the shop."""
    be_challenged(page, shop.hosted(payment_id))
    expect(page.get_by_role("main")).to_contain_text("SEK 125.00")
    expect(page.get_by_role("main")).to_contain_text("492500******0095")
    assert shop.summary(payment_id) == {}
    press(page, "Approve")
    expect_paid(page, shop, payment_id)
    assert shop.received(4) == ["payment.created", *RESERVED]


@pytest.mark.parametrize(("button", "notice"), [
    ("Refuse", "Your bank did not confirm"),
    ("Back to the shop", "You left your bank's page"),
    ("Let the time run out", "ran out"),
])  # fmt: skip
def test_any_other_answer_leads_back(page: Page, shop: Shop, payment_id: str, button: str, notice: str) -> None:
    """The checkout says what happened, in the language that it was in, and another card pays."""
    be_challenged(page, shop.hosted(payment_id, "en-US"))
    press(page, button)
    expect(page.get_by_role("alert")).to_contain_text(notice)
    expect(page.locator("html")).to_have_attribute("lang", "en-US")
    assert shop.summary(payment_id) == {}
    press(page, "Pay SEK")
    expect_paid(page, shop, payment_id)
    assert shop.received(5) == ["payment.created", "payment.reservation.failed", *RESERVED]


def test_an_answer_that_comes_too_late(
    page: Page, shop: Shop, payment_id: str, emulator: CheckoutEmulator, portal: BlockingPortal
) -> None:
    """After the issuer's time, approving pays nothing and leads back to the checkout."""
    be_challenged(page, shop.hosted(payment_id))
    portal.call(emulator.advance, 301)
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("ran out")
    assert shop.summary(payment_id) == {}
    assert shop.received(2) == ["payment.created", "payment.reservation.failed"]


def test_the_way_back_pays_once(page: Page, shop: Shop, payment_id: str) -> None:
    """A shopper who goes back to the issuer's page after paying is led to the shop again."""
    be_challenged(page, shop.hosted(payment_id))
    challenge = page.url
    press(page, "Approve")
    expect_paid(page, shop, payment_id)
    page.goto(challenge)
    expect_paid(page, shop, payment_id)
    assert shop.summary(payment_id) == {"reservedAmount": 12500}
