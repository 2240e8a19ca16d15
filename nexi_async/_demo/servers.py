"""The two servers of the demo, on free ports of this machine: the emulator and the shop's site, both over TLS."""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import httpx
import trustme
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._server import serve

__all__ = ["REFUND_SECONDS", "Servers", "running_servers"]

HOST = "127.0.0.1"
GRACE = 2
"""Seconds that answers under way may take when the shop closes."""
REFUND_SECONDS = 86_400.0
"""How long a refund stays pending on the emulator's clock; until the demo moves it, there is time to stop one."""
TIME_SCALE = 60.0
"""How much faster than ours the emulator's clock goes; a webhook that has to be sent again comes soon."""


@attrs.frozen
class Servers:
    """Where the two listen.

    Attributes:
        emulator_url: the emulated API.
        site_url: the shop's web site.
        trust: trusts the certificates of both.
        secret_key: the emulated API's key.
    """

    emulator_url: str
    site_url: str
    trust: ssl.SSLContext
    secret_key: str = attrs.field(repr=False)


@asynccontextmanager
async def running_servers(site: ASGIApp) -> AsyncIterator[Servers]:
    """Both servers, running; they stop at the end, however it comes. Needs asyncio, as uvicorn does.

    The emulator stops first, then the connections are closed that it sends webhooks through, then the shop, so that
    nobody waits for a peer that has gone silent.
    """
    authority = trustme.CA()
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with (
        _running_shop(site, authority) as site_url,
        httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as post,
        _running_emulator(post, trust) as (emulator_url, secret_key),
    ):
        yield Servers(emulator_url, site_url, trust, secret_key)


@asynccontextmanager
async def _running_shop(site: ASGIApp, authority: trustme.CA) -> AsyncIterator[str]:
    server = _ShopServer(site, authority)
    async with anyio.create_task_group() as group:
        try:
            yield await group.start(server.listen)
        finally:
            server.should_exit = True


@asynccontextmanager
async def _running_emulator(post: httpx.AsyncBaseTransport, trust: ssl.SSLContext) -> AsyncIterator[tuple[str, str]]:
    """The emulator's address and key; its certificate authority is new in every run, and trusted from now on."""
    emulator = CheckoutEmulator(
        settings=Settings(refund_seconds=REFUND_SECONDS), time_scale=TIME_SCALE, webhook_transport=post
    )
    async with anyio.create_task_group() as group:
        with tempfile.TemporaryDirectory() as folder:
            ca_file = Path(folder) / "emulator-ca.pem"
            listening = await group.start(
                functools.partial(serve, emulator, host=HOST, port=0, tls=True, ca_file=ca_file)
            )
            trust.load_verify_locations(ca_file)
        try:
            yield listening.url, emulator.secret_key
        finally:
            group.cancel_scope.cancel()


class _ShopServer(uvicorn.Server):
    """Uvicorn on a free port, that leaves signals to the program and stops when told to."""

    def __init__(self, site: ASGIApp, authority: trustme.CA) -> None:
        config = uvicorn.Config(
            site, log_config=None, log_level=logging.WARNING, access_log=False, timeout_graceful_shutdown=GRACE
        )
        config.load()
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(config.ssl)
        super().__init__(config)

    async def listen(self, *, task_status: TaskStatus[str] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until `should_exit`; reports the address. Cancellation does not cut the answers short."""
        with _listener() as listener, anyio.CancelScope(shield=True):
            task_status.started(f"https://{HOST}:{listener.getsockname()[1]}")
            await self.serve([listener])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener() -> socket.socket:
    """A free port; naming the protocol lets asyncio switch Nagle's algorithm off, which costs 40 ms an answer."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    listener.listen(2048)
    return listener
