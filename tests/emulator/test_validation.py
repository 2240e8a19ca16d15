"""Validation: the errors of a 400, path by path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.emulator import CheckoutEmulator, Refusal, Settings
from nexi_async.emulator._engine import validation as bodies
from nexi_async.emulator._engine.addresses import is_webhook_url
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.settings import STRICT, changed
from tests.emulator.raw import Wire, hosted, item, order, webhooks

ADDRESS = {"addressLine1": "Gatan 1", "postalCode": "11122", "city": "Stockholm", "country": "SWE"}

STRICT_SETTINGS = changed(Settings(), dict(STRICT))


def read(shape: Any, body: object) -> dict[str, Any]:
    """The body as the official reference documents it."""
    return bodies.read(shape, body, STRICT_SETTINGS)


def errors_of(shape: Any, body: object) -> dict[str, list[str]]:
    """The errors of a 400."""
    with pytest.raises(Refusal) as caught:
        read(shape, body)
    assert caught.value.response.status == 400
    return dict(caught.value.response.body["errors"])


def created_with(**changes: Any) -> dict[str, list[str]]:
    """The errors of a create payment body with these changes."""
    return errors_of(bodies.CREATE_PAYMENT, hosted(**changes))


def embedded(**changes: Any) -> dict[str, Any]:
    """An embedded checkout."""
    return {"url": "https://shop.test/pay", "termsUrl": "https://shop.test/terms"} | changes


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"order": order(items=[])}, "order.items"),
        ({"order": order(items=None)}, "order.items"),
        ({"order": order(12500) | {"amount": 12499}}, "order.amount"),
        ({"order": order(0)}, "order.amount"),
        ({"order": order(-5)}, "order.amount"),
        ({"order": order() | {"amount": 125.0}}, "order.amount"),
        ({"order": order() | {"amount": "12500"}}, "order.amount"),
        ({"order": order() | {"amount": True}}, "order.amount"),
        ({"order": order() | {"amount": 2**31}}, "order.amount"),
        ({"order": order(currency="sek")}, "order.currency"),
        ({"order": order(reference="a<b")}, "order.reference"),
        ({"order": order(reference="x" * 129)}, "order.reference"),
        ({"order": order(items=[item(name="a>b")])}, "order.items[0].name"),
        ({"order": order(items=[item(unit="'")])}, "order.items[0].unit"),
        ({"order": order(items=[item(quantity=-1)])}, "order.items[0].quantity"),
        ({"order": order(items=[item(quantity="1")])}, "order.items[0].quantity"),
        ({"order": order(items=[item(taxRate=100000)])}, "order.items[0].taxRate"),
        ({"order": order(items=[item(imageUrl="x" * 129)])}, "order.items[0].imageUrl"),
        ({"checkout_termsUrl": None}, "checkout.termsUrl"),
        ({"checkout_returnUrl": None}, "checkout.returnUrl"),
        ({"checkout_integrationType": "hostedpaymentpage"}, "checkout.integrationType"),
        ({"checkout": embedded(url=None)}, "checkout.url"),
        ({"checkout": embedded(url="https://shop.test/" + "x" * 256)}, "checkout.url"),
        ({"checkout_countryCode": "SE"}, "checkout.countryCode"),
        ({"checkout_shippingCountries": [{"countryCode": "sv"}]}, "checkout.shippingCountries[0].countryCode"),
        ({"checkout_consumer": {"email": "nobody"}}, "checkout.consumer.email"),
        (
            {"checkout_consumer": {"phoneNumber": {"prefix": "0047", "number": "1"}}},
            "checkout.consumer.phoneNumber.prefix",
        ),
        (
            {"checkout_consumer": {"phoneNumber": {"prefix": "+47", "number": "40 00"}}},
            "checkout.consumer.phoneNumber.number",
        ),
        ({"checkout_consumer": {"phoneNumber": {"prefix": "+47"}}}, "checkout.consumer.phoneNumber.number"),
        (
            {"checkout_consumer": {"shippingAddress": ADDRESS | {"postalCode": "111 22"}}},
            "checkout.consumer.shippingAddress.postalCode",
        ),
        (
            {"checkout_consumer": {"shippingAddress": ADDRESS | {"postalCode": "SW1A 1AA", "country": "GBR"}}},
            "checkout.consumer.shippingAddress.postalCode",
        ),
        (
            {"checkout_consumer": {"shippingAddress": ADDRESS | {"country": "NOR"}}},
            "checkout.consumer.shippingAddress.postalCode",
        ),
        (
            {"checkout_consumer": {"shippingAddress": ADDRESS | {"addressLine2": ""}}},
            "checkout.consumer.shippingAddress.addressLine2",
        ),
        ({"myReference": "x" * 37}, "myReference"),
        ({"notifications": {"webHooks": webhooks("payment.created")["webHooks"] * 33}}, "notifications.webHooks"),
        ({"paymentMethodsConfiguration": [{"name": "Cash"}]}, "paymentMethodsConfiguration[0].name"),
        (
            {"paymentMethodsConfiguration": [{"name": "Card"}, {"name": "Visa"}]},
            "paymentMethodsConfiguration",
        ),
        (
            {"subscription": {"interval": 0}, "unscheduledSubscription": {"create": True}},
            "unscheduledSubscription",
        ),
        ({"subscription": {"interval": -1}}, "subscription.interval"),
        ({"subscription": {"endDate": "soon"}}, "subscription.endDate"),
        ({"subscription": {"endDate": "9999-12-31T23:59:59-14:00"}}, "subscription.endDate"),
    ],
)
def test_create_payment(changes: dict[str, Any], path: str) -> None:
    """Each rule of create payment names the place that breaks it, and nothing else."""
    assert list(created_with(**changes)) == [path]


def test_every_error_is_reported_at_once() -> None:
    """One response lists every error."""
    found = created_with(order=order(currency="kr", reference="<"), myReference="x" * 37)
    assert set(found) == {"order.currency", "order.reference", "myReference"}


def test_one_of_person_and_company() -> None:
    """Where the merchant handles consumer data, the consumer is a person or a company."""
    consumer = {"privatePerson": {"firstName": "A"}, "company": {"name": "B"}}
    changes = {"checkout_consumer": consumer, "checkout_merchantHandlesConsumerData": True}
    assert list(created_with(**changes)) == ["checkout.consumer"]


def test_company_names_take_any_character() -> None:
    """The field table forbids special characters in the names of people, not of companies."""
    read(bodies.CREATE_PAYMENT, hosted(checkout_consumer={"company": {"name": "Te & Co"}}))


def test_some_texts_take_any_character() -> None:
    """Where the field tables name no forbidden characters there are none."""
    read(bodies.CHARGE, {"amount": 1, "shipping": {"trackingNumber": "<1>", "provider": "A&B"}})
    read(bodies.CHARGE, {"amount": 1, "paymentMethodReference": "1'2"})
    read(bodies.CREATE_PAYMENT, hosted(additionalPaymentMethodData={"payPal": {"orderReference": "A&B"}}))


def test_nulls_and_unknown_members_are_accepted() -> None:
    """Nulls count as left out, unknown members are ignored, names match in any case."""
    body = hosted(notifications=None, subscription=None, paymentMethodsConfiguration=[], checkout_consumer=None, more=1)
    body["ORDER"] = body.pop("order")
    assert read(bodies.CREATE_PAYMENT, body)["order"]["amount"] == 12500


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_bodies_that_are_no_objects(body: object) -> None:
    """Whatever is no JSON object is a fault of the whole body."""
    assert list(errors_of(bodies.CHARGE, body)) == ["instance"]


@pytest.mark.parametrize(
    ("url", "accepted", "with_plain_http"),
    [
        ("https://shop.test/hooks", True, True),
        ("http://127.0.0.1:8000/hooks", False, True),
        ("http://localhost/hooks", False, True),
        ("http://[::1]:8000/", False, True),
        ("http://shop.test/hooks", False, False),
        ("http://127.0.0.1.shop.test/", False, False),
        ("ftp://127.0.0.1/", False, False),
        ("https://", False, False),
        ("https://[::1", False, False),
        ("https://shop.test:99999/", False, False),
        ("hooks", False, False),
    ],
)
def test_webhook_urls(url: str, accepted: bool, with_plain_http: bool) -> None:
    """Only https is accepted, and plain http on a loopback host where the setting allows it."""
    assert is_webhook_url(url, plain_http=False) is accepted
    assert is_webhook_url(url, plain_http=True) is with_plain_http


@pytest.mark.parametrize(
    ("secret", "status"), [("abcdefg", 400), ("abcdefgh", 201), ("x" * 64, 201), ("x" * 65, 400), ("abcd-efgh", 201)]
)
async def test_webhook_authorization(wire: Wire, secret: str, status: int) -> None:
    """The authorization of a webhook has 8 to 64 characters."""
    body = hosted(notifications=webhooks("payment.created", authorization=secret))
    assert (await wire.post("/v1/payments", body)).status_code == status


async def test_letters_and_digits_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The rule about letters and digits is a setting."""
    emulator.settings = Settings(alphanumeric_authorization=True)
    body = hosted(notifications=webhooks("payment.created", authorization="abcd-efgh"))
    assert (await wire.post("/v1/payments", body)).status_code == 400


@pytest.mark.parametrize("at", ["2027-01-15T08:00:00Z", "2027-03-01T08:00:01.0Z", "2020-01-01T00:00:00.1234567+01:00"])
async def test_expiry_is_ahead_and_within_45_days(wire: Wire, at: str) -> None:
    """A session ends in the future, at most 45 days from now."""
    response = await wire.post("/v1/payments", hosted(checkout_expiresAt=at))
    assert list(response.json()["errors"]) == ["checkout.expiresAt"]


async def test_expiry_is_kept(wire: Wire) -> None:
    """A given end of the session is what create and retrieve show."""
    response = await wire.post("/v1/payments", hosted(checkout_expiresAt="2027-02-01T00:00:00Z"))
    assert response.json()["expiresAt"] == "2027-02-01T00:00:00.0000+00:00"


async def test_unknown_subscription_to_update(wire: Wire) -> None:
    """A payment cannot update a subscription that is not there."""
    response = await wire.post("/v1/payments", hosted(subscription={"subscriptionId": "0" * 32}))
    assert list(response.json()["errors"]) == ["subscription.subscriptionId"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"null", "application/json", 400),
        (b"", "application/json", 400),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/*+json; charset=utf-8", 400),
        (b"{}", "text/json", 400),
    ],
)
async def test_unreadable_bodies(wire: Wire, content: bytes, kind: str, status: int) -> None:
    """Broken and empty bodies are 400, a body that is not JSON is 415."""
    response = await wire.client.post("/v1/payments", content=content, headers={"Content-Type": kind})
    assert response.status_code == status
    if content in (b"{", b"null", b""):
        assert response.json() == {"errors": {"instance": ["cannot be null"]}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_wrong_types_never_crash(data: st.DataObject) -> None:
    """Whatever JSON stands anywhere in a body, the response is a 400 or the body is read."""
    body = hosted(
        checkout_consumer={"shippingAddress": dict(ADDRESS), "phoneNumber": {"prefix": "+46", "number": "1"}},
        notifications=webhooks("payment.created"),
        subscription={"interval": 0},
        paymentMethods=[{"name": "easy-invoice", "fee": item()}],
    )
    place: Any = body
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = inner
    try:
        response = APIResponse(201, read(bodies.CREATE_PAYMENT, body))
    except Refusal as refusal:
        response = refusal.response
    assert response.status == (400 if "errors" in response.body else 201)
