"""Tests of nexi_async._transport.connect, to real sockets of this machine."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint

from nexi_async._transport.connect import connect
from nexi_async._transport.connection import Connection
from nexi_async._transport.origin import Origin
from tests.transport.leaks import open_files
from tests.transport.lines import settled
from tests.transport.servers import nobody, serving

V4, V6 = "127.0.0.1", "::1"
NOWHERE = "192.0.2.1"
"""An address for examples; what is sent there gets no answer."""


@pytest.fixture
def port() -> Iterator[int]:
    """A port where somebody listens at 127.0.0.1, and nobody at ::1 or 127.0.0.2."""
    with socket.create_server((V4, 0)) as listener:
        yield int(listener.getsockname()[1])


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let "api.test" mean these addresses."""
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *rest: Any, **options: Any) -> list[Any]:
        if host not in ("api.test", b"api.test"):
            return real(host, port, *rest, **options)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [entry for address in addresses for entry in real(address, port, type=socket.SOCK_STREAM)]

    async def found_by_anyio(*rest: Any, **options: Any) -> list[Any]:
        return found(*rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(anyio, "getaddrinfo", found_by_anyio)


async def opened(host: str, port: int, seconds: float = 5.0) -> Connection:
    """A connection without TLS."""
    origin = Origin(scheme="http", host=host, port=port, server_name=host)
    return await connect(origin, seconds, context=ssl.create_default_context())


async def hang_up(connection: Connection) -> None:
    """Close a connection and its socket."""
    connection.close()
    while not connection.is_closed:
        await checkpoint()


@pytest.mark.parametrize(
    "addresses",
    [(V4,), (V6, V4), (V4, V6), ("127.0.0.2", V6, V4), (NOWHERE, V4), (NOWHERE, V6, V4)],
    ids=["one", "second", "first", "last", "after one that is silent", "after two that fail"],
)
async def test_any_address_will_do(monkeypatch: pytest.MonkeyPatch, port: int, addresses: tuple[str, ...]) -> None:
    """Whichever answers first is taken, soon, and the others leave nothing open."""
    resolve(monkeypatch, *addresses)
    await hang_up(await opened("api.test", port))
    before, began = open_files(), anyio.current_time()
    await hang_up(await opened("api.test", port))
    assert anyio.current_time() - began < 2.0
    assert (open_files() - before)["socket"] == 0


@pytest.mark.parametrize("host", [V4, "localhost"])
async def test_without_a_resolver(port: int, host: str) -> None:
    """An address is a name as well."""
    await hang_up(await opened(host, port))


async def test_no_address_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no address can be reached, the reason is in the error."""
    async with nobody() as url:
        resolve(monkeypatch, V6, "127.0.0.2", V4)
        with pytest.raises(httpx.ConnectError, match=r"^no connection to http://api.test:\d+: .") as caught:
            await opened("api.test", Origin.of(url).port)
    assert isinstance(caught.value.__cause__, OSError)


async def test_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means nothing is an error like any other."""
    resolve(monkeypatch)
    with pytest.raises(httpx.ConnectError, match="Name or service not known"):
        await opened("api.test", 443)


@pytest.mark.parametrize("host", ["foo..bar", ".foo", "a" * 64 + ".test"])
async def test_what_cannot_be_a_name(host: str) -> None:
    """So is what DNS can't even ask for."""
    with pytest.raises(httpx.ConnectError):
        await opened(host, 443)


async def test_address_that_no_host_can_have() -> None:
    """What the machine itself refuses to connect to fails at once."""
    with pytest.raises(httpx.ConnectError):
        await opened("255.255.255.255", 443)


@pytest.mark.parametrize("turns", range(16))
async def test_cancelled(monkeypatch: pytest.MonkeyPatch, port: int, turns: int) -> None:
    """Cancelled at whatever moment, no socket stays open."""
    resolve(monkeypatch, V6, V4)
    before = open_files()
    connected = None
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                for _ in range(turns):
                    await checkpoint()
                scope.cancel()

            tasks.start_soon(cancel)
            connected = await opened("api.test", port)
    if connected is not None:
        await hang_up(connected)
    await settled()
    assert (open_files() - before)["socket"] == 0


async def test_takes_too_long() -> None:
    """A server that does not take the connection is given up, and so is one that does not shake hands."""
    with socket.create_server((V4, 0), backlog=0) as listener:
        where = listener.getsockname()
        crowd = []
        for _ in range(3):  # fills the queue, so that the next one waits
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(where)
            crowd.append(one)
        before = open_files()
        with pytest.raises(httpx.ConnectTimeout):
            await opened(V4, where[1], 0.05)
        await settled()
        assert (open_files() - before)["socket"] == 0
        for one in crowd:
            one.close()


async def test_handshake_takes_too_long() -> None:
    """So is a server that says nothing to TLS."""

    async def stare(_: object) -> None:
        await anyio.sleep_forever()

    async with serving(stare) as url:
        origin = Origin.of(url.replace("http", "https"))
        before = open_files()
        with pytest.raises(httpx.ConnectTimeout):
            await connect(origin, 0.05, context=ssl.create_default_context())
        await settled()
        assert (open_files() - before)["socket"] == 1  # the server's own
