"""The request bodies of the API: members, limits and rules, as in the official reference."""

import re
from functools import cache
from typing import Any

from nexi_async.emulator._engine.addresses import is_webhook_url
from nexi_async.emulator._engine.fields import (
    BAD3,
    BAD6,
    INT32,
    AnyValue,
    Array,
    Boolean,
    Choice,
    EmptyAllowed,
    FieldErrors,
    FieldType,
    Id,
    Instant,
    Integer,
    Number,
    Object,
    Required,
    Rule,
    String,
    join,
)
from nexi_async.emulator._engine.methods import CONFIGURABLE_NAMES, CONFIGURABLE_TYPES, methods_of
from nexi_async.emulator._engine.responses import invalid
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import SCHEDULED, AgreementKind
from nexi_async.emulator._engine.wire import JSON

# The texts about amounts are the API's own, spelling included, as recorded.
SUM_DIFFERS = "Amount dosen't match sum of orderitems"
NOT_POSITIVE = "Amount must be greater than 0"
EMPTY_BODY = {"instance": ["cannot be null"]}

EVENT_NAMES = (
    "payment.created",
    "payment.reservation.created",
    "payment.reservation.created.v2",
    "payment.reservation.failed",
    "payment.checkout.completed",
    "payment.charge.created",
    "payment.charge.created.v2",
    "payment.charge.failed",
    "payment.charge.failed.v2",
    "payment.refund.initiated",
    "payment.refund.initiated.v2",
    "payment.refund.failed",
    "payment.refund.completed",
    "payment.cancel.created",
    "payment.cancel.failed",
)

_URL_BAD = "<>'\"\\"
_ALPHA3 = re.compile(r"[A-Z]{3}")
_POSTAL_CODES = {"NOR": r"\d{4}", "DNK": r"\d{4}", "SWE": r"\d{5}"}


def read(shape: Object, body: JSON, settings: Settings) -> dict[str, Any]:
    """A request body in its documented form.

    Raises:
        Refusal: 400 with every error under its path.
    """
    if body is None:
        raise invalid(EMPTY_BODY)
    errors = FieldErrors(settings)
    found: dict[str, Any] = shape.read(body, "", errors)
    if shape is CREATE_PAYMENT and settings.create_error_paths == "short":
        errors.by_path = {path.removeprefix("order."): texts for path, texts in errors.by_path.items()}
    errors.raise_any()
    return found


def _sum_matches(items_name: str) -> Rule:
    def rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
        items = value.get(items_name)
        if items and sum(item["grossTotalAmount"] for item in items) != value.get("amount"):
            errors.add(join(path, "amount"), SUM_DIFFERS)

    return rule


def _positive_and_sum_matches(items_name: str) -> Rule:
    sum_matches = _sum_matches(items_name)

    def rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
        if value["amount"] <= 0:
            errors.add(join(path, "amount"), NOT_POSITIVE)
        sum_matches(value, path, errors)

    return rule


def _address_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    for name in ("addressLine1", "postalCode", "city"):
        if name not in value and not errors.settings.partial_addresses:
            errors.add(join(path, name), "Is required")
    pattern = _POSTAL_CODES.get(value["country"])
    if pattern and "postalCode" in value and not re.fullmatch(pattern, value["postalCode"], re.ASCII):
        errors.add(join(path, "postalCode"), f"Is not a postal code of {value['country']}")


def _phone_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    for name, other in (("prefix", "number"), ("number", "prefix")):
        if name not in value and other in value:
            errors.add(join(path, name), f"Is required with {other}")


def _checkout_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    hosted = value.get("integrationType") == "HostedPaymentPage"
    required = "returnUrl" if hosted else "url"
    if not value.get(required):
        kind = "a hosted" if hosted else "an embedded"
        errors.add(join(path, required), f"Is required for {kind} checkout")
    consumer = value.get("consumer", {})
    if value.get("merchantHandlesConsumerData") and "privatePerson" in consumer and "company" in consumer:
        errors.add(join(path, "consumer"), "Must have either privatePerson or company, not both")


def _configuration_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    names = {entry["name"] for entry in value.get("paymentMethodsConfiguration", ())}
    types = {CONFIGURABLE_TYPES[name]: name for name in names & CONFIGURABLE_TYPES.keys()}
    for name in sorted(names - CONFIGURABLE_TYPES.keys()):
        mixed_with = types.get(methods_of(errors.settings)[name.lower()].type)
        if mixed_with:
            text = f"{name} must not be combined with its type {mixed_with}"
            errors.add(join(path, "paymentMethodsConfiguration"), text)


def _webhook_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    if not is_webhook_url(value["url"], plain_http=errors.settings.plain_http_webhooks):
        errors.add(join(path, "url"), "Must be an https url")
    secret = value.get("authorization", "")
    if errors.settings.alphanumeric_authorization and secret and not (secret.isascii() and secret.isalnum()):
        errors.add(join(path, "authorization"), "Must be letters and digits only")


def _create_rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
    agreements = [name for name in ("subscription", "unscheduledSubscription") if name in value]
    if len(agreements) == 2:
        errors.add("unscheduledSubscription", "Must not be combined with subscription")
    if value["order"]["amount"] < 0 or (value["order"]["amount"] == 0 and not agreements):
        errors.add("order.amount", NOT_POSITIVE)
    _configuration_rule(value, path, errors)


def _exactly_one_id(id_name: str) -> Rule:
    def rule(value: dict[str, Any], path: str, errors: FieldErrors) -> None:
        if bool(value.get(id_name)) == bool(value.get("externalReference")):
            errors.add(path, f"Must have either {id_name} or externalReference")

    return rule


def _plain(maximum: int = 128, *, minimum: int = 0) -> String:
    """A text for which the field tables forbid no characters."""
    return String(maximum, minimum, forbidden="")


_NAME = String(minimum=1)
_COUNTRY = String(maximum=3, pattern=_ALPHA3)
SHIPPING_COUNTRY = Object({"countryCode": Required(_COUNTRY)}, name="ShippingCountry")
_COUNTRIES = Array(SHIPPING_COUNTRY)
_URL = String(maximum=256, forbidden=_URL_BAD)
# Where shoppers are sent; javascript: and data: would be run instead of opened.
_WAY_BACK = String(maximum=256, forbidden=_URL_BAD, pattern=re.compile(r"https?://\S.*", re.IGNORECASE | re.DOTALL))
_MY_REFERENCE = String(maximum=36)
_COMPANY_NAME = _plain(minimum=1)
_KEY_LIKE = _plain(64, minimum=1)

ORDER_ITEM = Object(
    {
        "reference": Required(String(forbidden=BAD3)),
        "name": Required(String(forbidden=BAD3)),
        "quantity": Required(Number()),
        "unit": Required(String()),
        "unitPrice": Required(Integer()),
        "taxRate": Integer(0, 99999),
        "taxAmount": Integer(),
        "grossTotalAmount": Required(Integer()),
        "netTotalAmount": Required(Integer()),
        "imageUrl": _plain(),
    },
    defaults={"taxRate": 0, "taxAmount": 0},
    name="OrderItem",
)
_ITEMS = Array(ORDER_ITEM)
_ORDER_MEMBERS: dict[str, FieldType | Required] = {
    "items": Required(Array(ORDER_ITEM, minimum=1)),
    "amount": Required(Integer()),
    "currency": Required(String(maximum=3, pattern=_ALPHA3)),
    "reference": String(),
}
ORDER = Object(_ORDER_MEMBERS, rule=_sum_matches("items"), name="Order")
CHARGED_ORDER = Object(_ORDER_MEMBERS, rule=_positive_and_sum_matches("items"), name="ChargedOrder")

PHONE = Object(
    {
        "prefix": String(maximum=4, pattern=re.compile(r"[+]\d{1,3}", re.ASCII)),
        "number": String(pattern=re.compile(r"[0-9]*")),
    },
    rule=_phone_rule,
    name="PhoneNumber",
)
ADDRESS = Object(
    {
        "addressLine1": _NAME,
        "addressLine2": EmptyAllowed(_NAME, "empty_address_members"),
        "postalCode": EmptyAllowed(String(12, 1, BAD6 + " "), "empty_address_members"),
        "city": _NAME,
        "country": Required(_COUNTRY),
    },
    rule=_address_rule,
    name="Address",
)


def _consumer(*, names_needed: bool, schema_name: str | None = None) -> Object:
    name: FieldType | Required = Required(_NAME) if names_needed else _NAME
    company_name: FieldType | Required = Required(_COMPANY_NAME) if names_needed else _COMPANY_NAME
    person = Object({"firstName": name, "lastName": name})
    return Object(
        {
            "reference": String(),
            "email": String(pattern=re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
            "shippingAddress": ADDRESS,
            "billingAddress": ADDRESS,
            "phoneNumber": PHONE,
            "privatePerson": person,
            "company": Object({"name": company_name, "contact": person}),
        },
        name=schema_name,
    )


CONSUMER = _consumer(names_needed=False, schema_name="Consumer")
CHECKOUT = Object(
    {
        "integrationType": Choice(["EmbeddedCheckout", "HostedPaymentPage"]),
        "url": _URL,
        "returnUrl": _WAY_BACK,
        "cancelUrl": _WAY_BACK,
        "termsUrl": Required(String(maximum=256, minimum=1, forbidden=_URL_BAD)),
        "merchantTermsUrl": _URL,
        "consumer": CONSUMER,
        "shippingCountries": _COUNTRIES,
        "shipping": Object(
            {"countries": _COUNTRIES, "merchantHandlesShippingCost": Boolean(), "enableBillingAddress": Boolean()}
        ),
        "consumerType": Object({"default": Choice(["B2C", "B2B"]), "supportedTypes": Array(Choice(["B2C", "B2B"]))}),
        "charge": Boolean(),
        "publicDevice": Boolean(),
        "merchantHandlesConsumerData": Boolean(),
        "appearance": Object(
            {
                "displayOptions": Object({"showMerchantName": Boolean(), "showOrderSummary": Boolean()}),
                "textOptions": Object(
                    {
                        "completePaymentButtonText": Choice(
                            ["pay", "purchase", "order", "book", "reserve", "signup", "subscribe", "accept"]
                        )
                    }
                ),
            }
        ),
        "countryCode": _COUNTRY,
        "expiresAt": Instant(),
    },
    rule=_checkout_rule,
    name="Checkout",
)

HOOK = Object(
    {
        "eventName": Required(Choice(EVENT_NAMES)),
        "url": Required(String(maximum=256, minimum=1)),
        "authorization": String(maximum=64, minimum=8, forbidden="\r\n\0"),
        "headers": AnyValue(),
    },
    rule=_webhook_rule,
    name="WebHook",
)
NOTIFICATIONS = Object({"webHooks": Array(HOOK, maximum=32)}, name="Notifications")
_FEES = Array(Object({"name": Required(String()), "fee": ORDER_ITEM}))
_AGREEMENT_INTERVAL = Integer(0, INT32 - 1)

CREATE_PAYMENT = Object(
    {
        "order": Required(ORDER),
        "checkout": Required(CHECKOUT),
        "merchantNumber": String(),
        "notifications": NOTIFICATIONS,
        "subscription": Object(
            {
                "subscriptionId": Id(),
                "endDate": Instant(),
                "interval": _AGREEMENT_INTERVAL,
                "allowVariableAmount": Boolean(),
            }
        ),
        "unscheduledSubscription": Object({"create": Boolean(), "unscheduledSubscriptionId": Id()}),
        "paymentMethodsConfiguration": Array(
            Object({"name": Required(Choice(CONFIGURABLE_NAMES)), "enabled": Boolean()})
        ),
        "paymentMethods": _FEES,
        "myReference": _MY_REFERENCE,
        "additionalPaymentMethodData": Object(
            {
                "riverty": Object({"orderReference": _plain(127)}),
                "payPal": Object({"orderReference": _plain(127)}),
            }
        ),
    },
    rule=_create_rule,
)

REFERENCE_INFORMATION = Object({"checkoutUrl": Required(String(256, 1, _URL_BAD)), "reference": Required(_NAME)})
MY_REFERENCE = Object({"myReference": _MY_REFERENCE})
ORDER_UPDATE = Object(
    {
        "amount": Integer(0),
        "items": Array(ORDER_ITEM, minimum=1),
        "shipping": Object({"costSpecified": Boolean()}),
        "paymentMethods": _FEES,
    },
    rule=_sum_matches("items"),
)
CANCEL = Object({"amount": Required(Integer()), "orderItems": _ITEMS}, rule=_positive_and_sum_matches("orderItems"))
CHARGE = Object(
    {
        "amount": Required(Integer()),
        "orderItems": _ITEMS,
        "shipping": Object({"trackingNumber": _plain(255), "provider": _plain(4)}),
        "finalCharge": Boolean(),
        "myReference": _MY_REFERENCE,
        "paymentMethodReference": _plain(20),
    },
    rule=_positive_and_sum_matches("orderItems"),
)
REFUND = Object(
    {"amount": Required(Integer()), "orderItems": _ITEMS, "myReference": _MY_REFERENCE},
    rule=_positive_and_sum_matches("orderItems"),
)
CARD_PAYMENT = Object(
    {
        "interactionType": Integer(),
        "order": Required(CHARGED_ORDER),
        "paymentInfo": Required(Object({"consumer": _consumer(names_needed=True), "charge": Boolean()})),
        "merchantNumber": String(),
        "notifications": NOTIFICATIONS,
        "myReference": _MY_REFERENCE,
        "cardDetails": Required(
            Object(
                {
                    "cardNumber": Required(String(19, 12)),
                    "expiryMonth": Required(String(2, pattern=re.compile(r"0[1-9]|1[0-2]"))),
                    "expiryYear": Required(String(2, pattern=re.compile(r"[0-9]{2}"))),
                    "cvc": Required(String(3, pattern=re.compile(r"[0-9]{3}"))),
                    "cardHolderName": _plain(),
                    "network": AnyValue(),
                }
            )
        ),
    }
)
AGREEMENT_CHARGE = Object(
    {"order": Required(CHARGED_ORDER), "notifications": NOTIFICATIONS, "myReference": _MY_REFERENCE}
)


@cache
def bulk_charge(kind: AgreementKind) -> Object:
    """The body of a bulk charge; the external id is documented as required for scheduled ones only."""
    external_id: FieldType | Required = Required(_KEY_LIKE) if kind is SCHEDULED else _KEY_LIKE
    members: dict[str, FieldType | Required] = {"order": Required(CHARGED_ORDER), "myReference": _MY_REFERENCE}
    entries = Array(_bulk_entry(kind, members), minimum=1)
    return Object(
        {
            "externalBulkChargeId": external_id,
            "notifications": NOTIFICATIONS,
            kind.list_member: Required(entries),
        }
    )


@cache
def bulk_verification(kind: AgreementKind) -> Object:
    entries = Array(_bulk_entry(kind, {}), minimum=1)
    return Object({"externalBulkVerificationId": _KEY_LIKE, kind.list_member: Required(entries)})


def _bulk_entry(kind: AgreementKind, members: dict[str, FieldType | Required]) -> Object:
    ids: dict[str, FieldType | Required] = {
        kind.id_member: EmptyAllowed(Id(), "empty_external_reference"),
        "externalReference": EmptyAllowed(_KEY_LIKE, "empty_external_reference"),
    }
    return Object(ids | members, rule=_exactly_one_id(kind.id_member))
