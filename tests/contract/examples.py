"""Parts of requests that are used again and again, written twice: as JSON on the wire, and as models of the SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from nexi_async import (
    AdditionalPaymentMethodData,
    Address,
    Appearance,
    CardToCharge,
    Checkout,
    Company,
    Consumer,
    ConsumerType,
    Country,
    DisplayOptions,
    MethodOrderReference,
    Notifications,
    Order,
    OrderItem,
    PaymentInfo,
    PaymentMethodConfiguration,
    PaymentMethodFee,
    PhoneNumber,
    PrivatePerson,
    Shipment,
    Shipping,
    SubscriptionSetup,
    TextOptions,
    WebHook,
)

Document: TypeAlias = dict[str, Any]

KEY = "the-only-key-of-this-charge"
"""An idempotency key."""

AMOUNT = 12500
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
END_OF_2030 = datetime(2030, 12, 31, 23, 59, tzinfo=UTC)
SHOP = "https://shop.test"

# --- order ------------------------------------------------------------------------------------------------------------

ITEM_JSON: Document = {
    "reference": "tea-7",
    "name": "Tea, loose",
    "quantity": 2.5,
    "unit": "kg",
    "unitPrice": 4000,
    "taxRate": 2500,
    "taxAmount": 2500,
    "netTotalAmount": 10000,
    "grossTotalAmount": AMOUNT,
    "imageUrl": f"{SHOP}/tea.png",
}
ITEM = OrderItem(
    reference="tea-7",
    name="Tea, loose",
    quantity=Decimal("2.5"),
    unit="kg",
    unit_price=4000,
    tax_rate=2500,
    tax_amount=2500,
    net_total_amount=10000,
    gross_total_amount=AMOUNT,
    image_url=f"{SHOP}/tea.png",
)

ORDER_JSON: Document = {"items": [ITEM_JSON], "amount": AMOUNT, "currency": "SEK", "reference": "order-77"}
ORDER = Order(items=[ITEM], amount=AMOUNT, currency="SEK", reference="order-77")

# --- notifications ----------------------------------------------------------------------------------------------------

NOTIFICATIONS_JSON: Document = {
    "webHooks": [
        {"eventName": "payment.charge.created.v2", "url": f"{SHOP}/hooks", "authorization": "q7Lw2ZtB9fKx4RdN"},
        {"eventName": "payment.refund.completed", "url": f"{SHOP}/hooks", "authorization": "q7Lw2ZtB9fKx4RdN"},
    ]
}
NOTIFICATIONS = Notifications(
    web_hooks=[
        WebHook(event_name=event, url=f"{SHOP}/hooks", authorization="q7Lw2ZtB9fKx4RdN")
        for event in ("payment.charge.created.v2", "payment.refund.completed")
    ]
)

# --- consumer ---------------------------------------------------------------------------------------------------------

ADDRESS_JSON: Document = {
    "addressLine1": "Gatan 1",
    "addressLine2": "4 tr",
    "postalCode": "11122",
    "city": "Stockholm",
    "country": "SWE",
}
ADDRESS = Address(address_line1="Gatan 1", address_line2="4 tr", postal_code="11122", city="Stockholm", country="SWE")

PERSON_JSON: Document = {
    "reference": "customer-4",
    "email": "astrid@shop.test",
    "shippingAddress": ADDRESS_JSON,
    "billingAddress": ADDRESS_JSON,
    "phoneNumber": {"prefix": "+46", "number": "701234567"},
    "privatePerson": {"firstName": "Astrid", "lastName": "Öberg"},
}
PERSON = Consumer(
    reference="customer-4",
    email="astrid@shop.test",
    shipping_address=ADDRESS,
    billing_address=ADDRESS,
    phone_number=PhoneNumber(prefix="+46", number="701234567"),
    private_person=PrivatePerson(first_name="Astrid", last_name="Öberg"),
)

COMPANY_JSON: Document = {"company": {"name": "Te & Co", "contact": {"firstName": "Astrid", "lastName": "Öberg"}}}
COMPANY = Consumer(company=Company(name="Te & Co", contact=PrivatePerson(first_name="Astrid", last_name="Öberg")))

# --- checkout ---------------------------------------------------------------------------------------------------------

HOSTED_JSON: Document = {
    "integrationType": "HostedPaymentPage",
    "returnUrl": f"{SHOP}/thanks",
    "cancelUrl": f"{SHOP}/cart",
    "termsUrl": f"{SHOP}/terms",
    "merchantTermsUrl": f"{SHOP}/privacy",
    "consumer": PERSON_JSON,
    "shippingCountries": [{"countryCode": "SWE"}],
    "shipping": {
        "countries": [{"countryCode": "SWE"}, {"countryCode": "NOR"}],
        "merchantHandlesShippingCost": False,
        "enableBillingAddress": True,
    },
    "consumerType": {"default": "B2C", "supportedTypes": ["B2C", "B2B"]},
    "charge": False,
    "publicDevice": True,
    "merchantHandlesConsumerData": True,
    "appearance": {
        "displayOptions": {"showMerchantName": True, "showOrderSummary": False},
        "textOptions": {"completePaymentButtonText": "subscribe"},
    },
    "countryCode": "SWE",
    "expiresAt": TOMORROW.isoformat(),
}
HOSTED = Checkout(
    integration_type="HostedPaymentPage",
    return_url=f"{SHOP}/thanks",
    cancel_url=f"{SHOP}/cart",
    terms_url=f"{SHOP}/terms",
    merchant_terms_url=f"{SHOP}/privacy",
    consumer=PERSON,
    shipping_countries=[Country("SWE")],
    shipping=Shipping(
        countries=[Country("SWE"), Country("NOR")], merchant_handles_shipping_cost=False, enable_billing_address=True
    ),
    consumer_type=ConsumerType(default="B2C", supported_types=["B2C", "B2B"]),
    charge=False,
    public_device=True,
    merchant_handles_consumer_data=True,
    appearance=Appearance(
        display_options=DisplayOptions(show_merchant_name=True, show_order_summary=False),
        text_options=TextOptions(complete_payment_button_text="subscribe"),
    ),
    country_code="SWE",
    expires_at=TOMORROW,
)

EMBEDDED_JSON: Document = {
    "integrationType": "EmbeddedCheckout",
    "url": f"{SHOP}/checkout",
    "termsUrl": f"{SHOP}/terms",
    "consumer": COMPANY_JSON,
}
EMBEDDED = Checkout(
    integration_type="EmbeddedCheckout", url=f"{SHOP}/checkout", terms_url=f"{SHOP}/terms", consumer=COMPANY
)

# --- the rest of create payment ---------------------------------------------------------------------------------------

SIGN_UP_JSON: Document = {"endDate": END_OF_2030.isoformat(), "interval": 30, "allowVariableAmount": True}
SIGN_UP = SubscriptionSetup(end_date=END_OF_2030, interval=30, allow_variable_amount=True)

METHODS_JSON: list[Document] = [{"name": "Visa", "enabled": True}, {"name": "Swish", "enabled": False}]
METHODS = [
    PaymentMethodConfiguration(name="Visa", enabled=True),
    PaymentMethodConfiguration(name="Swish", enabled=False),
]

FEES_JSON: list[Document] = [{"name": "easy-invoice", "fee": ITEM_JSON}]
FEES = [PaymentMethodFee(name="easy-invoice", fee=ITEM)]

METHOD_DATA_JSON: Document = {"riverty": {"orderReference": "r-77"}, "payPal": {"orderReference": "p-77"}}
METHOD_DATA = AdditionalPaymentMethodData(riverty=MethodOrderReference("r-77"), pay_pal=MethodOrderReference("p-77"))

# --- charges and card payments ----------------------------------------------------------------------------------------

SHIPMENT_JSON: Document = {"trackingNumber": "JD0001", "provider": "PNOR"}
SHIPMENT = Shipment(tracking_number="JD0001", provider="PNOR")

CARD_JSON: Document = {
    "cardNumber": "4268270087374847",
    "expiryMonth": "12",
    "expiryYear": "30",
    "cvc": "123",
    "cardHolderName": "Astrid Oberg",
    "network": "visa",
}
CARD = CardToCharge(
    card_number="4268270087374847",
    expiry_month="12",
    expiry_year="30",
    cvc="123",
    card_holder_name="Astrid Oberg",
    network="visa",
)

PAYMENT_INFO_JSON: Document = {"consumer": PERSON_JSON, "charge": True}
PAYMENT_INFO = PaymentInfo(consumer=PERSON, charge=True)
