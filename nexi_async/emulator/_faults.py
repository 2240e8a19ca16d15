"""Faults on demand: what can go wrong between a client and the API."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Literal

import httpx
from attrs import field, fields_dict, frozen, validators
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nexi_async.emulator._random_source import Dice
from nexi_async.emulator._responses import Answer
from nexi_async.emulator._wire import JSON

# The server puts a function here that breaks the connection of a request; without one, in process, an
# httpx.ReadError stands for the broken connection.
BREAK_CONNECTION = "nexi_async.break_connection"


def _upper(text: str) -> str:
    return text.upper()


def _lower(text: str) -> str:
    return text.lower()


def _as_number(value: object) -> object:
    return float(value) if type(value) is int else value


@frozen(kw_only=True)
class Fault:
    """Something that goes wrong with calls that match.

    Attributes:
        fault: `lose_answer`: the call has its effect and the connection breaks before a byte of the answer.
            `delay`: the call has its effect, the answer comes late. `status`: the call has no effect and gets
            this status. `cut`: the call has its effect, the connection breaks inside the answer.
        method: HTTP method, `*` for any.
        path: Glob for the path in lower case, `*` matches slashes too.
        rate: Probability between 0 and 1 for each matching call.
        times: How often it happens at most; None for always.
        seconds: For `delay`, on the emulator's clock; for `status` 429 and 503, the `Retry-After`.
        status: For `status`.
        after_bytes: For `cut`, how many bytes of the body arrive.
    """

    fault: Literal["lose_answer", "delay", "status", "cut"] = field(
        validator=validators.in_(("lose_answer", "delay", "status", "cut"))
    )
    method: str = field(default="*", converter=_upper)
    path: str = field(default="*", converter=_lower)
    rate: float = field(
        default=1.0,
        converter=_as_number,
        validator=[validators.instance_of(float), validators.ge(0), validators.le(1)],
    )
    times: int | None = field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(0)])
    )
    seconds: float = field(
        default=0.0, converter=_as_number, validator=[validators.instance_of(float), validators.ge(0)]
    )
    status: int = field(default=500, validator=[validators.ge(400), validators.le(599)])
    after_bytes: int = field(default=0, validator=validators.ge(0))

    def matches(self, method: str, path: str) -> bool:
        """Whether it concerns a call."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    @property
    def answer(self) -> Answer:
        """What a `status` fault answers."""
        if self.status in (401, 404):
            return Answer(self.status)
        wait = {"Retry-After": f"{self.seconds:.0f}"} if self.seconds and self.status in (429, 503) else {}
        body = {"message": "A fault was asked for", "code": "1000", "source": "Internal"}
        return Answer(self.status, None if self.status in (409, 429) else body, headers=wait)


def read_fault(document: JSON) -> Fault:
    """A fault from its JSON document.

    Raises:
        ValueError: A member is unknown or not possible.
    """
    if not isinstance(document, dict):
        msg = "a fault must be an object"
        raise ValueError(msg)
    unknown = sorted(document.keys() - fields_dict(Fault).keys())
    if unknown:
        msg = f"unknown members of a fault: {', '.join(unknown)}"
        raise ValueError(msg)
    try:
        return Fault(**{name: value for name, value in document.items() if value is not None})
    except TypeError as error:
        raise ValueError(str(error)) from error


class FaultPlan:
    """The faults in force, with what is left of their `times`."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self._left = [fault.times for fault in self.faults]

    def strike(self, method: str, path: str, dice: Dice) -> Fault | None:
        """The fault that hits this call, if any; the first that matches and whose odds come up."""
        for place, fault in enumerate(self.faults):
            left = self._left[place]
            if left == 0 or not fault.matches(method, path) or not dice.happens(fault.rate):
                continue
            if left is not None:
                self._left[place] = left - 1
            return fault
        return None


class LostResponse(Response):
    """An answer of which nothing arrives."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Break the connection instead of answering."""
        await _break_connection(scope, receive)


class CutResponse(Response):
    """An answer that breaks off inside its body."""

    def __init__(self, whole: Response, after_bytes: int) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))
        self._after_bytes = after_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and the first bytes, then break the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        part = bytes(self.body)[: self._after_bytes]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await _break_connection(scope, receive)


async def _break_connection(scope: Scope, receive: Receive) -> None:
    break_it: Callable[[], None] | None = scope.get("extensions", {}).get(BREAK_CONNECTION)
    if break_it is None:
        msg = "the emulator broke the connection"
        raise httpx.ReadError(msg)
    break_it()
    while (await receive())["type"] != "http.disconnect":
        pass
