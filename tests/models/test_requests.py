"""Tests of the rules that the request models hold: limits, patterns, and what excludes what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from nexi_async import (
    Address,
    Checkout,
    Company,
    Consumer,
    ConsumerType,
    Country,
    Notifications,
    Order,
    OrderItem,
    PaymentMethodConfiguration,
    PhoneNumber,
    PrivatePerson,
    Shipment,
    Shipping,
    SubscriptionSetup,
    TextOptions,
    UnscheduledSubscriptionSetup,
    WebHook,
)
from nexi_async._models import rules
from nexi_async._models.changes import CancelPayment, UpdateMyReference, UpdateOrder, UpdateReference
from nexi_async._models.charge import ChargePayment
from nexi_async._models.create_payment import CreatePayment
from nexi_async._models.refund import RefundRequest
from nexi_async._models.subscription import ChargeSubscription

LINE = OrderItem.of(reference="mug", name="Mug", unit_price=100)
ORDER = Order.of(items=[LINE], currency="SEK")
FREE = Order.of(items=[OrderItem.of(reference="card", name="Card", unit_price=0)], currency="SEK")
HOSTED = Checkout.hosted(return_url="https://shop.test/ok", terms_url="https://shop.test/terms")
ADDRESS = Address(address_line1="Gatan 1", postal_code="11122", city="Stockholm", country="SWE")
PERSON = PrivatePerson(first_name="Å", last_name="B")
HOOK = WebHook(event_name="payment.created", url="https://shop.test/hook", authorization="a" * 32)


def hosted(**changes: Any) -> CreatePayment:
    """A payment on a hosted page whose checkout is changed."""
    return CreatePayment(order=ORDER, checkout=attrs.evolve(HOSTED, **changes))


def consumer(**changes: Any) -> CreatePayment:
    """A payment with a consumer."""
    return hosted(consumer=Consumer(**changes))


def hook(**changes: Any) -> CreatePayment:
    """A payment with one webhook."""
    return CreatePayment(
        order=ORDER, checkout=HOSTED, notifications=Notifications(web_hooks=[attrs.evolve(HOOK, **changes)])
    )


VALID = [
    hosted(),
    hosted(cancel_url="https://shop.test/no?a=1&b=2", merchant_terms_url="https://shop.test/privacy"),
    hosted(expires_at=datetime.now(UTC) + timedelta(days=44)),
    hosted(consumer_type=ConsumerType(default="B2B", supported_types=["B2C", "B2B"])),
    hosted(shipping=Shipping(countries=[Country("SWE")], merchant_handles_shipping_cost=True)),
    hosted(merchant_handles_consumer_data=True, consumer=Consumer(company=Company(name="AB"))),
    consumer(reference="c1", email="a@b.se", shipping_address=ADDRESS, private_person=PERSON),
    consumer(phone_number=PhoneNumber(prefix="+46", number="701234567")),
    consumer(shipping_address=attrs.evolve(ADDRESS, country="GBR", postal_code="SW1A1AA")),
    CreatePayment(
        order=ORDER, checkout=Checkout.embedded(url="https://shop.test/pay", terms_url="https://shop.test/t")
    ),
    CreatePayment(order=FREE, checkout=HOSTED, subscription=SubscriptionSetup(interval=30)),
    CreatePayment(order=FREE, checkout=HOSTED, unscheduled_subscription=UnscheduledSubscriptionSetup(create=True)),
    hook(),
    hook(url="http://127.0.0.1:8000/hook"),
    ChargePayment(amount=100, order_items=[LINE], shipping=Shipment(provider="PNOR"), my_reference="x" * 36),
    RefundRequest(amount=50),
    CancelPayment(amount=100, order_items=[LINE]),
    UpdateOrder(amount=100, items=[LINE]),
    UpdateReference(checkout_url="https://shop.test/pay", reference="o-1"),
    UpdateMyReference(my_reference="mine"),
    ChargeSubscription(order=ORDER),
]

FAULTY = [
    (hosted(return_url=None), "checkout.returnUrl", "is required"),
    (hosted(integration_type="hostedpaymentpage"), "checkout.integrationType", "must be EmbeddedCheckout or"),
    (hosted(integration_type=None, url=None), "checkout.url", "is required"),
    (hosted(terms_url=""), "checkout.termsUrl", "must not be empty"),
    (hosted(terms_url="https://shop.test/" + "x" * 256), "checkout.termsUrl", "has 274 characters"),
    (hosted(cancel_url="https://shop.test/'"), "checkout.cancelUrl", "has ' at position 19"),
    (hosted(country_code="SE"), "checkout.countryCode", "three-letter ISO 3166 code in capitals, here SWE (Sweden)"),
    (hosted(shipping_countries=[Country("SWE"), Country("se")]), "checkout.shippingCountries[1].countryCode", "SWE"),
    (hosted(consumer_type=ConsumerType(default="B2G")), "checkout.consumerType.default", "B2C or B2B"),
    (hosted(charge="yes"), "checkout.charge", "must be True or False, is a str"),
    (hosted(expires_at=datetime.now(UTC) + timedelta(days=46)), "checkout.expiresAt", "at most 45 days"),
    (hosted(expires_at=datetime(2026, 1, 1)), "checkout.expiresAt", "needs a time zone"),  # noqa: DTZ001
    (hosted(merchant_handles_consumer_data=True, consumer=Consumer()), "checkout.consumer", "needs one of"),
    (
        hosted(
            merchant_handles_consumer_data=True,
            consumer=Consumer(private_person=PERSON, company=Company(name="AB")),
        ),
        "checkout.consumer",
        "needs one of",
    ),
    (consumer(email="no address"), "checkout.consumer.email", "must be an e-mail address"),
    (consumer(reference="a&b"), "checkout.consumer.reference", "has & at position 2"),
    (consumer(phone_number=PhoneNumber(prefix="46", number="1")), "checkout.consumer.phoneNumber.prefix", "a plus"),
    (
        consumer(phone_number=PhoneNumber(prefix="+46", number="070-1")),
        "checkout.consumer.phoneNumber.number",
        "digits",
    ),
    (consumer(phone_number=PhoneNumber(prefix="+46", number="")), "checkout.consumer.phoneNumber.number", "empty"),
    (
        consumer(shipping_address=attrs.evolve(ADDRESS, postal_code="1112")),
        "checkout.consumer.shippingAddress.postalCode",
        "exactly 5 digits in SWE",
    ),
    (
        consumer(billing_address=attrs.evolve(ADDRESS, country="NOR", postal_code="12345")),
        "checkout.consumer.billingAddress.postalCode",
        "exactly 4 digits in NOR",
    ),
    (
        consumer(shipping_address=attrs.evolve(ADDRESS, postal_code="111 22")),
        "checkout.consumer.shippingAddress.postalCode",
        "at position 4",
    ),
    (
        consumer(shipping_address=attrs.evolve(ADDRESS, address_line2="<")),
        "checkout.consumer.shippingAddress.addressLine2",
        "has < at position 1",
    ),
    (consumer(private_person=PrivatePerson(first_name='"')), "checkout.consumer.privatePerson.firstName", 'has "'),
    (
        hosted(appearance=None, shipping=Shipping(countries=[Country("")])),
        "checkout.shipping.countries[0].countryCode",
        "three",
    ),
    (CreatePayment(order=FREE, checkout=HOSTED), "order.amount", "must be greater than 0"),
    (
        CreatePayment(
            order=ORDER,
            checkout=HOSTED,
            subscription=SubscriptionSetup(),
            unscheduled_subscription=UnscheduledSubscriptionSetup(create=True),
        ),
        "subscription",
        "exclude each other",
    ),
    (
        CreatePayment(order=ORDER, checkout=HOSTED, subscription=SubscriptionSetup(interval=-1)),
        "subscription.interval",
        "must be from 0",
    ),
    (CreatePayment(order=ORDER, checkout=HOSTED, my_reference="x" * 37), "myReference", "has 37 characters"),
    (
        CreatePayment(
            order=ORDER,
            checkout=HOSTED,
            payment_methods_configuration=[
                PaymentMethodConfiguration(name="Visa"),
                PaymentMethodConfiguration(name="Card"),
            ],
        ),
        "paymentMethodsConfiguration",
        "excludes",
    ),
    (hook(url="http://shop.test/hook"), "notifications.webHooks[0].url", "must be an https address"),
    (hook(url="https://shop.test/hook?a=1&b=2"), "notifications.webHooks[0].url", "has & at position"),
    (hook(url="https://"), "notifications.webHooks[0].url", "must be an https address"),
    (hook(url="https://[bad"), "notifications.webHooks[0].url", "is not an address"),
    (hook(authorization="short"), "notifications.webHooks[0].authorization", "8 to 64"),
    (hook(authorization="with spaces inside"), "notifications.webHooks[0].authorization", "8 to 64"),
    (hook(event_name=""), "notifications.webHooks[0].eventName", "must not be empty"),
    (
        CreatePayment(order=ORDER, checkout=HOSTED, notifications=Notifications(web_hooks=[HOOK] * 33)),
        "notifications.webHooks",
        "at most 32",
    ),
    (ChargePayment(amount=0), "amount", "must be from 1"),
    (ChargePayment(amount=99, order_items=[LINE]), "amount", "add up to 100"),
    (ChargePayment(amount=100, shipping=Shipment(provider="POSTEN")), "shipping.provider", "at most 4"),
    (ChargePayment(amount=100, shipping=Shipment(tracking_number="x" * 256)), "shipping.trackingNumber", "at most 255"),
    (ChargePayment(amount=100, payment_method_reference="x" * 21), "paymentMethodReference", "at most 20"),
    (RefundRequest(amount=-1), "amount", "must be from 1"),
    (RefundRequest(amount=1, order_items=[LINE]), "amount", "add up to 100"),
    (CancelPayment(amount=2**31), "amount", "must be from 1"),
    (CancelPayment(amount=1, order_items=[LINE]), "amount", "add up to 100"),
    (UpdateOrder(amount=100, items=[]), "items", "at least one line"),
    (UpdateOrder(amount=101, items=[LINE]), "amount", "add up to 100"),
    (UpdateReference(checkout_url="https://shop.test", reference="x" * 129), "reference", "has 129 characters"),
    (UpdateReference(checkout_url="https://shop.test", reference=""), "reference", "must not be empty"),
    (UpdateMyReference(my_reference="<"), "myReference", "has < at position 1"),
    (ChargeSubscription(order=FREE), "order.amount", "must be greater than 0"),
]


@pytest.mark.parametrize("request_", VALID, ids=lambda value: type(value).__name__)
def test_valid_requests_pass(request_: object) -> None:
    """What the API takes is not refused here."""
    assert list(rules.faults(request_)) == []


@pytest.mark.parametrize(("request_", "path", "text"), FAULTY, ids=[f"{path}-{text}" for _, path, text in FAULTY])
def test_breaches_are_found(request_: object, path: str, text: str) -> None:
    """Each breach of a documented rule is found, with its place and its reason."""
    found = {fault.path: fault.message for fault in rules.faults(request_)}
    assert list(found) == [path]
    assert text in found[path]


def test_all_breaches_are_listed_at_once() -> None:
    """All faults are reported at once."""
    order = attrs.evolve(ORDER, currency="sek", items=[attrs.evolve(LINE, name="<", tax_rate=-1)])
    request = CreatePayment(order=order, checkout=attrs.evolve(HOSTED, terms_url=""), my_reference="x" * 99)
    assert [fault.path for fault in rules.faults(request)] == [
        "order.items[0].name",
        "order.items[0].taxRate",
        "order.currency",
        "checkout.termsUrl",
        "myReference",
    ]


@pytest.mark.parametrize(
    "value",
    [
        consumer(private_person=PrivatePerson(first_name="Ingrid"), email="ingrid@example.no"),
        ADDRESS,
        Consumer(email="ingrid@example.no"),
        HOOK,
        PhoneNumber(prefix="+46", number="701234567"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_personal_data_and_secrets_stay_out_of_reprs(value: object) -> None:
    """What identifies the shopper, or lets a caller in, never shows."""
    assert not any(secret in repr(value) for secret in ("Ingrid", "ingrid", "Gatan", "701234567", HOOK.authorization))


def test_button_text_is_one_of_eight() -> None:
    """The API knows eight words for the button."""
    assert not list(rules.faults(TextOptions(complete_payment_button_text="pay")))
    assert list(rules.faults(TextOptions(complete_payment_button_text="Pay")))
