"""Reports of a run: CSV with every job, and a page of HTML that needs nothing else."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from string import Template
from typing import TextIO

from nexi_async.batch._results import JobResult, JobState
from nexi_async.batch._summary import Summary
from nexi_async.reference.currencies import format_amount

__all__ = ["COLUMNS", "CSVReport", "html_report"]

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
)


class CSVReport:
    """Writes jobs as CSV; amounts are minor units. A text that a spreadsheet would run gets an apostrophe before it.

    Args:
        file: where to, opened with `newline=""`.
    """

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def write(self, results: Iterable[JobResult]) -> None:
        """Write some jobs."""
        self._writer.writerows([_cell(getattr(result, name)) for name in COLUMNS] for result in results)


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes spreadsheets take a text for a formula, also after they have dropped white space."""


def _cell(value: object) -> object:
    """A text that no spreadsheet takes for a formula, by an apostrophe before it; numbers stay numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$run</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a2e }
table { border-collapse: collapse; margin: 0 0 2rem }
th, td { padding: .3rem 1rem .3rem 0; text-align: left; border-bottom: 1px solid #ddd }
.number { text-align: right; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto }
rect { fill: #2e5fd0 }
text { font-size: 11px; fill: #555 }
</style>
<h1>$run</h1>
<p>$lead</p>
<h2>Outcomes by currency</h2>
$totals
<h2>Declined and refused, by reason</h2>
$reasons
<h2>Throughput</h2>
$chart
</html>
""")

WIDTH, HEIGHT, MARGIN = 900, 220, 24


def html_report(summary: Summary) -> str:
    """The run as a page: totals by currency, outcomes, reasons, and throughput as a drawing."""
    totals = [
        [total.state, total.currency, f"{total.jobs:,}", format_amount(total.amount, total.currency)]
        for total in summary.totals
    ]
    reasons = [
        [reason.state, reason.code or "–", reason.meaning, reason.advice, f"{reason.jobs:,}"]
        for reason in summary.reasons
    ]
    return _PAGE.substitute(
        run=escape(f"Batch run {summary.run}"),
        lead=escape(_lead(summary)),
        totals=_table(("Outcome", "Currency", "Jobs", "Amount"), totals, numbers=2),
        reasons=_table(("Outcome", "Code", "Meaning", "Try again", "Jobs"), reasons, numbers=1)
        if reasons
        else "<p>None.",
        chart=_chart(summary) if summary.ended else "<p>Nothing has been charged yet.",
    )


def _lead(summary: Summary) -> str:
    charged, jobs = summary.count(JobState.CHARGED), summary.count()
    left = summary.count(JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN)
    text = f"{charged:,} of {jobs:,} jobs are charged; {left:,} are still open."
    if summary.next_due is not None:
        text += f" {summary.waiting:,} of these are planned for later, the first for {_moment(summary.next_due)}."
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> str:
    """A table whose last columns hold numbers."""
    classes = [""] * (len(head) - numbers) + [' class="number"'] * numbers
    lines = ["<tr>" + "".join(f"<th{c}>{escape(cell)}" for c, cell in zip(classes, head, strict=True))]
    lines += ["<tr>" + "".join(f"<td{c}>{escape(cell)}" for c, cell in zip(classes, row, strict=True)) for row in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _chart(summary: Summary) -> str:
    """Jobs ended per slice of time, as bars."""
    first, last = summary.ended[0][0], summary.ended[-1][0]
    slices = round((last - first) / summary.slice_seconds) + 1
    highest = max(jobs for _, jobs in summary.ended)
    width = WIDTH / slices
    bars = []
    for began, jobs in summary.ended:
        height = (HEIGHT - 2 * MARGIN) * jobs / highest
        x = width * round((began - first) / summary.slice_seconds)
        label = f"{_moment(began)}: {jobs:,} jobs in {summary.slice_seconds:g} s"
        place = f'x="{x:.1f}" y="{HEIGHT - MARGIN - height:.1f}"'
        size = f'width="{max(1, width - 1):.1f}" height="{height:.1f}"'
        bars.append(f"<rect {place} {size}><title>{label}</title></rect>")
    peak = f"{highest / summary.slice_seconds:,.1f} jobs a second at most"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{peak}">'
        f'<text x="0" y="{MARGIN / 2}">{peak}</text>{"".join(bars)}'
        f'<text x="0" y="{HEIGHT - 6}">{_moment(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{_moment(last + summary.slice_seconds)}</text></svg>'
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
