"""Tests of nexi_async.batch._report and .summary, and of their part of the ledger."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from nexi_async import InvalidRequest
from nexi_async._idempotency import derive_key
from nexi_async.batch import JobResult, JobState, Ledger, Reason, Summary, Total
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.reading import AT_ONCE
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._report import CSVReport, html_report
from nexi_async.batch._results import JobOutcome
from nexi_async.reference.currencies import format_amount
from tests.batch.support import job

CHARGED = JobOutcome(state=JobState.CHARGED, payment_id="p", charge_id="c")
POOR = JobOutcome(state=JobState.DECLINED, code="51")


async def work(ledger: Ledger, outcomes: dict[str, JobOutcome]) -> None:
    """Let these jobs end so."""
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    taken = await queue.claim(run, scope=Scope(), after=0, limit=10_000, owner="me")
    await queue.record([(job, outcomes[job.reference]) for job in taken if job.reference in outcomes], "me")
    await queue.release([job for job in taken if job.reference not in outcomes], "me")


async def test_a_summary_counts_by_outcome_and_currency(ledger: Ledger) -> None:
    """Jobs and amounts, and why jobs were declined."""
    jobs = [job("1"), job("2", amount=500), job("3", currency="NOK"), job("4"), job("5"), job("6")]
    await ledger.plan("r", jobs)
    failed = JobOutcome(state=JobState.FAILED, error="no such subscription")
    await work(ledger, {"1": CHARGED, "2": CHARGED, "3": CHARGED, "4": POOR, "5": failed})

    summary = await ledger.summary("r")

    assert summary.totals == (
        Total(JobState.CHARGED, "NOK", 1, 12500),
        Total(JobState.CHARGED, "SEK", 2, 13000),
        Total(JobState.DECLINED, "SEK", 1, 12500),
        Total(JobState.FAILED, "SEK", 1, 12500),
        Total(JobState.PLANNED, "SEK", 1, 12500),
    )
    assert set(summary.reasons) == {Reason(JobState.DECLINED, "51", 1), Reason(JobState.FAILED, None, 1)}
    assert (summary.strategy, summary.count(), summary.count(JobState.CHARGED)) == ("individual", 6, 3)
    assert summary.ended == ((1000.0, 5),)


async def test_what_waits_for_its_date_is_told(ledger: Ledger) -> None:
    """Dunning plans for later."""
    await ledger.plan("r", [job("1"), job("2")])
    await work(ledger, {"1": POOR, "2": CHARGED})
    await ledger.dunning("r", attempt=2)

    summary = await ledger.summary("r")

    assert (summary.waiting, summary.next_due) == (1, 1000.0 + 86_400)


async def test_throughput_is_cut_into_slices(url: str) -> None:
    """A day of charging is some sixty slices, whose jobs add up."""
    time = 0.0
    async with Ledger.open(url, now=lambda: time) as ledger:
        await ledger.plan("r", [job(str(place)) for place in range(25)])
        for hour in range(25):
            time = 3600.0 * hour
            await work(ledger, {str(hour): CHARGED})
        summary = await ledger.summary("r")

    assert summary.slice_seconds == 1440.0
    assert sum(jobs for _, jobs in summary.ended) == 25


async def test_every_job_is_in_the_csv(ledger: Ledger) -> None:
    """In the order they were planned, however many, in the documented columns."""
    count = AT_ONCE
    await ledger.plan("r", [job(f"a,{place}", "sub") for place in range(count)])
    await work(ledger, {"a,0": CHARGED, "a,1": POOR})
    paper = io.StringIO(newline="")
    report = CSVReport(paper)
    report.write([result async for result in ledger.results("r")])

    rows = list(csv.DictReader(io.StringIO(paper.getvalue(), newline="")))

    assert len(rows) == count
    assert rows[0] == {
        "reference": "a,0",
        "subscription_id": "sub",
        "state": "charged",
        "payment_id": "p",
        "charge_id": "c",
        "amount": "12500",
        "currency": "SEK",
        "attempts": "1",
        "code": "",
        "advice": "",
        "idempotency_key": derive_key("r", "a,0", 1),
    }
    assert (rows[1]["code"], rows[1]["advice"], rows[2]["state"]) == ("51", "soft", "planned")


async def test_an_unknown_run_has_no_report(ledger: Ledger) -> None:
    """A slip of the pen does not look like an empty run."""
    with pytest.raises(InvalidRequest, match="r is not planned"):
        await ledger.summary("r")
    with pytest.raises(InvalidRequest, match="r is not planned"):
        [result async for result in ledger.results("r")]


HOSTILE = "<script>alert('x')</script>&\""
SUMMARY = Summary(
    run=HOSTILE,
    strategy="individual",
    totals=(Total(JobState.CHARGED, "SEK", 1200, 1_234_567_89), Total(JobState.PLANNED, HOSTILE, 1, 5)),
    reasons=(Reason(JobState.DECLINED, HOSTILE, 3), Reason(JobState.FAILED, None, 1)),
    waiting=1,
    next_due=86_400.0,
    ended=((0.0, 10), (2.0, 20)),
    slice_seconds=2.0,
)


class Tags(HTMLParser):
    """The tags of a page, and what they load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loaded: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.loaded += [str(value) for name, value in attrs if name in {"src", "href"}]


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    """No script, nothing loaded, and whatever the ledger holds stands there as text."""
    tags = Tags(html_report(SUMMARY))

    assert "svg" in tags.names
    assert "script" not in tags.names
    assert tags.loaded == []


def test_the_page_says_what_happened() -> None:
    """Money as people write it, reasons in words, and when the next attempts are due."""
    page = html_report(SUMMARY)

    assert "1,234,567.89 SEK" in page
    assert "1,200 of 1,201 jobs are charged; 1 are still open." in page
    assert "1970-01-02 00:00:00 UTC" in page
    assert "a code that no list has" in page


def test_the_drawing_is_to_scale() -> None:
    """The second slice has twice as many jobs and is twice as high."""
    page = html_report(SUMMARY)
    drawing = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    low, high = (float(bar.attrib["height"]) for bar in drawing.iter("rect"))

    assert high == 2 * low
    assert "10.0 jobs a second at most" in page


def test_a_run_that_has_not_begun_has_a_page_too() -> None:
    """Without a drawing."""
    page = html_report(Summary("r", None, (Total(JobState.PLANNED, "SEK", 1, 100),), (), 0, None, (), 1.0))

    assert "svg" not in Tags(page).names
    assert "Nothing has been charged yet" in page


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(5, "SEK", "0.05 SEK"), (0, "EUR", "0.00 EUR"), (12345, "JPY", "12,345 minor units JPY")],
)
def test_money_is_written_for_people(amount: int, currency: str, text: str) -> None:
    """Exactly; what a minor unit of an unknown currency is, nobody guesses."""
    assert format_amount(amount, currency) == text


@pytest.mark.parametrize("reference", ["@SUM(1)", "-2+3", "=1+1", "+49", "\t=1", "\r=1", " =1"])
def test_no_text_is_a_formula(reference: str) -> None:
    """A spreadsheet shows it as it is; the amount stays a number, also a negative one."""
    result = JobResult(
        reference=reference,
        state=JobState.DECLINED,
        subscription_id="s",
        amount=-5,
        currency="SEK",
        attempts=1,
        idempotency_key="k",
    )
    file = io.StringIO(newline="")
    CSVReport(file).write([result])
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert (row["reference"], row["amount"]) == (f"'{reference}", "-5")
