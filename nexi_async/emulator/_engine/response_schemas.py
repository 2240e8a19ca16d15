"""The schemas of responses, in JSON Schema; the tests hold the responses of the emulator to them."""

from collections.abc import Mapping

from nexi_async.emulator._engine.fields import reference
from nexi_async.emulator._engine.wire import Document

_TEXT: Document = {"type": "string"}
_MAYBE_TEXT: Document = {"type": ["string", "null"]}
_AMOUNT: Document = {"type": "integer", "format": "int32"}
_TIME: Document = {"type": "string", "format": "date-time"}
_YES_OR_NO: Document = {"type": "boolean"}
_COUNT: Document = {"type": "integer"}


def _of(required: Mapping[str, Document], optional: Mapping[str, Document] | None = None) -> Document:
    """An object with these members."""
    found: Document = {"type": "object", "properties": {**required, **(optional or {})}}
    return found | ({"required": list(required)} if required else {})


def _list(items: Document) -> Document:
    return {"type": "array", "items": items}


def _texts(*names: str) -> dict[str, Document]:
    return dict.fromkeys(names, _TEXT)


_PHONE = _of({}, _texts("prefix", "number"))
_PERSON = _of({}, _texts("firstName", "lastName", "email", "merchantReference") | {"phoneNumber": _PHONE})
_ADDRESS = _of({}, _texts("addressLine1", "addressLine2", "postalCode", "city", "country"))
_CONSUMER = _of(
    {},
    {
        "shippingAddress": _ADDRESS,
        "billingAddress": _ADDRESS,
        "company": _of({}, _texts("name", "merchantReference") | {"contactDetails": _PERSON}),
        "privatePerson": _PERSON,
    },
)
_CARD = _of({}, _texts("maskedPan", "expiryDate"))
_AMOUNTS = ("reserved", "charged", "refunded", "cancelled")
_SUMMARY = _of({}, {f"{name}{kind}Amount": _AMOUNT for name in _AMOUNTS for kind in ("", "Surcharge")})
_BOOKED = {"amount": _AMOUNT, "surchargeAmount": _AMOUNT}
_WITH_INVOICE = {"invoiceDetails": _of({}, _texts("link"))}
_ITEMS = {"orderItems": _list(reference("OrderItem"))}
_FEES = {
    "transactionTaxDetails": _list(_of({"rate": _AMOUNT, "amount": _AMOUNT})),
    "feeVATpercent": _AMOUNT,
    "feeTaxRate": _AMOUNT,
    "feeTaxAmount": _AMOUNT,
}
_PAYOUT_TEXTS = _texts("id", "reference", "date", "bankAccountIban", "bankAccountBic", "currency")
_PAYOUT_AMOUNTS = dict.fromkeys(("amount", "chargedAmount", "refundedAmount", "depositedAmount", "fees"), _AMOUNT)
_PAYOUT = _PAYOUT_TEXTS | _PAYOUT_AMOUNTS | _FEES
_PAYMENT_DETAILS = {"paymentDetails": _of(_texts("paymentType", "paymentMethod") | {"cardDetails": _CARD})}
_BULK_ITEM = _of(
    {"status": {"type": "string", "enum": ["Pending", "Succeeded", "Failed"]}},
    _texts("subscriptionId", "unscheduledSubscriptionId", "externalReference", "paymentId", "chargeId")
    | _texts("message", "code", "source"),
)

SCHEMAS: Mapping[str, Document] = {
    "ValidationErrors": _of({"errors": {"type": "object", "additionalProperties": _list(_TEXT)}}),
    "Error": _of(_texts("message", "code", "source")),
    "CreatedPayment": _of(_texts("paymentId"), {"expiresAt": _TIME, "hostedPaymentPageUrl": _TEXT}),
    "RetrievedPayment": _of({"payment": reference("Payment")}),
    "Payment": _of(
        {
            "paymentId": _TEXT,
            "summary": _SUMMARY,
            "consumer": _CONSUMER,
            "paymentDetails": _of(
                {"invoiceDetails": _of({}, _texts("invoiceNumber")), "cardDetails": _CARD},
                _texts("paymentType", "paymentMethod"),
            ),
            "orderDetails": _of({"amount": _AMOUNT, "currency": _TEXT}, _texts("reference")),
            "checkout": _of({}, _texts("url", "cancelUrl")),
            "created": _TIME,
        },
        {
            "expiresAt": _TIME,
            "terminated": _TIME,
            "refunds": _list(reference("PaymentRefund")),
            "charges": _list(reference("PaymentCharge")),
            "subscription": _of(_texts("id")),
            "unscheduledSubscription": _of(_texts("unscheduledSubscriptionId")),
            "myReference": _TEXT,
        },
    ),
    "PaymentCharge": _of({"chargeId": _TEXT, **_BOOKED, "created": _TIME, **_ITEMS}),
    "PaymentRefund": _of({"refundId": _TEXT, **_BOOKED, "state": _TEXT, "lastUpdated": _TIME, **_ITEMS}),
    "CreatedCharge": _of(_texts("chargeId"), {"invoice": _of(_texts("invoiceNumber"))}),
    "Charge": _of({"chargeId": _TEXT, **_BOOKED}, _WITH_INVOICE),
    "CreatedRefund": _of(_texts("refundId")),
    "Refund": _of({"refundId": _TEXT, **_BOOKED}, _WITH_INVOICE),
    "PaymentMethod": _of(_texts("name", "paymentType", "currency") | {"enabled": _YES_OR_NO}),
    "Subscription": _of(
        {"subscriptionId": _TEXT, "frequency": _COUNT, "interval": _COUNT, "endDate": _TIME, **_PAYMENT_DETAILS}
    ),
    "UnscheduledSubscription": _of({"unscheduledSubscriptionId": _TEXT, **_PAYMENT_DETAILS}),
    "SubscriptionCharge": _of(_texts("paymentId", "chargeId")),
    "ChargeStatus": _of(_texts("paymentId", "chargeId") | {"completed": _YES_OR_NO}),
    "AcceptedBulk": _of(_texts("bulkId")),
    "BulkPage": _of(
        {"page": _list(_BULK_ITEM), "more": _YES_OR_NO, "status": {"type": "string", "enum": ["Processing", "Done"]}}
    ),
    "CreatedCardPayment": _of(_texts("paymentId"), _texts("idempotencyKey")),
    "Balances": _of({"balances": _list(_of({"currency": _TEXT, "amount": _AMOUNT}))}),
    "Payouts": _of({"numberOfPayouts": _COUNT, "payouts": _list(_of(_PAYOUT))}),
    "Payout": _of({**_PAYOUT, "numberOfPaymentActions": _COUNT, "paymentActions": _list(reference("PaymentAction"))}),
    "PaymentAction": _of(
        _texts("id", "paymentAction", "currency")
        | {"timestamp": _TIME}
        | dict.fromkeys(("amount", "vatAmount", "fee", "flexibleFee", "fixedFee"), _AMOUNT)
        | _FEES,
        _texts("paymentId", "paymentMethod", "paymentType")
        | dict.fromkeys(("reference", "invoiceNumber", "subscriptionId"), _MAYBE_TEXT),
    ),
}
