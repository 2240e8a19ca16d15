"""Deliveries and answers of the API, member by member as their sources have them."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]

PAYMENT_ID = "02d500006aa7acbe9d1b47e2805fae36"
CHARGE_ID = "00e100006aa7aef0c73e5fd1290b8846"
REFUND_ID = "014f00006aa919d74be90c7718af23d5"
RESERVE_ID = "5b0c9a3e71f84d26b9137cf0e84d52aa"
CANCEL_ID = "9f61d7b2403e4c8c8a55e0d3b7162f94"
MERCHANT = 100_512_877

AMOUNT: Document = {"amount": 29800, "currency": "NOK"}
LINE: Document = {
    "grossTotalAmount": 29800,
    "name": "Enamel mug, green",
    "netTotalAmount": 23840,
    "quantity": 2.0,
    "reference": "MUG-GRN",
    "taxRate": 2500,
    "taxAmount": 5960,
    "unit": "pcs",
    "unitPrice": 11920,
}
ORDER: Document = {"amount": AMOUNT, "reference": "A-20417", "orderItems": [LINE]}
ADDRESS: Document = {
    "addressLine1": "Fjellveien 12",
    "addressLine2": "H0203",
    "city": "Bergen",
    "country": "NOR",
    "postcode": "5019",
    "receiverLine": "Ingrid Solheim",
}
CONSUMER: Document = {
    "firstName": "Ingrid",
    "lastName": "Solheim",
    "billingAddress": ADDRESS,
    "country": "NOR",
    "email": "ingrid.solheim@example.no",
    "ip": "198.51.100.23",
    "phoneNumber": {"prefix": "+47", "number": "40000123"},
    "shippingAddress": ADDRESS,
}
CARD: Document = {
    "creditDebitIndicator": "D",
    "expiryMonth": 11,
    "expiryYear": 29,
    "issuerCountry": "NO",
    "truncatedPan": "492500******0004",
    "threeDSecure": {"authenticationEnrollmentStatus": "Y", "authenticationStatus": "Y", "eci": "05"},
}
INVOICE: Document = {
    "accountNumber": "86011517941",
    "distributionType": "Email",
    "invoiceDueDate": "2026-10-14T00:00:00",
    "invoiceNumber": "7300418",
    "ocrOrkid": "0073004189",
    "ourReference": "Nordlys Keramikk AS",
    "yourReference": "A-20417",
}
ERROR: Document = {"code": "33", "message": "Refused by issuer", "source": "Issuer"}
REFERENCES: Document = {"myReference": "web-20417", "reconciliationReference": "kT4bq9XwZ1mRc7HsPa0uLe53D"}
BY_CARD: Document = {"paymentMethod": "Visa", "paymentType": "CARD"}


class Delivery(NamedTuple):
    """A webhook's body, and where its members are known from."""

    source: str
    event: str
    document: Document


def _delivery(source: str, event: str, event_id: str, data: Document, *, merchant: str | None = None) -> Delivery:
    member = merchant or ("merchantNumber" if event.endswith(".v2") else "merchantId")
    head = {"id": event_id, member: MERCHANT, "timestamp": "2026-09-14T08:15:09.5523+00:00", "event": event}
    return Delivery(source, event, head | {"data": data | {"paymentId": PAYMENT_ID}})


R22 = "R: SolidNetsEasyClient, CleanedResponses, 2022"
R26 = "R: hexagon.fun, 2026"
PHP = "B: php-payment-sdk, tests/Model/Webhook/payloads, 2026"
DOC = "A: reference of April 2026"

_UMBRACO = _delivery(
    "R: Umbraco.Commerce, issue, 2024: the merchant's number as text",
    "payment.checkout.completed",
    "31b9d7e6",
    {"order": {"amount": AMOUNT, "orderItems": [{**LINE, "taxRate": 2000, "taxAmount": 0}]}, "consumer": CONSUMER},
)

DELIVERIES = (
    _UMBRACO._replace(document=_UMBRACO.document | {"merchantId": str(MERCHANT)}),
    _delivery(R22, "payment.created", "e07f2c5d9b314a6f8d22614bc0a7935e", {"order": ORDER}),
    _delivery(R22, "payment.checkout.completed", "31b9d7e6", {"order": ORDER, "consumer": {"ip": "198.51.100.23"}}),
    _delivery(
        R22,
        "payment.reservation.created",
        RESERVE_ID,
        {"cardDetails": CARD, **BY_CARD, "consumer": {"ip": "198.51.100.23"}, "reservationReference": "604218"}
        | {"reserveId": RESERVE_ID, "amount": AMOUNT},
    ),
    _delivery(R22, "payment.reservation.created.v2", RESERVE_ID, {**BY_CARD, "amount": AMOUNT}),
    _delivery(
        R22,
        "payment.charge.created.v2",
        CHARGE_ID,
        {"chargeId": CHARGE_ID, "orderItems": [LINE], "amount": AMOUNT} | BY_CARD,
    ),
    _delivery(
        R22,
        "payment.refund.initiated.v2",
        REFUND_ID,
        {"refundId": REFUND_ID, "chargeId": CHARGE_ID, "amount": AMOUNT},
    ),
    _delivery(
        R22, "payment.cancel.created", CANCEL_ID, {"cancelId": CANCEL_ID, "orderItems": [LINE], "amount": AMOUNT}
    ),
    _delivery(
        R26,
        "payment.charge.created.v2",
        CHARGE_ID,
        {"chargeId": CHARGE_ID, "orderItems": [LINE], "amount": AMOUNT, "surchargeAmount": 0} | BY_CARD | REFERENCES,
    ),
    _delivery(
        R26,
        "payment.reservation.created.v2",
        RESERVE_ID,
        {**BY_CARD, **REFERENCES, "subscriptionId": "c4d81f6a", "amount": AMOUNT, "surchargeAmount": 0},
    ),
    _delivery(
        PHP, "payment.cancel.created", CANCEL_ID, {"cancelId": CANCEL_ID, "orderItems": [LINE], "amount": AMOUNT}
    ),
    _delivery(
        PHP,
        "payment.cancel.failed",
        CANCEL_ID,
        {"error": ERROR, "cancelId": CANCEL_ID, "orderItems": [LINE], "myReference": "m", "amount": AMOUNT},
    ),
    _delivery(
        PHP,
        "payment.charge.created.v2",
        CHARGE_ID,
        {"chargeId": CHARGE_ID, "orderItems": [LINE], "amount": AMOUNT} | BY_CARD,
    ),
    _delivery(
        PHP,
        "payment.charge.failed",
        CHARGE_ID,
        {"error": ERROR, "chargeId": CHARGE_ID, "orderItems": [LINE], "invoiceDetails": INVOICE, "amount": AMOUNT}
        | {"reconciliationReference": "kT4bq9XwZ1mRc7HsPa0uLe53D"},
    ),
    _delivery(PHP, "payment.checkout.completed", "31b9d7e6", {"order": ORDER, "consumer": CONSUMER}),
    _delivery(
        f"{PHP}: missingData",
        "payment.checkout.completed",
        "31b9d7e6",
        {"order": ORDER, "consumer": {name: CONSUMER[name] for name in CONSUMER if name != "phoneNumber"}},
    ),
    _delivery(
        PHP,
        "payment.created",
        "e07f2c5d",
        {"order": ORDER | {"description": "mugs"}, "myReference": "m", "subscriptionId": "c4d81f6a"},
    ),
    _delivery(
        PHP, "payment.refund.completed", REFUND_ID, {"refundId": REFUND_ID, "invoiceDetails": INVOICE, "amount": AMOUNT}
    ),
    _delivery(
        PHP,
        "payment.refund.failed",
        REFUND_ID,
        {
            "error": ERROR,
            "refundId": REFUND_ID,
            "invoiceDetails": INVOICE,
            "reconciliationReference": "k",
            "amount": AMOUNT,
        },
    ),
    _delivery(
        f"{PHP}: neither refund nor charge, and the older merchant member",
        "payment.refund.initiated.v2",
        REFUND_ID,
        {"reconciliationReference": "k", "executed": "2026-09-15T10:11:35.2480+00:00", "paymentActionId": "a1"}
        | {"orderItems": [LINE], "amount": AMOUNT},
        merchant="merchantId",
    ),
    _delivery(
        f"{PHP}: expiry as text",
        "payment.reservation.created",
        RESERVE_ID,
        {
            "cardDetails": CARD | {"expiryMonth": "11", "expiryYear": "29"},
            "consumer": CONSUMER | {"merchantReference": "c"},
        }
        | BY_CARD
        | REFERENCES
        | {"reservationReference": "604218", "reserveId": RESERVE_ID, "amount": AMOUNT},
    ),
    _delivery(
        "B: php-payment-sdk, lib/Model/Webhook/ReservationCreatedV1: reserveId is optional",
        "payment.reservation.created",
        RESERVE_ID,
        {"consumer": CONSUMER, "amount": AMOUNT} | BY_CARD,
    ),
    _delivery(
        PHP,
        "payment.reservation.created.v2",
        RESERVE_ID,
        {"subscriptionId": "c4d81f6a", "amount": AMOUNT} | BY_CARD | REFERENCES,
    ),
    _delivery(PHP, "payment.reservation.failed", "70d5c8a6", {"error": ERROR, "orderItems": [LINE], "amount": AMOUNT}),
    _delivery("C: integrators: no consumer at all", "payment.checkout.completed", "31b9d7e6", {"order": ORDER}),
    _delivery("C: integrators: no lines", "payment.created", "e07f2c5d", {"order": {"amount": AMOUNT}}),
    _delivery(
        DOC,
        "payment.charge.created",
        CHARGE_ID,
        {"chargeId": CHARGE_ID, "invoiceDetails": INVOICE, "orderItems": [LINE], "reservationId": RESERVE_ID}
        | REFERENCES
        | {"amount": AMOUNT, "surchargeAmount": 100},
    ),
    _delivery(
        DOC,
        "payment.charge.failed.v2",
        CHARGE_ID,
        {"error": ERROR, "chargeId": CHARGE_ID, "orderItems": [LINE], "subscriptionId": "c4d81f6a"}
        | BY_CARD
        | REFERENCES
        | {"amount": AMOUNT, "surchargeAmount": 100},
    ),
    _delivery(
        DOC,
        "payment.refund.initiated",
        REFUND_ID,
        {"refundId": REFUND_ID, "chargeId": CHARGE_ID, "orderItems": [LINE], "myReference": "m", "amount": AMOUNT},
    ),
)

NEW_PAYMENT: Document = {
    "paymentId": PAYMENT_ID,
    "summary": {},
    "consumer": {
        "shippingAddress": {},
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {"phoneNumber": {}},
        "billingAddress": {},
    },
    "paymentDetails": {"invoiceDetails": {}, "cardDetails": {}},
    "orderDetails": {"amount": 960000, "currency": "DKK", "reference": "6dd2"},
    "checkout": {"url": "https://my.checkout.url"},
    "created": "2022-10-22T17:41:58.1001+00:00",
}
REST_ADDRESS: Document = {
    "addressLine1": "Fjellveien 12",
    "addressLine2": "",
    "receiverLine": "Ingrid Solheim",
    "postalCode": "5019",
    "city": "Bergen",
    "country": "NOR",
}
RESERVED_PAYMENT: Document = NEW_PAYMENT | {
    "summary": {"reservedAmount": 1639200},
    "consumer": {
        "shippingAddress": REST_ADDRESS,
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {
            "firstName": "Ingrid",
            "lastName": "Solheim",
            "email": "ingrid.solheim@example.no",
            "phoneNumber": {"prefix": "+47", "number": "40000123"},
        },
        "billingAddress": REST_ADDRESS,
    },
    "paymentDetails": {
        "cardDetails": {"expiryDate": "1233", "maskedPan": "492500******0004"},
        "invoiceDetails": {},
        "paymentMethod": "Visa",
        "paymentType": "CARD",
    },
}
CHARGED_PAYMENT: Document = RESERVED_PAYMENT | {
    "summary": {"reservedAmount": 29800, "chargedAmount": 29800, "chargedSurchargeAmount": 0, "refundedAmount": 9800},
    "charges": [
        {
            "chargeId": CHARGE_ID,
            "amount": 29800,
            "surchargeAmount": 0,
            "created": "2026-09-14T08:23:12.9046+00:00",
            "orderItems": [LINE],
        }
    ],
    "refunds": [
        {
            "refundId": REFUND_ID,
            "amount": 9800,
            "state": "Completed",
            "lastUpdated": "2026-09-15T10:11:41.6029+00:00",
            "orderItems": [LINE],
        }
    ],
    "subscription": {"id": "c4d81f6a"},
    "myReference": "web-20417",
}


class ApiAnswer(NamedTuple):
    """An answer of the API, by the call that it answers."""

    source: str
    call: str
    document: Any


ANSWERS = (
    ApiAnswer(R22, "create", {"paymentId": PAYMENT_ID}),
    ApiAnswer(
        "A: reference of 2026",
        "create",
        {
            "paymentId": PAYMENT_ID,
            "hostedPaymentPageUrl": "https://x.example/?pid=1",
            "expiresAt": "2026-01-03T10:00:00Z",
        },
    ),
    ApiAnswer(R22, "retrieve", {"payment": NEW_PAYMENT}),
    ApiAnswer("R: nets-easy-elixir, 2020", "retrieve", {"payment": RESERVED_PAYMENT}),
    ApiAnswer("B: php-payment-sdk, tests", "retrieve", {"payment": CHARGED_PAYMENT}),
    ApiAnswer("A: reference of 2026", "charge", {"chargeId": CHARGE_ID, "invoice": {"invoiceNumber": "7300418"}}),
    ApiAnswer("A: reference of 2026", "refund", {"refundId": REFUND_ID}),
    ApiAnswer(
        "A: reference of 2026",
        "charge of retrieve",
        {"chargeId": CHARGE_ID, "amount": 29800, "surchargeAmount": 0, "invoiceDetails": {"link": "https://x.example"}},
    ),
    ApiAnswer("A: reference of 2026", "subscription charge", {"paymentId": PAYMENT_ID, "chargeId": CHARGE_ID}),
    ApiAnswer(
        "B: php-payment-sdk, tests",
        "subscription",
        {
            "subscriptionId": "c4d81f6a",
            "frequency": 0,
            "interval": 30,
            "endDate": "2027-09-14T08:15:09.5523+00:00",
            "paymentDetails": {**BY_CARD, "cardDetails": {"expiryDate": "1233", "maskedPan": "492500******0004"}},
            "importError": {
                "importStepsResponseCode": "1",
                "importStepsResponseSource": "x",
                "importStepsResponseText": "y",
            },
        },
    ),
    ApiAnswer(
        "B: php-payment-sdk, tests",
        "bulk page",
        {
            "page": [
                {"subscriptionId": "c4d8", "status": "Succeeded", "paymentId": PAYMENT_ID, "chargeId": CHARGE_ID},
                {"subscriptionId": "c4d9", "status": "Failed", "code": "51", "message": "x", "source": "Issuer"},
            ],
            "more": False,
            "status": "Done",
        },
    ),
)
