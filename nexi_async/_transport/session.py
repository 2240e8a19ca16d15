"""Sends a call, again if that is safe, and turns what comes back into a response or an error that knows the outcome."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode

import anyio
import attrs
import httpx

from nexi_async import _codec as codec
from nexi_async._errors import (
    APIError,
    ConnectFailed,
    ConnectionLost,
    InvalidRequest,
    NexiError,
    Outcome,
    TimedOut,
    TransportError,
    UnexpectedResponse,
)
from nexi_async._transport.api_errors import error_from_response, outcome_after_unknown
from nexi_async._transport.connection import Timeouts
from nexi_async._transport.decoding import decoded
from nexi_async._transport.hooks import Attempt, Hooks, call_hook
from nexi_async._transport.http_transport import TRANSPORT_ERRORS, HTTPRequest, SharedHeaders
from nexi_async._transport.lifetime import Lifetime
from nexi_async._transport.origin import Origin
from nexi_async._transport.request import Request, Response
from nexi_async._transport.retry import RetryPolicy, retry_delay
from nexi_async._transport.shared_backoff import SharedBackoff

T = TypeVar("T")

MAX_BACKOFF = 3600.0
"""Seconds that one response may hold back all requests with the same secret key."""

CLOCK_STEP = 1.0
"""Seconds by which the wall clock may be put right without counting as time that has passed."""

MISSING_KEY = (
    "is missing, and this client has require_idempotency_keys=True: pass derive_key(run, reference, attempt), which is "
    "the same for every repetition of the call"
)

logger = logging.getLogger("nexi_async")


@attrs.frozen(kw_only=True)
class Session:
    """What all requests of one client share: origin, headers, timeouts, retry policy and transport."""

    lifetime: Lifetime = attrs.field(repr=False)
    origin: Origin
    root: str
    """The part of the base address after the origin, mostly empty; every call's path goes below it."""
    headers: SharedHeaders = attrs.field(repr=False)
    timeout: float
    retry: RetryPolicy
    merchant_number: str | None = None
    requires_keys: bool = False
    """Whether calls that move money are refused without the caller's own idempotency key."""
    hooks: Hooks | None = attrs.field(default=None, repr=False)
    backoff: SharedBackoff = attrs.field(factory=SharedBackoff, repr=False)
    now: Callable[[], float] = attrs.field(default=time.monotonic, repr=False)
    wall_clock: Callable[[], float] = attrs.field(default=time.time, repr=False)
    """Seconds since 1970, which pass while the machine is suspended too, as they do for the API that keeps a key."""
    sleep: Callable[[float], Awaitable[None]] = attrs.field(default=anyio.sleep, repr=False)
    draw: Callable[[], float] = attrs.field(default=random.random, repr=False)

    @property
    def base_url(self) -> str:
        """The base address of the API."""
        return f"{self.origin}{self.root}"

    def require_key(self, key: str | None) -> None:
        """Refuse a call that moves money without the caller's own key, if the client requires it."""
        if self.requires_keys and key is None:
            raise InvalidRequest([("idempotency_key", MISSING_KEY)])

    async def fetch(self, request: Request, kind: type[T], *, prepare: Callable[[Any], Any] | None = None) -> T:
        """Send a request whose response is read as a model.

        A member that can't be read costs no more than itself where the model can do without it; the log names it.
        `prepare` changes the plain JSON values before they are read.

        Raises:
            UnexpectedResponse: the API did what was asked, but the response can't be read.
            NexiError: any other failure, with its outcome.
        """
        began = self.wall_clock()
        response = await self.send(request)
        document: Any = None
        try:
            document = codec.read_json(response.body)
            return _structured(request, prepare(document) if prepare else document, kind)
        except codec.Malformed as malformed:
            raise _unreadable(request, response, document, malformed, began) from None

    async def send(self, request: Request) -> Response:
        """Send a request until it is answered with 2xx, refused for good, or time runs out.

        What interrupts it (a cancellation, which is how a caller's own time limit ends it, Ctrl-C, or an exception that
        only the caller's own transport knows) passes on as it is, with a note that states the outcome and the key.
        """
        self.lifetime.require_open()
        earlier = Outcome.UNKNOWN if request.may_have_been_sent else Outcome.NOT_SENT
        progress = _Progress(self.now(), self.wall_clock(), earlier)
        http_request = self._to_http_request(request, not_after=progress.wall_clock + self.retry.deadline)
        try:
            while True:
                elapsed = 0.0 if progress.attempts == 0 else self._elapsed(progress)
                if self.backoff.is_active:
                    elapsed = await self._wait_for_backoff(request, progress)
                if self.lifetime.is_closed:
                    self._give_up(request, ConnectFailed(f"{request} can't be sent: the client was closed"), progress)
                progress.begin_attempt()
                attempt = None if self.hooks is None else self._describe_attempt(request, progress.attempts)
                try:
                    response = await self._attempt(request, http_request, attempt, elapsed)
                    return response if progress.attempts == 1 else attrs.evolve(response, attempts=progress.attempts)
                except (APIError, TransportError) as failure:
                    delay = self._delay(request, failure, progress, attempt)
                await self.sleep(delay)
        except BaseException as interruption:
            if request.method != "GET" and not isinstance(interruption, NexiError):
                _annotate_interruption(request, interruption, progress)
            raise

    def _elapsed(self, progress: _Progress) -> float:
        """Seconds since a call began, those included in which the machine was suspended."""
        return max(self.now() - progress.began, self.wall_clock() - progress.wall_clock - CLOCK_STEP)

    def _attempt(
        self, request: Request, http_request: HTTPRequest, attempt: Attempt | None, elapsed: float
    ) -> Awaitable[Response]:
        """One attempt, with the hooks called around it; it ends at the deadline of the whole request."""
        if elapsed > self.retry.last_start:
            raise TimedOut(f"{request} has no time left to be sent", outcome=Outcome.NOT_SENT)
        timeouts = _timeouts(min(self.timeout, self.retry.deadline - elapsed))
        if self.hooks is None or attempt is None:
            return self._exchange(request, http_request, timeouts)
        return self._observed_exchange(request, http_request, timeouts, self.hooks, attempt)

    async def _observed_exchange(
        self, request: Request, http_request: HTTPRequest, timeouts: Timeouts, hooks: Hooks, attempt: Attempt
    ) -> Response:
        began = self.now()
        end: Response | NexiError | None = None
        call_hook(hooks.on_request, attempt)
        try:
            end = await self._exchange(request, http_request, timeouts)
            return end
        except (APIError, TransportError) as failure:
            end = failure
            raise
        finally:
            call_hook(hooks.on_response, attempt, end, self.now() - began)

    def _describe_attempt(self, request: Request, number: int) -> Attempt:
        origin = self.origin
        return Attempt(request.operation, request.method, request.path, origin.host, origin.port, number, request.key)

    async def _wait_for_backoff(self, request: Request, progress: _Progress) -> float:
        """Wait for the end of the shared back-off and a random time more, so that requests do not resume all at once.

        It may get longer in the meantime. Returns the seconds that have passed since the call began.
        """
        while remaining := self.backoff.remaining(self.now()):
            wait = remaining + self.draw() * self.retry.first_delay
            if self._elapsed(progress) + wait > self.retry.last_start:
                late = TimedOut(f"{request} would have to wait {wait:.1f} s for the API", outcome=Outcome.NOT_SENT)
                self._give_up(request, late, progress)
            await self.sleep(wait)
        return self._elapsed(progress)

    def _delay(
        self, request: Request, failure: APIError | TransportError, progress: _Progress, attempt: Attempt | None
    ) -> float:
        """Seconds before the next attempt, unless there is none; a wait that the server asks for is shared."""
        now, number = self.now(), progress.attempts
        if request.shares_backoff and isinstance(failure, APIError) and failure.status in (429, 503):
            self.backoff.extend(now + min(failure.retry_after or 0.0, MAX_BACKOFF), now)
        elapsed = self._elapsed(progress)
        delay = retry_delay(self.retry, request, failure, attempt=number, elapsed=elapsed, draw=self.draw())
        progress.end_attempt(failure.outcome)
        if delay is None:
            self._give_up(request, failure, progress)
        logger.info("%s failed (%s), attempt %d, next in %.2f s", request, type(failure).__name__, number, delay)
        if self.hooks is not None and attempt is not None:
            call_hook(self.hooks.on_retry, attempt, failure, delay)
        return delay

    def _give_up(self, request: Request, failure: NexiError, progress: _Progress) -> NoReturn:
        outcome = failure.outcome
        if progress.outcome is Outcome.UNKNOWN:
            outcome = outcome_after_unknown(request, failure) if isinstance(failure, APIError) else Outcome.UNKNOWN
        logger.warning("%s failed (%s), %s", request, type(failure).__name__, outcome.value)
        sent_at = datetime.fromtimestamp(progress.wall_clock, UTC)
        raise failure.completed(
            outcome=outcome, idempotency_key=request.key, attempts=progress.attempts, sent_at=sent_at
        )

    async def _exchange(self, request: Request, http_request: HTTPRequest, timeouts: Timeouts) -> Response:
        try:
            response = await self.lifetime.transport.send(http_request, timeouts)
        except TimeoutError as error:
            raise TimedOut(f"{request} took longer than {round(timeouts.total, 2):g} s") from error
        except TRANSPORT_ERRORS as error:
            raise _transport_error(request, error) from _without_headers(error)
        if response.header("content-encoding") is not None:
            response = attrs.evolve(response, body=await decoded(response.body, response.headers))
        if not 200 <= response.status < 300:
            raise error_from_response(request, response)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s answered %d", request, response.status)
        return response

    def _to_http_request(self, request: Request, *, not_after: float) -> HTTPRequest:
        headers = [*request.headers]
        if request.body is not None:
            headers.append(("Content-Type", "application/json"))
        if request.key is not None:
            headers.append(("Idempotency-Key", request.key))
        target = self.root + request.path
        if request.query:
            target += ("&" if "?" in target else "?") + urlencode(request.query)
        return HTTPRequest(request.method, self.origin, target, headers, request.body, self.headers, not_after)


@attrs.define
class _Progress:
    """The state of one request over its attempts."""

    began: float
    wall_clock: float
    outcome: Outcome
    """What is known of the attempts that have ended, those of earlier calls included."""
    attempts: int = 0
    is_under_way: bool = False
    """Whether an attempt has begun and not ended."""

    def begin_attempt(self) -> None:
        """Count an attempt, whose outcome is unknown until it ends."""
        self.attempts += 1
        self.is_under_way = True

    def end_attempt(self, outcome: Outcome) -> None:
        """Keep the outcome, unless an earlier attempt's is unknown: a later refusal does not settle that."""
        self.is_under_way = False
        if self.outcome is not Outcome.UNKNOWN:
            self.outcome = outcome


def _annotate_interruption(request: Request, interruption: BaseException, progress: _Progress) -> None:
    """Note the outcome on the exception that interrupts a request, and log it, since callers may suppress it."""
    outcome = Outcome.UNKNOWN if progress.is_under_way else progress.outcome
    known = NexiError(
        f"{request} was interrupted", outcome=outcome, idempotency_key=request.key, attempts=progress.attempts
    )
    interruption.add_note(str(known))
    logger.warning("%s by %s", known, type(interruption).__name__)


def _structured(request: Request, document: object, kind: type[T]) -> T:
    try:
        return codec.structure(document, kind)
    except codec.Malformed:
        from nexi_async import _best_effort as best_effort  # loads the models, which most programs need later or never
    found, faults = best_effort.read(document, kind, codec.lenient)
    if faults:
        logger.warning("left out of the response to %s: %s", request, "; ".join(map(str, faults)))
    return found


def _unreadable(
    request: Request, response: Response, document: Any, malformed: codec.Malformed, began: float
) -> UnexpectedResponse:
    return UnexpectedResponse(
        f"{request} answered {response.status} with a body that can't be read: {malformed}",
        body=response.body,
        document=document,
        faults=malformed.faults,
        idempotency_key=request.key,
        attempts=response.attempts,
        sent_at=datetime.fromtimestamp(began, UTC),
    )


@functools.lru_cache(maxsize=8)
def _timeouts(seconds: float) -> Timeouts:
    """Getting a connection may take a third of the time, so that no connection can be told from no response."""
    third = seconds / 3
    return Timeouts(pool=third, connect=third, write=seconds, read=seconds, total=seconds)


def _transport_error(request: Request, error: Exception) -> TransportError:
    """The error for a failure of the network; only failures that surely precede sending count as not sent."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TimedOut(f"{request} got no connection in time", outcome=Outcome.NOT_SENT)
    if isinstance(error, httpx.ConnectError):
        return ConnectFailed(f"{request} could not connect: {error}")
    if isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConnectFailed(f"{request} could not connect: {type(error).__name__}")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{request} was not answered in time")
    return ConnectionLost(f"{request} lost its connection: {type(error).__name__}")


def _without_headers(error: Exception) -> Exception | None:
    """The cause to show; an error about a header would repeat its value."""
    return None if isinstance(error, httpx.LocalProtocolError) else error
