"""The schemas of responses, in JSON Schema; the tests hold the responses of the emulator to them."""

from collections.abc import Mapping

from nexi_async.emulator._engine.wire import Document

_TEXT: Document = {"type": "string"}
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


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


_PHONE = _of({}, {"prefix": _TEXT, "number": _TEXT})
_PERSON = _of(
    {}, {"firstName": _TEXT, "lastName": _TEXT, "email": _TEXT, "merchantReference": _TEXT, "phoneNumber": _PHONE}
)
_ADDRESS = _of({}, {"addressLine1": _TEXT, "addressLine2": _TEXT, "postalCode": _TEXT, "city": _TEXT, "country": _TEXT})
_COMPANY = _of({}, {"name": _TEXT, "merchantReference": _TEXT, "contactDetails": _PERSON})
_CARD = _of({}, {"maskedPan": _TEXT, "expiryDate": _TEXT})
_INVOICE_LINK = _of({}, {"link": _TEXT})
_ITEMS = _list(_reference("OrderItem"))
_AMOUNTS = ("reserved", "charged", "refunded", "cancelled")
_SUMMARY = _of({}, {f"{name}{kind}Amount": _AMOUNT for name in _AMOUNTS for kind in ("", "Surcharge")})
_TAXES = _list(_of({"rate": _AMOUNT, "amount": _AMOUNT}))
_FEES = {"feeVATpercent": _AMOUNT, "feeTaxRate": _AMOUNT, "feeTaxAmount": _AMOUNT}
_MAYBE_TEXT: Document = {"type": ["string", "null"]}
_PAYOUT = {
    "id": _TEXT,
    "reference": _TEXT,
    "date": _TEXT,
    "bankAccountIban": _TEXT,
    "bankAccountBic": _TEXT,
    "currency": _TEXT,
    "amount": _AMOUNT,
    "chargedAmount": _AMOUNT,
    "refundedAmount": _AMOUNT,
    "depositedAmount": _AMOUNT,
    "fees": _AMOUNT,
    "transactionTaxDetails": _TAXES,
    **_FEES,
}
_PAYMENT_DETAILS = _of({"paymentType": _TEXT, "paymentMethod": _TEXT, "cardDetails": _CARD})
_BULK_STATES: Document = {"type": "string", "enum": ["Pending", "Succeeded", "Failed"]}
_BULK_ITEM = _of(
    {"status": _BULK_STATES},
    {
        "subscriptionId": _TEXT,
        "unscheduledSubscriptionId": _TEXT,
        "externalReference": _TEXT,
        "paymentId": _TEXT,
        "chargeId": _TEXT,
        "message": _TEXT,
        "code": _TEXT,
        "source": _TEXT,
    },
)

SCHEMAS: Mapping[str, Document] = {
    "ValidationErrors": _of({"errors": {"type": "object", "additionalProperties": _list(_TEXT)}}),
    "Error": _of({"message": _TEXT, "code": _TEXT, "source": _TEXT}),
    "CreatedPayment": _of({"paymentId": _TEXT}, {"expiresAt": _TIME, "hostedPaymentPageUrl": _TEXT}),
    "RetrievedPayment": _of({"payment": _reference("Payment")}),
    "Payment": _of(
        {
            "paymentId": _TEXT,
            "summary": _SUMMARY,
            "consumer": _of(
                {},
                {
                    "shippingAddress": _ADDRESS,
                    "billingAddress": _ADDRESS,
                    "company": _COMPANY,
                    "privatePerson": _PERSON,
                },
            ),
            "paymentDetails": _of(
                {"invoiceDetails": _of({}, {"invoiceNumber": _TEXT}), "cardDetails": _CARD},
                {"paymentType": _TEXT, "paymentMethod": _TEXT},
            ),
            "orderDetails": _of({"amount": _AMOUNT, "currency": _TEXT}, {"reference": _TEXT}),
            "checkout": _of({}, {"url": _TEXT, "cancelUrl": _TEXT}),
            "created": _TIME,
        },
        {
            "expiresAt": _TIME,
            "terminated": _TIME,
            "refunds": _list(_reference("PaymentRefund")),
            "charges": _list(_reference("PaymentCharge")),
            "subscription": _of({"id": _TEXT}),
            "unscheduledSubscription": _of({"unscheduledSubscriptionId": _TEXT}),
            "myReference": _TEXT,
        },
    ),
    "PaymentCharge": _of(
        {"chargeId": _TEXT, "amount": _AMOUNT, "surchargeAmount": _AMOUNT, "created": _TIME, "orderItems": _ITEMS}
    ),
    "PaymentRefund": _of(
        {
            "refundId": _TEXT,
            "amount": _AMOUNT,
            "surchargeAmount": _AMOUNT,
            "state": _TEXT,
            "lastUpdated": _TIME,
            "orderItems": _ITEMS,
        }
    ),
    "CreatedCharge": _of({"chargeId": _TEXT}, {"invoice": _of({"invoiceNumber": _TEXT})}),
    "Charge": _of(
        {"chargeId": _TEXT, "amount": _AMOUNT, "surchargeAmount": _AMOUNT}, {"invoiceDetails": _INVOICE_LINK}
    ),
    "CreatedRefund": _of({"refundId": _TEXT}),
    "Refund": _of(
        {"refundId": _TEXT, "amount": _AMOUNT, "surchargeAmount": _AMOUNT}, {"invoiceDetails": _INVOICE_LINK}
    ),
    "PaymentMethod": _of({"name": _TEXT, "paymentType": _TEXT, "currency": _TEXT, "enabled": _YES_OR_NO}),
    "Subscription": _of(
        {
            "subscriptionId": _TEXT,
            "frequency": _COUNT,
            "interval": _COUNT,
            "endDate": _TIME,
            "paymentDetails": _PAYMENT_DETAILS,
        }
    ),
    "UnscheduledSubscription": _of({"unscheduledSubscriptionId": _TEXT, "paymentDetails": _PAYMENT_DETAILS}),
    "SubscriptionCharge": _of({"paymentId": _TEXT, "chargeId": _TEXT}),
    "ChargeStatus": _of({"paymentId": _TEXT, "chargeId": _TEXT, "completed": _YES_OR_NO}),
    "AcceptedBulk": _of({"bulkId": _TEXT}),
    "BulkPage": _of(
        {"page": _list(_BULK_ITEM), "more": _YES_OR_NO, "status": {"type": "string", "enum": ["Processing", "Done"]}}
    ),
    "CreatedCardPayment": _of({"paymentId": _TEXT}, {"idempotencyKey": _TEXT}),
    "Balances": _of({"balances": _list(_of({"currency": _TEXT, "amount": _AMOUNT}))}),
    "Payouts": _of({"numberOfPayouts": _COUNT, "payouts": _list(_of(_PAYOUT))}),
    "Payout": _of({**_PAYOUT, "numberOfPaymentActions": _COUNT, "paymentActions": _list(_reference("PaymentAction"))}),
    "PaymentAction": _of(
        {
            "id": _TEXT,
            "paymentAction": _TEXT,
            "timestamp": _TIME,
            "amount": _AMOUNT,
            "vatAmount": _AMOUNT,
            "currency": _TEXT,
            "fee": _AMOUNT,
            "flexibleFee": _AMOUNT,
            "fixedFee": _AMOUNT,
            "transactionTaxDetails": _TAXES,
            **_FEES,
        },
        {
            "paymentId": _TEXT,
            "paymentMethod": _TEXT,
            "paymentType": _TEXT,
            "reference": _MAYBE_TEXT,
            "invoiceNumber": _MAYBE_TEXT,
            "subscriptionId": _MAYBE_TEXT,
        },
    ),
}
