"""The tables of an inbox and their indexes.

How the next event is found, at a cost that does not grow with the number of those that wait: an event that may be
leased is in a `queue`, and the index `nexi_inbox_queue` holds these events alone, in the order of their due times. An
event starts at the end of the queue "first". When its turn comes while an older one of its payment waits, it is taken
out of the queue (null), and put back when that one has ended. So an event is passed over once at most. What
failed, or was leased by a worker that died, waits in the queue "retry".
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

VERSION = 3
"""Of the tables below; `_inbox_migration` brings older ones up to date."""

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
    sqlite_autoincrement=True,  # else it gives the number of a deleted event to a later one
)


def _index_some(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# one for each statement, and none that fits another: SQLite takes the first that fits, PostgreSQL guesses until ANALYZE
IS_FINISHED = EVENTS.c.state != literal_column("'waiting'")
Index("nexi_inbox_payment", EVENTS.c.payment_id, EVENTS.c.state, EVENTS.c.happened, EVENTS.c.number)
_index_some("nexi_inbox_queue", EVENTS.c.queue, EVENTS.c.due, where=EVENTS.c.queue.is_not(None))
_index_some("nexi_inbox_leased", EVENTS.c.payment_id, where=EVENTS.c.worker.is_not(None))
_index_some("nexi_inbox_ended", EVENTS.c.state, EVENTS.c.due, where=IS_FINISHED)
VERSIONS = Table(
    "nexi_inbox_version",
    TABLES,
    Column("version", Integer, nullable=False),
    Column("clock", Double, nullable=False),  # the time of the process that is ahead of the others
)
