"""Reading the body of a delivery, no more of it than is allowed, and not for ever."""

from __future__ import annotations

import anyio
from starlette.types import Receive, Scope

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
    chunks, size, more = list[bytes](), 0, True
    with anyio.fail_after(BODY_SECONDS):
        while more:
            chunk, more = await _next_chunk(receive)
            size += len(chunk)
            if size > largest:
                raise TooLarge
            chunks.append(chunk)
    return b"".join(chunks)


async def _next_chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise SenderGone
    return message.get("body", b""), message.get("more_body", False)


def _announced(scope: Scope) -> int:
    """The length that the sender announces, if it can be read; what comes is counted anyway."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value[:20].isdigit():
            return int(value[:20])
    return 0
