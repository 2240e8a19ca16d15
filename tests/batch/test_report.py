"""Tests of nexi_async.batch._csv_report, ._html_report and ._summary, and of their part of the ledger."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from nexi_async import InvalidRequest
from nexi_async._idempotency import derive_key
from nexi_async.batch import JobResult, JobState, Ledger, Reason, Summary, Total
from nexi_async.batch._csv_report import write_csv
from nexi_async.batch._html_report import MAX_LISTED, html_report, is_listed
from nexi_async.batch._ledger import reading
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._results import JobOutcome
from nexi_async.reference.currencies import format_amount
from tests.batch.support import job

CHARGED = JobOutcome(state=JobState.CHARGED, payment_id="p", charge_id="c")
POOR = JobOutcome(state=JobState.DECLINED, code="51")


async def work(ledger: Ledger, outcomes: dict[str, JobOutcome]) -> None:
    """Let these jobs end so."""
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    claimed = await queue.claim(run, scope=Scope(), after=0, limit=10_000, owner="me")
    await queue.record([(job, outcomes[job.reference]) for job in claimed if job.reference in outcomes], "me")
    await queue.release([job for job in claimed if job.reference not in outcomes], "me")


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


async def test_jobs_planned_for_later_are_counted(ledger: Ledger) -> None:
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


async def test_every_job_is_in_the_csv(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order they were planned, however many, in the documented columns."""
    monkeypatch.setattr(reading, "AT_ONCE", 10)
    count = 20
    await ledger.plan("r", [job(f"a,{place}", "sub") for place in range(count)])
    await work(ledger, {"a,0": CHARGED, "a,1": POOR})
    paper = io.StringIO(newline="")
    await write_csv(paper, ledger.results("r"))

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
        "amount_major": "125.00",
        "sent_at": "1970-01-01T00:16:40Z",
        "ended_at": "1970-01-01T00:16:40Z",
        "next_attempt_at": "",
    }
    assert (rows[1]["code"], rows[1]["advice"], rows[2]["state"]) == ("51", "soft", "planned")
    assert [row["next_attempt_at"] for row in rows[1:3]] == ["1970-01-02T00:16:40Z", ""]


async def test_the_next_attempt_is_that_of_the_card_schemes(ledger: Ledger) -> None:
    """Of a declined job the earliest date; once it is planned, that date, and why the last attempt was declined."""
    await ledger.plan("r", [job("1"), job("2")])
    await work(ledger, {"1": POOR, "2": JobOutcome(state=JobState.DECLINED, code="54")})

    poor, expired = [result async for result in ledger.results("r")]
    assert (poor.next_attempt_at, expired.next_attempt_at) == (1000.0 + 86_400, None)
    await ledger.dunning("r", attempt=2)
    planned, _ = [result async for result in ledger.results("r")]

    assert (planned.state, planned.attempts, planned.code) == (JobState.PLANNED, 2, "51")
    assert planned.next_attempt_at == 1000.0 + 86_400
    assert (planned.sent_at, planned.ended_at) == (None, None)
    assert is_listed(planned)


async def test_an_unknown_run_has_no_report(ledger: Ledger) -> None:
    """A misspelt name does not look like an empty run."""
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
        self.headers: list[str | None] = []
        self.language: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.loaded += [str(value) for name, value in attrs if name in {"src", "href"}]
        if tag == "th":
            self.headers.append(dict(attrs).get("scope"))
        if tag == "html":
            self.language = dict(attrs).get("lang")


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
    assert "1,200 of 1,201 jobs charged; 1 still open." in page
    assert "1970-01-02 00:00:00 UTC" in page
    assert "A code that no list has" in page


def test_the_money_of_each_currency_is_on_top() -> None:
    """Planned is the sum of charged, declined and open, in major and in minor units."""
    states = {JobState.CHARGED: 700, JobState.DECLINED: 100, JobState.FAILED: 50, JobState.UNKNOWN: 30}
    totals = tuple(Total(state, "SEK", 1, amount) for state, amount in {**states, JobState.REVIEW: 120}.items())
    page = html_report(Summary("r", "individual", totals, (), 0, None, (), 1.0))
    tiles = {
        title: (amount, minor)
        for title, amount, minor in re.findall(
            r'<dt>(\w+)</dt><dd class="amount">([^<]+)</dd>.*?<dd class="minor">([\d,]+ minor units)', page
        )
    }

    assert tiles == {
        "Planned": ("10.00 SEK", "1,000 minor units"),
        "Charged": ("7.00 SEK", "700 minor units"),
        "Declined": ("1.50 SEK", "150 minor units"),
        "Open": ("1.50 SEK", "150 minor units"),
    }
    assert page.index("<dl") < page.index("<table")
    assert "Of these, 1 in review" in page


def result(
    state: JobState, *, code: str | None = None, error: str | None = None, due: float | None = None
) -> JobResult:
    """A job of which nothing else matters."""
    return JobResult(
        reference=HOSTILE,
        state=state,
        subscription_id="s",
        amount=100,
        currency="SEK",
        attempts=2,
        code=code,
        error=error,
        idempotency_key="k",
        next_attempt_at=due,
    )


@pytest.mark.parametrize(
    ("listed", "reason", "next_attempt"),
    [
        (result(JobState.DECLINED, code="51", due=86_400.0), "Not sufficient funds (code 51)", "from 1970-01-02"),
        (result(JobState.DECLINED, code="54"), "Expired card (code 54)", "Not to be retried."),
        (result(JobState.PLANNED, code="51", due=86_400.0), "Not sufficient funds", "Attempt 2 on 1970-01-02"),
        (result(JobState.DECLINED, code="1020"), "provider refused the charge (code 1020)", "Not to be retried."),
        (result(JobState.DECLINED), "The response has no code.", "Not to be retried."),
        (result(JobState.FAILED, error="no <such> subscription"), "no &lt;such&gt; subscription", "Not to be retried."),
        (result(JobState.REVIEW), "May have been charged", "Check by hand"),
    ],
)
def test_a_job_that_was_not_charged_has_a_plain_reason_and_a_date(
    listed: JobResult, reason: str, next_attempt: str
) -> None:
    """Beside its reference, escaped."""
    page = html_report(SUMMARY, [listed], written_at=0.0)

    assert is_listed(listed)
    row = page[page.index("<tbody") : page.index("</tbody>")]
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in row
    assert reason in row
    assert next_attempt in row
    assert "Written at 1970-01-01 00:00:00 UTC." in page


@pytest.mark.parametrize("state", [JobState.CHARGED, JobState.PLANNED, JobState.SENDING, JobState.UNKNOWN])
def test_other_jobs_are_not_listed(state: JobState) -> None:
    """Neither charged ones nor those of which the next execution knows more."""
    assert not is_listed(result(state))


def test_a_long_list_is_cut_and_says_so() -> None:
    """A page of a million rows would not open."""
    page = html_report(SUMMARY, [result(JobState.DECLINED)] * (MAX_LISTED + 1))
    assert page.count("The response has no code.") == MAX_LISTED + 1  # one is in the table of reasons
    assert "The first 1,000; the CSV report has all." in page


def test_the_page_can_be_read_aloud() -> None:
    """It has a language, every header of a table says what it heads, and the drawing has a name."""
    page = html_report(SUMMARY, [result(JobState.DECLINED)])
    tags = Tags(page)

    assert tags.language == "en"
    assert set(tags.headers) == {"col", "row"}
    assert 'role="img" aria-label="Jobs ended over time; 10.0 jobs a second at most"' in page


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
    """Exactly; nothing is guessed of an unknown currency's minor unit."""
    assert format_amount(amount, currency) == text


@pytest.mark.parametrize("reference", ["@SUM(1)", "-2+3", "=1+1", "+49", "\t=1", "\r=1", " =1"])
async def test_no_text_is_a_formula(reference: str) -> None:
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

    async def results() -> AsyncIterator[JobResult]:
        yield result

    await write_csv(file, results())
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert (row["reference"], row["amount"]) == (f"'{reference}", "-5")
