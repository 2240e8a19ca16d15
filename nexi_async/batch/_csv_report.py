"""The report of a run as CSV: a line for every job."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterable
from datetime import UTC, datetime
from typing import TextIO

from nexi_async.batch._results import JobResult
from nexi_async.reference.currencies import format_major_units

COLUMNS = (
    "reference",
    "subscription_id",
    "state",
    "payment_id",
    "charge_id",
    "amount",
    "currency",
    "attempts",
    "code",
    "advice",
    "idempotency_key",
    "amount_major",
    "sent_at",
    "ended_at",
    "next_attempt_at",
)


async def write_csv(file: TextIO, results: AsyncIterable[JobResult]) -> None:
    """Write jobs as CSV: `amount` in minor units, `amount_major` in major ones, times in UTC by ISO 8601.

    A text that a spreadsheet would evaluate gets an apostrophe before it.

    Args:
        file: where to, opened with `newline=""`.
        results: the jobs.
    """
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    async for result in results:
        writer.writerow(_row(result))


def _row(result: JobResult) -> list[object]:
    money_and_times = [
        format_major_units(result.amount, result.currency),
        _iso_8601(result.sent_at),
        _iso_8601(result.ended_at),
        _iso_8601(result.next_attempt_at),
    ]
    return [_cell(getattr(result, name)) for name in COLUMNS[: -len(money_and_times)]] + money_and_times


def _iso_8601(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes spreadsheets take a text for a formula, also after they have dropped white space."""


def _cell(value: object) -> object:
    """A text that no spreadsheet takes for a formula, by an apostrophe before it; numbers stay numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
