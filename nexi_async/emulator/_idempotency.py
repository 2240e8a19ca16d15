"""The memory of idempotency keys: the same key gets the same answer and has no second effect.

A key counts within one call and one id, for as long as the settings say. While the answer of its first request is
still on its way, a repeat is a conflict; afterwards it replays the answer, unless the amount differs.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, evolve

from nexi_async.emulator._responses import Answer, Refusal, failed, invalid
from nexi_async.emulator._timestamps import HOUR
from nexi_async.emulator._wire import JSON

LONGEST_KEY = 64

Scope = tuple[str, str, str]
"""The path template, the id in the path, and the key."""


@define
class Remembered:
    """What became of a key."""

    amount: Any
    answer: Answer
    at: float
    running: bool = False


class Memory:
    """Answers by scope."""

    def __init__(self) -> None:
        self._answers: dict[Scope, Remembered] = {}

    def look_up(self, scope: Scope, now: float, lifetime_hours: float | None) -> Remembered | None:
        """What is remembered of a key, unless it is too old; None for the hours keeps it for ever."""
        found = self._answers.get(scope)
        is_forgotten = found is not None and lifetime_hours is not None and now >= found.at + lifetime_hours * HOUR
        return None if is_forgotten else found

    def keep(self, scope: Scope, amount: JSON, answer: Answer, now: float) -> None:
        """Remember an answer."""
        self._answers[scope] = Remembered(amount, answer, now)

    def mark_running(self, scope: Scope, *, running: bool) -> None:
        """Say whether the answer is still on its way."""
        found = self._answers.get(scope)
        if found is not None:
            found.running = running


def answer_once(
    memory: Memory,
    scope: Scope,
    body: JSON,
    operate: Callable[[], Answer],
    *,
    now: float,
    lifetime_hours: float | None,
    replay_rejections: bool,
) -> Answer:
    """Do a call with a key, or replay its answer.

    Raises:
        Refusal: The key is not usable, or was used with another amount (1026, 1027).
    """
    if not 1 <= len(scope[2]) <= LONGEST_KEY:
        raise invalid({"Idempotency-Key": [f"Must be between 1 and {LONGEST_KEY} characters long"]})
    amount = _amount_of(body)
    remembered = memory.look_up(scope, now, lifetime_hours)
    if remembered is not None:
        return _replay(remembered, amount, is_refund=scope[0].endswith("refunds"))
    try:
        answer = operate()
    except Refusal as refusal:
        answer = refusal.answer
        if not replay_rejections:
            return answer
    memory.keep(scope, amount, answer, now)
    return answer


def _replay(remembered: Remembered, amount: JSON, *, is_refund: bool) -> Answer:
    if remembered.running:
        return Answer(409)
    if remembered.amount != amount:
        raise failed("1027" if is_refund else "1026")
    return evolve(remembered.answer, delay=0.0)


def _amount_of(body: JSON) -> JSON:
    """The amount a request is about, wherever its body has it."""
    if not isinstance(body, dict):
        return None
    order = body.get("order")
    return order.get("amount") if isinstance(order, dict) else body.get("amount")
