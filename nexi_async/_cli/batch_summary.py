"""The figures of a run, as tables and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
from rich.table import Table

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.output import Output
from nexi_async.batch import JobState, Summary
from nexi_async.batch._times import format_time
from nexi_async.reference.currencies import format_amount


def status_of(summary: Summary) -> ExitStatus:
    """Whether every job is charged."""
    return ExitStatus.OK if summary.count(JobState.CHARGED) == summary.count() else ExitStatus.FAILED


def show_summary(summary: Summary, output: Output) -> None:
    """Print the figures."""
    table = Table("outcome", "jobs", "amount", title=f"Run {summary.run}", title_justify="left")
    for total in summary.totals:
        table.add_row(total.state, f"{total.jobs:,}", format_amount(total.amount, total.currency))
    for reason in summary.reasons:
        table.add_row(f"  {reason.code or '–'} {reason.meaning}: {reason.advice}", f"{reason.jobs:,}", "")
    output.show(_document(summary), table)
    if summary.next_due is not None and not output.as_json:
        output.line(f"{summary.waiting:,} are planned for later, the first for {format_time(summary.next_due)}.")


def _document(summary: Summary) -> dict[str, Any]:
    return {
        "run": summary.run,
        "totals": [attrs.asdict(total) for total in summary.totals],
        "reasons": [
            {"code": reason.code, "meaning": reason.meaning, "advice": reason.advice, "jobs": reason.jobs}
            for reason in summary.reasons
        ],
        "waiting": summary.waiting,
        "nextDue": timestamp(summary.next_due),
    }


def timestamp(seconds: float | None) -> str | None:
    """Seconds since 1970 as in RFC 3339, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
