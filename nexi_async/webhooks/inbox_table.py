"""The inbox as a table: every statement that reads or writes it, as functions to run in a transaction.

Of the letters of one payment only one is on loan at a time, that of the oldest event; behind one that failed, the
others wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

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
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from nexi_async.storage import lock
from nexi_async.webhooks.events import Event
from nexi_async.webhooks.letters import Ending, Letter, LetterState

__all__ = ["TABLES", "Row", "count", "end_loans", "hand_out", "look_up", "new_row", "put", "replay", "throw_away"]

Row: TypeAlias = Mapping[str, Any]

TABLES = MetaData()
LETTERS = Table(
    "nexi_inbox",
    TABLES,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("payment_id", Text, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("happened", Double, nullable=False),
    Column("received", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", Text),
    Column("error", Text),
    UniqueConstraint("id", "event"),
    Index("nexi_inbox_state_due", "state", "due"),
)

AT_ONCE = 1000
"""How many letters one transaction throws away, so that it stays short."""

# --- the statements that are run all the time, built once -----------------------------------------------------------


def _is_behind_another() -> ColumnElement[bool]:
    """Whether another letter of the same payment is on loan, or waits and is older."""
    this, other = LETTERS.c, LETTERS.alias("other").c
    on_loan = and_(other.worker.is_not(None), other.due > bindparam("now"))
    is_older = tuple_(other.happened, other.number) < tuple_(this.happened, this.number)
    return exists().where(
        other.payment_id == this.payment_id,
        other.state == "waiting",
        other.number != this.number,
        or_(on_loan, is_older),
    )


_DUE = (
    select(LETTERS)
    .where(LETTERS.c.state == "waiting", LETTERS.c.due <= bindparam("now"), ~_is_behind_another())
    .order_by(LETTERS.c.due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEND = (
    update(LETTERS)
    .where(LETTERS.c.number.in_(bindparam("numbers", expanding=True)))
    .values(attempts=LETTERS.c.attempts + 1, worker=bindparam("_worker"), due=bindparam("_due"))
)
_END = (
    update(LETTERS)
    .where(
        LETTERS.c.number == bindparam("_number"),
        LETTERS.c.state == "waiting",
        or_(LETTERS.c.worker == bindparam("_worker"), bindparam("_state") == "done"),
    )
    .values(
        worker=None,
        state=bindparam("_state"),
        due=bindparam("_due"),
        attempts=bindparam("_attempts"),
        error=bindparam("_error"),
    )
)
_INSERT = {
    "postgresql": postgresql.insert(LETTERS).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(LETTERS).on_conflict_do_nothing(),
}

# --- what is done with them ----------------------------------------------------------------------------------------


def new_row(event: Event, now: float) -> Row:
    """An event as the row that it is written as."""
    return {
        "id": event.id,
        "event": event.name,
        "payment_id": event.payment_id,
        "body": event.raw,
        "happened": event.timestamp.timestamp(),
        "received": now,
        "state": "waiting",
        "due": now,
        "attempts": 0,
    }


def put(connection: Connection, rows: Sequence[Row]) -> int:
    """Write new letters; returns how many of them are new. An event that is there already is left as it is."""
    counted = {"preserve_rowcount": True}
    return connection.execute(_INSERT[connection.dialect.name], rows, execution_options=counted).rowcount


def hand_out(connection: Connection, most: int, *, worker: str, now: float, until: float) -> list[Letter]:
    """Lend letters that are due, longest due first, at most one of a payment."""
    # one at a time, in all processes: two could otherwise lend two letters of a payment without seeing each other
    lock(connection, LETTERS.name)
    due = connection.execute(_DUE, {"now": now, "most": most}).mappings()
    letters = [_lent(row, worker, until) for row in due]
    if letters:
        numbers = [letter.number for letter in letters]
        connection.execute(_LEND, {"numbers": numbers, "_worker": worker, "_due": until})
    return letters


def _lent(row: Any, worker: str, until: float) -> Letter:
    return Letter(**(dict(row) | {"attempts": row["attempts"] + 1, "worker": worker, "due": until}))


def end_loans(connection: Connection, endings: Sequence[Ending]) -> None:
    """Write how loans ended; what has ended before, or is on loan to another worker by now, is left as it is.

    A letter that was handled is done even if the loan had run out: handling it again would help nobody.
    """
    connection.execute(_END, [_parameters(ending) for ending in endings])


_ENDING = tuple(attribute.name for attribute in attrs.fields(Ending))


def _parameters(ending: Ending) -> dict[str, Any]:
    return {f"_{name}": getattr(ending, name) for name in _ENDING}


def look_up(
    connection: Connection,
    *,
    number: int | None = None,
    state: LetterState | None = None,
    payment_id: str | None = None,
    most: int = 100,
) -> list[Letter]:
    """Letters that are all of what is given, newest first."""
    given = {"number": number, "state": state, "payment_id": payment_id}
    conditions = [LETTERS.c[name] == value for name, value in given.items() if value is not None]
    statement = select(LETTERS).where(*conditions).order_by(LETTERS.c.number.desc()).limit(most)
    return [_letter(row) for row in connection.execute(statement).mappings()]


def replay(connection: Connection, numbers: Collection[int], *, now: float) -> int:
    """Let ended letters wait again, as if new; all dead ones if no numbers are given. Returns how many."""
    table = LETTERS.c
    wanted = and_(table.number.in_(numbers), table.state != "waiting") if numbers else table.state == "dead"
    afresh = update(LETTERS).where(wanted).values(state="waiting", due=now, attempts=0, worker=None, error=None)
    return connection.execute(afresh).rowcount


def throw_away(connection: Connection, state: LetterState, *, before: float) -> int:
    """Delete some of the letters that ended in that state before a moment; returns how many, 0 if none is left."""
    table = LETTERS.c
    oldest = select(table.number).where(table.state == state, table.due < before).order_by(table.due).limit(AT_ONCE)
    return connection.execute(delete(LETTERS).where(table.number.in_(oldest.scalar_subquery()))).rowcount


def count(connection: Connection) -> dict[LetterState, tuple[int, float]]:
    """How many letters wait and how many are dead, and when the oldest of them came in."""
    table = LETTERS.c
    statement = (
        select(table.state, func.count(), func.min(table.received))
        .where(table.state.in_(("waiting", "dead")))
        .group_by(table.state)
    )
    return {state: (letters, oldest) for state, letters, oldest in connection.execute(statement)}


def _letter(row: Any) -> Letter:
    return Letter(**row)
