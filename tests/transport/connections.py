"""Connections without sockets, for what stands above them."""

from __future__ import annotations

import math

from nexi_async._transport.connection import Connection, Timeouts
from nexi_async._transport.http1 import ResponseParser


class NumberedConnection(Connection):
    """A connection that can be told apart, and carries nothing.

    Attributes:
        surprise: whether unsolicited data is pending, which `is_healthy` reports.
        closed: how many times it was closed.
        lingers: whether the socket is closed only by `vanish`.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.surprise = False
        self.closed = 0
        self.lingers = False

    def is_healthy(self) -> bool:
        return not (self.surprise or self.closed)

    async def exchange(
        self, request: bytes, *, head_only: bool, timeouts: Timeouts, deadline: float = math.inf
    ) -> ResponseParser:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1
        self.is_reusable = False
        if not self.lingers:
            self.vanish()

    def vanish(self) -> None:
        """The socket is closed."""
        self.is_closed = True
        self.tell()

    def tell(self) -> None:
        """What the event loop does as soon as unsolicited data comes."""
        if self.on_lost is not None:
            self.on_lost(self)

    def __repr__(self) -> str:
        return f"<connection {self.number}>"
