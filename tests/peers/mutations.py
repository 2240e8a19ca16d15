"""Every way in which one member of a JSON document may be other than expected: absent, of another type, not alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

Place = tuple[str | int, ...]

VALUES: tuple[Any, ...] = (None, "", "text", "7", 7, -1, 0.5, 10**20, True, [], ["text"], {}, {"text": 7})
"""What may stand in a member's place."""


class Mutation(NamedTuple):
    """A document after one change, and where it was made."""

    place: Place
    document: Any


def places(document: Any, at: Place = ()) -> Iterator[Place]:
    """Every member and every entry of a document, outer ones first."""
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    for step, value in inner:
        yield (*at, step)
        yield from places(value, (*at, step))


def mutations(document: Any) -> Iterator[Mutation]:
    """Drop each member, put each value in its place, and put an unknown member beside it."""
    for place in places(document):
        changed, holder = _copied(document, place)
        del holder[place[-1]]
        yield Mutation(place, changed)
        for value in VALUES:
            changed, holder = _copied(document, place)
            holder[place[-1]] = value
            yield Mutation(place, changed)
        changed, holder = _copied(document, place)
        if isinstance(holder, dict):
            holder["unheardOf"] = {"of": [1]}
            yield Mutation((*place[:-1], "unheardOf"), changed)


def _copied(document: Any, place: Place) -> tuple[Any, Any]:
    """A copy, and what holds the place in it."""
    copied = json.loads(json.dumps(document))  # what the document has twice is one object there, and not here
    holder = copied
    for step in place[:-1]:
        holder = holder[step]
    return copied, holder
