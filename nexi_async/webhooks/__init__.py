"""Webhooks of Nexi Checkout: a receiver to mount in any ASGI app, and its 15 typed events.

Theory of operation. A delivery passes request validation, cheapest check first: method, source address (through trusted
proxies by `X-Forwarded-For` or `Forwarded`), size, `Authorization`, JSON. Webhooks have no signature; their source
address and their `Authorization` value authenticate them. The body becomes a typed event, or an `UnknownEvent` or
`UnreadableEvent`, so that no authentic event is lost for its content. The time for bodies and handlers is limited.

Nexi delivers at least once, in any order, and retries whatever is not answered with 200. Without an inbox the router
finds the handler, which runs before the answer; recent events are remembered, so duplicates are not handled again. With
an inbox the event is stored first (one row for each id and name), then answered, then leased by the worker pool: one
event of a payment at a time, oldest first, with retries, and dead-lettered after the last attempt. A handler may run
more than once for the same event and has to be idempotent.

References: https://developer.nexigroup.com/nexi-checkout/en-EU/api/webhooks (events, source addresses, retries);
RFC 7239 (https://www.rfc-editor.org/rfc/rfc7239) for `Forwarded`; RFC 9110 section 15
(https://www.rfc-editor.org/rfc/rfc9110#section-15) for the statuses of answers.
"""

from nexi_async.reference.event_names import EVENT_NAMES, EventName
from nexi_async.webhooks._authorization import new_authorization
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
from nexi_async.webhooks._event_base import PaymentEvent, UnknownEvent, UnreadableEvent
from nexi_async.webhooks._events import (
    CancelCreated,
    CancelFailed,
    ChargeCreated,
    ChargeCreatedV2,
    ChargeFailed,
    ChargeFailedV2,
    CheckoutCompleted,
    Event,
    PaymentCreated,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundInitiatedV2,
    ReservationCreated,
    ReservationCreatedV2,
    ReservationFailed,
)
from nexi_async.webhooks._inbox import SQLInbox
from nexi_async.webhooks._parsing import InvalidEvent, parse_event
from nexi_async.webhooks._payment_fetcher import TooManyFetches
from nexi_async.webhooks._receiver import WebhookReceiver
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
    "EventName",
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
