"""The report of a run as one page of HTML, for finance people: money on top, charts below.

The page is complete in itself: no scripts, nothing loaded. It fits phones, screens and paper, light and dark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from nexi_async.batch._results import JobResult, JobState
from nexi_async.batch._summary import Reason, Summary, Total
from nexi_async.batch._times import format_date, format_time
from nexi_async.reference import acquirer_codes, error_codes
from nexi_async.reference.currencies import format_amount, look_up
from nexi_async.reference.retry_advice import RetryAdvice

MAX_LISTED = 1000
"""How many jobs that were not charged the page lists at most; the CSV report has all."""

_OPEN = (JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN, JobState.REVIEW)
_TILES = (
    ("planned", "Planned", tuple(JobState)),
    ("charged", "Charged", (JobState.CHARGED,)),
    ("declined", "Declined", (JobState.DECLINED, JobState.FAILED)),
    ("open", "Open", _OPEN),
)
"""Style, title and states of the sums of each currency; the first is the sum of the others."""

_ADVICE = {
    RetryAdvice.NEVER: "Do not retry: the issuer will never approve it.",
    RetryAdvice.HARD: "Retry only after something has changed, such as the card.",
    RetryAdvice.SOFT: "May succeed on a later date.",
    RetryAdvice.UNKNOWN: "No rule is known; may be retried.",
}


def is_listed(result: JobResult) -> bool:
    """Whether the page lists a job: it was declined, failed, is in review, or is planned again for a later date."""
    is_ended = result.state in (JobState.DECLINED, JobState.FAILED, JobState.REVIEW)
    return is_ended or (result.state is JobState.PLANNED and result.next_attempt_at is not None)


def html_report(summary: Summary, listed: Sequence[JobResult] = (), *, written_at: float | None = None) -> str:
    """The run as a page.

    Args:
        summary: its figures.
        listed: the jobs that were not charged, as `is_listed` chooses them; the first 1,000 are shown.
        written_at: when the report is written, seconds since 1970.
    """
    template = (files("nexi_async.batch") / "_html_report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        run=escape(f"Batch run {summary.run}"),
        lead=escape(_lead(summary)),
        written="" if written_at is None else f"<p><small>Written at {format_time(written_at)}.</small></p>",
        money=_money(summary.totals),
        references=_references(listed) if listed else "<p>Nothing was declined, failed or is in review.</p>",
        reasons=_reasons(summary.reasons) if summary.reasons else "<p>Nothing was declined or failed.</p>",
        totals=_totals(summary.totals),
        chart=_chart(summary) if summary.ended else "<p>Nothing has been charged yet.</p>",
    )


def _lead(summary: Summary) -> str:
    charged, jobs = summary.count(JobState.CHARGED), summary.count()
    text = f"{charged:,} of {_count(jobs, 'job')} charged; {summary.count(*_OPEN):,} still open."
    if in_review := summary.count(JobState.REVIEW):
        text += f" Of these, {in_review:,} in review: each may have been charged, and has to be checked by hand."
    if summary.next_due is not None:
        text += f" {summary.waiting:,} planned for a later date, the first for {format_time(summary.next_due)}."
    return text


# --- money ---------------------------------------------------------------------------------------------------------


def _money(totals: Sequence[Total]) -> str:
    """A group of sums for each currency."""
    currencies = dict.fromkeys(total.currency for total in totals)
    return "\n".join(_currency(name, [total for total in totals if total.currency == name]) for name in currencies)


def _currency(currency: str, totals: Sequence[Total]) -> str:
    planned = sum(total.amount for total in totals)
    tiles = "\n".join(_tile(*tile, currency, totals, planned) for tile in _TILES)
    return f'<h3>{escape(currency)}</h3>\n<dl class="tiles">\n{tiles}\n</dl>'


def _tile(
    style: str, title: str, states: Collection[JobState], currency: str, totals: Iterable[Total], planned: int
) -> str:
    chosen = [total for total in totals if total.state in states]
    amount, jobs = sum(total.amount for total in chosen), sum(total.jobs for total in chosen)
    share = "" if style == "planned" or not planned else f", {amount / planned:.1%}"
    facts = [_count(jobs, "job") + share, *_minor_units(amount, currency)]
    lines = "".join(f'<dd class="minor">{escape(fact)}</dd>' for fact in facts)
    return (
        f'<div class="tile {style}"><dt>{title}</dt>'
        f'<dd class="amount">{escape(format_amount(amount, currency))}</dd>{lines}</div>'
    )


def _minor_units(amount: int, currency: str) -> list[str]:
    """The amount in minor units, unless that is how it is written already."""
    return [] if look_up(currency) is None else [f"{amount:,} minor units"]


def _amount(amount: int, currency: str) -> str:
    minor = "".join(f'<span class="minor">{text}</span>' for text in _minor_units(amount, currency))
    return f"<span>{escape(format_amount(amount, currency))}{minor}</span>"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# --- tables --------------------------------------------------------------------------------------------------------


def _references(listed: Sequence[JobResult]) -> str:
    rows = [
        (escape(job.reference), _amount(job.amount, job.currency), escape(_reason(job)), escape(_next(job)))
        for job in listed[:MAX_LISTED]
    ]
    caption = f"The first {MAX_LISTED:,}; the CSV report has all." if len(listed) > MAX_LISTED else ""
    return _table(("Reference", "Amount", "Reason", "Next attempt"), rows, numbers=("Amount",), caption=caption)


def _reason(job: JobResult) -> str:
    if job.state is JobState.REVIEW:
        return "May have been charged; the outcome is unknown."
    return job.error if job.error and not job.code else _meaning(job.code)


def _meaning(code: str | None) -> str:
    """The meaning of a code in plain words, with the code."""
    if not code:
        return "The response has no code."
    row = acquirer_codes.look_up(code)
    meaning = error_codes.look_up(code).meaning if row.source is acquirer_codes.Source.PLATFORM else row.meaning
    return f"{meaning[:1].upper()}{meaning[1:]} (code {code})"


def _next(job: JobResult) -> str:
    if job.state is JobState.REVIEW:
        return "Check by hand for a payment first."
    if job.next_attempt_at is None:
        return "Not to be retried."
    date = format_date(job.next_attempt_at)
    return f"Attempt {job.attempts} on {date}" if job.state is JobState.PLANNED else f"Not planned; from {date}"


def _reasons(reasons: Sequence[Reason]) -> str:
    rows = [
        (reason.state.capitalize(), escape(_meaning(reason.code)), escape(_advice(reason)), f"{reason.jobs:,}")
        for reason in reasons
    ]
    return _table(("Outcome", "Reason", "Retry", "Jobs"), rows, numbers=("Jobs",))


def _advice(reason: Reason) -> str:
    if reason.state is JobState.FAILED:
        return "Not retried: the API refuses the request."
    return _ADVICE[RetryAdvice(reason.advice)]


def _totals(totals: Sequence[Total]) -> str:
    rows = [
        (
            total.state.capitalize(),
            escape(total.currency),
            f"{total.jobs:,}",
            _amount(total.amount, total.currency),
        )
        for total in totals
    ]
    return _table(("Outcome", "Currency", "Jobs", "Amount"), rows, numbers=("Jobs", "Amount"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str], caption: str = "") -> str:
    """A table of cells that are HTML. Its roles are given since a phone lays it out as a list."""
    styles = [' class="number"' if name in numbers else "" for name in head]
    titles = "".join(
        f'<th scope="col" role="columnheader"{style}>{name}</th>' for name, style in zip(head, styles, strict=True)
    )
    body = "\n".join(f'<tr role="row">{_cells(head, styles, row)}</tr>' for row in rows)
    return (
        f'<table role="table">\n{f"<caption>{caption}</caption>" if caption else ""}'
        f'<thead role="rowgroup"><tr role="row">{titles}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
    )


def _cells(head: Sequence[str], styles: Sequence[str], row: Sequence[str]) -> str:
    first = f'<th scope="row" role="rowheader" data-label="{head[0]}"><span>{row[0]}</span></th>'
    return first + "".join(
        f'<td role="cell" data-label="{name}"{style}><span>{cell}</span></td>'
        for name, style, cell in zip(head[1:], styles[1:], row[1:], strict=True)
    )


# --- charts --------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 900, 200


def _chart(summary: Summary) -> str:
    """The number of jobs that ended in each slice of time, as bars."""
    first, last = summary.ended[0][0], summary.ended[-1][0]
    highest = max(jobs for _, jobs in summary.ended)
    slices = round((last - first) / summary.slice_seconds) + 1
    bars = "".join(_bar(summary, began, jobs, WIDTH / slices, highest) for began, jobs in summary.ended)
    peak = f"{highest / summary.slice_seconds:,.1f} jobs a second at most"
    return (
        f'<figure><figcaption>{peak}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="Jobs ended over time; {peak}">{bars}</svg>'
        f'<div class="axis"><span>{format_time(first)}</span>'
        f"<span>{format_time(last + summary.slice_seconds)}</span></div></figure>"
    )


def _bar(summary: Summary, began: float, jobs: int, width: float, highest: int) -> str:
    height = HEIGHT * jobs / highest
    x = width * round((began - summary.ended[0][0]) / summary.slice_seconds)
    title = f"{format_time(began)}: {_count(jobs, 'job')} in {summary.slice_seconds:g} s"
    place = f'x="{x:.1f}" y="{HEIGHT - height:.1f}"'
    size = f'width="{max(1, width - 1):.1f}" height="{height:.1f}"'
    return f"<rect {place} {size}><title>{title}</title></rect>"
