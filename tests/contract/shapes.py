"""The documents of the API member by member: those it returns, those it accepts, and its errors.

A shape is a dict of members, a list of one shape, or a check of a single value. A name that ends in "?" may be
missing. Amounts are whole minor units.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], bool]
Shape: TypeAlias = dict[str, "Shape"] | list["Shape"] | Check


# --- single values ----------------------------------------------------------------------------------------------------


def anything(_: Any) -> bool:
    """No schema is published."""
    return True


def nothing(value: Any) -> bool:
    """An empty body."""
    return value is None


def text(value: Any) -> bool:
    """Any text."""
    return isinstance(value, str)


def identifier(value: Any) -> bool:
    """32 hex digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


def money(value: Any) -> bool:
    """A whole number, mostly of minor units."""
    return type(value) is int


def number(value: Any) -> bool:
    """Any number."""
    return type(value) in (int, float)


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def context(value: Any) -> bool:
    """RFC 3339 with 0 to 7 digits of fraction."""
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)"
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def day(value: Any) -> bool:
    """A date."""
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def or_null(check: Check) -> Check:
    """The Reporting API does not document whether an absent value is left out or null."""
    return lambda value: value is None or check(value)


def one_of(*words: str) -> Check:
    """One of these."""
    return lambda value: value in words


# --- order ------------------------------------------------------------------------------------------------------------

ORDER_ITEM: Shape = {
    "reference": text,
    "name": text,
    "quantity": number,
    "unit": text,
    "unitPrice": money,
    "taxRate?": money,
    "taxAmount?": money,
    "grossTotalAmount": money,
    "netTotalAmount": money,
    "imageUrl?": text,
}
ORDER: Shape = {"items": [ORDER_ITEM], "amount": money, "currency": text, "reference?": text}
NOTIFICATIONS: Shape = {
    "webHooks?": [{"eventName": text, "url": text, "authorization?": text, "headers?": anything}],
}

# --- requests ---------------------------------------------------------------------------------------------------------

_ADDRESS: Shape = {
    "addressLine1": text,
    "addressLine2?": text,
    "postalCode": text,
    "city": text,
    "country": text,
}
_NAME: Shape = {"firstName?": text, "lastName?": text}
_CONSUMER: Shape = {
    "reference?": text,
    "email?": text,
    "shippingAddress?": _ADDRESS,
    "billingAddress?": _ADDRESS,
    "phoneNumber?": {"prefix?": text, "number?": text},
    "privatePerson?": _NAME,
    "company?": {"name?": text, "contact?": _NAME},
}
_COUNTRIES: Shape = [{"countryCode": text}]
_CHECKOUT: Shape = {
    "integrationType?": one_of("EmbeddedCheckout", "HostedPaymentPage"),
    "url?": text,
    "returnUrl?": text,
    "cancelUrl?": text,
    "termsUrl": text,
    "merchantTermsUrl?": text,
    "consumer?": _CONSUMER,
    "shippingCountries?": _COUNTRIES,
    "shipping?": {"countries?": _COUNTRIES, "merchantHandlesShippingCost?": flag, "enableBillingAddress?": flag},
    "consumerType?": {"default?": one_of("B2C", "B2B"), "supportedTypes?": [one_of("B2C", "B2B")]},
    "charge?": flag,
    "publicDevice?": flag,
    "merchantHandlesConsumerData?": flag,
    "appearance?": {
        "displayOptions?": {"showMerchantName?": flag, "showOrderSummary?": flag},
        "textOptions?": {"completePaymentButtonText?": text},
    },
    "countryCode?": text,
    "expiresAt?": context,
}
_FEES: Shape = [{"name?": text, "fee?": ORDER_ITEM}]

CREATE_PAYMENT: Shape = {
    "order": ORDER,
    "checkout": _CHECKOUT,
    "merchantNumber?": text,
    "notifications?": NOTIFICATIONS,
    "subscription?": {
        "subscriptionId?": text,
        "endDate?": context,
        "interval?": money,
        "allowVariableAmount?": flag,
    },
    "unscheduledSubscription?": {"create?": flag, "unscheduledSubscriptionId?": text},
    "paymentMethodsConfiguration?": [{"name?": text, "enabled?": flag}],
    "paymentMethods?": _FEES,
    "myReference?": text,
    "additionalPaymentMethodData?": {
        "riverty?": {"orderReference?": text},
        "payPal?": {"orderReference?": text},
    },
}
UPDATE_REFERENCE: Shape = {"checkoutUrl": text, "reference": text}
UPDATE_MY_REFERENCE: Shape = {"myReference?": text}
UPDATE_ORDER: Shape = {
    "amount?": money,
    "items?": [ORDER_ITEM],
    "shipping?": {"costSpecified?": flag},
    "paymentMethods?": _FEES,
}
CANCEL: Shape = {"amount": money, "orderItems?": [ORDER_ITEM]}
CHARGE: Shape = {
    "amount": money,
    "orderItems?": [ORDER_ITEM],
    "shipping?": {"trackingNumber?": text, "provider?": text},
    "finalCharge?": flag,
    "myReference?": text,
    "paymentMethodReference?": text,
}
REFUND: Shape = {"amount": money, "orderItems?": [ORDER_ITEM], "myReference?": text}
CHARGE_SUBSCRIPTION: Shape = {"order": ORDER, "notifications?": NOTIFICATIONS, "myReference?": text}
CHARGE_BULK: Shape = {
    "externalBulkChargeId": text,
    "notifications?": NOTIFICATIONS,
    "subscriptions": [{"subscriptionId?": text, "externalReference?": text, "order": ORDER, "myReference?": text}],
}
VERIFY_BULK: Shape = {
    "externalBulkVerificationId?": text,
    "subscriptions?": [{"subscriptionId?": text, "externalReference?": text}],
}
CARD_PAYMENT: Shape = {
    "interactionType?": money,
    "order": ORDER,
    "paymentInfo": {"consumer?": _CONSUMER, "charge?": flag},
    "merchantNumber?": text,
    "notifications?": NOTIFICATIONS,
    "myReference?": text,
    "cardDetails": {
        "cardNumber": text,
        "expiryMonth": text,
        "expiryYear": text,
        "cvc": text,
        "cardHolderName?": text,
        "network?": text,
    },
}

# --- responses: payments ----------------------------------------------------------------------------------------------

CREATED_PAYMENT: Shape = {"paymentId": identifier, "expiresAt?": context, "hostedPaymentPageUrl?": text}
CHARGE_RECEIPT: Shape = {"chargeId": identifier, "invoice?": {"invoiceNumber?": text}}
REFUND_RECEIPT: Shape = {"refundId": identifier}
CARD_PAYMENT_RECEIPT: Shape = {"paymentId": identifier, "idempotencyKey?": text}

_INVOICE_LINK: Shape = {"link?": text, "invoiceNumber?": text}
RETRIEVED_CHARGE: Shape = {
    "chargeId": identifier,
    "amount": money,
    "surchargeAmount?": money,
    "invoiceDetails?": _INVOICE_LINK,
}
RETRIEVED_REFUND: Shape = {
    "refundId": identifier,
    "amount": money,
    "surchargeAmount?": money,
    "invoiceDetails?": _INVOICE_LINK,
}

_PHONE_DETAILS: Shape = {"prefix?": text, "number?": text}
_ADDRESS_DETAILS: Shape = {
    "addressLine1?": text,
    "addressLine2?": text,
    "receiverLine?": text,
    "postalCode?": text,
    "city?": text,
    "country?": text,
    "phoneNumber?": _PHONE_DETAILS,
}
_PAYMENT_DETAILS: Shape = {
    "paymentType?": text,
    "paymentMethod?": text,
    "invoiceDetails?": {"invoiceNumber?": text, "dueDate?": text, "ocr?": text, "pdfLink?": text},
    "cardDetails?": {"maskedPan?": text, "expiryDate?": text},
}
RETRIEVED_PAYMENT: Shape = {
    "payment": {
        "paymentId": identifier,
        "summary?": {
            "reservedAmount?": money,
            "reservedSurchargeAmount?": money,
            "chargedAmount?": money,
            "chargedSurchargeAmount?": money,
            "refundedAmount?": money,
            "refundedSurchargeAmount?": money,
            "cancelledAmount?": money,
            "cancelledSurchargeAmount?": money,
        },
        "consumer?": {
            "shippingAddress?": _ADDRESS_DETAILS,
            "billingAddress?": _ADDRESS_DETAILS,
            "privatePerson?": {
                "merchantReference?": text,
                "dateOfBirth?": text,
                "firstName?": text,
                "lastName?": text,
                "email?": text,
                "phoneNumber?": _PHONE_DETAILS,
            },
            "company?": {
                "merchantReference?": text,
                "name?": text,
                "registrationNumber?": text,
                "contactDetails?": {
                    "firstName?": text,
                    "lastName?": text,
                    "email?": text,
                    "phoneNumber?": _PHONE_DETAILS,
                },
            },
        },
        "paymentDetails?": _PAYMENT_DETAILS,
        "orderDetails": {"amount": money, "currency": text, "reference?": text},
        "checkout": {"url": text, "cancelUrl?": text},
        "created": context,
        "expiresAt?": context,
        "refunds?": [
            {
                "refundId": identifier,
                "amount": money,
                "surchargeAmount?": money,
                "state": one_of("Pending", "Cancelled", "Failed", "Completed", "Expired"),
                "lastUpdated?": context,
                "orderItems?": [ORDER_ITEM],
            }
        ],
        "charges?": [
            {
                "chargeId": identifier,
                "amount": money,
                "surchargeAmount?": money,
                "created?": context,
                "orderItems?": [ORDER_ITEM],
            }
        ],
        "terminated?": context,
        "subscription?": {"id": identifier},
        "unscheduledSubscription?": {"unscheduledSubscriptionId": identifier},
        "myReference?": text,
        "paymentAccountReference?": text,
    }
}
CONFIGURED_METHOD: Shape = {"name?": text, "paymentType?": text, "currency?": text, "enabled": flag}

# --- responses: subscriptions -----------------------------------------------------------------------------------------

_STORED_CARD: Shape = {
    "paymentType": text,
    "paymentMethod": text,
    "cardDetails": {"expiryDate": text, "maskedPan": text},
}
SUBSCRIPTION: Shape = {
    "subscriptionId": identifier,
    "frequency?": money,
    "interval": money,
    "endDate": context,
    "paymentDetails": _STORED_CARD,
    "importError?": {
        "importStepsResponseCode?": text,
        "importStepsResponseSource?": text,
        "importStepsResponseText?": text,
    },
}
UNSCHEDULED_SUBSCRIPTION: Shape = {"unscheduledSubscriptionId": identifier, "paymentDetails": _STORED_CARD}
SUBSCRIPTION_CHARGE: Shape = {"paymentId": identifier, "chargeId": identifier}
CHARGE_STATUS: Shape = {"paymentId": identifier, "chargeId": identifier, "completed": flag}
BULK_RECEIPT: Shape = {"bulkId": identifier}


def charge_page(kind: str) -> Shape:
    """A page of a bulk charge; a page of a verification has neither chargeId nor source."""
    return _page({**_bulk_item(kind), "chargeId?": identifier, "source?": text})


def verification_page(kind: str) -> Shape:
    """A page of a bulk verification."""
    return _page(_bulk_item(kind))


def _page(item: Shape) -> Shape:
    return {"page": [item], "more": flag, "status": one_of("Processing", "Done")}


def _bulk_item(kind: str) -> dict[str, Shape]:
    return {
        f"{kind}Id": identifier,
        "externalReference?": text,
        "paymentId?": identifier,
        "status": one_of("Pending", "Succeeded", "Failed"),
        "message?": text,
        "code?": text,
    }


# --- reports ----------------------------------------------------------------------------------------------------------

_FEE_TAX: dict[str, Shape] = {
    "feeVATpercent?": money,
    "feeTaxRate?": money,
    "feeTaxAmount?": money,
    "transactionTaxDetails?": [{"rate?": money, "amount?": money}],
}
_PAYOUT: dict[str, Shape] = {
    "id": identifier,
    "reference?": text,
    "date": day,
    "bankAccountIban?": text,
    "bankAccountBic?": text,
    "currency": text,
    "amount": money,
    "chargedAmount?": money,
    "refundedAmount?": money,
    "depositedAmount?": money,
    "numberOfCharges?": money,
    "numberOfRefunds?": money,
    "fees?": money,
    **_FEE_TAX,
}
_PAYMENT_ACTION: Shape = {
    "id": identifier,
    "paymentId?": or_null(identifier),
    "paymentAction": one_of("CHARGE", "REFUND", "DEPOSIT"),
    "paymentMethod?": or_null(text),
    "paymentType?": or_null(text),
    "timestamp?": or_null(context),
    "reference?": or_null(text),
    "invoiceNumber?": or_null(text),
    "amount": money,
    "vatAmount?": or_null(money),
    "currency": text,
    "fee?": or_null(money),
    "flexibleFee?": or_null(money),
    "fixedFee?": or_null(money),
    **_FEE_TAX,
    "subscriptionId?": or_null(identifier),
}
PAYOUTS: Shape = {"numberOfPayouts": money, "payouts": [_PAYOUT]}
PAYOUT: Shape = {**_PAYOUT, "numberOfPaymentActions": money, "paymentActions": [_PAYMENT_ACTION]}

# --- errors -----------------------------------------------------------------------------------------------------------


def complaints(value: Any) -> bool:
    """`{"errors": {path: [text, ...]}}`: what is wrong with the request, place by place."""
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, dict) or set(value) != {"errors"} or not errors:
        return False
    return all(isinstance(texts, list) and texts and all(map(text, texts)) for texts in errors.values())


def problem(value: Any) -> bool:
    """`{message, code, source}`: a business rule, or the acquirer, refused; the code is digits."""
    if not isinstance(value, dict) or set(value) != {"message", "code", "source"}:
        return False
    return all(map(text, value.values())) and value["code"].isdigit()


def complaints_or_problem(value: Any) -> bool:
    """400 comes in both shapes."""
    return complaints(value) or problem(value)


def problem_or_nothing(value: Any) -> bool:
    """409 has no schema."""
    return nothing(value) or problem(value)


ERRORS: dict[int, Shape] = {
    400: complaints_or_problem,
    401: nothing,
    402: problem,
    404: nothing,
    405: nothing,
    409: problem_or_nothing,
    429: nothing,
    500: problem,
}

# --- reading shapes ---------------------------------------------------------------------------------------------------


def misfits(value: Any, shape: Shape, path: str = "body") -> Iterator[str]:
    """Every place where a document is not of its shape; also members that the shape does not have."""
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            yield f"{path} is no array, or an empty one"
        else:
            for place, entry in enumerate(value):
                yield from misfits(entry, shape[0], f"{path}[{place}]")
    elif isinstance(shape, dict):
        yield from _misfits_of_members(value, shape, path)
    elif not shape(value):
        yield f"{path} is not as documented ({shape.__name__})"


def _misfits_of_members(value: Any, shape: dict[str, Shape], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    members = {name.removesuffix("?"): (name.endswith("?"), inner) for name, inner in shape.items()}
    yield from (f"{path}.{name} is not documented" for name in value.keys() - members.keys())
    for name, (is_optional, inner) in members.items():
        if name in value:
            yield from misfits(value[name], inner, f"{path}.{name}")
        elif not is_optional:
            yield f"{path}.{name} is missing"


def paths(shape: Shape, path: str = "") -> Iterator[str]:
    """Every member of a shape, e.g. "order.items[].name"; "?" marks those that may be missing."""
    if isinstance(shape, list):
        yield from paths(shape[0], f"{path}[]")
    elif isinstance(shape, dict):
        for name, inner in shape.items():
            here = join(path, name)
            yield here
            yield from paths(inner, here.removesuffix("?"))


def join(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else name
