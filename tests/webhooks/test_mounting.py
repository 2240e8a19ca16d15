"""The receiver works wherever an ASGI app can be put: mounted, as a route, alone, behind a real server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from nexi_async.webhooks import Event, WebhookReceiver, deliveries
from tests.webhooks.servers import uvicorn_serving
from tests.webhooks.support import AUTHORIZATION, NEXI

HEADERS = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}


async def accept(_: Event) -> None:
    """Everything is fine."""


@pytest.fixture
def receiver() -> WebhookReceiver:
    """A receiver that takes everything."""
    return WebhookReceiver(authorization=AUTHORIZATION, fallback=accept)


@pytest.fixture
def fastapi_app(receiver: WebhookReceiver) -> FastAPI:
    """The shape of the README."""
    app = FastAPI()
    app.mount("/nexi", receiver)
    return app


def status_of(app: ASGIApp, method: str, path: str, backend: str) -> int:
    """What a delivery to that path is answered, without following redirects."""
    with TestClient(app, client=NEXI, backend=backend, follow_redirects=False) as client:  # type: ignore[arg-type]
        body = deliveries.sample("payment.created")
        return client.request(method, path, content=body, headers=HEADERS).status_code


@pytest.mark.parametrize("path", ["/nexi/webhooks", "/nexi/webhooks/", "/nexi/", "/nexi/any/other/path"])
def test_mounted_in_fastapi(fastapi_app: FastAPI, path: str, anyio_backend: str) -> None:
    """With and without a slash at the end, and whatever the rest of the path is; never a redirect."""
    assert status_of(fastapi_app, "POST", path, anyio_backend) == 200
    assert status_of(fastapi_app, "GET", path, anyio_backend) == 405


@pytest.mark.parametrize("path", ["/nexi/webhooks", "/nexi/webhooks/"])
def test_mounted_in_starlette(receiver: WebhookReceiver, path: str, anyio_backend: str) -> None:
    """With and without a slash at the end."""
    assert status_of(Starlette(routes=[Mount("/nexi", receiver)]), "POST", path, anyio_backend) == 200


def test_as_a_route(receiver: WebhookReceiver, anyio_backend: str) -> None:
    """As the endpoint of one path."""
    app = Starlette(routes=[Route("/hooks", receiver, methods=["POST"])])
    assert status_of(app, "POST", "/hooks", anyio_backend) == 200
    assert status_of(app, "GET", "/hooks", anyio_backend) == 405


@pytest.mark.parametrize("path", ["/", "/nexi/webhooks"])
def test_alone(receiver: WebhookReceiver, path: str, anyio_backend: str) -> None:
    """As an app of its own, started and stopped by the server."""
    assert status_of(receiver, "POST", path, anyio_backend) == 200


APPS: dict[str, Callable[[WebhookReceiver], ASGIApp]] = {
    "alone": lambda receiver: receiver,
    "mounted": lambda receiver: Starlette(routes=[Mount("/nexi", receiver)]),
    "mounted with its lifespan": lambda receiver: Starlette(
        routes=[Mount("/nexi", receiver)], lifespan=receiver.lifespan
    ),
    "behind a middleware with tasks": lambda receiver: Starlette(
        routes=[Mount("/nexi", receiver)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    ),
}


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Change nothing; Starlette runs the app in a task group of its own."""
    return await call_next(request)


@pytest.mark.parametrize("runs_lifespan", [True, False])
@pytest.mark.parametrize("build", APPS.values(), ids=list(APPS))
def test_a_handler_that_hangs_is_stopped(
    build: Callable[[WebhookReceiver], ASGIApp], runs_lifespan: bool, anyio_backend: str
) -> None:
    """Wherever the receiver is put, and whether or not the server runs a lifespan; the next delivery is handled."""
    handled: list[Event] = []

    async def hang_once(event: Event) -> None:
        handled.append(event)
        if len(handled) == 1:
            await anyio.sleep_forever()

    app = build(WebhookReceiver(authorization=AUTHORIZATION, fallback=hang_once, handler_timeout=0.01))
    client = TestClient(app, client=NEXI, backend=anyio_backend)  # type: ignore[arg-type]
    body = deliveries.sample("payment.created")
    with client if runs_lifespan else contextlib.nullcontext():
        answers = [client.post("/nexi/webhooks", content=body, headers=HEADERS) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 200]


def test_a_test_client_has_no_address(fastapi_app: FastAPI) -> None:
    """Without `client=` a test client has no address that is allowed."""
    answer = TestClient(fastapi_app).post("/nexi/webhooks", content=b"{}", headers=HEADERS)
    assert answer.status_code == 403


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A sender without the surroundings' proxy settings."""
    async with httpx2.AsyncClient(trust_env=False) as sender:
        yield sender


async def test_behind_a_real_server() -> None:
    """Over a socket: handled, repeated, without authorization, in chunks, too large."""
    seen: list[Event] = []

    async def remember(event: Event) -> None:
        seen.append(event)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 4096

    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=remember, networks=["127.0.0.1"])
    body = deliveries.sample("payment.created")
    with uvicorn_serving(receiver) as url:
        async with client() as sender:
            first = await sender.post(url, content=body, headers=HEADERS)
            again = await sender.post(url, content=body, headers=HEADERS)
            unauthorized = await sender.post(url, content=body)
            large = await sender.post(url, content=in_pieces(), headers=HEADERS)
    assert (first.status_code, first.text, first.headers["content-type"]) == (
        200,
        "handled",
        "text/plain; charset=utf-8",
    )
    assert [answer.status_code for answer in (again, unauthorized, large)] == [200, 401, 413]
    assert [event.raw for event in seen] == [body]
