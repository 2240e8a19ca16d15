"""Reading the body of a delivery: its size and its time are limited."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import Receive

from nexi_async.webhooks._deadlines import Deadlines

BODY_TIMEOUT = 10.0
"""Seconds that a sender may take over the body."""


class ClientDisconnected(Exception):
    """The sender closed the connection before the end of the body: there is no response, nothing has been done."""


class TooLarge(Exception):
    """The body is larger than allowed, or its `Content-Length` is."""


def read_body(receive: Receive, content_length: int, max_body: int, deadlines: Deadlines) -> Awaitable[bytes]:
    """The body of a request, `max_body` bytes at most; they are counted, whatever length the sender announces.

    Raises:
        TooLarge: it has more bytes, or announces more.
        TimeoutError: it did not end within 10 seconds.
        ClientDisconnected: it ended too early.
    """
    if content_length > max_body:
        raise TooLarge
    return deadlines.limit(BODY_TIMEOUT, _read(receive, max_body))


async def _read(receive: Receive, max_body: int) -> bytes:
    chunks, left, more = list[bytes](), max_body, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        left -= len(chunk)
        if left < 0:
            raise TooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
