"""The demo's two servers, on free ports of this machine and over TLS: the emulator and the shop's site.

Each runs until its context ends, also on an error, and needs asyncio, as uvicorn does. Their certificate authorities
are new in every run.
"""

import functools
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
from starlette.types import ASGIApp

from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._server import serve, serve_app

REFUND_SECONDS = 86_400.0
"""How long a refund stays pending on the emulator's clock; until the demo advances it, it can be cancelled."""
TIME_SCALE = 60.0
"""How much faster than real time the emulator's clock runs, so that webhooks are retried soon."""


@asynccontextmanager
async def running_emulator(trust: ssl.SSLContext) -> AsyncIterator[tuple[CheckoutEmulator, str]]:
    """The emulator and its address. It stops before its webhook connections are closed."""
    async with httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as webhook_transport:
        settings = Settings(refund_seconds=REFUND_SECONDS)
        emulator = CheckoutEmulator(settings=settings, time_scale=TIME_SCALE, webhook_transport=webhook_transport)
        async with _running(functools.partial(serve, emulator, tls=True), trust) as url:
            yield emulator, url


def running_site(site: ASGIApp, trust: ssl.SSLContext) -> AbstractAsyncContextManager[str]:
    """The address of the shop's web site."""
    return _running(functools.partial(serve_app, site), trust)


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
