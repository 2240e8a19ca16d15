"""Each page on a phone and a desk, light and dark, in each language."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.shop import Shop
from tests.emulator.raw import item

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHALLENGED_CARD = "4925000000000095"
PAY_IN = {
    "en-GB": "Pay €125.00",
    "sv-SE": "Betala 125,00 €",
    "nb-NO": "Betal 125,00 €",
    "da-DK": "Betal 125,00 €",
    "fi-FI": "Maksa 125,00 €",
    "de-DE": "125,00 € bezahlen",
}


def test_the_hosted_page(page: Page, shop: Shop) -> None:
    """Also with what an order can have at most: long names, and a card that shows every problem."""
    items = [item(12500, name="W" * 128, unit="x" * 128, quantity=1000000)]
    payment_id = shop.create(order={"items": items}, checkout={"merchantTermsUrl": f"{shop.url}/privacy"})
    page.goto(shop.hosted(payment_id))
    looks.check(page)


def test_the_problems_of_a_form(page: Page, shop: Shop) -> None:
    """Errors can be read and are tied to their fields."""
    page.goto(shop.hosted(shop.create()))
    for label in ("E-mail", "Postal code", "Card number", "Expiry date", "Security code"):
        page.get_by_label(label).fill("x")
    page.get_by_role("button", name="Pay SEK").click()
    expect(page.get_by_role("alert")).to_be_visible()
    looks.check(page)


def test_the_page_of_the_issuer(page: Page, shop: Shop) -> None:
    """3-D Secure."""
    page.goto(shop.hosted(shop.create()))
    page.get_by_label("Card number").fill(CHALLENGED_CARD)
    page.get_by_role("button", name="Pay SEK").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    looks.check(page)


def test_a_page_without_a_form(page: Page, shop: Shop) -> None:
    """Closed and unknown payments."""
    page.goto(shop.hosted("0" * 32))
    expect(page.get_by_role("heading")).to_have_text("There is no such payment.")
    looks.check(page)


@pytest.mark.parametrize("style", ["", "color-scheme: light dark"])
def test_the_embedded_checkout(page: Page, shop: Shop, style: str) -> None:
    """In a shop that is always light, and in one that follows the shopper."""
    shop.style = style
    page.goto(shop.checkout(shop.create(embedded=True)))
    expect(page.frame_locator("iframe").get_by_role("button", name="Pay SEK")).to_be_visible()
    looks.check(page, page.frames[1])


@pytest.mark.parametrize(("style", "is_dark"), [("", False), ("color-scheme: light dark", True)])
def test_the_checkout_is_dark_where_the_shop_is(page: Page, shop: Shop, style: str, is_dark: bool) -> None:
    """A shop's page that is never dark has no dark checkout in it."""
    shop.style = style
    page.emulate_media(color_scheme="dark")
    page.goto(shop.checkout(shop.create(embedded=True)))
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_have_css("background-color", "rgb(18, 22, 27)" if is_dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("tag", PAY_IN)
def test_each_language_on_a_phone(page: Page, shop: Shop, tag: str) -> None:
    """The page says its language, writes the amount in its form, and is no wider than the phone."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(shop.hosted(shop.create(currency="EUR"), tag))
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.get_by_role("button", name=PAY_IN[tag])).to_be_visible()
    assert looks.too_wide(page) == []
