"""Requests as other clients send them: which members, of which types."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]


class Request(NamedTuple):
    """A create payment as a client sends it, and the settings of the emulator that it depends on."""

    source: str
    body: Document
    needs: tuple[str, ...] = ()


def line(**changes: Any) -> Document:
    """An order line of 12500 with 25 % VAT."""
    members: Document = {"reference": "sku-1", "name": "Mug", "quantity": 1, "unit": "pcs", "unitPrice": 10000}
    members |= {"taxRate": 2500, "taxAmount": 2500, "grossTotalAmount": 12500, "netTotalAmount": 10000}
    return members | changes


def order(*lines: Document, amount: object = 12500) -> Document:
    """An order of these lines."""
    return {"items": list(lines or (line(),)), "amount": amount, "currency": "SEK", "reference": "order-77"}


HOSTED: Document = {
    "integrationType": "HostedPaymentPage",
    "returnUrl": "https://shop.test/ok",
    "cancelUrl": "https://shop.test/no",
    "termsUrl": "https://shop.test/terms",
}
EMBEDDED: Document = {"url": "https://shop.test/checkout", "termsUrl": "https://shop.test/terms"}
ADDRESS: Document = {"addressLine1": "Gatan 1", "postalCode": "11122", "city": "Stockholm", "country": "SWE"}
PERSON: Document = {"firstName": "Alva", "lastName": "Ek"}


def _hooks(**members: Any) -> list[Document]:
    return [{"eventName": "payment.checkout.completed", "url": "https://shop.test/hooks", **members}]


WOO = "C: dibs-easy-for-woocommerce 2.14"
PHP = "B: php-payment-sdk, Feb 2026"

CREATES = (
    Request(
        f"{WOO}, redirect: fees and shipping have a quantity of text",
        {
            "order": order(line(), line(reference="fee|gift", quantity="1"), amount=25000),
            "checkout": HOSTED
            | {
                "merchantHandlesConsumerData": True,
                "shipping": {"countries": [], "merchantHandlesShippingCost": False},
                "consumerType": {"supportedTypes": ["B2C"]},
                "consumer": {"email": "a@example.com", "shippingAddress": ADDRESS, "privatePerson": PERSON},
            },
            "notifications": {"webHooks": _hooks(authorization="x" * 32)},
        },
        ("numbers_as_text",),
    ),
    Request(
        f"{WOO}, redirect: a shopper of whom only the country is known",
        {
            "order": order(),
            "checkout": HOSTED
            | {
                "merchantHandlesConsumerData": True,
                "consumer": {"email": "a@example.com", "shippingAddress": {"country": "SWE"}, "privatePerson": PERSON},
            },
        },
        ("partial_addresses",),
    ),
    Request(
        f"{WOO}, embedded",
        {
            "order": order(),
            "checkout": EMBEDDED
            | {
                "shipping": {"countries": [{"countryCode": "SWE"}], "merchantHandlesShippingCost": True},
                "consumerType": {"supportedTypes": ["B2C", "B2B"], "default": "B2C"},
            },
        },
    ),
    Request(
        "C: Drupal commerce_easy: amounts as text",
        {"order": order(line(unitPrice="10000", grossTotalAmount="12500"), amount="12500"), "checkout": HOSTED},
        ("numbers_as_text",),
    ),
    Request(
        "C: nexi-cli: quantities with a fraction as text",
        {"order": order(line(quantity="0.5", unitPrice="20000")), "checkout": HOSTED},
        ("numbers_as_text",),
    ),
    Request(
        "B: Magento2_easy 1.8: an empty second line, `webhooks` in lower case",
        {
            "order": order(),
            "checkout": HOSTED
            | {"consumer": {"email": "a@example.com", "shippingAddress": ADDRESS | {"addressLine2": ""}}},
            "notifications": {"webhooks": _hooks(authorization="abcdefgh")},
        },
        ("empty_address_members",),
    ),
    Request(
        f"{PHP}: an address in a country without postal codes",
        {
            "order": order(),
            "checkout": HOSTED
            | {
                "consumer": {
                    "email": "a@example.com",
                    "reference": None,
                    "shippingAddress": {"addressLine1": "1 Bay", "city": "Dubai", "country": "ARE", "postalCode": ""},
                    "privatePerson": PERSON,
                    "company": None,
                }
            },
        },
        ("empty_address_members",),
    ),
    Request(
        f"{PHP}: null for all that is not set, and empty lists",
        {
            "order": order(),
            "checkout": HOSTED | {"consumer": None, "shippingCountries": [], "appearance": None, "countryCode": None},
            "notifications": None,
            "subscription": None,
            "unscheduledSubscription": None,
            "merchantNumber": None,
            "myReference": None,
            "paymentMethodsConfiguration": [],
        },
    ),
    Request(
        "C: Umbraco.Commerce: a GUID as authorization, headers null",
        {
            "order": order(line(taxRate=2000, taxAmount=0, netTotalAmount=12500, unitPrice=12500)),
            "checkout": HOSTED | {"merchantHandlesConsumerData": True, "consumer": {"reference": "c-1"}},
            "notifications": {"webHooks": _hooks(authorization="6f8b9c1e-2d3f-4a5b-8c7d-9e0f1a2b3c4d", headers=None)},
        },
        ("alphanumeric_authorization",),
    ),
    Request(
        "B: Shopware, shopware6-easy-checkout 2.1",
        {
            "order": order(),
            "checkout": HOSTED
            | {
                "merchantHandlesConsumerData": True,
                "consumer": {
                    "email": "a@example.com",
                    "shippingAddress": ADDRESS,
                    "billingAddress": ADDRESS,
                    "company": {"name": "Te & Co", "contact": PERSON},
                },
            },
            "notifications": {"webHooks": _hooks(authorization="aB3dE6gH9jK2mN5")},
        },
    ),
)
