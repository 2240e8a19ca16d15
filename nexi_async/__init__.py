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

_MODELS = (
    "order",
    "consumer",
    "checkout",
    "notifications",
    "create_payment",
    "charge",
    "refund",
    "payment",
    "subscription",
    "bulk",
    "card_payment",
    "payment_method",
    "payout",
    "text",
)
"""Where the models are."""

if typing.TYPE_CHECKING:
    from nexi_async._models.bulk import (
        BulkCharge,
        BulkReceipt,
        BulkVerification,
        SubscriptionToCharge,
        SubscriptionToVerify,
    )
    from nexi_async._models.card_payment import CardPaymentReceipt, CardToCharge, PaymentInfo
    from nexi_async._models.charge import Charge, ChargeReceipt, Invoice, InvoiceLink, PaymentCharge, Shipment
    from nexi_async._models.checkout import (
        Appearance,
        Checkout,
        ConsumerType,
        Country,
        DisplayOptions,
        Shipping,
        TextOptions,
    )
    from nexi_async._models.consumer import Address, Company, Consumer, PhoneNumber, PrivatePerson
    from nexi_async._models.create_payment import (
        AdditionalPaymentMethodData,
        CreatedPayment,
        MethodOrderReference,
        PaymentMethodConfiguration,
        PaymentMethodFee,
        SubscriptionSetup,
        UnscheduledSubscriptionSetup,
    )
    from nexi_async._models.notifications import Notifications, WebHook
    from nexi_async._models.order import Order, OrderItem
    from nexi_async._models.payment import (
        AddressDetails,
        CardDetails,
        CheckoutDetails,
        CompanyDetails,
        ConsumerDetails,
        ContactDetails,
        InvoiceDetails,
        OrderDetails,
        Payment,
        PaymentDetails,
        PaymentStatus,
        PersonDetails,
        PhoneDetails,
        SubscriptionLink,
        Summary,
        UnscheduledSubscriptionLink,
    )
    from nexi_async._models.payment_method import ConfiguredPaymentMethod
    from nexi_async._models.payout import Payout, PayoutAction, TaxDetail
    from nexi_async._models.refund import PaymentRefund, Refund, RefundReceipt
    from nexi_async._models.subscription import (
        ChargeStatus,
        ImportFault,
        NotCharged,
        NotKnown,
        Subscription,
        SubscriptionChargeReceipt,
        UnscheduledSubscription,
    )
    from nexi_async._models.text import clean_text
else:

    def __getattr__(name: str) -> object:
        """Load a model when it is asked for; all models together are the larger part of what there is to load."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (importlib.import_module(f"nexi_async._models.{module}") for module in _MODELS)
        found = globals()[name] = next(getattr(module, name) for module in modules if hasattr(module, name))
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


logging.getLogger("nexi_async").addHandler(logging.NullHandler())
