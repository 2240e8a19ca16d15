"""The ledger's tables, and how an older ledger becomes a newer one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    case,
    insert,
    inspect,
    select,
    text,
    update,
)

from nexi_async._errors import ConfigurationError
from nexi_async._storage import lock

TABLES = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

SCHEMA = Table("nexi_batch_schema", TABLES, Column("version", Integer, nullable=False))
RUNS = Table(
    "nexi_batch_runs",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("strategy", Text),
)
PLANS = Table(
    "nexi_batch_plans",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False),
    Column("created", Double, nullable=False),
    Column("jobs", Integer),
)
"""One row for each call of `plan`; `jobs` is set when it is complete, and only then are its jobs charged."""

JOBS = Table(
    "nexi_batch_jobs",
    TABLES,
    Column("number", _NUMBER, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False),
    Column("plan", ForeignKey(PLANS.c.id), nullable=False),
    Column("seen", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("kind", Text),
    Column("subscription_id", Text),
    Column("external_reference", Text),
    Column("request", LargeBinary, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("payment_id", Text),
    Column("charge_id", Text),
    Column("code", Text),
    Column("error", Text),
    Column("ended", Double),
    Column("sent_at", Double),
    Column("fence", Integer, nullable=False, server_default="0"),
    UniqueConstraint("run", "reference"),
)
"""`sent_at` is when the attempt's key may have been sent first, `fence` how often the job was claimed."""

IS_OPEN = JOBS.c.ended.is_(None)
"""Planned, sending or unknown; a job that is charged, declined, failed or in review has ended."""
HAS_COMPLETE_PLAN = JOBS.c.plan.in_(select(PLANS.c.id).where(PLANS.c.jobs.is_not(None)))
"""Until its plan is complete it is no job of its run."""
Index("nexi_batch_jobs_open", JOBS.c.run, JOBS.c.number, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)


ATTEMPTS = Table(
    "nexi_batch_attempts",
    TABLES,
    Column("job", ForeignKey(JOBS.c.number), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("payment_id", Text),
    Column("code", Text),
    Column("error", Text),
    Column("ended", Double, nullable=False),
)
"""Attempts that another one has followed: declined ones, and those resolved as not charged."""

BULKS = Table(
    "nexi_batch_bulks",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False, unique=True),
    Column("bulk_id", Text),
)
MEMBERS = Table(
    "nexi_batch_members",
    TABLES,
    Column("job", ForeignKey(JOBS.c.number), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("bulk", ForeignKey(BULKS.c.number), nullable=False, index=True),
)
"""Which bulk charges a job in an attempt."""
IS_MEMBER = and_(MEMBERS.c.job == JOBS.c.number, MEMBERS.c.attempt == JOBS.c.attempt)
"""Of a bulk, in its present attempt."""

BULK_LEASES = Table(
    "nexi_batch_bulk_leases",
    TABLES,
    Column("run", ForeignKey(RUNS.c.id), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Double, nullable=False),
)
"""Who holds the lease on the bulks of a run, and until when."""


def _create(connection: Connection) -> None:
    TABLES.create_all(connection, [SCHEMA, RUNS, PLANS, JOBS])
    connection.execute(insert(SCHEMA).values(version=0))


def _adding(*tables: Table) -> Callable[[Connection], None]:
    return lambda connection: TABLES.create_all(connection, tables)


def _add_claims(connection: Connection) -> None:
    if any(column["name"] == "fence" for column in inspect(connection).get_columns(JOBS.name)):
        return  # the table was made by this version
    connection.execute(text(f"ALTER TABLE {JOBS.name} ADD COLUMN sent_at DOUBLE PRECISION"))
    connection.execute(text(f"ALTER TABLE {JOBS.name} ADD COLUMN fence INTEGER NOT NULL DEFAULT 0"))
    planned_at = select(PLANS.c.created).where(PLANS.c.id == JOBS.c.plan).scalar_subquery()
    earliest = case((JOBS.c.due > planned_at, JOBS.c.due), else_=planned_at)  # before that nothing can have been sent
    connection.execute(update(JOBS).where(IS_OPEN, JOBS.c.state != "planned").values(sent_at=earliest))


STEPS: tuple[Callable[[Connection], None], ...] = (
    _create,
    _adding(ATTEMPTS),
    _adding(BULKS, MEMBERS),
    _add_claims,
    _adding(BULK_LEASES),
)
"""Each migrates the schema to the next version."""


def migrate(connection: Connection) -> None:
    """Bring the ledger to the version of this package; several processes may do so at once.

    Raises:
        ConfigurationError: it was made by a newer version of this package.
    """
    lock(connection, SCHEMA.name)
    there = inspect(connection).has_table(SCHEMA.name)
    version = connection.execute(select(SCHEMA.c.version)).scalar_one() if there else 0
    if version > len(STEPS):
        text_ = f"has version {version}, made by a newer nexi-async; this one knows versions up to {len(STEPS)}"
        raise ConfigurationError([("ledger", text_)])
    for step in STEPS[version:]:
        step(connection)
    if version < len(STEPS):
        connection.execute(update(SCHEMA).values(version=len(STEPS)))
