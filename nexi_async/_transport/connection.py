"""The seam between HTTP and the event loop: a connection that carries one exchange at a time.

Theory of operation. An exchange writes the whole request and feeds what comes to the reader until one answer is
complete (RFC 9112). The connection is reusable only if nothing about the exchange was odd: the whole request was
written, the answer was complete and agreed to keep-alive, and not a byte came after it. Anything else (an error, a
cancellation, a time limit, an early answer, a surplus byte) leaves it unusable, so that no answer can be read by
another request.

There are two implementations, chosen by the running event loop (`connect.py`): `asyncio_connection.py` for asyncio and
its faster relatives, `trio_connection.py` for trio. Both keep the same rule about what was sent: a connection that is
found closed before the request is handed over has sent nothing; once it is handed over, anything may have left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import attrs

from nexi_async._transport.http1 import ResponseParser

__all__ = ["CHUNK", "Connection", "LostCallback", "Timeouts"]

CHUNK: Final = 65_536
"""Bytes of a large request that are handed over at once; more waits until the buffers have been emptied."""


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds that each step of a request may take, and all of them together.

    By the wall clock, which goes on while a machine is suspended, `not_after` (seconds since 1970) ends the time in
    which its first byte may leave.
    """

    pool: float = math.inf
    connect: float = math.inf
    write: float = math.inf
    read: float = math.inf
    total: float = math.inf
    not_after: float = math.inf


class Connection(Protocol):
    """An open connection to one origin.

    Attributes:
        is_reusable: whether the last exchange, if any, left it fit for another.
        idle_since: when it was given back, in the pool's time.
        is_closed: whether the socket is closed.
        on_lost: called when the socket has been closed, by whichever side, and when the server ended the connection or
            sent what nobody asked for.
    """

    is_reusable: bool
    idle_since: float
    is_closed: bool
    on_lost: LostCallback | None

    def is_healthy(self) -> bool:
        """Whether it is still open and nothing has come unasked."""

    async def exchange(
        self, request: bytes, *, head_only: bool, timeouts: Timeouts, deadline: float = math.inf
    ) -> ResponseParser:
        """Write a request and read its answer; the deadline is a time of `time.monotonic`.

        Raises:
            httpx.ConnectError: the connection was closed before the request was handed over; nothing was sent.
            httpx.TransportError: the answer did not come whole; the request may have been received.
        """

    def close(self) -> None:
        """Close at once, without a word to the server; the socket itself may take a turn of the event loop."""


LostCallback: TypeAlias = Callable[[Connection], None]
