"""Makes the tables of an inbox, or those of an older version into those of this one, in a transaction."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, case, inspect, literal_column, select, text, update

from nexi_async._errors import InvalidRequest
from nexi_async._storage import lock
from nexi_async.webhooks._inbox_schema import EVENTS, TABLES, VERSION, VERSIONS


def has_inbox(connection: Connection) -> bool:
    """Whether there is an inbox of any version."""
    return inspect(connection).has_table(EVENTS.name)


def migrate(connection: Connection) -> None:
    """Bring the inbox to this version, or make it; several processes may do so at once.

    Raises:
        InvalidRequest: a newer version of this package has worked on it.
    """
    lock(connection, EVENTS.name)  # the lock of those who work on it
    before = _version(connection)
    if before > VERSION:
        text_ = f"has an inbox of version {before}, this release knows versions up to {VERSION}: install a newer one"
        raise InvalidRequest([("url", text_)])
    if before == 1:
        _from_1_to_2(connection)
    if before in (1, 2) and connection.dialect.name == "sqlite":
        _from_2_to_3(connection)
    if before in (0, 1):
        TABLES.create_all(connection)
        connection.execute(VERSIONS.insert(), {"version": VERSION, "clock": _latest_time(connection)})
    elif before < VERSION:
        connection.execute(update(VERSIONS).values(version=VERSION))


def _version(connection: Connection) -> int:
    """0 if there is no inbox; the first version wrote no number."""
    tables = inspect(connection)
    if tables.has_table(VERSIONS.name):
        return connection.execute(select(VERSIONS.c.version)).scalar_one_or_none() or 0
    return int(has_inbox(connection))


def _from_1_to_2(connection: Connection) -> None:
    """Every waiting event goes into a queue; those behind others leave it when their turn comes."""
    for statement in (*_DROP_INDEXES, *_ADD_QUEUE[connection.dialect.name]):
        connection.execute(text(statement))
    queue = case((EVENTS.c.attempts == 0, "first"), else_="retry")
    connection.execute(update(EVENTS).where(EVENTS.c.state == "waiting").values(queue=queue))
    for index in sorted(EVENTS.indexes, key=lambda each: str(each.name)):
        index.create(connection)


_DROP_INDEXES = ("DROP INDEX IF EXISTS ix_nexi_inbox_payment_id", "DROP INDEX IF EXISTS nexi_inbox_state_due")
_ADD_QUEUE = {
    "postgresql": (
        "SET LOCAL statement_timeout = 0",  # it may hold years of events
        "ALTER TABLE nexi_inbox ADD COLUMN queue TEXT",  # and are not written again, as they would be with a default
        "ALTER TABLE nexi_inbox ALTER COLUMN queue SET DEFAULT 'first'",
    ),
    "sqlite": (  # which can't set a default later
        "ALTER TABLE nexi_inbox ADD COLUMN queue TEXT DEFAULT 'first'",
        "UPDATE nexi_inbox SET queue = NULL WHERE state <> 'waiting'",
    ),
}


def _from_2_to_3(connection: Connection) -> None:
    """Numbers are given once; for that SQLite needs a new table."""
    for index in EVENTS.indexes:
        index.drop(connection)
    connection.execute(text("ALTER TABLE nexi_inbox RENAME TO nexi_inbox_2"))
    before = EVENTS.to_metadata(MetaData(), name="nexi_inbox_2")
    EVENTS.create(connection)
    connection.execute(EVENTS.insert().from_select(EVENTS.columns.keys(), select(before)))
    connection.execute(text("DROP TABLE nexi_inbox_2"))


def _latest_time(connection: Connection) -> float:
    """When the last event came in, so that the clock does not begin before."""
    return connection.execute(select(literal_column("coalesce(max(received), 0)")).select_from(EVENTS)).scalar_one()
