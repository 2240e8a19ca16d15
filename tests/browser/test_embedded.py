"""The checkout in an iframe of a shop's page, on another origin."""

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop

DECLINED_CARD = "4925000000000087"


def test_a_declined_card_stays_open(page: Page, shop: Shop) -> None:
    """The card that was typed is the one that is declined; the payment stays open."""
    payment_id = shop.create(embedded=True)
    page.goto(shop.checkout(payment_id))
    frame = page.frame_locator("#nets-checkout-iframe")
    frame.get_by_label("Card number").fill(DECLINED_CARD)
    frame.get_by_role("button", name="Pay", exact=False).first.click()
    expect(frame.get_by_role("alert")).to_contain_text("declined")
    assert shop.summary(payment_id) == {}
