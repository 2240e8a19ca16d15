"""What was observed of a simulation from outside: a log to read, and facts to check."""

from __future__ import annotations

from collections import defaultdict

import attrs

from nexi_async import Outcome
from nexi_async.batch import JobResult


@attrs.define
class CallRecord:
    """A shopper's call that is to have one effect, whatever happens to it.

    Attributes:
        kind: "create", "charge" or "refund".
        target: the reference of a new payment, else the payment's id.
        amount: in minor units; no two effects on one payment have the same.
        key: the idempotency key, if the call takes one.
        outcome: what the error said; None if there was a receipt, or the caller's time limit ended the call.
        has_receipt: whether it was answered.
        effects: how many effects the API knew when the call failed.
        is_alone: whether no other call with the same key had begun by then.
    """

    kind: str
    target: str
    amount: int
    key: str | None
    outcome: Outcome | None = None
    has_receipt: bool = False
    effects: int = 0
    is_alone: bool = False


@attrs.define
class HandlerRun:
    """One run of a handler.

    Attributes:
        event: id and name.
        payment_id: whose event.
        happened: when, as the event says.
        began: virtual seconds.
        ended: virtual seconds; None if it failed, or its process died.
        was_suspended: whether its process was suspended at any time.
    """

    event: tuple[str, str]
    payment_id: str | None
    happened: float
    began: float
    ended: float | None = None
    was_suspended: bool = False


@attrs.define
class Trace:
    """Log and facts.

    Attributes:
        lines: the log.
        violations: which properties were violated.
        results: every result that a charger handed out.
        starts: when each charger's process began to charge jobs.
        handlers: every run of a handler.
        calls: every call of a shopper.
        charges: how many charges the API made.
        deliveries: how many events were delivered.
        virtual_seconds: how much time passed.
    """

    lines: list[str] = attrs.field(factory=list)
    violations: list[str] = attrs.field(factory=list)
    results: list[JobResult] = attrs.field(factory=list)
    starts: dict[str, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    handlers: list[HandlerRun] = attrs.field(factory=list)
    calls: list[CallRecord] = attrs.field(factory=list)
    charges: int = 0
    deliveries: int = 0
    virtual_seconds: float = 0.0
