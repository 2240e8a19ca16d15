"""The request bodies of the API: members, limits and rules, as in the official reference."""

import re
from typing import Any
from urllib.parse import urlsplit

from nexi_async.emulator._fields import (
    BAD3,
    BAD6,
    INT32,
    Anything,
    Choice,
    Faults,
    Flag,
    Id,
    Instant,
    Kind,
    Many,
    Needed,
    Number,
    Rule,
    Spared,
    Table,
    Text,
    Whole,
    join,
    note,
    table,
)
from nexi_async.emulator._methods import CONFIGURABLE_NAMES, CONFIGURABLE_TYPES, methods_of
from nexi_async.emulator._responses import invalid
from nexi_async.emulator._settings import Settings
from nexi_async.emulator._state import SCHEDULED, AgreementKind
from nexi_async.emulator._wire import JSON

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


def read(shape: Table, body: JSON, settings: Settings) -> dict[str, Any]:
    """A request body in its documented form.

    Raises:
        Refusal: 400 with every fault under its path.
    """
    if body is None:
        raise invalid(EMPTY_BODY)
    faults = Faults(settings)
    found: dict[str, Any] = shape.read(body, "", faults)
    if faults:
        raise invalid(faults.by_path)
    return found


def _sum_matches(items_name: str) -> Rule:
    def rule(value: dict[str, Any], path: str, faults: Faults) -> None:
        items = value.get(items_name)
        if items and sum(item["grossTotalAmount"] for item in items) != value.get("amount"):
            note(faults, join(path, "amount"), SUM_DIFFERS)

    return rule


def _positive_and_sum_matches(value: dict[str, Any], path: str, faults: Faults) -> None:
    if value["amount"] <= 0:
        note(faults, join(path, "amount"), NOT_POSITIVE)
    _sum_matches("orderItems")(value, path, faults)


def _address_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    for name in ("addressLine1", "postalCode", "city"):
        if name not in value and not faults.settings.partial_addresses:
            note(faults, join(path, name), "Is required")
    pattern = _POSTAL_CODES.get(value["country"])
    if pattern and "postalCode" in value and not re.fullmatch(pattern, value["postalCode"], re.ASCII):
        note(faults, join(path, "postalCode"), f"Is not a postal code of {value['country']}")


def _phone_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    for name, other in (("prefix", "number"), ("number", "prefix")):
        if name not in value and other in value:
            note(faults, join(path, name), f"Is required with {other}")


def _checkout_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    hosted = value.get("integrationType") == "HostedPaymentPage"
    needed = "returnUrl" if hosted else "url"
    if not value.get(needed):
        kind = "a hosted" if hosted else "an embedded"
        note(faults, join(path, needed), f"Is required for {kind} checkout")
    consumer = value.get("consumer", {})
    if value.get("merchantHandlesConsumerData") and "privatePerson" in consumer and "company" in consumer:
        note(faults, join(path, "consumer"), "Must have either privatePerson or company, not both")


def _configuration_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    names = {entry["name"] for entry in value.get("paymentMethodsConfiguration", ())}
    types = {CONFIGURABLE_TYPES[name]: name for name in names & CONFIGURABLE_TYPES.keys()}
    for name in sorted(names - CONFIGURABLE_TYPES.keys()):
        mixed_with = types.get(methods_of(faults.settings)[name.lower()].type)
        if mixed_with:
            text = f"{name} must not be combined with its type {mixed_with}"
            note(faults, join(path, "paymentMethodsConfiguration"), text)


def _create_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    agreements = [name for name in ("subscription", "unscheduledSubscription") if name in value]
    if len(agreements) == 2:
        note(faults, "unscheduledSubscription", "Must not be combined with subscription")
    if value["order"]["amount"] < 0 or (value["order"]["amount"] == 0 and not agreements):
        note(faults, "order.amount", NOT_POSITIVE)
    _configuration_rule(value, path, faults)


def _charged_order_rule(value: dict[str, Any], path: str, faults: Faults) -> None:
    if value["amount"] <= 0:
        note(faults, join(path, "amount"), NOT_POSITIVE)
    _sum_matches("items")(value, path, faults)


def _exactly_one_id(id_name: str) -> Rule:
    def rule(value: dict[str, Any], path: str, faults: Faults) -> None:
        if bool(value.get(id_name)) == bool(value.get("externalReference")):
            note(faults, path, f"Must have either {id_name} or externalReference")

    return rule


def _named(maximum: int = 128, minimum: int = 1) -> Text:
    return Text(maximum, minimum)


def _plain(maximum: int = 128, *, minimum: int = 0) -> Text:
    """A text for which the field tables forbid no characters."""
    return Text(maximum, minimum, forbidden="")


_COUNTRY = Text(maximum=3, pattern=_ALPHA3)
_COUNTRIES = Many(table({"countryCode": Needed(_COUNTRY)}))
_URL = Text(maximum=256, forbidden=_URL_BAD)
# Where shoppers are sent; javascript: and data: would be run instead of opened.
_WAY_BACK = Text(maximum=256, forbidden=_URL_BAD, pattern=re.compile(r"https?://\S.*", re.IGNORECASE | re.DOTALL))
_MY_REFERENCE = Text(maximum=36)
_COMPANY_NAME = _plain(minimum=1)
_KEY_LIKE = _plain(64, minimum=1)

ORDER_ITEM = table(
    {
        "reference": Needed(Text(forbidden=BAD3)),
        "name": Needed(Text(forbidden=BAD3)),
        "quantity": Needed(Number()),
        "unit": Needed(Text()),
        "unitPrice": Needed(Whole()),
        "taxRate": Whole(0, 99999),
        "taxAmount": Whole(),
        "grossTotalAmount": Needed(Whole()),
        "netTotalAmount": Needed(Whole()),
        "imageUrl": _plain(),
    },
    defaults={"taxRate": 0, "taxAmount": 0},
)
_ITEMS = Many(ORDER_ITEM)
_ORDER_MEMBERS: dict[str, Kind | Needed] = {
    "items": Needed(Many(ORDER_ITEM, minimum=1)),
    "amount": Needed(Whole()),
    "currency": Needed(Text(maximum=3, pattern=_ALPHA3)),
    "reference": Text(),
}
ORDER = table(_ORDER_MEMBERS, rule=_sum_matches("items"))
CHARGED_ORDER = table(_ORDER_MEMBERS, rule=_charged_order_rule)

_PHONE = table(
    {
        "prefix": Text(maximum=4, pattern=re.compile(r"[+]\d{1,3}", re.ASCII)),
        "number": Text(pattern=re.compile(r"[0-9]*")),
    },
    rule=_phone_rule,
)
_ADDRESS = table(
    {
        "addressLine1": _named(),
        "addressLine2": Spared(_named(), "empty_address_members"),
        "postalCode": Spared(Text(12, 1, BAD6 + " "), "empty_address_members"),
        "city": _named(),
        "country": Needed(_COUNTRY),
    },
    rule=_address_rule,
)


def _consumer(*, names_needed: bool) -> Table:
    name: Kind | Needed = Needed(_named()) if names_needed else _named()
    company_name: Kind | Needed = Needed(_COMPANY_NAME) if names_needed else _COMPANY_NAME
    person = table({"firstName": name, "lastName": name})
    return table(
        {
            "reference": Text(),
            "email": Text(pattern=re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
            "shippingAddress": _ADDRESS,
            "billingAddress": _ADDRESS,
            "phoneNumber": _PHONE,
            "privatePerson": person,
            "company": table({"name": company_name, "contact": person}),
        }
    )


CONSUMER = _consumer(names_needed=False)
CHECKOUT = table(
    {
        "integrationType": Choice(["EmbeddedCheckout", "HostedPaymentPage"]),
        "url": _URL,
        "returnUrl": _WAY_BACK,
        "cancelUrl": _WAY_BACK,
        "termsUrl": Needed(Text(maximum=256, minimum=1, forbidden=_URL_BAD)),
        "merchantTermsUrl": _URL,
        "consumer": CONSUMER,
        "shippingCountries": _COUNTRIES,
        "shipping": table(
            {"countries": _COUNTRIES, "merchantHandlesShippingCost": Flag(), "enableBillingAddress": Flag()}
        ),
        "consumerType": table({"default": Choice(["B2C", "B2B"]), "supportedTypes": Many(Choice(["B2C", "B2B"]))}),
        "charge": Flag(),
        "publicDevice": Flag(),
        "merchantHandlesConsumerData": Flag(),
        "appearance": table(
            {
                "displayOptions": table({"showMerchantName": Flag(), "showOrderSummary": Flag()}),
                "textOptions": table(
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
)

HOOK = table(
    {
        "eventName": Needed(Choice(EVENT_NAMES)),
        "url": Needed(Text(maximum=256, minimum=1)),
        "authorization": Text(maximum=64, minimum=8, forbidden="\r\n\0"),
        "headers": Anything(),
    }
)
_NOTIFICATIONS = table({"webHooks": Many(HOOK, maximum=32)})
_FEES = Many(table({"name": Needed(Text()), "fee": ORDER_ITEM}))
_AGREEMENT_INTERVAL = Whole(0, INT32 - 1)

CREATE_PAYMENT = table(
    {
        "order": Needed(ORDER),
        "checkout": Needed(CHECKOUT),
        "merchantNumber": Text(),
        "notifications": _NOTIFICATIONS,
        "subscription": table(
            {
                "subscriptionId": Id(),
                "endDate": Instant(),
                "interval": _AGREEMENT_INTERVAL,
                "allowVariableAmount": Flag(),
            }
        ),
        "unscheduledSubscription": table({"create": Flag(), "unscheduledSubscriptionId": Id()}),
        "paymentMethodsConfiguration": Many(table({"name": Needed(Choice(CONFIGURABLE_NAMES)), "enabled": Flag()})),
        "paymentMethods": _FEES,
        "myReference": _MY_REFERENCE,
        "additionalPaymentMethodData": table(
            {
                "riverty": table({"orderReference": _plain(127)}),
                "payPal": table({"orderReference": _plain(127)}),
            }
        ),
    },
    rule=_create_rule,
)

REFERENCE_INFORMATION = table({"checkoutUrl": Needed(Text(256, 1, _URL_BAD)), "reference": Needed(_named())})
MY_REFERENCE = table({"myReference": _MY_REFERENCE})
ORDER_UPDATE = table(
    {
        "amount": Whole(0),
        "items": Many(ORDER_ITEM, minimum=1),
        "shipping": table({"costSpecified": Flag()}),
        "paymentMethods": _FEES,
    },
    rule=_sum_matches("items"),
)
CANCEL = table({"amount": Needed(Whole()), "orderItems": _ITEMS}, rule=_positive_and_sum_matches)
CHARGE = table(
    {
        "amount": Needed(Whole()),
        "orderItems": _ITEMS,
        "shipping": table({"trackingNumber": _plain(255), "provider": _plain(4)}),
        "finalCharge": Flag(),
        "myReference": _MY_REFERENCE,
        "paymentMethodReference": _plain(20),
    },
    rule=_positive_and_sum_matches,
)
REFUND = table(
    {"amount": Needed(Whole()), "orderItems": _ITEMS, "myReference": _MY_REFERENCE},
    rule=_positive_and_sum_matches,
)
CARD_PAYMENT = table(
    {
        "interactionType": Whole(),
        "order": Needed(CHARGED_ORDER),
        "paymentInfo": Needed(table({"consumer": _consumer(names_needed=True), "charge": Flag()})),
        "merchantNumber": Text(),
        "notifications": _NOTIFICATIONS,
        "myReference": _MY_REFERENCE,
        "cardDetails": Needed(
            table(
                {
                    "cardNumber": Needed(Text(19, 12)),
                    "expiryMonth": Needed(Text(2, pattern=re.compile(r"0[1-9]|1[0-2]"))),
                    "expiryYear": Needed(Text(2, pattern=re.compile(r"[0-9]{2}"))),
                    "cvc": Needed(Text(3, pattern=re.compile(r"[0-9]{3}"))),
                    "cardHolderName": _plain(),
                    "network": Anything(),
                }
            )
        ),
    }
)
AGREEMENT_CHARGE = table(
    {"order": Needed(CHARGED_ORDER), "notifications": _NOTIFICATIONS, "myReference": _MY_REFERENCE}
)


def bulk_charge(kind: AgreementKind) -> Table:
    """The body of a bulk charge; the external id is documented as required for scheduled ones only."""
    external_id: Kind | Needed = Needed(_KEY_LIKE) if kind is SCHEDULED else _KEY_LIKE
    members: dict[str, Kind | Needed] = {"order": Needed(CHARGED_ORDER), "myReference": _MY_REFERENCE}
    entries = Many(_bulk_entry(kind, members), minimum=1)
    return table(
        {
            "externalBulkChargeId": external_id,
            "notifications": _NOTIFICATIONS,
            kind.list_member: Needed(entries),
        }
    )


def bulk_verification(kind: AgreementKind) -> Table:
    """The body of a bulk verification."""
    entries = Many(_bulk_entry(kind, {}), minimum=1)
    return table({"externalBulkVerificationId": _KEY_LIKE, kind.list_member: Needed(entries)})


def _bulk_entry(kind: AgreementKind, members: dict[str, Kind | Needed]) -> Table:
    ids: dict[str, Kind | Needed] = {
        kind.id_member: Spared(Id(), "empty_external_reference"),
        "externalReference": Spared(_KEY_LIKE, "empty_external_reference"),
    }
    return table(ids | members, rule=_exactly_one_id(kind.id_member))


def is_webhook_url(url: str, *, plain_http: bool) -> bool:
    """Whether a webhook may be sent to this url: https, or plain http to a loopback host if allowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    loopback = host in {"localhost", "127.0.0.1", "::1"}
    return bool(host) and (parts.scheme == "https" or (plain_http and loopback and parts.scheme == "http"))
