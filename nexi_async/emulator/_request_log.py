"""The log of API calls: the newest ones, and those who follow it.

Theory of operation. The log is a ring of the last `SIZE` calls. Each reader has a queue of its own with `QUEUE` places;
a reader that is slower than the calls misses some, gets their number, and delays nothing. Bodies are kept as parsed and
are only rendered when they are shown, without what authorizes and without card numbers; large ones are not kept.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import anyio
from attrs import evolve, field, frozen
from starlette.datastructures import Headers
from starlette.requests import Request

from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.payment_search import payment_with
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.wire import JSON

SIZE = 500
QUEUE = 100
MOST_READERS = 20
LARGEST_BODY = 65_536
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SECRET_MEMBERS = frozenset({"authorization", "cardnumber", "cvc"})
_SHOWN_OF_SECRET = 4


@frozen(kw_only=True)
class LoggedCall:
    """One call of the API and its response.

    Attributes:
        number: Its place among all calls, from 1; the log sets it.
        at: When it came in, on the emulator's clock.
        headers: Request headers, without secrets.
        request: The parsed body; None if there was none, it was no JSON, or it was large.
        status: The HTTP status of the response; 0 if the connection broke instead.
        milliseconds: Real time until the response was ready.
        payment_id: The payment that it was about, if known.
        fault: The injected fault that it met, if any.
    """

    number: int = 0
    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    request: JSON = field(repr=False)
    request_bytes: int
    status: int
    response: JSON = field(repr=False)
    milliseconds: float
    payment_id: str | None = None
    fault: str | None = None


@frozen
class CallFilter:
    """Which calls are wanted, by a part of the path and the first digit of the status; what is empty matches all."""

    method: str = ""
    path: str = ""
    status: str = ""
    payment_id: str = ""

    def matches(self, call: LoggedCall) -> bool:
        return (
            self.method in ("", call.method)
            and self.path.lower() in call.path.lower()
            and str(call.status).startswith(self.status)
            and self.payment_id in ("", call.payment_id)
        )


class TooManyReaders(Exception):
    """`MOST_READERS` follow the log already."""


class Reader:
    """The queue of one who follows the log."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[LoggedCall](QUEUE)
        self._missed = 0

    def put(self, call: LoggedCall) -> None:
        """Queue a call, or count it as missed."""
        try:
            self._send.send_nowait(call)
        except anyio.WouldBlock:
            self._missed += 1

    def take_missed(self) -> int:
        """How many calls were missed since the last time."""
        missed, self._missed = self._missed, 0
        return missed

    async def next(self, seconds: float) -> LoggedCall | None:
        """The next call; None if none came for so many real seconds.

        Raises:
            anyio.EndOfStream: The log was closed.
        """
        with anyio.move_on_after(seconds):
            return await self._receive.receive()
        return None

    def close(self) -> None:
        """End the queue: what is in it can still be taken."""
        self._send.close()

    def discard(self) -> None:
        self._send.close()
        self._receive.close()


class RequestLog:
    """The newest calls of the API."""

    def __init__(self) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=SIZE)
        self._readers: set[Reader] = set()
        self.count = 0

    def add(self, call: LoggedCall) -> None:
        """Add a call, which gets its number."""
        self.count += 1
        call = evolve(call, number=self.count)
        self._calls.append(call)
        for reader in self._readers:
            reader.put(call)

    def find(self, wanted: CallFilter, *, limit: int = SIZE) -> list[LoggedCall]:
        """The newest calls that are wanted, newest first."""
        found = (call for call in reversed(self._calls) if wanted.matches(call))
        return list(islice(found, limit))

    def after(self, number: int) -> list[LoggedCall]:
        """The calls after this number, oldest first."""
        return [call for call in self._calls if call.number > number]

    @contextmanager
    def follow(self) -> Iterator[Reader]:
        if len(self._readers) >= MOST_READERS:
            raise TooManyReaders
        reader = Reader()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            reader.discard()

    def close(self) -> None:
        """End all readers, as the server stops; later ones may follow again."""
        for reader in self._readers:
            reader.close()


class CallInProgress:
    """A call whose response is being made; `end` puts it into the log."""

    def __init__(self, log: RequestLog, engine: Engine, http_request: Request) -> None:
        self._log = log
        self._engine = engine
        self._http_request = http_request
        self._at = engine.clock.now()
        self._began = time.perf_counter()

    def end(self, request: APIRequest, request_bytes: int, response: APIResponse, fault: InjectedFault | None) -> None:
        """Put the call into the log; a fault may have broken the connection."""
        scope = self._http_request.scope
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        broken = fault is not None and fault.fault in ("lose_response", "cut")
        self._log.add(
            LoggedCall(
                at=self._at,
                method=self._http_request.method,
                path=f"{path}?{query}" if query else path,
                headers=_shown_headers(self._http_request.headers),
                request=request.body if request_bytes <= LARGEST_BODY else None,
                request_bytes=request_bytes,
                status=0 if broken else response.status,
                response=response.body,
                milliseconds=(time.perf_counter() - self._began) * 1000,
                payment_id=self._payment_id(request, response),
                fault=fault.fault if fault is not None else None,
            )
        )

    def _payment_id(self, request: APIRequest, response: APIResponse) -> str | None:
        made = response.body.get("paymentId") if isinstance(response.body, dict) else None
        if isinstance(made, str):
            return made
        payment = payment_with(self._engine.context().state, request.path.get("id", ""))
        return payment.id if payment is not None else None


def _shown_headers(headers: Headers) -> dict[str, str]:
    return {name: masked(value) if name in _SECRET_HEADERS else value for name, value in headers.items()}


def without_secrets(document: JSON) -> JSON:
    """A document with secrets masked: what authorizes, values of webhook headers, card numbers and their codes."""
    if isinstance(document, list):
        return [without_secrets(entry) for entry in document]
    if not isinstance(document, dict):
        return document
    return {name: _masked(name, value) for name, value in document.items()}


def masked(secret: str) -> str:
    """The first characters of a secret, and its length."""
    shown = secret[:_SHOWN_OF_SECRET] if len(secret) > 2 * _SHOWN_OF_SECRET else ""
    return f"{shown}… ({len(secret)} characters)"


def _masked(name: str, value: JSON) -> JSON:
    if name.lower() == "headers":
        return "…"
    if name.lower() in _SECRET_MEMBERS:
        return masked(str(value))
    return without_secrets(value)
