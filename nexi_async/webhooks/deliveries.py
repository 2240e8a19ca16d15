"""Deliveries as Nexi makes them, for tests of handlers.

    body = deliveries.sample("payment.charge.created.v2", payment_id=payment_id, my_reference="order-17")
    answer = await deliveries.send(app, body, authorization=authorization)
    assert answer.status == 200

They have the shape of recorded deliveries: numbers are numbers, one merchant member, nothing that is not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import anyio
import attrs
from starlette.types import ASGIApp

from nexi_async._codec import encode
from nexi_async._wire_names import camel, wire_name
from nexi_async.webhooks._event_base import UnreadableEvent
from nexi_async.webhooks._events import EVENT_CLASSES, Event
from nexi_async.webhooks._parsing import InvalidEvent, parse_event

__all__ = ["SENDER", "DeliveryResponse", "sample", "send"]

SENDER = ("20.31.57.61", 443)
"""Where deliveries come from in the test environment, as ASGI has it."""
RESPONSE_TIMEOUT = 10.0
"""Seconds that a receiver may take to answer."""


class DeliveryResponse(NamedTuple):
    """The response to a delivery; Nexi counts only 200 as success."""

    status: int
    text: str


_BLANKET = {
    "reference": "WOOL-02",
    "name": "Wool blanket, grey",
    "quantity": 1.0,
    "unit": "pcs",
    "unitPrice": 64000,
    "taxRate": 2500,
    "taxAmount": 16000,
    "netTotalAmount": 64000,
    "grossTotalAmount": 80000,
}
_AMOUNT = {"amount": 80000, "currency": "SEK"}
_ADDRESS = {
    "addressLine1": "Hamngatan 4",
    "city": "Ystad",
    "country": "SWE",
    "postcode": "27143",
    "receiverLine": "Maja Lind",
}
_MEMBERS: Mapping[str, Any] = {
    "order": {"amount": _AMOUNT, "reference": "S-3108", "orderItems": [_BLANKET]},
    "consumer": {
        "firstName": "Maja",
        "lastName": "Lind",
        "email": "maja.lind@example.com",
        "ip": "203.0.113.40",
        "country": "SWE",
        "phoneNumber": {"prefix": "+46", "number": "700000001"},
        "billingAddress": _ADDRESS,
        "shippingAddress": _ADDRESS,
    },
    "cardDetails": {
        "creditDebitIndicator": "D",
        "expiryMonth": 12,
        "expiryYear": 31,
        "issuerCountry": "SE",
        "truncatedPan": "426800******0008",
        "threeDSecure": {"authenticationEnrollmentStatus": "Y", "authenticationStatus": "Y", "eci": "05"},
    },
    "error": {"code": "51", "message": "Not sufficient funds", "source": "Issuer"},
    "paymentMethod": "Visa",
    "paymentType": "CARD",
    "orderItems": [_BLANKET],
    "myReference": "shop-3108",
    "reservationReference": "731904",
    "reconciliationReference": "Zb7Kq2Vn0RtYw4LmXc9PdHs5J",
    "amount": _AMOUNT,
    "surchargeAmount": 0,
}
_DATA: Mapping[str, str] = {
    "payment.created": "order myReference",
    "payment.checkout.completed": "order consumer myReference",
    "payment.reservation.created": "cardDetails paymentMethod paymentType consumer reservationReference reserveId "
    "myReference reconciliationReference amount surchargeAmount",
    "payment.reservation.created.v2": "paymentMethod paymentType myReference reconciliationReference amount "
    "surchargeAmount",
    "payment.reservation.failed": "error orderItems amount surchargeAmount",
    "payment.charge.created": "chargeId orderItems reservationId reconciliationReference myReference amount "
    "surchargeAmount",
    "payment.charge.created.v2": "chargeId orderItems paymentMethod paymentType reconciliationReference myReference "
    "amount surchargeAmount",
    "payment.charge.failed": "error chargeId orderItems reservationId reconciliationReference myReference amount "
    "surchargeAmount",
    "payment.charge.failed.v2": "error chargeId orderItems paymentMethod paymentType reconciliationReference "
    "myReference amount surchargeAmount",
    "payment.refund.initiated": "refundId chargeId orderItems myReference amount surchargeAmount",
    "payment.refund.initiated.v2": "refundId chargeId myReference amount surchargeAmount",
    "payment.refund.completed": "refundId reconciliationReference amount surchargeAmount",
    "payment.refund.failed": "error refundId reconciliationReference amount surchargeAmount",
    "payment.cancel.created": "cancelId orderItems myReference amount surchargeAmount",
    "payment.cancel.failed": "error cancelId orderItems myReference amount surchargeAmount",
}
"""What recorded deliveries of each event carry for a card payment, besides the payment's id."""

_OPERATIONS = ("reserveId", "refundId", "cancelId", "chargeId")
"""An event about an operation has the operation's id, the first of these that it carries."""


def sample(event_name: str, **changes: object) -> bytes:
    """The body of a valid delivery.

    Ids are new each time, so that no two samples are taken for the same delivery, unless they are given.

    Args:
        event_name: e.g. "payment.reservation.failed". An unknown name gives what a receiver reads as `UnknownEvent`.
        changes: members of the event by their Python or wire names (plain JSON values or the classes of this package;
            None leaves a member out), and `id`, `timestamp`, `merchant`.

    Raises:
        TypeError: the event has no member of that name.
        InvalidEvent: a change makes a member unreadable, or takes away what the event always has.
    """
    envelope = {member: changes.pop(member) for member in ("id", "timestamp", "merchant") if member in changes}
    data = _data(event_name, _renamed(event_name, changes), envelope.get("id"))
    occurrence = next((data[member] for member in _OPERATIONS if member in data), _new_id())
    merchant = "merchantNumber" if event_name.endswith(".v2") else "merchantId"
    document = {
        "id": envelope.get("id", occurrence),
        merchant: envelope.get("merchant", 100_512_004),
        "timestamp": envelope.get("timestamp", _now()),
        "event": event_name,
        "data": data,
    }
    body = encode(_set_only(document))
    _require_readable(parse_event(body))
    return body


async def send(
    receiver: str | ASGIApp,
    body: bytes,
    *,
    authorization: str,
    path: str = "/nexi/webhooks",
    client: tuple[str, int] = SENDER,
) -> DeliveryResponse:
    """Deliver as Nexi does, to an app in this process or to a URL.

    Args:
        receiver: an ASGI app, whose lifespan is not run by this, or the whole URL of a receiver that is served.
        body: e.g. of `sample`.
        authorization: what the payment was created with.
        path: where an app receives; a URL has it already.
        client: where the delivery seems to come from, for an app; by default from Nexi's test environment.

    Raises:
        TimeoutError: there was no answer within 10 seconds.
        httpx.TransportError: there is no server at the URL.
        Exception: what an app raised; a receiver of this package raises nothing.
    """
    # httpx reaches either; it is only needed here, in tests
    import httpx

    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    url = receiver if isinstance(receiver, str) else f"https://shop.test{path}"
    request = httpx.Request("POST", url, content=body, headers=headers)
    app = None if isinstance(receiver, str) else httpx.ASGITransport(receiver, client=client)
    with anyio.fail_after(RESPONSE_TIMEOUT):
        async with app or httpx.AsyncHTTPTransport() as transport:
            response = await transport.handle_async_request(request)
            await response.aread()
    return DeliveryResponse(response.status_code, response.text)


def _require_readable(event: Event) -> None:
    if isinstance(event, UnreadableEvent) or event.faults:
        raise InvalidEvent(event.faults)


def _renamed(event_name: str, changes: Mapping[str, object]) -> dict[str, object]:
    renamed = {camel(name): value for name, value in changes.items()}
    kind = EVENT_CLASSES.get(event_name)
    unknown = renamed.keys() - set(map(wire_name, attrs.fields(kind))) if kind else None
    if unknown:
        raise TypeError(f"{event_name} has no member {', '.join(sorted(unknown))}")
    return renamed


def _data(event_name: str, changes: dict[str, object], occurrence: object) -> dict[str, object]:
    members = _DATA.get(event_name, "").split()
    data: dict[str, object] = {member: _MEMBERS[member] if member in _MEMBERS else _new_id() for member in members}
    operation = next((member for member in _OPERATIONS if member in data), None)
    if operation and occurrence:
        data[operation] = occurrence
    return _set_only(data | {"paymentId": _new_id()} | changes)


def _set_only(members: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _new_id() -> str:
    return uuid4().hex


def _now() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 100:04}+00:00"
