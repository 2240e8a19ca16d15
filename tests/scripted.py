"""An API that answers by a script and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import anyio
import httpx

from nexi_async import AsyncCheckout, RetryPolicy

KEY = "test-secret-key"
SWIFT = RetryPolicy(attempts=4, first_delay=0.0, longest_delay=0.0)

Step: TypeAlias = httpx.Response | Exception | Callable[[], Awaitable[httpx.Response]]


class ScriptedAPI(httpx.AsyncBaseTransport):
    """Gives one answer after the other; an exception in the script is raised, a function is called for its answer."""

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else await step()

    async def aclose(self) -> None:
        self.closed = True

    @property
    def bodies(self) -> list[Any]:
        """What the requests carried, as JSON values."""
        return [json.loads(request.content) if request.content else None for request in self.requests]

    @property
    def keys(self) -> list[str | None]:
        """The idempotency keys of the requests."""
        return [request.headers.get("idempotency-key") for request in self.requests]

    @property
    def calls(self) -> list[str]:
        """Method and address below the host, as they travelled."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


class Body(httpx.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised, and None never comes."""

    def __init__(self, *pieces: bytes | Exception | None, on_close: Exception | None = None) -> None:
        self.pieces = pieces
        self.on_close = on_close
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if piece is None:
                await anyio.sleep_forever()
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece

    async def aclose(self) -> None:
        self.closed = True
        if self.on_close is not None:
            raise self.on_close


async def silence() -> httpx.Response:
    """An answer that never comes."""
    await anyio.sleep_forever()
    raise AssertionError


def answer(status: int, body: object = None, headers: Iterable[tuple[str, str]] = ()) -> httpx.Response:
    """An answer with a JSON body, or none."""
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers=list(headers))


def client(api: ScriptedAPI, *, retry: RetryPolicy = SWIFT, timeout: float = 5.0) -> AsyncCheckout:
    """A client that talks to the script."""
    return AsyncCheckout(KEY, base_url="https://api.test", transport=api, retry=retry, timeout=timeout)
