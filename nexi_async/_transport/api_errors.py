"""Which error an error response stands for, and which outcome for the money it proves.

Error bodies have several shapes (a map of validation errors, `{message, code, source}`, nothing, or an HTML page), so
nothing here relies on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from nexi_async import _codec as codec
from nexi_async._errors import (
    APIError,
    BadRequest,
    ChargeDeclined,
    Conflict,
    NotFound,
    Outcome,
    RateLimited,
    ServerError,
    Unauthorized,
)
from nexi_async._transport.request import Request, Response

_ERROR_CLASSES: Mapping[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: ChargeDeclined,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
_FINAL_STATUSES = frozenset({400, 402, 404})
_DUPLICATE_CODES = frozenset({"1001", "1008", "1009", "1023", "1026", "1027", "09", "94"})
"""Over-charged, already charged, refunded too much, already refunded, or, from the issuer, "request in progress" and
"duplicate transmission": also what a first attempt that went through would look like to a second one."""

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "correlation-id", "trace-id")
_LONGEST_TEXT = 300


def error_from_response(request: Request, response: Response) -> APIError:
    """The error that a response other than 2xx stands for."""
    members = _members(response.body) or {}
    code, message, source = (_text(members.get(name)) for name in ("code", "message", "source"))
    validation_errors = _validation_errors(members)
    kind = _error_class(response)
    return kind(
        _summary(request, response.status, code, message, validation_errors),
        status=response.status,
        code=code,
        message=message,
        source=source,
        body=response.body,
        request_id=next(filter(None, map(response.header, _REQUEST_ID_HEADERS)), None),
        retry_after=_retry_after(response),
        outcome=_outcome(request, response.status, code),
        **({"errors": validation_errors} if kind is BadRequest else {}),
    )


def outcome_after_unknown(request: Request, failure: APIError) -> Outcome:
    """What is known when an earlier attempt, or call, may have gone through, and this one was refused.

    A GET changes nothing, so its last response counts. With a key the API replays its first decision, so a final
    refusal settles it, unless the refusal is what the earlier attempt itself would cause, is a 402 without a code, or
    comes from a gateway, which knows nothing of the earlier attempt.
    """
    if request.method == "GET":
        return failure.outcome
    replayed = request.key is not None and failure.status in _FINAL_STATUSES and not _is_from_gateway(failure.body)
    return Outcome.REJECTED if replayed and not _may_be_duplicate(failure) else Outcome.UNKNOWN


def _error_class(response: Response) -> type[APIError]:
    """By the status; a gateway that has no way to the API does not know what exists there."""
    if response.status == 404 and _is_from_gateway(response.body):
        return APIError
    return _ERROR_CLASSES.get(response.status, ServerError if response.status >= 500 else APIError)


def _is_from_gateway(body: bytes) -> bool:
    """Whether it is a page or text of what stands before the API, which itself sends JSON objects or nothing."""
    return bool(body.strip()) and _members(body) is None


def _may_be_duplicate(failure: APIError) -> bool:
    if failure.code is None:
        return failure.status == 402
    return failure.code.zfill(2) in _DUPLICATE_CODES  # the API's own lists have issuers' codes with and without zeros


def _outcome(request: Request, status: int, code: str | None) -> Outcome:
    if status == 409 and request.key is not None and code is None:
        return Outcome.UNKNOWN  # the same key is being worked on right now
    return Outcome.REJECTED if 400 <= status < 500 else Outcome.UNKNOWN


def _members(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = codec.read_json(body)
    except codec.Malformed:
        return None
    return found if isinstance(found, dict) else None


def _validation_errors(members: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """`{"errors": {path: [text]}}`, or the map bare as the official SDK also accepts it."""
    found = members.get("errors", members)
    if not isinstance(found, dict):
        return {}
    return {path: tuple(map(str, texts)) for path, texts in found.items() if isinstance(texts, list)}


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _summary(
    request: Request,
    status: int,
    code: str | None,
    message: str | None,
    validation_errors: Mapping[str, tuple[str, ...]],
) -> str:
    words = [f"{request} answered {status}"]
    words += [part for part in (code, message) if part]
    words += [f"{path}: {', '.join(texts)}" for path, texts in validation_errors.items()]
    return "; ".join(words)[:_LONGEST_TEXT]


def _retry_after(response: Response) -> float | None:
    """Seconds from now, whether the server named seconds or a date by its clock; None if it named neither."""
    header = response.header("retry-after")
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    date = http_date(header)
    if date is None:
        return None
    now = http_date(response.header("date") or "") or datetime.now(UTC)
    return max(0.0, (date - now).total_seconds())


def http_date(header: str) -> datetime | None:
    """The time in a header such as `Date`; None if it is none."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
