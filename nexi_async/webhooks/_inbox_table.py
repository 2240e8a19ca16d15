"""The inbox as a table: every statement that reads or writes it, as functions to run in a transaction.

Of the events of one payment only one is leased at a time, the oldest; behind one that failed, the others wait.

How the next event is found, at a cost that does not grow with the number of those that wait: an event that may be
leased is in a `queue`, and the index `nexi_inbox_queue` holds these events alone, in the order of their due times. An
event comes in at the end of the queue "first". When its turn comes while an older one of its payment waits, it is taken
out of the queue (null), and comes back in when that one has ended. So an event is passed over once at most. What
failed, or was leased by a worker that died, waits in the queue "retry".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    ScalarSelect,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from nexi_async._storage import lock
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._stored_events import AttemptResult, EventState, Queue, StoredEvent

__all__ = [
    "EVENTS",
    "TABLES",
    "VERSION",
    "VERSIONS",
    "Leased",
    "Row",
    "acquire_lock",
    "count",
    "find",
    "insert",
    "lease_due",
    "new_row",
    "purge",
    "record_results",
    "replay",
    "synchronize_clock",
]

Row: TypeAlias = Mapping[str, Any]

VERSION = 2
"""Of the tables below; `inbox_migration` makes them of older ones."""

TABLES = MetaData()
EVENTS = Table(
    "nexi_inbox",
    TABLES,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("payment_id", Text),
    Column("body", LargeBinary, nullable=False),
    Column("happened", Double, nullable=False),
    Column("received", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", Text),
    Column("error", Text),
    Column("queue", Text, server_default="first"),  # for what a process of version 1 inserts
    UniqueConstraint("id", "event"),
)


def _index_some(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# each for one question, and in no other's way: SQLite takes the first that fits, and PostgreSQL guesses until ANALYZE
_IS_FINISHED = EVENTS.c.state != literal_column("'waiting'")
Index("nexi_inbox_payment", EVENTS.c.payment_id, EVENTS.c.state, EVENTS.c.happened, EVENTS.c.number)
_index_some("nexi_inbox_queue", EVENTS.c.queue, EVENTS.c.due, where=EVENTS.c.queue.is_not(None))
_index_some("nexi_inbox_leased", EVENTS.c.payment_id, where=EVENTS.c.worker.is_not(None))
_index_some("nexi_inbox_ended", EVENTS.c.state, EVENTS.c.due, where=_IS_FINISHED)
VERSIONS = Table(
    "nexi_inbox_version",
    TABLES,
    Column("version", Integer, nullable=False),
    Column("clock", Double, nullable=False),  # the time of the process that is ahead of the others
)

BATCH_SIZE = 1000
"""How many events one statement dequeues or deletes, which bounds its duration."""
MAX_BATCHES = 10

_COLUMNS = [EVENTS.c[attribute.name] for attribute in attrs.fields(StoredEvent)]

# --- the statements that are run all the time, built once -----------------------------------------------------------

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
    .where(EVENTS.c.queue == bindparam("queue"), EVENTS.c.due <= bindparam("now"))
    .order_by(EVENTS.c.due)
    .limit(bindparam("limit"))
)
_NOW = bindparam("now", type_=Double)
_SYNCHRONIZE = (
    update(VERSIONS)
    .values(clock=case((VERSIONS.c.clock < _NOW, _NOW), else_=VERSIONS.c.clock))
    .returning(VERSIONS.c.clock)
)
_DEQUEUE = update(EVENTS).where(EVENTS.c.number.in_(bindparam("numbers", expanding=True))).values(queue=None)
_LEASE = (
    update(EVENTS)
    .where(EVENTS.c.number.in_(bindparam("numbers", expanding=True)))
    .values(attempts=EVENTS.c.attempts + 1, worker=bindparam("_worker"), due=bindparam("_due"), queue="retry")
    .returning(*_COLUMNS)
)
_RECORD_RESULT = (
    update(EVENTS)
    .where(
        EVENTS.c.number == bindparam("_number"),
        EVENTS.c.state == "waiting",
        or_(EVENTS.c.worker == bindparam("_worker"), bindparam("_state") == "done"),
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
_KEY = (EVENTS.c.id, EVENTS.c.event)
_INSERT = {
    "sqlite": sqlite.insert(EVENTS).on_conflict_do_nothing(index_elements=_KEY),
    "postgresql": postgresql.insert(EVENTS).on_conflict_do_nothing(index_elements=_KEY),
}
_PREFER_INDEXES = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true)"
)

# --- what is done with them ----------------------------------------------------------------------------------------


class Leased(NamedTuple):
    """Events that a worker has leased, and whether more may be due."""

    events: list[StoredEvent]
    has_more: bool


def new_row(event: Event, now: float) -> Row:
    """An event as the row that it is written as."""
    return {
        "id": event.id,
        "event": event.name,
        "payment_id": event.payment_id,
        "body": event.raw,
        "happened": now if event.timestamp is None else event.timestamp.timestamp(),
        "received": now,
        "state": "waiting",
        "due": now,
        "attempts": 0,
        "queue": "first",
    }


def insert(connection: Connection, rows: Sequence[Row]) -> int:
    """Write new events; returns how many of them are new. An event that is there already is left as it is."""
    counted = {"preserve_rowcount": True}
    return connection.execute(_INSERT[connection.dialect.name], rows, execution_options=counted).rowcount


def acquire_lock(connection: Connection) -> None:
    """Exclude all others who lease events or end leases, until the end of the transaction.

    Two could otherwise lease two events of a payment, or pass over an event for one that has just ended, without
    seeing each other.
    """
    lock(connection, EVENTS.name)
    if connection.dialect.name == "postgresql":
        connection.execute(_PREFER_INDEXES)  # before ANALYZE it would take a full queue for an empty one, and sort it


def synchronize_clock(connection: Connection, now: float) -> float:
    """Write the time of this process, and return the time of the one that is ahead."""
    return float(connection.execute(_SYNCHRONIZE, {"now": now}).scalar_one())


def lease_due(connection: Connection, queue: Queue, limit: int, *, worker: str, now: float, until: float) -> Leased:
    """Lease events of a queue that are due, longest due first, at most one of a payment."""
    leased: list[StoredEvent] = []
    for round_number in range(MAX_BATCHES):
        wanted = BATCH_SIZE if round_number else limit
        due = connection.execute(_DUE, {"queue": queue, "now": now, "limit": wanted}).all()
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
    events = [_event(row) for row in connection.execute(_LEASE, given).mappings()]
    return sorted(events, key=lambda event: order[event.number])


def _dequeue(connection: Connection, rows: Sequence[Any], now: float) -> None:
    """Take events out of the queue, and see to it that what they wait for is in it."""
    if rows:
        connection.execute(_DEQUEUE, {"numbers": [row.number for row in rows]})
    payments = {row.payment_id for row in rows if row.leased is None}
    if payments:
        connection.execute(_ENQUEUE_OLDEST, [{"_payment_id": payment, "_now": now} for payment in payments])


def record_results(connection: Connection, results: Sequence[AttemptResult], now: float) -> None:
    """Write results of attempts; an event that has ended, or is leased by another worker by now, is left as it is.

    An event that was handled is done even if the lease had run out: handling it again would help nobody.
    """
    connection.execute(_RECORD_RESULT, [_parameters(result) for result in results])
    payments = [{"_payment_id": payment, "_now": now} for payment in {result.payment_id for result in results}]
    connection.execute(_REQUEUE_OLDEST, payments)  # so that payments take turns
    connection.execute(_ENQUEUE_OLDEST, payments)


def _parameters(result: AttemptResult) -> dict[str, Any]:
    names = ("number", "worker", "state", "due", "attempts", "error", "queue")
    return {f"_{name}": getattr(result, name) for name in names}


def find(
    connection: Connection,
    *,
    number: int | None = None,
    state: EventState | None = None,
    payment_id: str | None = None,
    limit: int = 100,
) -> list[StoredEvent]:
    """Events that are all of what is given, newest first."""
    given = {"number": number, "state": state, "payment_id": payment_id}
    conditions = [EVENTS.c[name] == value for name, value in given.items() if value is not None]
    statement = select(*_COLUMNS).where(*conditions).order_by(EVENTS.c.number.desc()).limit(limit)
    return [_event(row) for row in connection.execute(statement).mappings()]


def replay(connection: Connection, numbers: Collection[int], *, now: float) -> int:
    """Let ended events wait again, as if new; all dead ones if no numbers are given. Returns how many."""
    table = EVENTS.c
    wanted = and_(table.number.in_(numbers), table.state != "waiting") if numbers else table.state == "dead"
    afresh = {"state": "waiting", "due": now, "attempts": 0, "worker": None, "error": None, "queue": "first"}
    return connection.execute(update(EVENTS).where(wanted).values(afresh)).rowcount


def purge(connection: Connection, state: EventState, *, before: float) -> int:
    """Delete some of the events that ended in that state before a moment; returns how many, 0 if none is left."""
    table = EVENTS.c
    is_old = and_(_IS_FINISHED, table.state == state, table.due < before)
    oldest = select(table.number).where(is_old).order_by(table.due).limit(BATCH_SIZE)
    return connection.execute(delete(EVENTS).where(table.number.in_(oldest.scalar_subquery()))).rowcount


def count(connection: Connection) -> dict[EventState, tuple[int, float]]:
    """How many events wait and how many are dead, and when the oldest of them came in."""
    table = EVENTS.c
    statement = (
        select(table.state, func.count(), func.min(table.received))
        .where(table.state.in_(("waiting", "dead")))
        .group_by(table.state)
    )
    return {state: (events, oldest) for state, events, oldest in connection.execute(statement)}


def _event(row: Any) -> StoredEvent:
    return StoredEvent(**row)
