"""The seam between HTTP and the event loop: a connection that carries one exchange at a time.

Theory of operation. An exchange writes the whole request and feeds what comes to the reader until one response is
complete (RFC 9112). The connection is reusable only if nothing about the exchange was odd: the whole request was
written, the response was complete and agreed to keep-alive, and not a byte came after it. Anything else (an error, a
cancellation, a time limit, an early response, a surplus byte) leaves it unusable, so that no response can be read by
another request.

There are two implementations, chosen by the running event loop (`connect.py`): `asyncio_connection.py` for asyncio and
its faster relatives, `trio_connection.py` for trio. Both keep the same rule about what was sent: a connection that is
found closed before the request is handed over has sent nothing; once it is handed over, anything may have left.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from typing import Final, Protocol

import attrs

from nexi_async._transport.http1 import ResponseParser

CHUNK: Final = 65_536
"""Bytes of a large request that are handed over at once; more waits until the buffers have been emptied."""


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds that each step of a request may take, and all of them together."""

    pool: float = math.inf
    connect: float = math.inf
    write: float = math.inf
    read: float = math.inf
    total: float = math.inf


class Connection(Protocol):
    """An open connection to one origin.

    Attributes:
        is_reusable: whether the last exchange, if any, left it fit for another.
        idle_since: when it was given back, in the pool's time.
        is_closed: whether the socket is closed.
        on_lost: called when the socket has been closed, by whichever side, and when the server ended the connection or
            sent unsolicited data.
    """

    is_reusable: bool = True
    idle_since: float = 0.0
    is_closed: bool = False
    on_lost: Callable[[Connection], None] | None = None

    def is_healthy(self) -> bool:
        """Whether it is still open and no unsolicited data is pending."""

    async def exchange(
        self, request: bytes, *, head_only: bool, timeouts: Timeouts, deadline: float = math.inf
    ) -> ResponseParser:
        """Write a request and read its response, which is there until the next; the deadline is by `time.monotonic`.

        Raises:
            httpx.ConnectError: the connection was closed before the request was handed over; nothing was sent.
            httpx.TransportError: the response is incomplete; the request may have been received.
        """

    def close(self) -> None:
        """Close at once, without TLS's close_notify; the socket itself may take one more turn of the event loop."""


def require_http1(tls: ssl.SSLObject | None) -> None:
    """Refuse a server that has chosen another protocol, which only a context of the caller's can have offered.

    Raises:
        OSError: the server would not understand a request.
    """
    protocol = None if tls is None else tls.selected_alpn_protocol()
    if protocol not in (None, "http/1.1"):
        raise OSError(f"the server chose {protocol}, which the ssl_context offers; only http/1.1 is supported")
