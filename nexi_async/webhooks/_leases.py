"""Leases of stored events: their begin and their end, as functions to run in a transaction.

Of the events of one payment only one is leased at a time, the oldest; while one that failed waits for its retry, the
others wait too. A lease ends when its result is recorded, or by itself when its time is over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, ScalarSelect, and_, bindparam, case, or_, select, text, update

from nexi_async._storage import lock
from nexi_async.webhooks._inbox_schema import EVENTS
from nexi_async.webhooks._inbox_table import COLUMNS
from nexi_async.webhooks._stored_events import Queue, StoredEvent

BATCH_SIZE = 1000
"""How many events one statement takes out of the queue, which bounds its duration."""
MAX_BATCHES = 10

# --- statements, built once ----------------------------------------------------------------------------------------

_OTHER = EVENTS.alias("other")


def _oldest_waiting(payment: Any) -> ScalarSelect[Any]:
    """The event of a payment that is to be handled first."""
    return (
        select(_OTHER.c.number)
        .where(_OTHER.c.payment_id == payment, _OTHER.c.state == "waiting")
        .order_by(_OTHER.c.happened, _OTHER.c.number)
        .limit(1)
        .scalar_subquery()
    )


def _leased_event(payment: Any) -> ScalarSelect[Any]:
    """The event of a payment that is leased."""
    is_leased = and_(_OTHER.c.worker.is_not(None), _OTHER.c.due > bindparam("now"))
    return select(_OTHER.c.number).where(_OTHER.c.payment_id == payment, is_leased).limit(1).scalar_subquery()


# subqueries with a limit, since these are what no planner turns into a join with everything that waits
_DUE = (
    select(
        EVENTS.c.number,
        EVENTS.c.payment_id,
        EVENTS.c.state,
        _oldest_waiting(EVENTS.c.payment_id).label("oldest"),
        _leased_event(EVENTS.c.payment_id).label("leased"),
    )
    .where(
        EVENTS.c.queue == bindparam("queue"),
        EVENTS.c.due <= bindparam("now"),
        EVENTS.c.number.not_in(bindparam("excluded", expanding=True)),
    )
    .order_by(EVENTS.c.due)
    .limit(bindparam("limit"))
)
_DEQUEUE = update(EVENTS).where(EVENTS.c.number.in_(bindparam("numbers", expanding=True))).values(queue=None)
_LEASE = (
    update(EVENTS)
    .where(EVENTS.c.number.in_(bindparam("numbers", expanding=True)))
    .values(attempts=EVENTS.c.attempts + 1, worker=bindparam("_worker"), due=bindparam("_due"), queue="retry")
    .returning(*COLUMNS)
)
_RECORD_RESULT = (
    update(EVENTS)
    .where(
        EVENTS.c.number == bindparam("_number"),
        EVENTS.c.state == "waiting",
        or_(
            EVENTS.c.worker == bindparam("_worker"),
            and_(bindparam("_state") == "done", EVENTS.c.attempts >= bindparam("_attempts")),  # not replayed since
        ),
    )
    .values(
        worker=None,
        state=bindparam("_state"),
        due=bindparam("_due"),
        attempts=bindparam("_attempts"),
        error=bindparam("_error"),
        queue=bindparam("_queue"),
    )
)
_ENQUEUE_OLDEST = (
    update(EVENTS)
    .where(EVENTS.c.number == _oldest_waiting(bindparam("_payment_id")), EVENTS.c.queue.is_(None))
    .values(queue=case((EVENTS.c.attempts > 0, "retry"), else_="first"), due=bindparam("_now"))
)
_REQUEUE_OLDEST = (
    update(EVENTS)
    .where(EVENTS.c.number == _oldest_waiting(bindparam("_payment_id")), EVENTS.c.queue == "first")
    .values(due=bindparam("_now"))
)
_PREFER_INDEXES = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true)"
)

# --- functions -----------------------------------------------------------------------------------------------------


class Leased(NamedTuple):
    """Events that a worker has leased, and whether more may be due."""

    events: list[StoredEvent]
    has_more: bool


def acquire_lock(connection: Connection) -> None:
    """Exclude all others who lease events or end leases, until the end of the transaction.

    Two could otherwise lease two events of a payment, or pass over an event for one that has just ended, without
    seeing each other.
    """
    lock(connection, EVENTS.name)
    if connection.dialect.name == "postgresql":
        connection.execute(_PREFER_INDEXES)  # before ANALYZE it would take a full queue for an empty one, and sort it


def lease_due(
    connection: Connection,
    queue: Queue,
    limit: int,
    *,
    worker: str,
    now: float,
    until: float,
    excluded: Collection[int] = (),
) -> Leased:
    """Lease events of a queue that are due, longest due first, at most one of a payment; `excluded` are numbers."""
    if not limit:
        return Leased([], has_more=False)
    leased: list[StoredEvent] = []
    for round_number in range(MAX_BATCHES):
        wanted = BATCH_SIZE if round_number else limit
        due = connection.execute(_DUE, {"queue": queue, "now": now, "limit": wanted, "excluded": excluded}).all()
        ready = [row.number for row in due if _is_ready(row)][: limit - len(leased)]
        leased += _lease(connection, ready, worker, until)
        _dequeue(connection, [row for row in due if not _is_ready(row)], now)
        if len(leased) >= limit or len(due) < wanted:
            return Leased(leased, has_more=False)
    return Leased(leased, has_more=True)


def _is_ready(row: Any) -> bool:
    if row.state != "waiting":  # ended by a process of version 1, which knows of no queues
        return False
    return row.payment_id is None or (row.leased is None and row.oldest == row.number)


def _lease(connection: Connection, numbers: list[int], worker: str, until: float) -> list[StoredEvent]:
    if not numbers:
        return []
    given = {"numbers": numbers, "_worker": worker, "_due": until}
    order = {number: place for place, number in enumerate(numbers)}
    events = [StoredEvent(**row) for row in connection.execute(_LEASE, given).mappings()]
    return sorted(events, key=lambda event: order[event.number])


def _dequeue(connection: Connection, rows: Sequence[Any], now: float) -> None:
    """Take events out of the queue, and see to it that what they wait for is in it."""
    if rows:
        connection.execute(_DEQUEUE, {"numbers": [row.number for row in rows]})
    payments = {row.payment_id for row in rows if row.leased is None}
    if payments:
        connection.execute(_ENQUEUE_OLDEST, [{"_payment_id": payment, "_now": now} for payment in payments])


def record_results(connection: Connection, results: Sequence[StoredEvent], now: float) -> None:
    """Write events as attempts left them; one that has ended, or is leased by another worker by now, is left as it is.

    An event that was handled is done even if the lease had run out, unless it was replayed since: handling it again
    would be of no use.
    """
    connection.execute(_RECORD_RESULT, [_parameters(result) for result in results])
    payments = [{"_payment_id": payment, "_now": now} for payment in {result.payment_id for result in results}]
    connection.execute(_REQUEUE_OLDEST, payments)  # so that payments take turns
    connection.execute(_ENQUEUE_OLDEST, payments)


def _parameters(result: StoredEvent) -> dict[str, Any]:
    names = ("number", "worker", "state", "due", "attempts", "error")
    return {f"_{name}": getattr(result, name) for name in names} | {"_queue": _queue_of(result)}


def _queue_of(result: StoredEvent) -> Queue | None:
    """Where the event waits from now on."""
    if result.state != "waiting":
        return None
    return "retry" if result.attempts else "first"
