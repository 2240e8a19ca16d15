"""Injected faults: failures between a client and the API, on demand."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

from attrs import evolve, field, fields_dict, frozen, validators

from nexi_async.emulator._engine.random_source import RandomSource
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.wire import JSON


def _upper(text: str) -> str:
    return text.upper()


def _lower(text: str) -> str:
    return text.lower()


def _as_number(value: object) -> object:
    return float(value) if type(value) is int else value


FAULTS = ("lose_response", "delay", "status", "cut")


@frozen(kw_only=True)
class InjectedFault:
    """A failure of requests that match.

    Attributes:
        fault: `lose_response`: the call has its effect and the connection breaks before a byte of the response.
            `delay`: the call has its effect, the response comes late. `status`: the call has no effect and gets
            this status. `cut`: the call has its effect, the connection breaks inside the response.
        method: HTTP method, `*` for any.
        path: Glob for the path in lower case, `*` matches slashes too.
        rate: Probability between 0 and 1 for each matching call.
        times: How often it happens at most; None for always.
        seconds: For `delay`, on the emulator's clock; for `status` 429 and 503, the `Retry-After`.
        status: For `status`.
        after_bytes: For `cut`, how many bytes of the body arrive.
    """

    fault: Literal["lose_response", "delay", "status", "cut"] = field(validator=validators.in_(FAULTS))
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
        """Whether the fault matches a request."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    @property
    def response(self) -> APIResponse:
        """The response of a `status` fault."""
        if self.status in (401, 404):
            return APIResponse(self.status)
        wait = {"Retry-After": f"{self.seconds:.0f}"} if self.seconds and self.status in (429, 503) else {}
        body = {"message": "A fault was asked for", "code": "1000", "source": "Internal"}
        return APIResponse(self.status, None if self.status in (409, 429) else body, headers=wait)


def read_fault(document: JSON) -> InjectedFault:
    """A fault from its JSON document.

    Raises:
        ValueError: A member is unknown or not possible.
    """
    if not isinstance(document, dict):
        msg = "a fault must be an object"
        raise ValueError(msg)
    unknown = sorted(document.keys() - fields_dict(InjectedFault).keys())
    if unknown:
        msg = f"unknown members of a fault: {', '.join(unknown)}"
        raise ValueError(msg)
    try:
        return InjectedFault(**{name: value for name, value in document.items() if value is not None})
    except TypeError as error:
        raise ValueError(str(error)) from error


class FaultPlan:
    """The injected faults, with the rest of their `times`."""

    def __init__(self, faults: Iterable[InjectedFault] = ()) -> None:
        self._left = list(faults)

    def left(self) -> tuple[InjectedFault, ...]:
        return tuple(self._left)

    def match(self, method: str, path: str, random_source: RandomSource) -> InjectedFault | None:
        """The fault for this request, if any: the first that matches and that its rate lets happen."""
        for place, fault in enumerate(self._left):
            if fault.times == 0 or not fault.matches(method, path) or not random_source.happens(fault.rate):
                continue
            if fault.times is not None:
                self._left[place] = evolve(fault, times=fault.times - 1)
            return fault
        return None
