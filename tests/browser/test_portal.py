"""The portal by clicks and keys, on a phone and a desk, light and dark."""

import pytest
from anyio.from_thread import BlockingPortal
from playwright.sync_api import Page, expect

from nexi_async.emulator import CheckoutEmulator, InjectedFault
from tests.browser import looks
from tests.browser.shop import Shop
from tests.emulator.raw import item

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def base_of(shop: Shop) -> str:
    """Where the portal is."""
    return f"{shop.hosted('').partition('/hosted')[0]}/emulator/portal"


def test_a_payment_is_found_paid_charged_and_refunded(page: Page, shop: Shop) -> None:
    """From the search to the last button, without a reload by hand."""
    payment_id = shop.create()
    shop.create(amount=9900)
    page.goto(base_of(shop))
    page.get_by_label("Amount").fill("125.00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="order").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("reserved")
    page.get_by_label("Amount in SEK").first.fill("50.00")
    page.get_by_role("button", name="Charge").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("partly charged")
    page.get_by_role("button", name="Refund").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("refund pending")
    assert shop.summary(payment_id)["chargedAmount"] == 5000


def test_calls_appear_by_themselves(page: Page, shop: Shop) -> None:
    """A call that is made while the log is open is put on top, with its request and response."""
    page.goto(f"{base_of(shop)}/log?method=POST")
    expect(page.get_by_role("status")).to_contain_text("Live")
    payment_id = shop.create()
    shop.payment(payment_id)
    newest = page.locator("#calls > li").first
    expect(newest).to_contain_text("POST /v1/payments")
    newest.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(newest).to_contain_text(payment_id)
    expect(page.locator("#calls")).not_to_contain_text("GET /v1/payments")
    expect(page.locator("#calls")).not_to_contain_text("emulator-secret-key")


def test_settings_are_switched(page: Page, shop: Shop, emulator: CheckoutEmulator, portal: BlockingPortal) -> None:
    """A switch and a fault by the keyboard; both are in force at once."""
    page.goto(f"{base_of(shop)}/settings")
    page.get_by_label("low_balance").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_label("low_balance")).to_be_checked()
    page.get_by_label("Fault", exact=True).select_option("status")
    page.get_by_label("Status", exact=True).fill("503")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Remove fault 1")).to_be_visible()
    assert portal.call(lambda: emulator.settings.low_balance)
    assert portal.call(lambda: emulator._engine.faults) == (InjectedFault(fault="status", status=503),)


def test_its_pages_look_right(page: Page, shop: Shop, emulator: CheckoutEmulator, portal: BlockingPortal) -> None:
    """With the longest texts that an order can have, and something of everything."""
    payment_id = shop.create(order={"items": [item(name="W" * 128, reference="x" * 128)], "reference": "r" * 128})
    portal.call(emulator.pay, payment_id)
    shop.create()
    portal.call(emulator.set_faults, [InjectedFault(fault="lose_response", path="/v1/no-such/*", times=3)])
    for path in ("", f"/payments/{payment_id}", "/webhooks", "/settings", "/payments/x", "?amount=x"):
        page.goto(base_of(shop) + path)
        looks.check(page)
    page.goto(f"{base_of(shop)}/log")
    page.locator("summary").first.click()
    looks.check(page)
