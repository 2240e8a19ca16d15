"""A stream without a socket, for what stands above it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import anyio

from nexi_async.transport.connection import Connection


class ScriptedStream:
    """Gives one piece after the other, and notes what was sent.

    An exception among the pieces is raised; None never comes.

    Attributes:
        sent: what was sent.
        taken: how many bytes it takes before `broken` is raised; all of them by default.
        broken: what sending more raises.
        surprise: what `has_surprise` says.
        closed: how many times it was closed.
    """

    def __init__(self, *pieces: bytes | Exception | None) -> None:
        self.pieces = list(pieces)
        self.sent = b""
        self.taken = math.inf
        self.broken: Exception | None = BrokenPipeError("gone")
        self.surprise = False
        self.closed = 0

    @property
    def bytes_sent(self) -> int:
        return len(self.sent)

    async def send(self, data: bytes, deadline: float) -> None:
        room = self.taken - len(self.sent)
        self.sent += data if room >= len(data) else data[: int(room)]
        if room < len(data):
            if self.broken is not None:
                raise self.broken
            with anyio.fail_after(deadline - anyio.current_time()):
                await anyio.sleep_forever()

    async def receive(self, deadline: float) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else None
        if piece is None:
            with anyio.fail_after(deadline - anyio.current_time()):
                await anyio.sleep_forever()
        if isinstance(piece, Exception):
            raise piece
        assert piece is not None
        return piece

    def has_surprise(self) -> bool:
        return self.surprise

    def close(self) -> None:
        self.closed += 1


class NumberedConnection(Connection):
    """A connection that can be told apart, on a stream of its own."""

    def __init__(self, number: int, pieces: Iterable[bytes] = ()) -> None:
        self.stream = ScriptedStream(*pieces)
        self.number = number
        super().__init__(self.stream)

    def __repr__(self) -> str:
        return f"<connection {self.number}>"
