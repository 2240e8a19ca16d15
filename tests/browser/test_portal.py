"""The emulator's portal by clicks: find a payment, drive it, follow its history and the API calls."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.shop import Shop


@pytest.fixture
def payment_id(shop: Shop) -> str:
    """A payment of 125.00 SEK."""
    return shop.create(order={"reference": "mug-7"})


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


def test_a_payment_is_found_and_driven(page: Page, shop: Shop, payment_id: str) -> None:
    """Search by reference, pay as the shopper, charge and refund as the merchant; the history grows."""
    shop.create(order={"reference": "other"})
    page.goto(f"{shop.emulator}/")
    page.get_by_label("Id or reference").fill("mug-7")
    press(page, "Search")
    expect(page.get_by_role("link", name="other")).to_have_count(0)
    page.get_by_role("link", name="mug-7").click()
    press(page, "Pay")
    expect(page.get_by_role("list")).to_contain_text("payment.checkout.completed")
    press(page, "Charge")
    press(page, "Refund")
    expect(page.get_by_role("list")).to_contain_text("payment.refund.initiated")
    assert shop.summary(payment_id)["chargedAmount"] == 12500


def test_a_challenge_is_answered(page: Page, shop: Shop, payment_id: str) -> None:
    """A card that asks for 3-D Secure waits for the answer."""
    page.goto(f"{shop.emulator}/emulator/portal/payments/{payment_id}")
    page.get_by_label("Pay with").select_option("4925000000000095")
    press(page, "Pay")
    page.get_by_label("3-D Secure").select_option("refused")
    press(page, "Answer")
    expect(page.get_by_role("list")).to_contain_text("payment.reservation.failed")
    assert shop.summary(payment_id) == {}


def test_api_calls_appear_as_they_come(page: Page, shop: Shop) -> None:
    """The log shows a call without being loaded again."""
    page.goto(f"{shop.emulator}/emulator/portal/log")
    expect(page.get_by_role("main")).not_to_contain_text("/v1/paymentmethods")
    shop.api.get("/v1/paymentmethods")
    expect(page.get_by_role("main")).to_contain_text("/v1/paymentmethods")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "/webhooks", "/log", "/settings", "/payments/{payment_id}"])
def test_each_page_on_a_phone_and_a_desk(page: Page, shop: Shop, payment_id: str, path: str) -> None:
    """Light and dark, with something on every page."""
    paid = shop.api.post(f"/emulator/payments/{payment_id}/pay", json={})
    assert paid.status_code == 200
    shop.received(4)
    page.goto(f"{shop.emulator}/emulator/portal{path}".format(payment_id=payment_id))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    looks.check(page)
