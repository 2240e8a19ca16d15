"""Ledgers as earlier versions made them: the statements are what they ran then, and never change."""

from __future__ import annotations

from sqlalchemy import Connection, text

FIRST = """
CREATE TABLE nexi_batch_schema (version INTEGER NOT NULL);
CREATE TABLE nexi_batch_runs (id {serial} PRIMARY KEY, name TEXT NOT NULL UNIQUE, created DOUBLE PRECISION NOT NULL,
    strategy TEXT);
CREATE TABLE nexi_batch_plans (id {serial} PRIMARY KEY, run INTEGER NOT NULL REFERENCES nexi_batch_runs (id),
    created DOUBLE PRECISION NOT NULL, jobs INTEGER);
CREATE TABLE nexi_batch_jobs (number {bigserial} PRIMARY KEY, run INTEGER NOT NULL REFERENCES nexi_batch_runs (id),
    plan INTEGER NOT NULL REFERENCES nexi_batch_plans (id), seen INTEGER NOT NULL, reference TEXT NOT NULL, kind TEXT,
    subscription_id TEXT, external_reference TEXT, request {blob} NOT NULL, amount INTEGER NOT NULL,
    currency TEXT NOT NULL, attempt INTEGER NOT NULL, due DOUBLE PRECISION NOT NULL, state TEXT NOT NULL, owner TEXT,
    payment_id TEXT, charge_id TEXT, code TEXT, error TEXT, ended DOUBLE PRECISION, UNIQUE (run, reference));
CREATE INDEX nexi_batch_jobs_open ON nexi_batch_jobs (run, number) WHERE ended IS NULL
"""
SECOND = """
CREATE TABLE nexi_batch_attempts (job BIGINT NOT NULL REFERENCES nexi_batch_jobs (number), attempt INTEGER NOT NULL,
    payment_id TEXT, code TEXT, error TEXT, ended DOUBLE PRECISION NOT NULL, PRIMARY KEY (job, attempt))
"""
THIRD = """
CREATE TABLE nexi_batch_bulks (number {serial} PRIMARY KEY, run INTEGER NOT NULL REFERENCES nexi_batch_runs (id),
    kind TEXT NOT NULL, external_id TEXT NOT NULL UNIQUE, bulk_id TEXT);
CREATE INDEX ix_nexi_batch_bulks_run ON nexi_batch_bulks (run);
CREATE TABLE nexi_batch_members (job BIGINT NOT NULL REFERENCES nexi_batch_jobs (number), attempt INTEGER NOT NULL,
    bulk INTEGER NOT NULL REFERENCES nexi_batch_bulks (number), PRIMARY KEY (job, attempt));
CREATE INDEX ix_nexi_batch_members_bulk ON nexi_batch_members (bulk)
"""
FOURTH = """
ALTER TABLE nexi_batch_jobs ADD COLUMN sent_at DOUBLE PRECISION;
ALTER TABLE nexi_batch_jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0
"""
VERSIONS = (FIRST, SECOND, THIRD, FOURTH)

RUN = """
INSERT INTO nexi_batch_runs (name, created, strategy) VALUES ('old', 500, 'individual');
INSERT INTO nexi_batch_plans (run, created, jobs) VALUES (1, 500, 5)
"""
JOB = """
INSERT INTO nexi_batch_jobs (run, plan, seen, reference, kind, subscription_id, request, amount, currency, attempt, due,
    state, ended)
VALUES (1, 1, 1, :reference, 'scheduled', 's', :request, 100, 'SEK', :attempt, :due, :state, :ended)
"""
SENT_AT = """
UPDATE nexi_batch_jobs SET sent_at = CASE WHEN due > 500 THEN due ELSE 500 END WHERE state IN ('sending', 'unknown')
"""
"""What a ledger holds from the fourth version on."""
JOBS = (
    {"reference": "planned", "attempt": 1, "due": 0.0, "state": "planned", "ended": None},
    {"reference": "sending", "attempt": 1, "due": 0.0, "state": "sending", "ended": None},
    {"reference": "unknown", "attempt": 2, "due": 700.0, "state": "unknown", "ended": None},
    {"reference": "charged", "attempt": 1, "due": 0.0, "state": "charged", "ended": 600.0},
)


def make(connection: Connection, version: int, request: bytes) -> None:
    """A ledger of that version with a run in it."""
    is_sqlite = connection.dialect.name == "sqlite"
    types = (
        {"serial": "INTEGER", "bigserial": "INTEGER", "blob": "BLOB"}
        if is_sqlite
        else {"serial": "SERIAL", "bigserial": "BIGSERIAL", "blob": "BYTEA"}
    )
    for script in (*VERSIONS[:version], f"INSERT INTO nexi_batch_schema VALUES ({version})", RUN):
        for statement in script.format(**types).split(";"):
            connection.execute(text(statement))
    for job in JOBS:
        connection.execute(text(JOB), {**job, "request": request})
    if version >= 4:
        connection.execute(text(SENT_AT))
