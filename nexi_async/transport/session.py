"""Sends a call, again if that is safe, and turns what comes back into an answer or an error that knows the outcome."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar, cast

import anyio
import attrs
import httpx

from nexi_async import codec
from nexi_async.errors import (
    APIError,
    ConnectFailed,
    ConnectionLost,
    NexiError,
    Outcome,
    TimedOut,
    TransportError,
    UnexpectedResponse,
)
from nexi_async.transport.answers import failure_of, outcome_after_unknown
from nexi_async.transport.call import Answer, Call
from nexi_async.transport.lifetime import Lifetime
from nexi_async.transport.retry import RetryPolicy, delay_before_next

__all__ = ["Session"]

T = TypeVar("T")

logger = logging.getLogger("nexi_async")

LONGEST_CLOSE = 2.0
"""Seconds that a cancelled call may still spend on closing its connection."""

_BROKEN = (
    httpx.TransportError,
    httpx.StreamError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
"""What transports raise, and what they let through from below: `ssl.SSLError` is an `OSError`."""


@attrs.frozen(kw_only=True)
class Session:
    """Everything that one client's calls have in common."""

    lifetime: Lifetime = attrs.field(repr=False)
    base_url: str
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    timeout: float
    retry: RetryPolicy
    merchant_number: str | None = None
    now: Callable[[], float] = attrs.field(default=anyio.current_time, repr=False)
    sleep: Callable[[float], Awaitable[None]] = attrs.field(default=anyio.sleep, repr=False)
    draw: Callable[[], float] = attrs.field(default=random.random, repr=False)

    async def fetch(self, call: Call, kind: type[T], *, prepare: Callable[[Any], Any] | None = None) -> T:
        """Send a call whose answer is a model.

        Args:
            call: what to send.
            kind: the model.
            prepare: changes the plain JSON values before they are read as the model.

        Raises:
            UnexpectedResponse: the API did what was asked, but the answer can't be read.
            NexiError: any other failure, with its outcome.
        """
        answer = await self.send(call)
        try:
            document = codec.read_json(answer.body)
            return codec.structure(prepare(document) if prepare else document, kind)
        except codec.Malformed as malformed:
            raise UnexpectedResponse(
                f"{call} answered {answer.status} with a body that can't be read: {malformed}",
                body=answer.body,
                faults=malformed.faults,
            ).settled(outcome=Outcome.ACCEPTED, idempotency_key=call.key, attempts=answer.attempts) from None

    async def send(self, call: Call) -> Answer:
        """Send a call until it is answered with 2xx, refused for good, or time runs out."""
        request = self._request(call)
        began = self.now()
        attempt, doubtful = 0, False
        while True:
            attempt += 1
            limit = min(self.timeout, began + self.retry.deadline - self.now())
            try:
                return attrs.evolve(await self._exchange(call, request, limit), attempts=attempt)
            except (APIError, TransportError) as failure:
                delay = delay_before_next(
                    self.retry, call, failure, attempt=attempt, elapsed=self.now() - began, draw=self.draw()
                )
                doubtful = doubtful or failure.outcome is Outcome.UNKNOWN
                if delay is None:
                    self._give_up(call, failure, attempt, doubtful=doubtful)
                logger.info("%s failed (%s), attempt %d, next in %.2f s", call, type(failure).__name__, attempt, delay)
            await self.sleep(delay)

    def _give_up(self, call: Call, failure: NexiError, attempts: int, *, doubtful: bool) -> NoReturn:
        outcome = failure.outcome
        if doubtful:
            outcome = outcome_after_unknown(call, failure) if isinstance(failure, APIError) else Outcome.UNKNOWN
        raise failure.settled(outcome=outcome, idempotency_key=call.key, attempts=attempts)

    async def _exchange(self, call: Call, request: httpx.Request, limit: float) -> Answer:
        transport = self.lifetime.require()
        try:
            with anyio.fail_after(limit):
                response = await transport.handle_async_request(request)
                try:
                    body = await _read(response)
                finally:
                    await _close(response)
        except TimeoutError as error:
            raise TimedOut(f"{call} took longer than {round(limit, 2):g} s") from error
        except _BROKEN as error:
            raise _lost(call, error) from _without_headers(error)
        answer = Answer(status=response.status_code, headers=tuple(response.headers.items()), body=body)
        if not response.is_success:
            raise failure_of(call, answer)
        return answer

    def _request(self, call: Call) -> httpx.Request:
        headers = [*self.headers, *call.headers]
        if call.body is not None:
            headers.append(("Content-Type", "application/json"))
        if call.key is not None:
            headers.append(("Idempotency-Key", call.key))
        return httpx.Request(
            call.method,
            self.base_url + call.path,
            params=call.query or None,
            headers=headers,
            content=call.body,
            extensions={"timeout": self._limits()},
        )

    def _limits(self) -> dict[str, float]:
        """Getting a connection may take a third of the time, so that running out of it can be told from silence."""
        third = self.timeout / 3
        return {"pool": third, "connect": third, "write": self.timeout, "read": self.timeout}


async def _read(response: httpx.Response) -> bytes:
    """The body; as it came if its encoding can't be undone, for the status counts all the same."""
    raw = b"".join([piece async for piece in cast("httpx.AsyncByteStream", response.stream)])
    if "content-encoding" not in response.headers:
        return raw
    try:
        return httpx.Response(response.status_code, headers=response.headers, content=raw).content
    except httpx.DecodingError:
        return raw


async def _close(response: httpx.Response) -> None:
    """Close within bounds; trouble with it must not hide why the exchange ended, least of all a cancellation."""
    with anyio.move_on_after(LONGEST_CLOSE, shield=True), suppress(*_BROKEN):
        await response.aclose()


def _lost(call: Call, error: Exception) -> TransportError:
    """The error for what the network said; only what surely happened before sending counts as not sent."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TimedOut(f"{call} got no connection in time", outcome=Outcome.NOT_SENT)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConnectFailed(f"{call} could not connect: {type(error).__name__}")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{call} was not answered in time")
    return ConnectionLost(f"{call} lost its connection: {type(error).__name__}")


def _without_headers(error: Exception) -> Exception | None:
    """The cause to show; a complaint about a header would repeat its value."""
    return None if isinstance(error, httpx.LocalProtocolError) else error
