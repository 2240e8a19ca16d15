"""Idempotency keys: a repeated key gets the same response and has no second effect.

The scope of a key is one endpoint and one id in its path; it expires after `key_lifetime_hours`. While the response to
its first request is held back, a repeat gets 409; afterwards the response is replayed, unless the amount differs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve

from nexi_async.emulator._engine.responses import APIResponse, Refusal, failed, invalid
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.timestamps import HOUR
from nexi_async.emulator._engine.wire import JSON

LONGEST_KEY = 64

Scope = tuple[str, str, str]
"""The path template, the id in the path, and the key."""


@define(eq=False)
class IdempotencyRecord:
    """The first request of a key and its response."""

    scope: Scope
    amount: Any
    response: APIResponse
    at: float
    in_progress: bool = False


class IdempotencyRecords:
    """Records by scope; `note` is called with each new one."""

    def __init__(self, note: Callable[[IdempotencyRecord], None]) -> None:
        self._records: dict[Scope, IdempotencyRecord] = {}
        self._note = note

    def look_up(self, scope: Scope, now: float, settings: Settings) -> IdempotencyRecord | None:
        """The record of a key, unless it has expired."""
        found, hours = self._records.get(scope), settings.key_lifetime_hours
        has_expired = found is not None and hours is not None and now >= found.at + hours * HOUR
        return None if has_expired else found

    def add(self, record: IdempotencyRecord) -> None:
        self._records[record.scope] = record
        self._note(record)

    @contextmanager
    def in_progress(self, scope: Scope) -> Iterator[None]:
        """While the response to a key is held back; a repeat that meets it is answered 409 and changes nothing."""
        record = self._records.get(scope)
        if record is None or record.in_progress:
            yield
            return
        record.in_progress = True
        try:
            yield
        finally:
            record.in_progress = False


def respond_once(
    records: IdempotencyRecords,
    scope: Scope,
    body: JSON,
    operation: Callable[[], APIResponse],
    *,
    now: float,
    settings: Settings,
) -> APIResponse:
    """Do a request with a key, or replay its response.

    Raises:
        Refusal: The key is not usable, or was used with another amount (1026, 1027).
    """
    if not 1 <= len(scope[2]) <= LONGEST_KEY:
        raise invalid({"Idempotency-Key": [f"Must be between 1 and {LONGEST_KEY} characters long"]})
    amount = _amount_of(body)
    record = records.look_up(scope, now, settings)
    if record is not None:
        return _replay(record, amount, is_refund=scope[0].endswith("refunds"))
    try:
        response = operation()
    except Refusal as refusal:
        response = refusal.response
        if not settings.replay_rejections:
            return response
    records.add(IdempotencyRecord(scope, amount, response, now))
    return response


def _replay(record: IdempotencyRecord, amount: JSON, *, is_refund: bool) -> APIResponse:
    if record.in_progress:
        return APIResponse(409)
    if record.amount != amount:
        raise failed("1027" if is_refund else "1026")
    return evolve(record.response, delay=0.0)


def _amount_of(body: JSON) -> JSON:
    """The amount a request is about, wherever its body has it."""
    if not isinstance(body, dict):
        return None
    order = body.get("order")
    return order.get("amount") if isinstance(order, dict) else body.get("amount")
