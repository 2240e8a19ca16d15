"""The inbox as a table: what is written, read and deleted besides leases, as functions to run in a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from sqlalchemy import Connection, Double, and_, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from nexi_async.webhooks._events import Event
from nexi_async.webhooks._inbox_schema import EVENTS, IS_FINISHED, VERSIONS
from nexi_async.webhooks._stored_events import EventState, StoredEvent

Row: TypeAlias = Mapping[str, Any]

MAX_PURGED = 1000
"""How many events one statement deletes, which bounds its duration."""

COLUMNS = [EVENTS.c[attribute.name] for attribute in attrs.fields(StoredEvent)]
"""What is read of an event: a `StoredEvent`."""
_KEY = (EVENTS.c.id, EVENTS.c.event)
_INSERT = {
    "sqlite": sqlite.insert(EVENTS).on_conflict_do_nothing(index_elements=_KEY),
    "postgresql": postgresql.insert(EVENTS).on_conflict_do_nothing(index_elements=_KEY),
}
_NOW = bindparam("now", type_=Double)
_SYNCHRONIZE = (
    update(VERSIONS)
    .values(clock=case((VERSIONS.c.clock < _NOW, _NOW), else_=VERSIONS.c.clock))
    .returning(VERSIONS.c.clock)
)


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


def synchronize_clock(connection: Connection, now: float) -> float:
    """Write the time of this process, and return the time of the one that is ahead."""
    return float(connection.execute(_SYNCHRONIZE, {"now": now}).scalar_one())


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
    statement = select(*COLUMNS).where(*conditions).order_by(EVENTS.c.number.desc()).limit(limit)
    return [StoredEvent(**row) for row in connection.execute(statement).mappings()]


def replay(connection: Connection, numbers: Collection[int]) -> int:
    """Let ended events wait again, as if new; all dead ones if no numbers are given. Returns how many.

    They are due by the clock of the workers, which need not be that of this process.
    """
    table = EVENTS.c
    wanted = and_(table.number.in_(numbers), table.state != "waiting") if numbers else table.state == "dead"
    due = select(VERSIONS.c.clock).scalar_subquery()
    afresh = {"state": "waiting", "due": due, "attempts": 0, "worker": None, "error": None, "queue": "first"}
    return connection.execute(update(EVENTS).where(wanted).values(afresh)).rowcount


def purge(connection: Connection, state: EventState, *, before: float) -> int:
    """Delete some of the events that ended in that state before a moment; returns how many, 0 if none is left."""
    table = EVENTS.c
    is_old = and_(IS_FINISHED, table.state == state, table.due < before)
    oldest = select(table.number).where(is_old).order_by(table.due).limit(MAX_PURGED)
    # the state is compared once more, since PostgreSQL does not search again for what was replayed meanwhile
    is_old_still = and_(table.number.in_(oldest.scalar_subquery()), table.state == state)
    return connection.execute(delete(EVENTS).where(is_old_still)).rowcount


def count(connection: Connection) -> dict[EventState, tuple[int, float]]:
    """How many events wait and how many are dead, and when the oldest of them came in."""
    table = EVENTS.c
    statement = (
        select(table.state, func.count(), func.min(table.received))
        .where(table.state.in_(("waiting", "dead")))
        .group_by(table.state)
    )
    return {state: (events, oldest) for state, events, oldest in connection.execute(statement)}
