"""Opening a socket: IPv6 and IPv4 race for it with a head start each, as RFC 8305 has it ("happy eyeballs")."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from typing import Any, Final

import anyio

__all__ = ["dial"]

HEAD_START: Final = 0.25
"""Seconds that an address has before the next one is tried beside it."""

Address = tuple[int, int, int, str, Any]
"""Family, type, protocol, canonical name and socket address, as `getaddrinfo` gives them."""


async def dial(host: str, port: int) -> socket.socket:
    """A connected socket that does not block, to the first address of the host that answers; `OSError` if none does."""
    race = _Race()
    addresses = await _addresses(host, port)
    try:
        async with anyio.create_task_group() as tasks:
            for address in addresses:
                failed = anyio.Event()
                tasks.start_soon(race.run, address, failed, tasks.cancel_scope)
                with anyio.move_on_after(HEAD_START):
                    await failed.wait()
    except BaseException:
        race.abandon()
        raise
    return race.finish()


class _Race:
    """Who was first, and why the others failed."""

    def __init__(self) -> None:
        self._winner: socket.socket | None = None
        self._errors: list[OSError] = []

    async def run(self, address: Address, failed: anyio.Event, others: anyio.CancelScope) -> None:
        """Try one address."""
        try:
            connected = await _connect(address)
        except OSError as error:
            self._errors.append(error)
            failed.set()
        else:
            self.abandon()
            self._winner = connected
            others.cancel()

    def finish(self) -> socket.socket:
        """The winner."""
        if self._winner is None:
            raise self._errors[-1] if self._errors else OSError(errno.ENOENT, "the name has no address")
        return self._winner

    def abandon(self) -> None:
        """Nobody wants the winner so far."""
        if self._winner is not None:
            self._winner.close()


async def _addresses(host: str, port: int) -> list[Address]:
    """All addresses of the host, the families taking turns."""
    try:
        found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except UnicodeError:
        raise OSError(errno.EINVAL, "the name can't be a host's") from None
    except socket.gaierror:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [address for address in found if address[0] == found[0][0]]
    second = [address for address in found if address[0] != found[0][0]]
    turns = itertools.zip_longest(first, second)
    return [address for turn in turns for address in turn if address is not None]


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.settimeout(0)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = connecting.connect_ex(where)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            await anyio.wait_writable(connecting)
            code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        connecting.close()
        raise
    return connecting
