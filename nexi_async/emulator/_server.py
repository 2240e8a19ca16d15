"""The emulator as a server of its own: uvicorn on a loopback address, with TLS if wanted."""

import contextlib
import logging
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import trustme
import uvicorn
from anyio.abc import TaskStatus
from attrs import frozen
from starlette.types import ASGIApp, Receive, Scope, Send

from nexi_async.emulator._broken_responses import BREAK_CONNECTION
from nexi_async.emulator._emulator import CheckoutEmulator
from nexi_async.emulator._engine.addresses import is_loopback, origin

_NAMES = ("localhost", "127.0.0.1", "::1")
_GRACE = 2
_BACKLOG = 2048


@frozen
class Listening:
    """A server that listens.

    Attributes:
        url: Its base address, without a slash at the end.
        ca_file: The certificate authority to trust, a PEM file; None without TLS.
    """

    url: str
    ca_file: Path | None = None


async def serve(
    emulator: CheckoutEmulator,
    *,
    host: str = "127.0.0.1",
    port: int = 8400,
    tls: bool = False,
    ca_file: Path | None = None,
    beyond_loopback: bool = False,
    task_status: TaskStatus[Listening] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the emulator until cancelled; reports a `Listening` once it takes requests. Needs asyncio.

    Args:
        emulator: What to serve.
        host: A loopback address, or `localhost`.
        port: 0 takes a free one.
        tls: Serve https with a certificate for localhost, 127.0.0.1 and ::1, made for this run.
        ca_file: Where to write the certificate authority of `tls`; a temporary file by default.
        beyond_loopback: Allow a host that other machines reach. Anyone there can use
            the emulated API and its pages; the control endpoints stay on this machine.
        task_status: For `TaskGroup.start`.

    Raises:
        ValueError: The host is not a loopback address and `beyond_loopback` was not given.
        OSError: The address is taken or not there.
    """
    if not beyond_loopback and not is_loopback(host):
        msg = f"{host} is not a loopback address; give beyond_loopback too if other machines shall reach it"
        raise ValueError(msg)
    with contextlib.ExitStack() as stack:
        if tls and ca_file is None:
            ca_file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "emulator-ca.pem"
        await serve_app(
            emulator,
            host=host,
            port=port,
            ca_file=ca_file if tls else None,
            stopping=emulator.close_streams,
            task_status=task_status,
        )


async def serve_app(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ca_file: Path | None = None,
    stopping: Callable[[], None] = lambda: None,
    task_status: TaskStatus[Listening] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI app until cancelled; with `ca_file`, where the certificate authority is written, over TLS.

    `stopping` is called before the server waits for the responses under way.
    """
    with _listen(host, port) as listener:
        server = _Server(app, _tls_context(ca_file) if ca_file else None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run_shielded, listener)
            try:
                await server.ready.wait()
                task_status.started(
                    Listening(origin("https" if ca_file else "http", *listener.getsockname()[:2]), ca_file)
                )
                await server.done.wait()
            finally:
                stopping()
                server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; asyncio sends small answers without delay only if the protocol is named."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _tls_context(ca_file: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*_NAMES).configure_cert(context)
    return context


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers; it reports when it listens, and it can break connections."""

    def __init__(self, app: ASGIApp, context: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            self._with_break(app),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="on",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        config.load()
        config.ssl = context
        super().__init__(config)
        self.ready = anyio.Event()
        self.done = anyio.Event()

    async def run_shielded(self, listener: socket.socket) -> None:
        """Serve until `should_exit`; shutting down is not cut short by cancellation."""
        with anyio.CancelScope(shield=True):
            try:
                await self.serve([listener])
            finally:
                self.ready.set()
                self.done.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _with_break(self, app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope.setdefault("extensions", {})[BREAK_CONNECTION] = partial(self._break_connection, scope["client"])
            await app(scope, receive, send)

        return wrapped

    def _break_connection(self, client: object) -> None:
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.close()
