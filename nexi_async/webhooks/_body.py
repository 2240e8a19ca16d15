"""Reading the body of a delivery, no more of it than is allowed, and not for ever."""

from __future__ import annotations

from starlette.types import Receive

from nexi_async.webhooks._deadlines import Deadlines

__all__ = ["ClientDisconnected", "TooLarge", "read_body"]

BODY_TIMEOUT = 10.0
"""How long a sender may take over the body."""


class ClientDisconnected(Exception):
    """The sender hung up before the end of the body: nobody is there to be answered, nothing has been done."""


class TooLarge(Exception):
    """The body is larger than allowed, or is said to be."""


async def read_body(receive: Receive, announced: int, largest: int, deadlines: Deadlines) -> bytes:
    """The body of a request.

    Args:
        receive: as ASGI has it.
        announced: the length that the sender announces; what comes is counted anyway.
        largest: the most bytes that it may have.
        deadlines: what limits the time.

    Raises:
        TooLarge: it has more bytes, or announces more.
        TimeoutError: it did not end within 10 seconds.
        ClientDisconnected: it ended too early.
    """
    if announced > largest:
        raise TooLarge
    return await deadlines.limit(BODY_TIMEOUT, _read(receive, largest))


async def _read(receive: Receive, largest: int) -> bytes:
    chunks, room, more = list[bytes](), largest, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        room -= len(chunk)
        if room < 0:
            raise TooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
