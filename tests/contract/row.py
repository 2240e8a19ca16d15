"""One row of the catalogue: one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import UnionType
from typing import Literal, TypeAlias

import attrs

from nexi_async import AsyncCheckout
from tests.contract.examples import Document
from tests.contract.refusals import USUAL
from tests.contract.shapes import Shape
from tests.contract.states import nothing
from tests.contract.world import Change

Ids: TypeAlias = Mapping[str, str]
"""What the names in a path stand for."""

Ask: TypeAlias = Callable[[AsyncCheckout, Ids], Awaitable[object]]
"""Makes a call through the SDK."""


def _no_names() -> dict[str, str]:
    return {}


@attrs.frozen(kw_only=True)
class Row:
    """One call of the API.

    After `given`, `call` with this `query` and `body` is answered with the status `answers` and a document of `shape`;
    the SDK does the same `through` these methods and `gives` a model.

    Attributes:
        call: method and path.
        does: what it is for.
        given: what must have happened before.
        query: the parameters in the address.
        body: the JSON of the request; the examples have every member that goes with the others.
        keyed: whether it takes an `Idempotency-Key`.
        partner: where a partner names the merchant to act for; None where that is not possible.
        through: the SDK's names of the call, and how to make it.
        gives: the kind of model; None where the answer is empty, object where its schema is not published.
        answers: the status of success.
        shape: the document of success.
        errors: every error status that the official reference lists for the call.
        provoked: how they are brought about where that is not the usual way of `refusals.USUAL`.
    """

    call: str
    does: str
    given: Change = nothing
    query: Mapping[str, str] = attrs.field(factory=_no_names)
    body: Document | None = None
    keyed: bool = False
    partner: Literal["header", "query", "body"] | None = None
    through: Mapping[str, Ask]
    gives: type[object] | UnionType | None
    answers: int
    shape: Shape
    errors: str
    provoked: Mapping[int, Change] = attrs.field(factory=dict[int, Change])

    @property
    def method(self) -> str:
        return self.call.split()[0]

    @property
    def path(self) -> str:
        return self.call.split()[1]

    @property
    def error_statuses(self) -> tuple[int, ...]:
        return tuple(map(int, self.errors.split()))

    def refusal(self, status: int) -> Change:
        """What brings an error status about."""
        return self.provoked.get(status) or USUAL[status]
