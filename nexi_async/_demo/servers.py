"""The demo's two servers, on free ports of this machine and over TLS: the emulator and the shop's site."""

from __future__ import annotations

import functools
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
from starlette.types import ASGIApp

from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._server import serve, serve_app

REFUND_SECONDS = 86_400.0
"""How long a refund stays pending on the emulator's clock; until the demo advances it, it can be cancelled."""
TIME_SCALE = 60.0
"""How much faster than real time the emulator's clock runs, so that webhooks are retried soon."""


@attrs.frozen
class Servers:
    """The running servers.

    Attributes:
        emulator: the emulated API, for what the demo does without the API: its clock, faults and state.
        emulator_url: where it listens.
        site_url: the shop's web site.
        trust: trusts the certificates of both.
    """

    emulator: CheckoutEmulator = attrs.field(repr=False)
    emulator_url: str
    site_url: str
    trust: ssl.SSLContext


@asynccontextmanager
async def running_servers(site: ASGIApp) -> AsyncIterator[Servers]:
    """Run both servers; they stop at the end, also on an error. Needs asyncio, as uvicorn does.

    The emulator stops first, then its webhook connections are closed, then the shop, so that no server waits for a
    peer that no longer responds. The certificate authorities are new in every run.
    """
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        _running(functools.partial(serve_app, site), trust) as site_url,
        httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as webhook_transport,
    ):
        settings = Settings(refund_seconds=REFUND_SECONDS)
        emulator = CheckoutEmulator(settings=settings, time_scale=TIME_SCALE, webhook_transport=webhook_transport)
        async with _running(functools.partial(serve, emulator, tls=True), trust) as emulator_url:
            yield Servers(emulator, emulator_url, site_url, trust)


@asynccontextmanager
async def _running(start: Callable[..., Coroutine[Any, Any, None]], trust: ssl.SSLContext) -> AsyncIterator[str]:
    """The address of a server on a free port, whose certificate authority `trust` trusts from now on."""
    async with anyio.create_task_group() as group:
        with tempfile.TemporaryDirectory() as folder:
            ca_file = Path(folder) / "ca.pem"
            listening = await group.start(functools.partial(start, port=0, ca_file=ca_file))
            trust.load_verify_locations(ca_file)
        try:
            yield listening.url
        finally:
            group.cancel_scope.cancel()
