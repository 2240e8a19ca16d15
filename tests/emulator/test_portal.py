"""The portal: search, the history of a payment, buttons, settings; for a browser without scripts too."""

import re
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async.emulator import CheckoutEmulator, InjectedFault
from nexi_async.emulator._templates import money
from tests.emulator.raw import Wire, hosted, item, order, webhooks

ROOT = "/emulator/portal"
SECRET = "q7Lw2ZtB9fKx4RdN"


async def page_of(wire: Wire, path: str = "") -> str:
    """The text of a page."""
    response = await wire.get(ROOT + path)
    assert response.status_code == 200, response.text
    return response.text


async def press(wire: Wire, path: str, /, **form: str) -> httpx.Response:
    """Send a form with the token that the pages have."""
    found = re.search(r'name="token" value="([^"]+)"', await page_of(wire, "/settings"))
    assert found is not None
    return await wire.client.post(ROOT + path, data={"token": found[1], **form})


async def done(wire: Wire, path: str, /, **form: str) -> None:
    """Send a form that is accepted: the browser is sent to a page."""
    response = await press(wire, path, **form)
    assert (response.status_code, response.headers.get("location", "")[: len(ROOT)]) == (303, ROOT), response.text


@pytest.mark.parametrize("path", ["/", "/portal"])
async def test_the_root_path_redirects_to_the_portal(wire: Wire, path: str) -> None:
    """From the root path, and from where it was."""
    response = await wire.get(path)
    assert (response.status_code, response.headers["location"]) == (307, ROOT)


async def test_payments_are_found(wire: Wire) -> None:
    """By a part of the id, by reference, amount and state, alone or together."""
    first = await wire.create(order=order(12500, reference="mug-1"))
    second = await wire.reserved(order=order(9900, reference="cup-2"))
    searches = {
        f"text={first[4:20]}": first,
        f"text={second.upper()}": second,
        "text=MUG": first,
        "amount=99.00": second,
        "amount=99&state=reserved": second,
        "state=open": first,
    }
    for query, expected in searches.items():
        page = await page_of(wire, f"?{query}")
        assert [each for each in (first, second) if each in page] == [expected], query
    assert "No payment fits" in await page_of(wire, "?text=mug&state=charged")


async def test_an_amount_that_is_none_is_explained(wire: Wire) -> None:
    """The page says what it would take."""
    response = await wire.get(f"{ROOT}?amount=lots")
    assert (response.status_code, "is no amount such as 125.00" in response.text) == (400, True)


async def test_long_lists_have_pages(wire: Wire) -> None:
    """Fifty payments a page, newest first, and a link to the older ones."""
    ids = [await wire.create() for _ in range(51)]
    first = await page_of(wire)
    assert [each for each in ids if each in first.replace(f"before={ids[1]}", "")] == ids[1:]
    link = re.search(r'href="/emulator/portal(\?[^"]*before=[^"]*)"', first)
    assert link is not None
    older = await page_of(wire, link[1].replace("&amp;", "&"))
    assert [each for each in ids if each in older] == ids[:1]


async def test_the_history_of_a_payment(wire: Wire) -> None:
    """Its page has calls, money, events and each attempt of a webhook, in order; no secret."""
    payment_id, charge_id = await wire.charged(notifications=webhooks("payment.created"))
    await wire.post(f"/v1/charges/{charge_id}/refunds", {"amount": 5000, "orderItems": [item(5000)]})
    page = await page_of(wire, f"/payments/{payment_id}")
    texts = ["POST /v1/payments", "Completed with Visa", "Charged", "Refund pending", "payment.refund.initiated"]
    places = [page.index(text) for text in [*texts, "Attempt 1 of payment.created is due"] if text in page]
    assert len(places) == len(texts) + 1
    assert "https://shop.test/hooks" in page
    assert SECRET not in page


async def test_a_charge_or_refund_leads_to_its_payment(wire: Wire) -> None:
    """The page of a payment is also found by the id of what belongs to it."""
    payment_id, charge_id = await wire.charged()
    assert payment_id in await page_of(wire, f"/payments/{charge_id}")
    assert (await wire.get(f"{ROOT}/payments/{'0' * 32}")).status_code == 404
    assert (await wire.get(f"{ROOT}/payments/x")).status_code == 404


async def test_buttons_do_what_shopper_and_merchant_do(wire: Wire) -> None:
    """Decline, pay, charge in parts, refund, cancel the refund, cancel the rest."""
    payment_id = await wire.create()
    base = f"/payments/{payment_id}"
    await done(wire, f"{base}/decline", code="51")
    await done(wire, f"{base}/pay", **{"with": "4925000000000004"})
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}
    await done(wire, f"{base}/charge", amount="50.00")
    (charge,) = (await wire.payment(payment_id))["charges"]
    await done(wire, f"{base}/refund", charge=charge["chargeId"], amount="50")
    (refund,) = (await wire.payment(payment_id))["refunds"]
    await done(wire, f"{base}/cancel-refund", refund=refund["refundId"])
    assert (await wire.payment(payment_id))["refunds"][0]["state"] == "Cancelled"
    await done(wire, f"{base}/charge", amount="25.00", final="on")
    amounts = {"reservedAmount": 12500, "chargedAmount": 7500, "cancelledAmount": 5000}
    assert await wire.summary(payment_id) == amounts
    other = await wire.create()
    await done(wire, f"/payments/{other}/pay", **{"with": "MobilePay"})
    await done(wire, f"/payments/{other}/cancel", amount="125.00")
    assert (await wire.summary(other))["cancelledAmount"] == 12500
    third = await wire.create()
    await done(wire, f"/payments/{third}/terminate")
    assert "terminated" in await page_of(wire, f"/payments/{third}")


@pytest.mark.parametrize(
    ("action", "form", "status", "text"),
    [
        ("charge", {"amount": "125.01"}, 402, "Cannot overcharge"),
        ("charge", {"amount": "1.234"}, 400, "is no amount"),
        ("charge", {}, 400, "is no amount"),
        ("refund", {"amount": "1"}, 400, "one of the charges"),
        ("pay", {"with": "4925000000000004"}, 409, "already paid"),
        ("terminate", {}, 409, "cannot be terminated"),
        ("no-such", {}, 404, "no such payment"),
    ],
)
async def test_what_is_not_possible_is_explained(
    wire: Wire, action: str, form: dict[str, str], status: int, text: str
) -> None:
    """The page of the payment says why, and nothing has changed."""
    payment_id = await wire.reserved()
    response = await press(wire, f"/payments/{payment_id}/{action}", **form)
    assert (response.status_code, text.lower() in response.text.lower()) == (status, True), response.text
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


async def test_webhooks_are_sent_again(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A delivered or dropped one too; it keeps its attempts."""
    await wire.reserved(notifications=webhooks("payment.created"))
    (delivery,) = emulator._engine.context().state.deliveries
    emulator._engine.context().state.pending_deliveries.take()
    delivery.state, emulator._engine.context().state.undelivered = "delivered", 0
    await done(wire, "/webhooks/1/resend")
    state = emulator._engine.context().state
    assert (delivery.state, state.undelivered, len(state.pending_deliveries)) == ("pending", 1, 1)
    await done(wire, "/webhooks/1/resend")
    assert (state.undelivered, len(state.pending_deliveries)) == (1, 1)
    assert (await press(wire, "/webhooks/2/resend")).status_code == 404
    assert "payment.created" in await page_of(wire, "/webhooks?state=pending")
    assert "No delivery fits" in await page_of(wire, "/webhooks?state=delivered")


async def test_settings_are_shown_and_saved(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The form as it is shown changes nothing; each kind of setting can be changed; each is explained."""
    before = emulator.settings
    page = await page_of(wire, "/settings")
    for name in ("refund_seconds", "low_balance", "swish_type", "payout_days"):
        assert re.search(f'id="about-{name}">[A-Z]', page), name
    form = form_of(page)
    await done(wire, "/settings", **form)
    assert emulator.settings == before
    changes = {"low_balance": "on", "refund_seconds": "1.5", "swish_type": "WALLET", "delivery_retry_delays": "1, 2"}
    await done(wire, "/settings", **{**form, **changes, "key_lifetime_hours": "", "disabled_methods": "Visa, PayPal"})
    now = emulator.settings
    assert (now.low_balance, now.refund_seconds, now.swish_type, now.key_lifetime_hours) == (True, 1.5, "WALLET", None)
    assert (now.delivery_retry_delays, now.disabled_methods) == ((1.0, 2.0), ("Visa", "PayPal"))
    refused = await press(wire, "/settings", **{**form, "refund_seconds": "soon"})
    assert (refused.status_code, "refund_seconds must be a number" in refused.text) == (400, True)


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of the settings as they are."""
    part = page[page.index('class="settings"') :]
    texts = {name: value for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', part) if name != "token"}
    checked = dict.fromkeys(re.findall(r'type="checkbox" name="(\w+)"[^>]* checked', part), "on")
    chosen = re.findall(r'name="(\w+)"[^>]*>(?:<option>[^<]*</option>)*<option selected>([^<]*)', part)
    return texts | checked | dict(chosen)


async def test_faults_and_clock(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Faults are added and removed, the clock is moved, everything is discarded."""
    status = {"fault": "status", "method": "*", "path": "/v1/charges/*", "rate": "1", "times": "3", "status": "503"}
    await done(wire, "/settings/faults", **status)
    await done(wire, "/settings/faults", fault="delay", method="GET", path="*", rate="0.5", times="", seconds="2")
    first, second = emulator._engine.faults
    assert first == InjectedFault(fault="status", path="/v1/charges/*", times=3, status=503)
    assert second == InjectedFault(fault="delay", method="GET", rate=0.5, seconds=2)
    await done(wire, "/settings/faults/0/remove")
    assert emulator._engine.faults == (second,)
    assert "rate" in (await press(wire, "/settings/faults", fault="delay", rate="2")).text
    before = emulator.clock.now()
    await done(wire, "/settings/clock", seconds="3600")
    assert emulator.clock.now() == before + 3600
    assert (await press(wire, "/settings/clock", seconds="nan")).status_code == 400
    await wire.create()
    await done(wire, "/settings/reset")
    assert emulator.state()["payments"] == []
    assert not emulator._engine.faults


async def test_texts_of_merchants_are_escaped(wire: Wire) -> None:
    """What comes by the API cannot become markup, in lists, pages and the log."""
    items = [item(name="Salt & 'pepper' \"x\"")]
    payment_id = await wire.create(order={"items": items, "amount": 12500, "currency": "SEK"})
    await wire.get("/v1/payments/%3Cscript%3Ealert(1)%3C/script%3E")
    await wire.client.get("/v1/paymentmethods?currency=<script>alert(1)</script>")
    for path in ("", f"/payments/{payment_id}", "/log", "/log?path=<script>"):
        assert "<script>alert" not in await page_of(wire, path)
    assert "Salt &amp; &#39;pepper&#39;" in await page_of(wire, f"/payments/{payment_id}")


async def test_pages_cannot_be_framed_and_run_no_foreign_script(wire: Wire) -> None:
    """The policy names their own style sheet and script alone."""
    policy = (await wire.get(ROOT)).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for path, kind in (("/portal.css", "text/css"), ("/portal.js", "text/javascript")):
        response = await wire.get(ROOT + path)
        assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, kind)


async def test_mounted_in_another_app() -> None:
    """All links and redirects begin with where it is mounted."""
    app = Starlette(routes=[Mount("/nexi", CheckoutEmulator())])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as client:
        page = await client.get("/nexi/", follow_redirects=True)
    assert page.url.path == "/nexi/emulator/portal"
    links: list[Any] = re.findall(r'(?:href|action)="(/[^"]*)"', page.text)
    assert links
    assert all(link.startswith("/nexi/emulator/portal") for link in links)


def test_amounts_are_shown() -> None:
    """In major units, negative ones too."""
    assert (money(1234567), money(-5)) == ("12,345.67", "-0.05")


async def test_a_challenge_is_answered(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A payment that waits for 3-D Secure has a button for it."""
    response = await wire.put("/emulator/settings", {"three_d_secure": "always"})
    assert response.status_code == 200
    created = await wire.post("/v1/payments", hosted())
    payment_id = created.json()["paymentId"]
    await done(wire, f"/payments/{payment_id}/pay", **{"with": "4268270087374847"})
    assert emulator._engine.context().state.payments[payment_id].challenge is not None
    await done(wire, f"/payments/{payment_id}/answer-challenge", result="approved")
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}
