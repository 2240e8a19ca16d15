"""Tests of nexi_async._resources.card_payments."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import httpx
import pytest

from nexi_async import Consumer, InvalidRequest, NexiError, Order, OrderItem, PrivatePerson
from nexi_async._models.card_payment import CardToCharge, PaymentInfo
from tests.scripted import ScriptedAPI, answer, client

ORDER = Order.of(items=[OrderItem.of(reference="mug", name="Mug", unit_price=100)], currency="SEK")
CARD = CardToCharge(card_number="4268270087374847", expiry_month="09", expiry_year="31", cvc="987")
SHOPPER = PaymentInfo(consumer=Consumer(private_person=PrivatePerson(first_name="Ingrid", last_name="Å")), charge=True)


async def test_create() -> None:
    """The card travels with the order, under a key that the receipt tells."""
    api = ScriptedAPI(answer(201, {"paymentId": "p1"}))
    async with client(api) as checkout:
        receipt = await checkout.card_payments.create(order=ORDER, payment_info=SHOPPER, card_details=CARD)
    assert api.calls == ["POST /v1/cardpayments"]
    assert api.bodies[0]["cardDetails"] == {
        "cardNumber": "4268270087374847",
        "expiryMonth": "09",
        "expiryYear": "31",
        "cvc": "987",
    }
    assert api.bodies[0]["paymentInfo"] == {
        "consumer": {"privatePerson": {"firstName": "Ingrid", "lastName": "Å"}},
        "charge": True,
    }
    assert receipt.payment_id == "p1"
    assert api.keys == [receipt.idempotency_key]


async def test_create_for_the_clients_merchant() -> None:
    """The merchant goes into the body, the call's own before the client's."""
    api = ScriptedAPI(*[answer(201, {"paymentId": "p1"})] * 2)
    async with client(api) as checkout:
        partner = checkout.with_options(merchant_number="4711")
        await partner.card_payments.create(order=ORDER, payment_info=SHOPPER, card_details=CARD)
        await partner.card_payments.create(order=ORDER, payment_info=SHOPPER, card_details=CARD, merchant_number="42")
    assert [body["merchantNumber"] for body in api.bodies] == ["4711", "42"]


async def test_lost_answer_is_asked_for_again() -> None:
    """The second request is the first one, byte for byte."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(201, {"paymentId": "p1"}))
    async with client(api) as checkout:
        await checkout.card_payments.create(
            order=ORDER, payment_info=SHOPPER, card_details=CARD, interaction_type=0, idempotency_key="card-1"
        )
    assert api.keys == ["card-1"] * 2
    assert len({request.content for request in api.requests}) == 1
    assert api.bodies[0]["interactionType"] == 0


async def test_card_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log nor an error shows any part of the card or the shopper."""
    caplog.set_level(logging.DEBUG)
    async with client(ScriptedAPI(httpx.ReadError("x"), answer(400))) as checkout:
        with pytest.raises(NexiError) as caught:
            await checkout.card_payments.create(order=ORDER, payment_info=SHOPPER, card_details=CARD)
    seen = caplog.text + str(caught.value) + repr(caught.value) + repr(CARD) + repr(SHOPPER)
    assert not any(secret in seen for secret in ("4268270087374847", "987", "Ingrid"))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"card_number": "4268 2700 8737 4847"}, "cardDetails.cardNumber"),
        ({"expiry_month": "13"}, "cardDetails.expiryMonth"),
        ({"expiry_year": "2031"}, "cardDetails.expiryYear"),
        ({"cvc": "98"}, "cardDetails.cvc"),
    ],
)
async def test_card_that_is_none_is_never_sent(changes: dict[str, Any], path: str) -> None:
    """A mistyped card is refused here, and not repeated in the error."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await checkout.card_payments.create(
                order=ORDER, payment_info=SHOPPER, card_details=attrs.evolve(CARD, **changes)
            )
    assert [fault.path for fault in caught.value.faults] == [path]
    assert next(iter(changes.values())) not in str(caught.value)
    assert not api.requests
