"""An API that answers by a script and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from nexi_async import AsyncCheckout, RetryPolicy

KEY = "test-secret-key"
SWIFT = RetryPolicy(attempts=4, first_delay=0.0, longest_delay=0.0)


class ScriptedAPI(httpx.AsyncBaseTransport):
    """Gives one answer after the other; an exception in the script is raised instead of an answer."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

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


def answer(status: int, body: object = None, headers: Iterable[tuple[str, str]] = ()) -> httpx.Response:
    """An answer with a JSON body, or none."""
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers=list(headers))


def client(api: ScriptedAPI, *, retry: RetryPolicy = SWIFT, timeout: float = 5.0) -> AsyncCheckout:
    """A client that talks to the script."""
    return AsyncCheckout(KEY, base_url="https://api.test", transport=api, retry=retry, timeout=timeout)
