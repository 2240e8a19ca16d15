"""The report of a batch for people: on a phone and a desk, light and dark, and on paper."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nexi_async.batch import JobResult, JobState, Reason, Summary, Total
from nexi_async.batch._html_report import html_report
from tests.browser import looks

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOON = 1_800_000_000.0
SUMMARY = Summary(
    run="March 2027",
    strategy="individual",
    totals=(
        Total(JobState.CHARGED, "SEK", 1_000_000, 12_345_678_900),
        Total(JobState.CHARGED, "NOK", 2, 5000),
        Total(JobState.DECLINED, "SEK", 2, 25_000),
        Total(JobState.REVIEW, "SEK", 1, 12_500),
    ),
    reasons=(Reason(JobState.DECLINED, "51", 1), Reason(JobState.DECLINED, "54", 1)),
    waiting=1,
    next_due=NOON + 86_400,
    ended=((NOON, 10), (NOON + 60, 40)),
    slice_seconds=60.0,
)


def declined(reference: str, code: str) -> JobResult:
    """A declined job."""
    return JobResult(
        reference=reference,
        state=JobState.DECLINED,
        subscription_id="s" * 32,
        amount=12_500,
        currency="SEK",
        attempts=1,
        code=code,
        idempotency_key="k" * 40,
        ended_at=NOON,
        next_attempt_at=NOON + 3 * 86_400 if code == "51" else None,
    )


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a report with every part."""
    path = tmp_path / "report.html"
    path.write_text(html_report(SUMMARY, [declined("member-" + "9" * 60, "51"), declined("b", "54")], written_at=NOON))
    return path.as_uri()


def test_on_a_phone_and_a_desk(page: Page, report: str) -> None:
    """Long references and millions fit, and axe-core finds nothing."""
    page.goto(report)
    expect(page.get_by_role("heading", level=1)).to_contain_text("March 2027")
    looks.check(page)


def test_on_paper(page: Page, report: str) -> None:
    """A printed report is dark text on white, whatever the screen is, and no wider than a sheet."""
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 between the usual margins
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(report)
    expect(page.locator("body")).to_have_css("color", "rgb(0, 0, 0)")
    assert looks.too_wide(page) == []
