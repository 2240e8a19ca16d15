"""Paging: the part of a list that a query selects."""

import re
from collections.abc import Mapping

from nexi_async.emulator._engine.fields import FieldErrors

# Not documented for bulk pages; the Reporting API's documented default.
DEFAULT_SIZE = 100
LARGEST_SIZE = 10_000


def skip_and_take(query: Mapping[str, str], *, first_page: int) -> tuple[int, int]:
    """How many entries to leave out and how many to give, from `skip` and `take` or `pageNumber` and `pageSize`.

    `skip` and `take` win over the other pair. The names in the query are in lower case.

    Raises:
        Refusal: 400 for values that are no such numbers.
    """
    errors = FieldErrors()
    skip = _number(query, "skip", 0, errors, default=0)
    take = _number(query, "take", 1, errors, default=DEFAULT_SIZE)
    page = _number(query, "pageNumber", first_page, errors, default=first_page)
    size = _number(query, "pageSize", 1, errors, default=DEFAULT_SIZE)
    errors.raise_any()
    if "skip" in query or "take" in query:
        return skip, min(take, LARGEST_SIZE)
    size = min(size, LARGEST_SIZE)
    return (page - first_page) * size, size


def _number(query: Mapping[str, str], name: str, minimum: int, errors: FieldErrors, *, default: int) -> int:
    text = query.get(name.lower())
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII) or int(text) < minimum:
        errors.add(name, f"Must be a whole number, {minimum} or more")
        return default
    return int(text)
