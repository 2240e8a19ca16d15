"""The shopper pays on the emulator's own hosted page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from nexi_async import AsyncCheckout, Checkout, Order, OrderItem
from nexi_async._demo.shopper import NoForm, Shopper, read_form
from nexi_async._demo.site import build_site
from nexi_async.emulator import CheckoutEmulator

GOOD_CARD = "5213199803453465"
DECLINED_CARD = "4925000000000087"


class Town:
    """An ASGI app for two hosts: the emulator and the shop's site."""

    def __init__(self) -> None:
        self.emulator = CheckoutEmulator(seed=1, time_scale=0)
        self._site = build_site(self.emulator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = dict(scope["headers"])[b"host"]
        await (self._site if host == b"shop.test" else self.emulator)(scope, receive, send)


@attrs.frozen
class Visitor:
    """A shopper before the page of a payment, and the emulator that has the page."""

    shopper: Shopper
    page: str
    payment_id: str
    emulator: CheckoutEmulator

    @property
    def paid_with(self) -> str | None:
        """The method that the payment was paid with."""
        (payment,) = self.emulator.state()["payments"]
        method: str | None = payment["paymentDetails"].get("paymentMethod")
        return method


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """A shopper who is about to pay 100.00 SEK."""
    town = Town()
    transport = httpx.ASGITransport(app=town)
    async with (
        httpx.AsyncClient(transport=transport, follow_redirects=True) as browser,
        AsyncCheckout(town.emulator.secret_key, base_url="https://emulator.test", transport=transport) as checkout,
    ):
        created = await checkout.payments.create(
            order=Order.of(items=[OrderItem.of(reference="1", name="Tea", unit_price=10000)], currency="SEK"),
            checkout=Checkout.hosted(
                return_url="https://shop.test/thanks",
                cancel_url="https://shop.test/goodbye",
                terms_url="https://shop.test/terms",
            ),
        )
        yield Visitor(Shopper(browser), created.hosted_payment_page_url or "", created.payment_id, town.emulator)


async def test_paying_by_card_leads_back_to_the_shop(visitor: Visitor) -> None:
    """The shopper ends at the return address, which names the payment."""
    visit = await visitor.shopper.pay_by_card(visitor.page, GOOD_CARD)

    assert visit.address == f"https://shop.test/thanks?paymentid={visitor.payment_id}"
    assert visit.status == 200
    assert visitor.paid_with == "MasterCard"


async def test_a_declined_card_can_be_followed_by_another(visitor: Visitor) -> None:
    """After a decline the page is still there, and takes the next card."""
    first = await visitor.shopper.pay_by_card(visitor.page, DECLINED_CARD)
    second = await visitor.shopper.pay_by_card(visitor.page, GOOD_CARD)

    assert first.is_declined
    assert not second.is_declined
    assert visitor.paid_with == "MasterCard"


async def test_swish_is_chosen_from_the_list(visitor: Visitor) -> None:
    """Another method than cards takes the form's own field."""
    await visitor.shopper.pay_with(visitor.page, "Swish")

    assert visitor.paid_with == "Swish"


async def test_walking_away_leads_to_the_cancel_page(visitor: Visitor) -> None:
    """Nothing is paid, and the address names no payment."""
    visit = await visitor.shopper.abandon(visitor.page)

    assert visit.address == "https://shop.test/goodbye"
    assert visitor.paid_with is None


async def test_a_paid_page_has_no_form(visitor: Visitor) -> None:
    """Nobody pays twice: the page of a paid payment can't be filled in."""
    await visitor.shopper.pay_by_card(visitor.page, GOOD_CARD)

    with pytest.raises(NoForm, match="no form"):
        await visitor.shopper.pay_by_card(visitor.page, GOOD_CARD)


def test_a_form_is_read_as_a_browser_would_send_it() -> None:
    """Fields of the first form only, a list's chosen or first entry, and the address that the form goes to."""
    page = """
        <input name="outside" value="0">
        <form action="pay?x=1"><input name="a" value="1"><input name="b"><input value="nameless">
        <select name="c"><option value="1"><option value="2" selected></select>
        <select name="d"><option value="3"><option value="4"></select></form>
        <form action="other"><input name="e" value="5"></form>
    """

    form = read_form(page, "https://emulator.test/hosted/?pid=1")

    assert form.action == "https://emulator.test/hosted/pay?x=1"
    assert form.fields == {"a": "1", "b": "", "c": "2", "d": "3"}
