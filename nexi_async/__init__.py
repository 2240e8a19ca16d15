"""The async Python SDK for Nexi Checkout: payments that always say what happened to the money.

    async with AsyncCheckout(secret_key, environment="test") as checkout:
        receipt = await checkout.payments.charge(payment_id, amount=12500)

The receiver for webhooks is in `nexi_async.webhooks`, the emulator in `nexi_async.emulator`.
"""

import importlib
import logging
import typing

from nexi_async._client import AsyncCheckout
from nexi_async._errors import (
    APIError,
    BadRequest,
    ChargeDeclined,
    ConfigurationError,
    Conflict,
    ConnectFailed,
    ConnectionLost,
    Fault,
    InvalidRequest,
    NexiError,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    StorageError,
    StorageReplaced,
    StorageUnavailable,
    TimedOut,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
)
from nexi_async._idempotency import derive_key, new_key
from nexi_async._resources.pages import Poll
from nexi_async._transport.checkout_transport import CheckoutTransport
from nexi_async._transport.hooks import Attempt, Hooks
from nexi_async._transport.http_transport import Transport
from nexi_async._transport.request import Response
from nexi_async._transport.retry import RetryPolicy
from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.reference.states import BulkItemStatus, BulkStatus, PaymentAction, RefundState

__all__ = [  # noqa: RUF022 - grouped by what they are for
    # client
    "AsyncCheckout",
    "Attempt",
    "CheckoutTransport",
    "Hooks",
    "Poll",
    "Response",
    "RetryPolicy",
    "Transport",
    # texts
    "clean_text",
    # keys
    "derive_key",
    "new_key",
    # errors
    "APIError",
    "BadRequest",
    "ChargeDeclined",
    "ConfigurationError",
    "Conflict",
    "ConnectFailed",
    "ConnectionLost",
    "Fault",
    "InvalidRequest",
    "NexiError",
    "NotFound",
    "Outcome",
    "RateLimited",
    "ServerError",
    "StorageError",
    "StorageReplaced",
    "StorageUnavailable",
    "TimedOut",
    "TransportError",
    "Unauthorized",
    "UnexpectedResponse",
    # order
    "Order",
    "OrderItem",
    # consumer
    "Address",
    "Company",
    "Consumer",
    "PhoneNumber",
    "PrivatePerson",
    # checkout
    "Appearance",
    "Checkout",
    "ConsumerType",
    "Country",
    "DisplayOptions",
    "Shipping",
    "TextOptions",
    # notifications
    "Notifications",
    "WebHook",
    # create payment
    "AdditionalPaymentMethodData",
    "CreatedPayment",
    "MethodOrderReference",
    "PaymentMethodConfiguration",
    "PaymentMethodFee",
    "SubscriptionSetup",
    "UnscheduledSubscriptionSetup",
    # charge
    "Charge",
    "ChargeReceipt",
    "Invoice",
    "InvoiceLink",
    "PaymentCharge",
    "Shipment",
    # refund
    "PaymentRefund",
    "Refund",
    "RefundReceipt",
    # payment
    "AddressDetails",
    "CardDetails",
    "CheckoutDetails",
    "CompanyDetails",
    "ConsumerDetails",
    "ContactDetails",
    "InvoiceDetails",
    "OrderDetails",
    "Payment",
    "PaymentDetails",
    "PaymentStatus",
    "PersonDetails",
    "PhoneDetails",
    "SubscriptionLink",
    "Summary",
    "UnscheduledSubscriptionLink",
    # subscription
    "ChargeStatus",
    "ImportFault",
    "Subscription",
    "SubscriptionChargeReceipt",
    "NotCharged",
    "NotKnown",
    "UnscheduledSubscription",
    # bulk
    "BulkCharge",
    "BulkReceipt",
    "BulkVerification",
    "SubscriptionToCharge",
    "SubscriptionToVerify",
    # card payment
    "CardPaymentReceipt",
    "CardToCharge",
    "PaymentInfo",
    # payment method
    "ConfiguredPaymentMethod",
    # payout
    "Payout",
    "PayoutAction",
    "TaxDetail",
    # reference
    "BulkItemStatus",
    "BulkStatus",
    "PaymentAction",
    "PaymentMethod",
    "PaymentType",
    "RefundState",
]

if typing.TYPE_CHECKING:
    from nexi_async._models import (
        AdditionalPaymentMethodData,
        Address,
        AddressDetails,
        Appearance,
        BulkCharge,
        BulkReceipt,
        BulkVerification,
        CardDetails,
        CardPaymentReceipt,
        CardToCharge,
        Charge,
        ChargeReceipt,
        ChargeStatus,
        Checkout,
        CheckoutDetails,
        Company,
        CompanyDetails,
        ConfiguredPaymentMethod,
        Consumer,
        ConsumerDetails,
        ConsumerType,
        ContactDetails,
        Country,
        CreatedPayment,
        DisplayOptions,
        ImportFault,
        Invoice,
        InvoiceDetails,
        InvoiceLink,
        MethodOrderReference,
        NotCharged,
        Notifications,
        NotKnown,
        Order,
        OrderDetails,
        OrderItem,
        Payment,
        PaymentCharge,
        PaymentDetails,
        PaymentInfo,
        PaymentMethodConfiguration,
        PaymentMethodFee,
        PaymentRefund,
        PaymentStatus,
        Payout,
        PayoutAction,
        PersonDetails,
        PhoneDetails,
        PhoneNumber,
        PrivatePerson,
        Refund,
        RefundReceipt,
        Shipment,
        Shipping,
        Subscription,
        SubscriptionChargeReceipt,
        SubscriptionLink,
        SubscriptionSetup,
        SubscriptionToCharge,
        SubscriptionToVerify,
        Summary,
        TaxDetail,
        TextOptions,
        UnscheduledSubscription,
        UnscheduledSubscriptionLink,
        UnscheduledSubscriptionSetup,
        WebHook,
    )
    from nexi_async._models.text import clean_text
else:

    def __getattr__(name: str) -> object:
        """Load the models when the first of them is asked for; they are the larger part of what there is to load."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module("nexi_async._models"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


logging.getLogger("nexi_async").addHandler(logging.NullHandler())
