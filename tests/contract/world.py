"""An emulator behind a transport that records requests and can alter them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio.abc
import attrs
import httpx

from nexi_async import AsyncCheckout, Attempt, Hooks, RetryPolicy
from nexi_async.emulator import CheckoutEmulator, Clock

ADDRESS = "https://emulator.test"
ONCE = RetryPolicy(attempts=1)

Alteration: TypeAlias = Callable[[httpx.Request], httpx.Request]


class RecordingTransport(httpx.AsyncBaseTransport):
    """A transport to an emulator in process that records each request, and alters it first if asked to."""

    def __init__(self, emulator: CheckoutEmulator) -> None:
        self.alter: Alteration | None = None
        self.requests: list[httpx.Request] = []
        self._end = httpx.ASGITransport(app=emulator)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await self._end.handle_async_request(self.alter(request) if self.alter else request)


@attrs.define
class World:
    """An emulated API in some state, and what is known of that.

    Attributes:
        emulator: its clock stands still.
        transport: what the client under test sends goes through it.
        aside: a client for preparing the state, with a transport of its own.
        tasks: what goes on beside the test; cancelled in the end.
        key: the secret key that the client under test uses.
        ids: what the names in braces stand for in a path.
    """

    emulator: CheckoutEmulator
    transport: RecordingTransport
    aside: httpx.AsyncClient
    tasks: anyio.abc.TaskGroup
    key: str
    ids: dict[str, str] = attrs.field(factory=dict)

    def checkout(self, **options: Any) -> AsyncCheckout:
        """A client of the SDK that sends every call once."""
        return AsyncCheckout(self.key, base_url=ADDRESS, transport=self.transport, retry=ONCE, **options)

    def listening(self, attempts: list[Attempt], **options: Any) -> AsyncCheckout:
        """The same, with every attempt noted."""
        return self.checkout(hooks=Hooks(on_request=attempts.append), **options)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A bare request over the recording transport, as a client in any language would send it."""
        headers = {"Authorization": self.key, **options.pop("headers", {})}
        async with httpx.AsyncClient(transport=self.transport, base_url=ADDRESS, headers=headers) as client:
            return await client.request(method, path.format(**self.ids), **options)

    async def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """Send a request past the recording; returns the JSON of the response."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.aside.request(method, path.format(**self.ids), json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


Change: TypeAlias = Callable[[World], Awaitable[None]]
"""Brings a world into a state."""


@asynccontextmanager
async def new_world(*changes: Change) -> AsyncIterator[World]:
    """A fresh world after these changes."""
    emulator = CheckoutEmulator(seed=1, clock=Clock(time_scale=0))
    aside = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=emulator),
        base_url=ADDRESS,
        headers={"Authorization": emulator.secret_key},
    )
    async with anyio.create_task_group() as tasks, aside:
        world = World(emulator, RecordingTransport(emulator), aside, tasks, emulator.secret_key)
        for change in changes:
            await change(world)
        yield world
        tasks.cancel_scope.cancel()
