"""Tests of nexi_async._resources.payments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import attrs
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    Checkout,
    Conflict,
    InvalidRequest,
    Notifications,
    Order,
    OrderItem,
    Outcome,
    PaymentMethodConfiguration,
    PaymentMethodFee,
    PaymentStatus,
    ServerError,
    Shipment,
    SubscriptionSetup,
    UnexpectedResponse,
    UnscheduledSubscriptionSetup,
)
from tests.scripted import ScriptedAPI, answer, client

ID = "3f1c0e5a7b2d4c6e8f9a0b1c2d3e4f50"
MUG = OrderItem.of(reference="mug", name="Mug", quantity=2, unit_price=5000, tax_rate=2500)
MUG_JSON = {
    "reference": "mug",
    "name": "Mug",
    "quantity": 2,
    "unit": "pcs",
    "unitPrice": 5000,
    "taxRate": 2500,
    "taxAmount": 2500,
    "netTotalAmount": 10000,
    "grossTotalAmount": 12500,
}
ORDER = Order.of(items=[MUG], currency="SEK", reference="order-77")
ORDER_JSON = {"items": [MUG_JSON], "amount": 12500, "currency": "SEK", "reference": "order-77"}
HOSTED = Checkout.hosted(return_url="https://shop.test/ok", terms_url="https://shop.test/terms")
HOSTED_JSON = {
    "integrationType": "HostedPaymentPage",
    "returnUrl": "https://shop.test/ok",
    "termsUrl": "https://shop.test/terms",
}
PAYMENT_JSON = {
    "paymentId": ID,
    "summary": {"reservedAmount": 12500},
    "orderDetails": {"amount": 12500, "currency": "SEK"},
    "checkout": {"url": "https://shop.test/pay"},
    "created": "2026-09-14T08:15:09.5523+00:00",
}

Use = Callable[[AsyncCheckout], Awaitable[Any]]


# --- create -----------------------------------------------------------------------------------------------------------


async def test_create() -> None:
    """A payment is made from an order and a checkout, and tells where to send the shopper."""
    page = "https://test.checkout.dibspayment.eu/hostedpaymentpage/?checkoutKey=k&pid=p"
    api = ScriptedAPI(answer(201, {"paymentId": ID, "hostedPaymentPageUrl": page, "expiresAt": "2026-01-03T10:00:00Z"}))
    async with client(api) as checkout:
        created = await checkout.payments.create(order=ORDER, checkout=HOSTED)
    assert (created.payment_id, created.hosted_payment_page_url) == (ID, page)
    assert created.expires_at is not None
    assert api.calls == ["POST /v1/payments"]
    assert api.bodies == [{"order": ORDER_JSON, "checkout": HOSTED_JSON}]


async def test_create_embedded_answers_with_an_id_only() -> None:
    """The recorded answer for an embedded checkout has nothing but the id."""
    api = ScriptedAPI(answer(201, {"paymentId": ID}))
    async with client(api) as checkout:
        created = await checkout.payments.create(order=ORDER, checkout=HOSTED)
    assert (created.payment_id, created.hosted_payment_page_url, created.expires_at) == (ID, None, None)


async def test_create_with_everything() -> None:
    """Every option has its place in the request."""
    api = ScriptedAPI(answer(201, {"paymentId": ID}))
    async with client(api) as checkout:
        await checkout.payments.create(
            order=ORDER,
            checkout=HOSTED,
            notifications=Notifications.to(
                "https://shop.test/hook", authorization="a" * 16, events=["payment.created"]
            ),
            subscription=SubscriptionSetup(interval=30, allow_variable_amount=True),
            payment_methods_configuration=(PaymentMethodConfiguration(name=name) for name in ("Visa", "Swish")),
            payment_methods=[PaymentMethodFee(name="easy-invoice", fee=MUG)],
            my_reference="mine",
            merchant_number="4711",
        )
    (body,) = api.bodies
    assert set(body) == {
        "order", "checkout", "notifications", "subscription", "paymentMethodsConfiguration", "paymentMethods",
        "myReference", "merchantNumber",
    }  # fmt: skip
    assert body["notifications"] == {
        "webHooks": [{"eventName": "payment.created", "url": "https://shop.test/hook", "authorization": "a" * 16}]
    }
    assert body["subscription"] == {"interval": 30, "allowVariableAmount": True}
    assert body["paymentMethodsConfiguration"] == [{"name": "Visa"}, {"name": "Swish"}]
    assert body["paymentMethods"] == [{"name": "easy-invoice", "fee": MUG_JSON}]


async def test_create_for_an_unscheduled_subscription() -> None:
    """An agreement can be signed up for without paying."""
    free = Order.of(items=[OrderItem.of(reference="card", name="Card", unit_price=0)], currency="SEK")
    api = ScriptedAPI(answer(201, {"paymentId": ID}))
    async with client(api) as checkout:
        setup = UnscheduledSubscriptionSetup(create=True)
        await checkout.payments.create(order=free, checkout=HOSTED, unscheduled_subscription=setup)
    assert api.bodies[0]["unscheduledSubscription"] == {"create": True}


async def test_create_for_the_clients_merchant() -> None:
    """The merchant of a copy of the client goes into the body, unless the call names another."""
    api = ScriptedAPI(*[answer(201, {"paymentId": ID})] * 2)
    async with client(api) as checkout:
        partner = checkout.with_options(merchant_number="4711")
        await partner.payments.create(order=ORDER, checkout=HOSTED)
        await partner.payments.create(order=ORDER, checkout=HOSTED, merchant_number="42")
    assert [body["merchantNumber"] for body in api.bodies] == ["4711", "42"]


async def test_create_is_not_repeated_when_its_answer_is_lost() -> None:
    """The API takes no key here, so a second request would make a second payment."""
    api = ScriptedAPI(answer(500), answer(201, {"paymentId": ID}))
    async with client(api) as checkout:
        with pytest.raises(ServerError) as caught:
            await checkout.payments.create(order=ORDER, checkout=HOSTED)
    assert (caught.value.outcome, caught.value.idempotency_key, api.keys) == (Outcome.UNKNOWN, None, [None])


async def test_created_but_unreadable() -> None:
    """A payment whose id got lost was made all the same, and the body is kept."""
    api = ScriptedAPI(answer(201, {"paymentID": ID}))
    async with client(api) as checkout:
        with pytest.raises(UnexpectedResponse) as caught:
            await checkout.payments.create(order=ORDER, checkout=HOSTED)
    assert caught.value.outcome is Outcome.ACCEPTED
    assert ID.encode() in caught.value.body
    assert [str(fault) for fault in caught.value.faults] == ["paymentId: is missing"]


# --- retrieve ---------------------------------------------------------------------------------------------------------


async def test_retrieve() -> None:
    """The payment is taken out of its envelope."""
    api = ScriptedAPI(answer(200, {"payment": PAYMENT_JSON}))
    async with client(api) as checkout:
        payment = await checkout.payments.retrieve(ID)
    assert api.calls == [f"GET /v1/payments/{ID}"]
    assert api.bodies == [None]
    assert (payment.payment_id, payment.status) == (ID, PaymentStatus.RESERVED)


async def test_retrieve_is_repeated() -> None:
    """Reading again costs nothing."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(502), answer(200, {"payment": PAYMENT_JSON}))
    async with client(api) as checkout:
        assert (await checkout.payments.retrieve(ID)).payment_id == ID


@pytest.mark.parametrize("asked", [ID, ID.upper(), f"{ID[:8]}-{ID[8:12]}-{ID[12:16]}-{ID[16:20]}-{ID[20:]}"])
async def test_retrieve_by_any_spelling_of_the_id(asked: str) -> None:
    """The API answers with 32 hex digits, however the id was spelled."""
    api = ScriptedAPI(answer(200, {"payment": PAYMENT_JSON}))
    async with client(api) as checkout:
        assert (await checkout.payments.retrieve(asked)).payment_id == ID


async def test_retrieved_another_payment() -> None:
    """An answer that belongs to another request is not taken for this one."""
    api = ScriptedAPI(answer(200, {"payment": PAYMENT_JSON}))
    async with client(api) as checkout:
        with pytest.raises(UnexpectedResponse, match="not with what was asked for"):
            await checkout.payments.retrieve("0" * 32)


# --- changes ----------------------------------------------------------------------------------------------------------

CHANGES: list[tuple[Use, str, Any]] = [
    (
        lambda checkout: checkout.payments.update_order(ID, amount=12500, items=(item for item in [MUG])),
        "orderitems",
        {"amount": 12500, "items": [MUG_JSON]},
    ),
    (
        lambda checkout: checkout.payments.update_order(
            ID,
            amount=12500,
            items=[MUG],
            shipping_cost_specified=True,
            payment_methods=[PaymentMethodFee(name="easy-invoice", fee=MUG)],
        ),
        "orderitems",
        {
            "amount": 12500,
            "items": [MUG_JSON],
            "shipping": {"costSpecified": True},
            "paymentMethods": [{"name": "easy-invoice", "fee": MUG_JSON}],
        },
    ),
    (
        lambda checkout: checkout.payments.update_reference(ID, reference="o-2", checkout_url="https://shop.test/pay"),
        "referenceinformation",
        {"reference": "o-2", "checkoutUrl": "https://shop.test/pay"},
    ),
    (
        lambda checkout: checkout.payments.update_my_reference(ID, my_reference="mine"),
        "myreference",
        {"myReference": "mine"},
    ),
    (lambda checkout: checkout.payments.terminate(ID), "terminate", None),
]


@pytest.mark.parametrize(("change", "what", "body"), CHANGES)
async def test_changes(change: Use, what: str, body: Any) -> None:
    """Each change is a PUT with its body and no key, repeated when its answer is lost."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(204))
    async with client(api) as checkout:
        assert await change(checkout) is None
    assert api.calls == [f"PUT /v1/payments/{ID}/{what}"] * 2
    assert api.bodies == [body] * 2
    assert api.keys == [None] * 2


@pytest.mark.parametrize(("change", "what", "body"), CHANGES)
async def test_any_success_of_a_change_will_do(change: Use, what: str, body: Any) -> None:  # noqa: ARG001
    """Documents say 204; an answer of 200 with or without a body is a success too."""
    async with client(ScriptedAPI(httpx.Response(200, content=b"OK"))) as checkout:
        assert await change(checkout) is None


async def test_update_order_while_the_shopper_pays() -> None:
    """The API's 409 says that it is too late."""
    api = ScriptedAPI(answer(409))
    async with client(api) as checkout:
        with pytest.raises(Conflict) as caught:
            await checkout.payments.update_order(ID, amount=12500, items=[MUG])
    assert (caught.value.outcome, len(api.requests)) == (Outcome.REJECTED, 1)


# --- money ------------------------------------------------------------------------------------------------------------


async def test_cancel() -> None:
    """A cancel carries no key, since the API takes none, and answers with nothing."""
    api = ScriptedAPI(answer(204))
    async with client(api) as checkout:
        await checkout.payments.cancel(ID, amount=12500, order_items=[MUG])
    assert api.calls == [f"POST /v1/payments/{ID}/cancels"]
    assert api.bodies == [{"amount": 12500, "orderItems": [MUG_JSON]}]
    assert api.keys == [None]


async def test_full_cancel_needs_no_lines() -> None:
    """The amount alone cancels all."""
    api = ScriptedAPI(answer(204))
    async with client(api) as checkout:
        await checkout.payments.cancel(ID, amount=12500)
    assert api.bodies == [{"amount": 12500}]


async def test_cancel_is_not_repeated_when_its_answer_is_lost() -> None:
    """A second partial cancel would release more."""
    api = ScriptedAPI(httpx.ReadTimeout("x"), answer(204))
    async with client(api) as checkout:
        with pytest.raises(Exception, match="outcome unknown"):
            await checkout.payments.cancel(ID, amount=12500)
    assert len(api.requests) == 1


async def test_charge() -> None:
    """A charge carries a key of its own, and the receipt tells it."""
    api = ScriptedAPI(answer(201, {"chargeId": "c1", "invoice": {"invoiceNumber": "i1"}}))
    async with client(api) as checkout:
        receipt = await checkout.payments.charge(ID, amount=12500)
    assert api.calls == [f"POST /v1/payments/{ID}/charges"]
    assert api.bodies == [{"amount": 12500}]
    assert receipt.charge_id == "c1"
    assert receipt.invoice is not None
    assert receipt.invoice.invoice_number == "i1"
    assert api.keys == [receipt.idempotency_key]
    assert len(receipt.idempotency_key) == 32


async def test_charge_with_everything() -> None:
    """Every option has its place in the request."""
    part = OrderItem.of(reference="mug", name="Mug", quantity=Decimal("0.8"), unit_price=5000, tax_rate=2500)
    api = ScriptedAPI(answer(201, {"chargeId": "c1"}))
    async with client(api) as checkout:
        receipt = await checkout.payments.charge(
            ID,
            amount=5000,
            order_items=[part],
            shipping=Shipment(tracking_number="JD0001", provider="PNOR"),
            final_charge=False,
            my_reference="ship-1",
            payment_method_reference="invoice-1",
            idempotency_key="ship-1-order-77",
        )
    (body,) = api.bodies
    items = body.pop("orderItems")
    assert (items[0]["quantity"], items[0]["grossTotalAmount"]) == (0.8, 5000)
    assert body == {
        "amount": 5000,
        "shipping": {"trackingNumber": "JD0001", "provider": "PNOR"},
        "finalCharge": False,
        "myReference": "ship-1",
        "paymentMethodReference": "invoice-1",
    }
    assert api.keys == ["ship-1-order-77"] == [receipt.idempotency_key]


async def test_every_charge_has_a_key_of_its_own() -> None:
    """Two charges are two actions, and one of them asked for twice is one."""
    api = ScriptedAPI(httpx.ReadError("x"), *[answer(201, {"chargeId": "c1"})] * 2)
    async with client(api) as checkout:
        await checkout.payments.charge(ID, amount=1)
        await checkout.payments.charge(ID, amount=1)
    first, again, second = api.keys
    assert first == again != second


async def test_refund() -> None:
    """A refund of a payment carries a key, and the receipt tells it."""
    api = ScriptedAPI(answer(201, {"refundId": "r1"}))
    async with client(api) as checkout:
        receipt = await checkout.payments.refund(ID, amount=12500, order_items=[MUG], my_reference="mine")
    assert api.calls == [f"POST /v1/payments/{ID}/refunds"]
    assert api.bodies == [{"amount": 12500, "orderItems": [MUG_JSON], "myReference": "mine"}]
    assert receipt.refund_id == "r1"
    assert api.keys == [receipt.idempotency_key]


async def test_refund_with_a_given_key() -> None:
    """The caller's key is the one that travels."""
    api = ScriptedAPI(answer(201, {"refundId": "r1"}))
    async with client(api) as checkout:
        receipt = await checkout.payments.refund(ID, amount=1, idempotency_key="refund-1")
    assert api.keys == ["refund-1"] == [receipt.idempotency_key]


# --- bad input --------------------------------------------------------------------------------------------------------

FLOAT: Any = 125.0

BAD: dict[str, tuple[Use, str]] = {
    "float amount to charge": (lambda checkout: checkout.payments.charge(ID, amount=FLOAT), "amount"),
    "float amount to refund": (lambda checkout: checkout.payments.refund(ID, amount=FLOAT), "amount"),
    "float amount to cancel": (lambda checkout: checkout.payments.cancel(ID, amount=FLOAT), "amount"),
    "bool amount": (lambda checkout: checkout.payments.charge(ID, amount=True), "amount"),
    "no amount": (lambda checkout: checkout.payments.charge(ID, amount=0), "amount"),
    "negative amount": (lambda checkout: checkout.payments.refund(ID, amount=-1), "amount"),
    "amount beyond 32 bits": (lambda checkout: checkout.payments.charge(ID, amount=2**31), "amount"),
    "wrong sum to charge": (
        lambda checkout: checkout.payments.charge(ID, amount=12499, order_items=[MUG]),
        "amount",
    ),
    "wrong sum to refund": (
        lambda checkout: checkout.payments.refund(ID, amount=12501, order_items=[MUG]),
        "amount",
    ),
    "wrong sum to cancel": (lambda checkout: checkout.payments.cancel(ID, amount=1, order_items=[MUG]), "amount"),
    "wrong sum of an update": (lambda checkout: checkout.payments.update_order(ID, amount=1, items=[MUG]), "amount"),
    "wrong sum of an order": (
        lambda checkout: checkout.payments.create(order=attrs.evolve(ORDER, amount=12499), checkout=HOSTED),
        "order.amount",
    ),
    "float in a line": (
        lambda checkout: checkout.payments.create(
            order=attrs.evolve(ORDER, items=[attrs.evolve(MUG, unit_price=FLOAT)]), checkout=HOSTED
        ),
        "order.items[0].unitPrice",
    ),
    "forbidden character in a line": (
        lambda checkout: checkout.payments.create(
            order=attrs.evolve(ORDER, items=[attrs.evolve(MUG, name="Mug <b>")]), checkout=HOSTED
        ),
        "order.items[0].name",
    ),
    "forbidden character in a reference": (
        lambda checkout: checkout.payments.update_my_reference(ID, my_reference="a&b"),
        "myReference",
    ),
    "empty key to charge": (
        lambda checkout: checkout.payments.charge(ID, amount=1, idempotency_key=""),
        "Idempotency-Key",
    ),
    "empty key to refund": (
        lambda checkout: checkout.payments.refund(ID, amount=1, idempotency_key=""),
        "Idempotency-Key",
    ),
    "long key": (
        lambda checkout: checkout.payments.charge(ID, amount=1, idempotency_key="k" * 64),
        "Idempotency-Key",
    ),
    "key with a line break": (
        lambda checkout: checkout.payments.charge(ID, amount=1, idempotency_key="k\r\nX: y"),
        "Idempotency-Key",
    ),
    "key with other letters": (
        lambda checkout: checkout.payments.charge(ID, amount=1, idempotency_key="nyckel-å"),
        "Idempotency-Key",
    ),
    "empty id to retrieve": (lambda checkout: checkout.payments.retrieve(""), "payment_id"),
    "empty id to charge": (lambda checkout: checkout.payments.charge(" ", amount=1), "payment_id"),
    "empty id to terminate": (lambda checkout: checkout.payments.terminate(""), "payment_id"),
    "id that climbs": (lambda checkout: checkout.payments.retrieve(".."), "payment_id"),
    "id with a line break": (lambda checkout: checkout.payments.retrieve("p1\n"), "payment_id"),
}


@pytest.mark.parametrize(("use", "path"), BAD.values(), ids=BAD)
async def test_bad_input_is_never_sent(use: Use, path: str) -> None:
    """What the API would refuse, or take for something else, is refused here, with its place."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await use(checkout)
    assert [fault.path for fault in caught.value.faults] == [path]
    assert caught.value.outcome is Outcome.NOT_SENT
    assert not api.requests


@pytest.mark.parametrize(
    ("payment_id", "path"),
    [
        ("a/b", "/v1/payments/a%2Fb"),
        ("a?b#c", "/v1/payments/a%3Fb%23c"),
        ("../subscriptions", "/v1/payments/..%2Fsubscriptions"),
        ("%2e%2e", "/v1/payments/%252e%252e"),
        ("å", "/v1/payments/%C3%A5"),
    ],
)
async def test_ids_reach_no_other_endpoint(payment_id: str, path: str) -> None:
    """Whatever an id holds, it is one segment of the address."""
    api = ScriptedAPI(answer(204))
    async with client(api) as checkout:
        await checkout.payments.terminate(payment_id)
    assert api.calls == [f"PUT {path}/terminate"]
