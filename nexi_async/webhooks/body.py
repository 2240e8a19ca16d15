"""Reading the body of a delivery, no more of it than is allowed, and not for ever."""

from __future__ import annotations

from starlette.types import Receive, Scope

from nexi_async.webhooks.patience import Within

__all__ = ["SenderGone", "TooLarge", "read_body"]

BODY_SECONDS = 10.0
"""How long a sender may take over the body."""


class SenderGone(Exception):
    """The sender hung up before the end of the body: nobody is there to be answered, nothing has been done."""


class TooLarge(Exception):
    """The body is larger than allowed, or is said to be."""


async def read_body(scope: Scope, receive: Receive, largest: int) -> bytes:
    """The body of a request.

    Raises:
        TooLarge: it has more bytes, or announces more.
        TimeoutError: it did not end within 10 seconds.
        SenderGone: it ended too early.
    """
    if _announced(scope) > largest:
        raise TooLarge
    return await Within(BODY_SECONDS, _read(receive, largest))


def _announced(scope: Scope) -> int:
    """The length that the sender announces, if it can be read; what comes is counted anyway."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value[:20].isdigit():
            return int(value[:20])
    return 0


async def _read(receive: Receive, largest: int) -> bytes:
    chunks, room, more = list[bytes](), largest, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunk = message.get("body", b"")
        room -= len(chunk)
        if room < 0:
            raise TooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
