"""Webhooks of Nexi Checkout: a receiver to mount in any ASGI app, and its 15 typed events."""

from nexi_async.webhooks._authentication import new_authorization
from nexi_async.webhooks._collecting_receiver import CollectingReceiver
from nexi_async.webhooks._details import (
    EventError,
    Money,
    ThreeDSecure,
    WebhookAddress,
    WebhookCard,
    WebhookConsumer,
    WebhookInvoice,
    WebhookOrder,
)
from nexi_async.webhooks._events import (
    EVENT_NAMES,
    CancelCreated,
    CancelFailed,
    ChargeCreated,
    ChargeCreatedV2,
    ChargeFailed,
    ChargeFailedV2,
    CheckoutCompleted,
    Event,
    PaymentCreated,
    PaymentEvent,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundInitiatedV2,
    ReservationCreated,
    ReservationCreatedV2,
    ReservationFailed,
    UnknownEvent,
    UnreadableEvent,
)
from nexi_async.webhooks._inbox import SQLInbox
from nexi_async.webhooks._parsing import InvalidEvent, parse_event
from nexi_async.webhooks._receiver import WebhookReceiver
from nexi_async.webhooks._refetch import TooManyFetches
from nexi_async.webhooks._router import Handler, PaymentHandler, WebhookRouter
from nexi_async.webhooks._stats import ErrorStats, InboxStats, ReceiverStats
from nexi_async.webhooks._stored_events import StoredEvent

__all__ = [  # noqa: RUF022 - grouped as a reader meets them
    # receiving
    "WebhookReceiver",
    "CollectingReceiver",
    "WebhookRouter",
    "Handler",
    "PaymentHandler",
    "TooManyFetches",
    "new_authorization",
    # storing
    "SQLInbox",
    "StoredEvent",
    # watching
    "ReceiverStats",
    "InboxStats",
    "ErrorStats",
    # reading
    "parse_event",
    "InvalidEvent",
    "Event",
    "EVENT_NAMES",
    # events
    "PaymentEvent",
    "PaymentCreated",
    "CheckoutCompleted",
    "ReservationCreated",
    "ReservationCreatedV2",
    "ReservationFailed",
    "ChargeCreated",
    "ChargeCreatedV2",
    "ChargeFailed",
    "ChargeFailedV2",
    "RefundInitiated",
    "RefundInitiatedV2",
    "RefundCompleted",
    "RefundFailed",
    "CancelCreated",
    "CancelFailed",
    "UnknownEvent",
    "UnreadableEvent",
    # their parts
    "Money",
    "WebhookOrder",
    "WebhookConsumer",
    "WebhookAddress",
    "WebhookCard",
    "ThreeDSecure",
    "WebhookInvoice",
    "EventError",
]
