"""The simulated network: connections in memory, with delays, losses, cuts at any byte, and ends that hear nothing.

The bytes of one connection arrive in their order, in pieces as the network likes; connections overtake each other. What
becomes of a connection is drawn when it is made, by the conditions that hold then.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

import attrs

from tests.simulation.processes import CURRENT, Process

ORDERING = 1e-5
"""Seconds between two pieces that arrive at the same time: timers that are due at once have no order."""

Accept: TypeAlias = Callable[["Endpoint"], object]
Protocol: TypeAlias = asyncio.Protocol


@attrs.frozen(kw_only=True)
class NetworkConditions:
    """How the network treats connections; rates are between 0 and 1.

    Attributes:
        delay: the longest usual time of a piece on its way, in seconds.
        slow: how often a piece takes up to fifty times as long.
        refuse: how often connecting fails.
        hang: how often connecting gets no answer.
        cut: how often a connection breaks, at a byte drawn in advance.
        half_open: how often a broken connection breaks silently: nothing arrives any more, and nobody is told.
        split: how often what was sent arrives in several pieces.
        backpressure: how often a sender is told to pause for a while.
        server_closes: how often the server closes a connection after an answer, without having said so.
    """

    delay: float = 0.02
    slow: float = 0.0
    refuse: float = 0.0
    hang: float = 0.0
    cut: float = 0.0
    half_open: float = 0.0
    split: float = 0.0
    backpressure: float = 0.0
    server_closes: float = 0.0


@attrs.frozen
class _Break:
    """Where one direction of a connection breaks, and whether anybody is told."""

    after: int | None = None
    is_silent: bool = False


class Network:
    """All connections of a simulation, and who listens where.

    Args:
        chance: decides everything that happens to connections.
        log: writes a line of the trace.
    """

    def __init__(self, chance: random.Random, log: Callable[[str], None]) -> None:
        self.conditions = NetworkConditions()
        self.connections: list[_Connection] = []
        self.log = log
        self._chance = chance
        self._listeners: dict[tuple[str, int], tuple[Accept, Process]] = {}
        self._down: set[Process] = set()

    def listen(self, host: str, port: int, accept: Accept, process: Process) -> None:
        """Have `accept` called in that process for each new connection; replaces who listened there before."""
        self._listeners[host, port] = (accept, process)

    async def connect(self, protocol_factory: Callable[[], Protocol], host: str, port: int) -> tuple[Any, Protocol]:
        """What an event loop's `create_connection` does."""
        endpoint = await self.open(host, port)
        protocol = protocol_factory()
        return _Transport(endpoint, protocol, self), protocol

    async def open(self, host: str, port: int) -> Endpoint:
        """A new connection; returns the end of whoever opens it."""
        await asyncio.sleep(self.delay())
        if self.happens(self.conditions.hang):
            await asyncio.sleep(1e9)
        accept, process = self._listeners.get((host, port), (None, None))
        is_refused = process is None or process.is_dead or process in self._down or CURRENT.get() in self._down
        if accept is None or process is None or is_refused or self.happens(self.conditions.refuse):
            raise ConnectionRefusedError(111, "Connection refused")
        connection = _Connection(self, len(self.connections))
        self.connections.append(connection)
        mine, others = connection.ends
        self._own(mine, CURRENT.get())
        self._own(others, process)
        asyncio.get_running_loop().call_soon(accept, others, context=others.context())
        return mine

    def go_down(self, process: Process) -> None:
        """Cut a process off: its connections are reset and new ones are refused."""
        self._down.add(process)
        for connection in self.connections:
            if any(end.process is process for end in connection.ends):
                connection.reset()

    def come_up(self, process: Process) -> None:
        """Let a process connect again."""
        self._down.discard(process)

    def opened_by(self, process: Process) -> int:
        """How many connections a process has opened and not closed."""
        ends = [connection.ends[0] for connection in self.connections]
        return sum(end.process is process and not end.is_closed for end in ends)

    def _own(self, end: Endpoint, process: Process | None) -> None:
        end.process = process
        if process is not None:
            process.on_death.append(end.die)

    def draw_break(self) -> _Break:
        """Where a direction of a new connection breaks, if it does."""
        if not self.happens(self.conditions.cut):
            return _Break()
        return _Break(self._chance.randrange(2_000), self.happens(self.conditions.half_open))

    def draw_pieces(self, data: bytes) -> list[bytes]:
        """How what was sent arrives."""
        if len(data) < 2 or not self.happens(self.conditions.split):
            return [data]
        at = self._chance.randrange(1, len(data))
        return [data[:at], data[at:]]

    def delay(self) -> float:
        """For how many seconds a piece is on its way."""
        seconds = self._chance.random() * self.conditions.delay
        return seconds * 50 if self.happens(self.conditions.slow) else seconds

    def happens(self, rate: float) -> bool:
        """Whether something of this rate happens this time."""
        return rate > 0 and self._chance.random() < rate


class _Connection:
    """Two ends and what is on its way between them."""

    def __init__(self, network: Network, number: int) -> None:
        self.network = network
        self.ends = (Endpoint(self, 0), Endpoint(self, 1))
        self._number = number
        self._breaks = (network.draw_break(), network.draw_break())
        self._sent = [0, 0]
        self._free_at = [0.0, 0.0]
        self._is_broken = False

    def carry(self, side: int, data: bytes | None) -> None:
        """Bring bytes, or the end of them, to the other end."""
        if self._is_broken:
            return
        if data is None:
            self._schedule(side, self.ends[1 - side].hear_end)
            return
        for piece in self.network.draw_pieces(data):
            kept = self._before_break(side, piece)
            if kept:
                self._schedule(side, self.ends[1 - side].hear, kept)

    def _before_break(self, side: int, piece: bytes) -> bytes:
        """What of a piece gets through before the connection breaks."""
        limit = self._breaks[side].after
        if self._is_broken:
            return b""
        if limit is None or self._sent[side] + len(piece) <= limit:
            self._sent[side] += len(piece)
            return piece
        kept = piece[: limit - self._sent[side]]
        self._sent[side] = limit
        self._is_broken = True
        is_silent = self._breaks[side].is_silent
        self.network.log(f"connection {self._number} breaks{' silently' if is_silent else ''} at byte {limit}")
        if not is_silent:
            self._schedule(side, self.reset)
        return kept

    def _schedule(self, side: int, act: Callable[..., object], *args: Any) -> None:
        """Do it when it arrives, after everything that was sent before it."""
        loop = asyncio.get_running_loop()
        due = max(loop.time() + self.network.delay(), self._free_at[side] + ORDERING)
        self._free_at[side] = due
        loop.call_at(due, act, *args, context=self.ends[1 - side].context())

    def reset(self) -> None:
        """Nothing more arrives at either end, not even what is on its way."""
        self._is_broken = True
        for end in self.ends:
            end.hear_reset()


class Reader:
    """Who is told what arrives at an end."""

    def data_received(self, data: bytes) -> None:
        """These bytes came."""

    def end_received(self) -> None:
        """The other end will send no more."""

    def reset(self) -> None:
        """The connection is broken."""


class Endpoint:
    """One end of a connection: sends bytes, and tells its reader what arrives."""

    def __init__(self, connection: _Connection, side: int) -> None:
        self._connection = connection
        self._side = side
        self.process: Process | None = None
        self.is_closed = False
        self._reader: Reader | None = None
        self._early: list[Callable[[Reader], object]] = []

    def read_with(self, reader: Reader) -> None:
        """Tell this reader of everything that arrives, and of what has arrived already."""
        self._reader = reader
        for tell in self._early:
            tell(reader)
        self._early.clear()

    def send(self, data: bytes) -> None:
        if not self.is_closed:
            self._connection.carry(self._side, data)

    def close(self) -> None:
        """Send the end of the stream after all that was sent; hear nothing more."""
        if not self.is_closed:
            self.is_closed = True
            self._connection.carry(self._side, None)

    def die(self) -> None:
        """The process has died: its system closes the connection, unless the whole machine is gone."""
        network = self._connection.network
        if network.happens(network.conditions.half_open):
            self.is_closed = True
        else:
            self.close()

    def break_off(self) -> None:
        """Reset the connection."""
        self._connection.reset()

    def context(self) -> Context:
        """Where what arrives is run: in the process that has this end."""
        from contextvars import copy_context

        return copy_context() if self.process is None else self.process.context()

    def hear(self, data: bytes) -> None:
        self._tell(lambda reader: reader.data_received(data))

    def hear_end(self) -> None:
        self._tell(lambda reader: reader.end_received())

    def hear_reset(self) -> None:
        self._tell(lambda reader: reader.reset())

    def _tell(self, tell: Callable[[Reader], object]) -> None:
        if self.is_closed or (self.process is not None and self.process.is_dead):
            return
        if self._reader is None:
            self._early.append(tell)
        elif self.process is None or CURRENT.get() is self.process:
            tell(self._reader)
        else:
            asyncio.get_running_loop().call_soon(tell, self._reader, context=self.context())


class _Transport(asyncio.Transport, Reader):
    """An end, as asyncio's protocols know it."""

    def __init__(self, end: Endpoint, protocol: asyncio.Protocol, network: Network) -> None:
        super().__init__()
        self._end = end
        self._protocol = protocol
        self._network = network
        self._is_lost = False
        protocol.connection_made(self)
        end.read_with(self)

    # --- for the protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _QUIET_SOCKET if name == "socket" else default

    def write(self, data: Any) -> None:
        self._end.send(bytes(data))
        if not self._end.is_closed and self._network.happens(self._network.conditions.backpressure):
            self._protocol.pause_writing()
            asyncio.get_running_loop().call_later(self._network.delay(), self._resume)

    def _resume(self) -> None:
        if not self._is_lost:
            self._protocol.resume_writing()

    def close(self) -> None:
        if not self._end.is_closed:
            self._end.close()
            asyncio.get_running_loop().call_soon(self._lose, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._end.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    # --- for the network

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def end_received(self) -> None:
        if not self._protocol.eof_received():
            self.close()

    def reset(self) -> None:
        self._end.is_closed = True
        self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._protocol.connection_lost(error)


class _QuietSocket:
    """What a protocol may ask of the socket below: bytes are told as they arrive, so there is nothing to poll for."""

    def __init__(self) -> None:
        self._fileno: int | None = None
        self._owner = 0

    def setsockopt(self, *_: Any) -> None:
        pass

    def fileno(self) -> int:
        """A descriptor that is never readable."""
        if self._fileno is None or self._owner != os.getpid():
            self._fileno, _ = os.pipe()
            self._owner = os.getpid()
        return self._fileno


_QUIET_SOCKET = _QuietSocket()
