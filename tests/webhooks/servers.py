"""Real servers for an app, on a free port of this machine: uvicorn on asyncio, hypercorn on asyncio and on trio."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import anyio
import hypercorn.asyncio
import hypercorn.trio
import uvicorn
from anyio import from_thread
from hypercorn.config import Config
from starlette.types import ASGIApp

Serving = Callable[[ASGIApp], AbstractContextManager[str]]
"""Serves an app until the end of the block; gives its URL."""


@contextmanager
def uvicorn_serving(
    app: ASGIApp, *, trusting: str | None = "127.0.0.1", listener: socket.socket | None = None
) -> Iterator[str]:
    """Connections that are opened before the server is ready wait in the queue.

    Args:
        app: what to serve.
        trusting: whose `X-Forwarded-For` uvicorn trusts; None for no one's.
        listener: where to serve it, if not on a free port.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=1,
        proxy_headers=trusting is not None,
        forwarded_allow_ips=trusting,
    )
    server = uvicorn.Server(config)
    with (
        listener or socket.create_server(("127.0.0.1", 0)) as listener,
        from_thread.start_blocking_portal() as portal,
    ):
        served = portal.start_task_soon(server.serve, [listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}" if listener.family == socket.AF_INET else "unix:"
        server.should_exit = True
        served.result()


@contextmanager
def hypercorn_serving(app: ASGIApp, *, backend: str) -> Iterator[str]:
    """Hypercorn is given a listener that exists already, so that no connection comes too early."""
    serve: Any = hypercorn.trio.serve if backend == "trio" else hypercorn.asyncio.serve
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 1
    config.loglevel = "CRITICAL"
    with from_thread.start_blocking_portal(backend) as portal:
        stop = portal.call(anyio.Event)
        served = portal.start_task_soon(functools.partial(serve, cast("Any", app), config, shutdown_trigger=stop.wait))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        portal.call(stop.set)
        served.result()
    listener.detach()  # closed by the server


SERVERS: dict[str, Serving] = {
    "uvicorn": uvicorn_serving,
    "hypercorn on asyncio": functools.partial(hypercorn_serving, backend="asyncio"),
    "hypercorn on trio": functools.partial(hypercorn_serving, backend="trio"),
}
