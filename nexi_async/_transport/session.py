"""Sends a call, again if that is safe, and turns what comes back into an answer or an error that knows the outcome."""

from __future__ import annotations

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
from nexi_async._transport.connection import StepLimits
from nexi_async._transport.failures import failure_of, outcome_after_unknown
from nexi_async._transport.hooks import Attempt, Hooks
from nexi_async._transport.lifetime import Lifetime
from nexi_async._transport.origin import Origin
from nexi_async._transport.pause import Pause
from nexi_async._transport.request import Answer, Call
from nexi_async._transport.retry import RetryPolicy, delay_before_next
from nexi_async._transport.seam import BROKEN, Outgoing

__all__ = ["Session"]

T = TypeVar("T")

LONGEST_PAUSE = 3600.0
"""Seconds that one answer may keep all calls with the same secret key from being sent."""

CLOCK_STEP = 1.0
"""Seconds by which the wall clock may be put right without counting as time that has passed."""

MISSING_KEY = (
    "is missing, and this client has require_idempotency_keys=True: pass derive_key(run, reference, attempt), which is "
    "the same however often the same thing is asked for"
)

logger = logging.getLogger("nexi_async")


@attrs.frozen(kw_only=True)
class Session:
    """Everything that one client's calls have in common."""

    lifetime: Lifetime = attrs.field(repr=False)
    origin: Origin
    root: str
    """The part of the base address after the origin, mostly empty; every call's path goes below it."""
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    timeout: float
    retry: RetryPolicy
    merchant_number: str | None = None
    requires_keys: bool = False
    """Whether calls that move money are refused without the caller's own idempotency key."""
    hooks: Hooks | None = attrs.field(default=None, repr=False)
    pause: Pause = attrs.field(factory=Pause, repr=False)
    now: Callable[[], float] = attrs.field(default=time.monotonic, repr=False)
    wall: Callable[[], float] = attrs.field(default=time.time, repr=False)
    """Seconds since 1970, which pass while the machine is suspended too, as they do for the API that keeps a key."""
    sleep: Callable[[float], Awaitable[None]] = attrs.field(default=anyio.sleep, repr=False)
    draw: Callable[[], float] = attrs.field(default=random.random, repr=False)

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"{self.origin}{self.root}"

    def require_key(self, key: str | None) -> None:
        """Refuse a call that moves money without the caller's own key, if the client was told to."""
        if self.requires_keys and key is None:
            raise InvalidRequest([("idempotency_key", MISSING_KEY)])

    async def fetch(self, call: Call, kind: type[T], *, prepare: Callable[[Any], Any] | None = None) -> T:
        """Send a call whose answer is a model.

        A member that can't be read costs no more than itself where the model can do without it; the log names it.

        Args:
            call: what to send.
            kind: the model.
            prepare: changes the plain JSON values before they are read as the model.

        Raises:
            UnexpectedResponse: the API did what was asked, but the answer can't be read.
            NexiError: any other failure, with its outcome.
        """
        began = self.wall()
        answer = await self.send(call)
        document: Any = None
        try:
            document = codec.read_json(answer.body)
            prepared = prepare(document) if prepare else document
            try:
                return codec.structure(prepared, kind)
            except codec.Malformed:
                return _as_far_as_possible(call, prepared, kind)
        except codec.Malformed as malformed:
            unreadable = UnexpectedResponse(
                f"{call} answered {answer.status} with a body that can't be read: {malformed}",
                body=answer.body,
                document=document,
                faults=malformed.faults,
            ).settled(outcome=Outcome.ACCEPTED, idempotency_key=call.key, attempts=answer.attempts)
            unreadable.sent_at = datetime.fromtimestamp(began, UTC)
            raise unreadable from None

    async def send(self, call: Call) -> Answer:
        """Send a call until it is answered with 2xx, refused for good, or time runs out.

        What interrupts it (a cancellation, which is how a caller's own time limit ends it, or Ctrl-C) passes on as it
        is, with a note that tells the outcome and the key.
        """
        outgoing = self._outgoing(call)
        progress = _Progress(self.now(), self.wall())
        try:
            while True:
                passed = 0.0 if progress.attempts == 0 else self._passed(progress)
                if self.pause.is_on:
                    passed = await self._wait_with_all(call, progress)
                progress.begin_attempt()
                attempt = None if self.hooks is None else self._described(call, progress.attempts)
                try:
                    answer = await self._attempt(call, outgoing, attempt, passed, progress)
                    return answer if progress.attempts == 1 else attrs.evolve(answer, attempts=progress.attempts)
                except (APIError, TransportError) as failure:
                    delay = self._delay(call, failure, progress, attempt)
                await self.sleep(delay)
        except BaseException as interruption:
            if call.method != "GET" and not isinstance(interruption, Exception):
                _tell_outcome(call, interruption, progress)
            raise

    def _passed(self, progress: _Progress) -> float:
        """Seconds since a call began, those included in which the machine was suspended."""
        return max(self.now() - progress.began, self.wall() - progress.wall - CLOCK_STEP)

    async def _attempt(
        self, call: Call, outgoing: Outgoing, attempt: Attempt | None, passed: float, progress: _Progress
    ) -> Answer:
        """One attempt, watched by the hooks; the deadline is that of the whole call, so none outlives it."""
        if passed > self.retry.last_start:
            raise TimedOut(f"{call} has no time left to be sent", outcome=Outcome.NOT_SENT)
        seconds = min(self.timeout, self.retry.deadline - passed)
        limits = _limits(seconds, not_after=progress.wall + self.retry.deadline)
        if self.hooks is None or attempt is None:
            return await self._exchange(call, outgoing, limits)
        began = self.now()
        end: Answer | NexiError | None = None
        self.hooks.request(attempt)
        try:
            end = await self._exchange(call, outgoing, limits)
            return end
        except (APIError, TransportError) as failure:
            end = failure
            raise
        finally:
            self.hooks.response(attempt, end, self.now() - began)

    def _described(self, call: Call, number: int) -> Attempt:
        origin = self.origin
        return Attempt(call.operation, call.method, call.path, origin.host, origin.port, number, call.key)

    async def _wait_with_all(self, call: Call, progress: _Progress) -> float:
        """Keep a pause that the server asked for, and a little longer, so that not all come back at once.

        It may get longer in the meantime. Returns the seconds that have passed since the call began.
        """
        while left := self.pause.left(self.now()):
            wait = left + self.draw() * self.retry.first_delay
            if self._passed(progress) + wait > self.retry.last_start:
                late = TimedOut(f"{call} would have to wait {wait:.1f} s for the API", outcome=Outcome.NOT_SENT)
                self._give_up(call, late, progress)
            await self.sleep(wait)
        return self._passed(progress)

    def _delay(
        self, call: Call, failure: APIError | TransportError, progress: _Progress, attempt: Attempt | None
    ) -> float:
        """Seconds before the next attempt, unless it is given up; a wait that the server asks for is that of all."""
        now, number = self.now(), progress.attempts
        if call.shares_pause and isinstance(failure, APIError) and failure.status in (429, 503):
            self.pause.extend(now + min(failure.retry_after or 0.0, LONGEST_PAUSE), now)
        elapsed = self._passed(progress)
        delay = delay_before_next(self.retry, call, failure, attempt=number, elapsed=elapsed, draw=self.draw())
        progress.end_attempt(failure.outcome)
        if delay is None:
            self._give_up(call, failure, progress)
        logger.info("%s failed (%s), attempt %d, next in %.2f s", call, type(failure).__name__, number, delay)
        if self.hooks is not None and attempt is not None:
            self.hooks.retry(attempt, failure, delay)
        return delay

    def _give_up(self, call: Call, failure: NexiError, progress: _Progress) -> NoReturn:
        outcome = failure.outcome
        if progress.outcome is Outcome.UNKNOWN:
            outcome = outcome_after_unknown(call, failure) if isinstance(failure, APIError) else Outcome.UNKNOWN
        logger.warning("%s failed (%s), %s", call, type(failure).__name__, outcome.value)
        failure.sent_at = datetime.fromtimestamp(progress.wall, UTC)
        raise failure.settled(outcome=outcome, idempotency_key=call.key, attempts=progress.attempts)

    async def _exchange(self, call: Call, outgoing: Outgoing, limits: StepLimits) -> Answer:
        carrier = self.lifetime.require()
        try:
            answer = await carrier.carry(outgoing, limits)
        except TimeoutError as error:
            raise TimedOut(f"{call} took longer than {round(limits.total, 2):g} s") from error
        except BROKEN as error:
            raise _lost(call, error) from _without_headers(error)
        if not 200 <= answer.status < 300:
            raise failure_of(call, answer)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s answered %d", call, answer.status)
        return answer

    def _outgoing(self, call: Call) -> Outgoing:
        headers = [*self.headers, *call.headers]
        if call.body is not None:
            headers.append(("Content-Type", "application/json"))
        if call.key is not None:
            headers.append(("Idempotency-Key", call.key))
        query = f"?{urlencode(call.query)}" if call.query else ""
        return Outgoing(call.method, self.origin, self.root + call.path + query, headers, call.body)


@attrs.define
class _Progress:
    """How far a call has got."""

    began: float
    wall: float
    attempts: int = 0
    outcome: Outcome = Outcome.NOT_SENT
    """What is known of the attempts that have ended."""
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


def _tell_outcome(call: Call, interruption: BaseException, progress: _Progress) -> None:
    """Leave what is known on the exception that interrupts a call, and in the log, for many swallow the exception."""
    outcome = Outcome.UNKNOWN if progress.is_under_way else progress.outcome
    known = NexiError(f"{call} was interrupted").settled(
        outcome=outcome, idempotency_key=call.key, attempts=progress.attempts
    )
    interruption.add_note(str(known))
    logger.warning("%s by %s", known, type(interruption).__name__)


def _as_far_as_possible(call: Call, document: object, kind: type[T]) -> T:
    from nexi_async import (
        _best_effort as best_effort,  # here, for it loads the models, which most programs need later or never
    )

    found, faults = best_effort.read(document, kind, codec.lenient)
    if faults:
        logger.warning("left out of the answer to %s: %s", call, "; ".join(map(str, faults)))
    return found


def _limits(seconds: float, *, not_after: float) -> StepLimits:
    """Getting a connection may take a third of the time, so that running out of it can be told from silence."""
    third = seconds / 3
    return StepLimits(pool=third, connect=third, write=seconds, read=seconds, total=seconds, not_after=not_after)


def _lost(call: Call, error: Exception) -> TransportError:
    """The error for what the network said; only what surely happened before sending counts as not sent."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TimedOut(f"{call} got no connection in time", outcome=Outcome.NOT_SENT)
    if isinstance(error, httpx.ConnectError):
        return ConnectFailed(f"{call} could not connect: {error}")
    if isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConnectFailed(f"{call} could not connect: {type(error).__name__}")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{call} was not answered in time")
    return ConnectionLost(f"{call} lost its connection: {type(error).__name__}")


def _without_headers(error: Exception) -> Exception | None:
    """The cause to show; a complaint about a header would repeat its value."""
    return None if isinstance(error, httpx.LocalProtocolError) else error
