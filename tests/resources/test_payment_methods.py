"""Tests of nexi_async._resources.payment_methods."""

from __future__ import annotations

from typing import Any

import pytest

from nexi_async import InvalidRequest, PaymentMethod, PaymentType, UnexpectedResponse
from tests.scripted import ScriptedAPI, answer, client

METHODS = [
    {"name": "Visa", "paymentType": "CARD", "currency": "EUR", "enabled": True},
    {"name": "Telepathy", "paymentType": "THOUGHT", "currency": "EUR", "enabled": False},
    {"enabled": False},
]


async def test_list() -> None:
    """The bare array is read, also methods that nobody knew when this was written."""
    api = ScriptedAPI(answer(200, METHODS))
    async with client(api) as checkout:
        visa, telepathy, unnamed = await checkout.payment_methods.list()
    assert api.calls == ["GET /v1/paymentmethods"]
    assert (visa.name, visa.payment_type, visa.enabled) == (PaymentMethod("Visa"), PaymentType.CARD, True)
    assert telepathy.name is not None
    assert (telepathy.name.value, telepathy.name.is_known) == ("Telepathy", False)
    assert (unnamed.name, unnamed.currency) == (None, None)


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        ({"currency": "SEK"}, "Currency=SEK"),
        ({"enabled": True}, "Enabled=true"),
        ({"enabled": False}, "Enabled=false"),
        ({"merchant_number": "42", "currency": "SEK", "enabled": True}, "MerchantNumber=42&Currency=SEK&Enabled=true"),
    ],
    ids=str,
)
async def test_list_some(wanted: dict[str, Any], query: str) -> None:
    """The filters are spelled as the documents do."""
    api = ScriptedAPI(answer(200, []))
    async with client(api) as checkout:
        assert await checkout.payment_methods.list(**wanted) == ()
    assert api.calls == [f"GET /v1/paymentmethods?{query}"]


async def test_list_for_the_clients_merchant() -> None:
    """The merchant of a copy of the client is asked for, here in the address."""
    api = ScriptedAPI(answer(200, []))
    async with client(api) as checkout:
        await checkout.with_options(merchant_number="4711").payment_methods.list()
    assert api.calls == ["GET /v1/paymentmethods?MerchantNumber=4711"]


async def test_list_that_is_none() -> None:
    """An object is not a list."""
    async with client(ScriptedAPI(answer(200, {"methods": []}))) as checkout:
        with pytest.raises(UnexpectedResponse):
            await checkout.payment_methods.list()


@pytest.mark.parametrize(("wanted", "path"), [({"currency": "sek"}, "Currency"), ({"enabled": "yes"}, "Enabled")])
async def test_senseless_filters_are_never_sent(wanted: dict[str, Any], path: str) -> None:
    """What the API would refuse is refused here, with its place."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await checkout.payment_methods.list(**wanted)
    assert [fault.path for fault in caught.value.faults] == [path]
    assert not api.requests
