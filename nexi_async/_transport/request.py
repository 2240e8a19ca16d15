"""An API request and its response as values; whether a request may be sent twice."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs

from nexi_async import _codec as codec
from nexi_async._errors import InvalidRequest

MAX_ID = 128
IDEMPOTENT_METHODS = frozenset({"GET", "PUT"})
"""A GET changes nothing; every PUT of this API sets a value, and setting it twice changes nothing more."""


@attrs.frozen(kw_only=True)
class Request:
    """A request of the API; each retry sends the same bytes."""

    operation: str
    """The SDK's own name of the call, e.g. "payments.charge"."""
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = attrs.field(default=None, repr=False)
    key: str | None = None
    external_bulk_id: str | None = None
    """The external id in the body by which the API knows a bulk run; it answers a repetition with the same run."""
    headers: tuple[tuple[str, str], ...] = ()
    may_have_been_sent: bool = False
    """Whether an earlier call, perhaps of another process, may have sent the same: what refuses this one may be its
    consequence."""
    shares_backoff: bool = True
    """False where the API counts calls per object, so that being limited here says nothing about other calls."""

    @property
    def is_idempotent(self) -> bool:
        """Whether sending it again cannot do a second time what it may have done already."""
        has_name = self.key is not None or self.external_bulk_id is not None
        return self.method in IDEMPOTENT_METHODS or (self.method == "POST" and has_name)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@attrs.frozen(kw_only=True)
class Response:
    """The API's final response."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = attrs.field(default=b"", repr=False)
    attempts: int = 1

    def json(self) -> Any:
        """The body as plain JSON values; None if there is no body, `Malformed` (a ValueError) if it is not JSON."""
        return codec.read_json(self.body) if self.body else None

    def header(self, name: str) -> str | None:
        """The first header of that name, in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


def segment(identifier: object, *, name: str) -> str:
    """An id as one segment of a path; an empty one would call another endpoint, so it is refused."""
    if not isinstance(identifier, str):
        raise InvalidRequest([(name, f"must be text (str), is {type(identifier).__name__}")])
    if identifier.isalnum() and identifier.isascii() and len(identifier) <= MAX_ID:
        return identifier  # as all ids of the API are, mostly
    if not identifier.strip():
        raise InvalidRequest([(name, "must not be empty")])
    if identifier in {".", ".."} or not identifier.isprintable() or len(identifier) > MAX_ID:
        raise InvalidRequest([(name, "is not an id of the API")])
    return quote(identifier, safe="")
