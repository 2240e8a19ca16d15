"""What several tests need: a delivery as the ASGI messages that a server makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from starlette.types import Message, Scope

from nexi_async._codec import structure
from nexi_async._models.payment import Payment
from nexi_async.webhooks import WebhookReceiver

AUTHORIZATION = "Kq7ZtB9fRw4LmXc2"
NEXI = ("20.31.57.61", 41532)


class Answer(NamedTuple):
    """What the sender of a delivery sees."""

    status: int
    text: str
    headers: dict[bytes, bytes]


def http_scope(
    *,
    method: str = "POST",
    client: tuple[str, int] | None = NEXI,
    headers: Iterable[tuple[bytes, bytes]] = (),
    authorization: bytes | None = AUTHORIZATION.encode(),
) -> Scope:
    """The scope of a request; `headers` come on top of `authorization`."""
    own = [] if authorization is None else [(b"authorization", authorization)]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": "/nexi/webhooks",
        "raw_path": b"/nexi/webhooks",
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "server": ("shop.example", 443),
        "client": client,
        "headers": [*own, *headers],
    }


def in_chunks(*chunks: bytes) -> list[Message]:
    """The messages of a body that comes in pieces."""
    last = len(chunks) - 1
    return [{"type": "http.request", "body": chunk, "more_body": index != last} for index, chunk in enumerate(chunks)]


async def converse(receiver: WebhookReceiver, scope: Scope, messages: Iterable[Message]) -> list[Message]:
    """Play a server that has these messages for the app; returns what the app says."""
    incoming: Iterator[Message] = iter(messages)
    said: list[Message] = []

    async def receive() -> Message:
        return next(incoming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        said.append(message)

    await receiver(scope, receive, send)
    return said


async def deliver(receiver: WebhookReceiver, *chunks: bytes, **scope: Any) -> Answer:
    """Send one delivery and return its answer; `scope` as for `http_scope`."""
    start, body = await converse(receiver, http_scope(**scope), in_chunks(*(chunks or (b"",))))
    return Answer(start["status"], body["body"].decode(), dict(start["headers"]))


def a_payment(payment_id: str, **members: Any) -> Payment:
    """A payment as retrieving it returns it."""
    order = {"amount": 80_000, "currency": "SEK"}
    known = {"paymentId": payment_id, "orderDetails": order, "created": "2026-05-02T10:00:00+00:00"}
    return structure(known | members, Payment)
