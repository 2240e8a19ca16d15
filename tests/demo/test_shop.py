"""The shop carries out each scenario; the parts of an order add up to the whole, and each has a positive amount."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nexi_async import OrderItem
from nexi_async._demo.listener import WebhookListener
from nexi_async._demo.orders import read_orders, sample_orders
from nexi_async._demo.services import ShopServices
from nexi_async._demo.shop import sell, split
from nexi_async._demo.timeline import Timeline
from nexi_async.emulator import CheckoutEmulator
from tests.scripted import ScriptedAPI, answer, client


def item(gross: int) -> OrderItem:
    """A line of this price."""
    return OrderItem.of(reference="1", name="Thing", unit_price=gross)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6))
def test_the_parts_make_the_whole(prices: list[int]) -> None:
    """Nothing is lost between the parts; without parts, no single item could have been separated."""
    items = [item(price) for price in prices]
    parts = split(items)

    if parts is None:
        assert not any(0 < price < sum(prices) for price in prices)
    else:
        first, rest = ([line.gross_total_amount for line in part] for part in parts)
        assert sorted([*first, *rest]) == sorted(prices)
        assert sum(first) > 0
        assert sum(rest) > 0


def test_a_discount_stays_with_the_items_it_lowers() -> None:
    """1000 less 100 can't be split, since one part would exceed the total."""
    assert split([item(1000), item(-100)]) is None


async def test_an_error_is_logged_and_the_shop_goes_on() -> None:
    """An order that the API answers with an error ends with a line that says what happened to the money."""
    paper = io.StringIO()
    order = read_orders(sample_orders())[0]
    async with client(ScriptedAPI(answer(500))) as checkout:
        services = ShopServices(
            checkout=checkout,
            emulator=CheckoutEmulator(),
            site_url="https://shop.test",
            listener=WebhookListener(lambda _: None),
            timeline=Timeline(Console(file=paper, width=80)),
        )
        await sell(services, order, 0)

    assert "gives up: POST /v1/payments answered 500" in paper.getvalue()
    assert "outcome unknown" in paper.getvalue()
    assert services.records == {}
