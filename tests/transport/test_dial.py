"""Tests of nexi_async.transport.dial, to real sockets of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from nexi_async.transport import dial as dial_module
from nexi_async.transport.dial import dial
from tests.transport.leaks import open_files

V4 = "127.0.0.1"
V6 = "::1"
NOWHERE = "192.0.2.1"
"""An address for examples; what is sent there gets no answer."""


@pytest.fixture
def port() -> Iterator[int]:
    """A port where somebody listens at 127.0.0.1, and nobody at ::1 or 127.0.0.2."""
    with socket.create_server((V4, 0)) as listener:
        yield int(listener.getsockname()[1])


class Names:
    """Stands for DNS: what a name means, and what was asked for."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[object] = []

    async def getaddrinfo(self, host: object, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        return [
            entry
            for address in self.addresses
            for entry in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        ]


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Names:
    """Let every name mean these addresses."""
    names = Names(*addresses)
    monkeypatch.setattr(anyio, "getaddrinfo", names.getaddrinfo)
    return names


def peer(connected: socket.socket) -> str:
    """Whom the socket is connected to; closes it."""
    with connected:
        return str(connected.getpeername()[0])


class Unreachable:
    """Connecting takes for ever, except to some addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *silent: str) -> None:
        self.began: list[str] = []
        self.silent = silent
        self.connect = dial_module._connect
        monkeypatch.setattr(dial_module, "_connect", self)

    async def __call__(self, address: Any) -> socket.socket:
        self.began.append(address[4][0])
        if address[4][0] in self.silent:
            await anyio.sleep_forever()
        return await self.connect(address)


@pytest.mark.parametrize(("host", "family"), [(V4, socket.AF_INET), (V6, socket.AF_INET6)])
async def test_literal_addresses_need_no_dns(
    monkeypatch: pytest.MonkeyPatch, host: str, family: socket.AddressFamily
) -> None:
    """IPv4 and IPv6 addresses are connected to as they are."""
    names = resolve(monkeypatch)
    with (
        socket.create_server((host, 0), family=family) as listener,
        await dial(host, listener.getsockname()[1]) as connected,
    ):
        assert connected.getpeername()[:2] == listener.getsockname()[:2]
        assert not connected.getblocking()
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert names.asked == []


async def test_name_of_this_machine(port: int) -> None:
    """Names are looked up for real."""
    assert peer(await dial("localhost", port)) == V4


@pytest.mark.parametrize("addresses", [(V6, V4), (V4, V6), ("127.0.0.2", V4), (V6, "127.0.0.2", V4)])
async def test_dead_addresses_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, port: int, addresses: tuple[str, ...]
) -> None:
    """Whichever is dead, the one that lives is found, without waiting."""
    names = resolve(monkeypatch, *addresses)
    began = anyio.current_time()
    assert peer(await dial("api.test", port)) == V4
    assert anyio.current_time() - began < dial_module.HEAD_START
    assert names.asked == ["api.test"]


async def test_silent_address_gets_a_head_start(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """An address that does not answer is not waited for longer than that; it goes on beside the next."""
    monkeypatch.setattr(dial_module, "HEAD_START", 0.05)
    resolve(monkeypatch, NOWHERE, V4)
    network = Unreachable(monkeypatch, NOWHERE)
    began = anyio.current_time()
    assert peer(await dial("api.test", port)) == V4
    assert 0.04 < anyio.current_time() - began < 1.0
    assert network.began == [NOWHERE, V4]


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """If all of one family are silent, the first of the other comes second."""
    monkeypatch.setattr(dial_module, "HEAD_START", 0.01)
    resolve(monkeypatch, V6, "::2", "::3", NOWHERE, V4)
    network = Unreachable(monkeypatch, V6, "::2", "::3", NOWHERE)
    assert peer(await dial("api.test", port)) == V4
    assert network.began == [V6, NOWHERE, "::2", V4]


async def test_all_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody answers, the last one's reason is told."""
    with socket.create_server((V4, 0)) as listener:
        port = listener.getsockname()[1]
    resolve(monkeypatch, V6, "127.0.0.2", V4)
    with pytest.raises(ConnectionRefusedError):
        await dial("api.test", port)


async def test_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means nothing is an error like any other."""
    resolve(monkeypatch)
    with pytest.raises(OSError, match="the name has no address"):
        await dial("api.test", 443)


async def test_unknown_name() -> None:
    """A name that does not exist is one as well."""
    with pytest.raises(OSError):  # noqa: PT011  the words are the resolver's
        await dial("does-not-exist.invalid", 443)


@pytest.mark.parametrize("host", ["foo..bar", ".foo", "a" * 64 + ".test"])
async def test_what_cannot_be_a_name(host: str) -> None:
    """So is what DNS can't even ask for."""
    with pytest.raises(OSError, match="can't be a host's"):
        await dial(host, 443)


async def test_address_that_nobody_can_have() -> None:
    """What the machine itself refuses to connect to fails at once."""
    with pytest.raises(OSError, match=r"Permission denied|unreachable"):
        await dial("255.255.255.255", 443)


async def test_family_that_the_machine_lacks(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Where there is no IPv6, IPv4 is used."""
    resolve(monkeypatch, V6, V4)
    real = socket.socket

    def limited(family: int, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *rest)

    monkeypatch.setattr(socket, "socket", limited)
    assert peer(await dial("api.test", port)) == V4


async def test_two_winners(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two are connected in the same moment, one is closed."""
    monkeypatch.setattr(dial_module, "HEAD_START", 0.0)
    with socket.create_server((V4, 0)) as listener:
        resolve(monkeypatch, V4, V4, V4)
        before = open_files()
        with await dial("api.test", listener.getsockname()[1]):
            assert open_files() - before == {"socket": 1}
        assert not open_files() - before


async def test_winner_leaves_nothing_else(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Those who lost the race are closed."""
    monkeypatch.setattr(dial_module, "HEAD_START", 0.01)
    resolve(monkeypatch, "127.0.0.2", V6, V4)
    await dial_and_close(port)
    before = open_files()
    await dial_and_close(port)
    assert not open_files() - before


async def dial_and_close(port: int) -> None:
    """Dial, and hang up."""
    (await dial("api.test", port)).close()


@pytest.mark.parametrize("turns", range(12))
async def test_cancelled(monkeypatch: pytest.MonkeyPatch, port: int, turns: int) -> None:
    """Cancelled at whatever moment, no socket stays open."""
    monkeypatch.setattr(dial_module, "HEAD_START", 0.001)
    resolve(monkeypatch, V6, V4)
    before = open_files()
    connected = None
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            tasks.start_soon(cancel)
            connected = await dial("api.test", port)
    if connected is not None:
        connected.close()
    assert not open_files() - before


async def test_cancelled_while_it_rings() -> None:
    """So it is if nobody ever answers."""
    listener = socket.create_server((V4, 0), backlog=0)
    with listener:
        where = listener.getsockname()
        crowd = []
        for _ in range(3):  # fills the queue, so that the next one waits
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(where)
            crowd.append(one)
        before = open_files()
        with anyio.move_on_after(0.05) as scope:
            await dial(*where)
        assert scope.cancelled_caught
        assert not open_files() - before
        for one in crowd:
            one.close()
