"""The same behaviour under every server, wherever the receiver is put, with and without an inbox."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from nexi_async.webhooks import Event, SQLInbox, WebhookReceiver, deliveries
from nexi_async.webhooks import _body as body_module
from tests.webhooks.servers import SERVERS
from tests.webhooks.support import AUTHORIZATION

HEADERS = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
TIMEOUT = 20.0


def in_fastapi(receiver: WebhookReceiver) -> ASGIApp:
    """Mounted, as in the README."""
    app = FastAPI(lifespan=receiver.lifespan)
    app.mount("/nexi", receiver)
    return app


def as_route(receiver: WebhookReceiver) -> ASGIApp:
    """The endpoint of two paths."""
    paths = ("/nexi/webhooks", "/nexi/webhooks/")
    return Starlette(routes=[Route(path, receiver) for path in paths], lifespan=receiver.lifespan)


def alone(receiver: WebhookReceiver) -> ASGIApp:
    """An app of its own."""
    return receiver


class Shop:
    """A receiver that takes everything from this machine, and fails if the test wants it."""

    def __init__(self, inbox: SQLInbox | None) -> None:
        self.seen: list[bytes] = []
        self.has_inbox = inbox is not None
        self.broken = False
        self.receiver = WebhookReceiver(
            authorization=AUTHORIZATION, networks=["127.0.0.1"], fallback=self.take, inbox=inbox
        )

    async def take(self, event: Event) -> None:
        """Record an event, unless broken."""
        if self.broken:
            raise RuntimeError("out of stock")
        self.seen.append(event.raw)

    def has_seen(self, *bodies: bytes) -> bool:
        """Whether it saw these and no others, giving it time."""
        ends = time.monotonic() + TIMEOUT
        while sorted(self.seen) != sorted(bodies) and time.monotonic() < ends:
            time.sleep(0.01)
        return sorted(self.seen) == sorted(bodies)


@pytest.fixture(params=[False, True], ids=["inline", "inbox"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """A shop in working order."""
    return Shop(SQLInbox(f"sqlite:///{tmp_path / 'inbox.db'}") if request.param else None)


@pytest.fixture(params=[in_fastapi, as_route, alone], ids=lambda place: place.__name__)
def place(request: pytest.FixtureRequest) -> Callable[[WebhookReceiver], ASGIApp]:
    """Where the receiver is put."""
    chosen: Callable[[WebhookReceiver], ASGIApp] = request.param
    return chosen


@pytest.fixture(params=SERVERS)
def nexi(
    request: pytest.FixtureRequest, shop: Shop, place: Callable[[WebhookReceiver], ASGIApp]
) -> Iterator[httpx.Client]:
    """A sender, connected to the shop."""
    # one connection a delivery: a server that answers before the end of a large body closes it
    limits = httpx.Limits(max_keepalive_connections=0)
    with (
        SERVERS[request.param](place(shop.receiver)) as url,
        httpx.Client(base_url=url, trust_env=False, limits=limits) as client,
    ):
        yield client


def pieces(body: bytes) -> Iterator[bytes]:
    """A body in chunks."""
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


def test_deliveries(shop: Shop, nexi: httpx.Client) -> None:
    """Taken with and without a slash, in one piece and in many, and once; what is wrong is refused as it should be."""
    first, second = deliveries.sample("payment.created"), deliveries.sample("payment.charge.created")
    assert nexi.post("/nexi/webhooks", content=first, headers=HEADERS).text == "handled"
    assert nexi.post("/nexi/webhooks/", content=first, headers=HEADERS).status_code == 200
    assert nexi.post("/nexi/webhooks", content=pieces(second), headers=HEADERS).status_code == 200
    assert nexi.post("/nexi/webhooks", content=first).status_code == 401
    assert nexi.post("/nexi/webhooks", content=b"{", headers=HEADERS).status_code == 400
    assert nexi.post("/nexi/webhooks", content=b" " * 70_000, headers=HEADERS).status_code == 413
    assert nexi.post("/nexi/webhooks", content=pieces(b" " * 70_000), headers=HEADERS).status_code == 413
    refused = nexi.get("/nexi/webhooks")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert shop.has_seen(first, second)


def test_a_failing_handler(shop: Shop, nexi: httpx.Client) -> None:
    """Inline it is answered 500 and sent again; with an inbox it is answered 200 and tried again from there."""
    body = deliveries.sample("payment.created")
    shop.broken = True
    status = nexi.post("/nexi/webhooks", content=body, headers=HEADERS).status_code
    assert status == (200 if shop.has_inbox else 500)
    shop.broken = False
    assert nexi.post("/nexi/webhooks", content=body, headers=HEADERS).status_code == 200
    assert shop.has_inbox or shop.has_seen(body)


def open_delivery(url: str, length: int) -> socket.socket:
    """A delivery whose head has been sent, and whose body has not."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=TIMEOUT)
    head = f"POST /nexi/webhooks HTTP/1.1\r\nHost: shop.test\r\nAuthorization: {AUTHORIZATION}\r\n"
    connection.sendall(f"{head}Content-Length: {length}\r\nConnection: close\r\n\r\n".encode())
    return connection


def status_of(connection: socket.socket) -> bytes:
    """The status that a delivery is answered with."""
    with connection:
        return connection.recv(1000).split()[1]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.filterwarnings("ignore:.*Request.stream:pytest.PytestUnraisableExceptionWarning")  # Starlette before 1.8
def test_a_body_may_come_later(shop: Shop, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a middleware that reads by tasks of its own: a late body is taken, a missing one is given up."""
    app = FastAPI(lifespan=shop.receiver.lifespan)
    app.mount("/nexi", shop.receiver)
    app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    body = deliveries.sample("payment.created")
    with SERVERS[server](app) as url:
        late = open_delivery(url, len(body))
        time.sleep(0.05)
        late.sendall(body)
        assert status_of(late) == b"200"
        monkeypatch.setattr(body_module, "BODY_TIMEOUT", 0.05)
        assert status_of(open_delivery(url, len(body))) == b"408"
    assert shop.has_seen(body)


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Changes nothing."""
    return await call_next(request)
