"""HTTP/1.1 over the simulated network: a server for ASGI apps, and a client for the emulator's webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
import httpx
from starlette.types import ASGIApp

from nexi_async.emulator._broken_responses import BREAK_CONNECTION
from tests.simulation.network import Endpoint, Network, Reader
from tests.simulation.processes import Process

PEER = ("127.0.0.1", 50_000)


def serve(
    network: Network,
    app: ASGIApp,
    address: tuple[str, int],
    process: Process,
    log: Callable[[str, str, int], None] | None = None,
) -> None:
    """Serve an app at that address, in that process.

    Args:
        network: where.
        app: the ASGI app.
        address: host and port.
        process: who serves; when it dies nobody does.
        log: told of method, target and status of every answer.
    """

    def accept(end: Endpoint) -> None:
        end.read_with(_ServerConnection(network, app, end, log))

    network.listen(*address, accept, process)


class _ServerConnection(Reader):
    """The requests of one connection, one after the other."""

    def __init__(
        self, network: Network, app: ASGIApp, end: Endpoint, log: Callable[[str, str, int], None] | None
    ) -> None:
        self._network = network
        self._app = app
        self._end = end
        self._log = log
        self._parser = httptools.HttpRequestParser(self)
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    # --- what arrives

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end.close()

    def end_received(self) -> None:
        self._gone.set()
        self._end.close()

    def reset(self) -> None:
        self._end.is_closed = True
        self._gone.set()

    # --- what the parser finds

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self._task = asyncio.get_running_loop().create_task(self._answer(method, self._url, self._headers, self._body))
        self._begin()

    # --- the answer

    async def _answer(self, method: str, url: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
        closes = any(name == b"connection" and value == b"close" for name, value in headers)

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                if self._log is not None:
                    self._log(method, url.decode(), message["status"])
                self._end.send(_head(message))
            else:
                self._end.send(message.get("body", b""))
                if not message.get("more_body") and (
                    closes or self._network.happens(self._network.conditions.server_closes)
                ):
                    self._end.close()

        scope = _scope(method, url, headers) | {"extensions": {BREAK_CONNECTION: self._end.break_off}}
        await self._app(scope, receive, send)


def _head(message: Any) -> bytes:
    status = message["status"]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in message.get("headers", ())]
    return b"\r\n".join([*lines, b"", b""])


def _scope(method: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    path, _, query = url.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode()),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": PEER,
        "server": ("127.0.0.1", 80),
    }


class NetworkTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests over the simulated network, each over a connection of its own.

    Args:
        network: which one.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            end = await self._network.open(request.url.host, request.url.port or 80)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        try:
            answer = _ClientConnection(end)
            end.send(_request(request))
            await answer.is_complete.wait()
        finally:
            end.close()
        if answer.is_broken:
            raise httpx.RemoteProtocolError("the connection broke")
        return httpx.Response(answer.status, content=answer.body)


def _request(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [name + b": " + value for name, value in request.headers.raw]
    return b"\r\n".join([*lines, b"connection: close", b"", request.content])


class _ClientConnection(Reader):
    """Reads one answer."""

    def __init__(self, end: Endpoint) -> None:
        self.status = 0
        self.body = b""
        self.is_broken = False
        self.is_complete = asyncio.Event()
        self._parser = httptools.HttpResponseParser(self)
        end.read_with(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def end_received(self) -> None:
        self.is_broken = not self.is_complete.is_set()
        self.is_complete.set()

    def reset(self) -> None:
        self.end_received()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.is_complete.set()
