"""Tests of nexi_async.batch._dunning and its part of the ledger."""

from __future__ import annotations

from collections import Counter

import pytest

from nexi_async import InvalidRequest
from nexi_async._idempotency import derive_key
from nexi_async.batch import BatchCharger, Dunning, JobResult, JobState, Ledger
from nexi_async.batch._dunning import next_attempt
from nexi_async.batch._ledger import dunning as dunning_plans
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._results import JobOutcome
from tests.batch.support import START, Shop, job, no_time

DAY = 86_400.0


@pytest.mark.parametrize("code", ["04", "14", "43", "54", "07", "12"])
def test_what_the_issuer_will_never_approve_is_not_tried_again(code: str) -> None:
    """Another attempt may bring a fine."""
    assert next_attempt(code, [0.0]) is None


@pytest.mark.parametrize("code", ["51", "05", "91", None, "nonsense"])
def test_the_next_attempt_is_a_day_later(code: str | None) -> None:
    """Counted from the last attempt; also for a code that no list has."""
    assert next_attempt(code, [0.0, 5 * DAY]) == 6 * DAY


def test_no_more_than_fifteen_attempts_in_thirty_days() -> None:
    """The sixteenth waits until the first is thirty days old."""
    daily = [place * DAY for place in range(15)]

    assert next_attempt("51", daily[:14]) == 14 * DAY
    assert next_attempt("51", daily) == 30 * DAY
    assert next_attempt("51", [*daily, 30 * DAY]) == 31 * DAY


async def decline(ledger: Ledger, codes: dict[str, str]) -> None:
    """Plan jobs and let the issuer decline them; what has no code is charged."""
    await ledger.plan("r", [job(reference) for reference in codes])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    claimed = await queue.claim(run, scope=Scope(), after=0, limit=10_000, owner="me")
    states = {code: JobState.DECLINED if code else JobState.CHARGED for code in codes.values()}
    outcomes = [(job, JobOutcome(state=states[codes[job.reference]], code=codes[job.reference])) for job in claimed]
    await queue.record(outcomes, "me")


async def test_those_that_may_be_tried_again_are_planned_with_a_date(ledger: Ledger) -> None:
    """The others stay declined; planning it twice plans nothing twice."""
    await decline(ledger, {"poor": "51", "stolen": "43", "rich": ""})

    due = 1000.0 + DAY
    assert await ledger.dunning("r", attempt=2) == Dunning(1, 1, due, due)
    assert await ledger.dunning("r", attempt=2) == Dunning(0, 1, None, None)
    assert await ledger.dunning("r", attempt=3) == Dunning(0, 0, None, None)


async def test_many_are_planned_in_several_transactions(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them."""
    monkeypatch.setattr(dunning_plans, "AT_ONCE", 10)
    count = 20
    await decline(ledger, {str(place): "51" for place in range(count)})

    assert (await ledger.dunning("r", attempt=2)).planned == count


async def test_an_attempt_waits_for_its_date_and_has_a_key_of_its_own(shop: Shop, sqlite_url: str) -> None:
    """The decline of the first key would only be replayed."""
    jobs = [job("1", shop.emulator.sign_up(1, card="4925000000000087")[0])]
    await shop.ledger.plan("r", jobs)
    await shop.charge()
    await shop.ledger.dunning("r", attempt=2)
    assert await shop.charge() == []

    results: list[JobResult] = []
    for attempt in (2, 3):
        async with Ledger.open(sqlite_url, now=lambda attempt=attempt: START + (attempt - 1) * DAY) as later:  # type: ignore[misc]
            charger = BatchCharger(shop.checkout, later, run="r", sleep=no_time)
            results += [result async for result in charger]
            await later.dunning("r", attempt=attempt + 1)

    assert [(result.state, result.attempts) for result in results] == [("declined", 2), ("declined", 3)]
    assert [result.idempotency_key for result in results] == [derive_key("r", "1", 2), derive_key("r", "1", 3)]
    assert len(shop.emulator.state()["payments"]) == 3
    assert shop.charged() == Counter()


async def test_a_late_report_of_an_earlier_attempt_changes_nothing(ledger: Ledger) -> None:
    """What an attempt came to is not mistaken for what the next came to."""
    await ledger.plan("r", [job("1")])
    queue = job_queue_of(ledger)
    run = await queue.bind("r", "individual")
    (first,) = await queue.claim(run, scope=Scope(), after=0, limit=1, owner="me")
    await queue.record([(first, JobOutcome(state=JobState.DECLINED, code="51"))], "me")
    await ledger.dunning("r", attempt=2)

    await queue.record([(first, JobOutcome(state=JobState.FAILED))], "me")

    assert await queue.count_open(run, Scope()) == 1


@pytest.mark.parametrize(("run", "attempt"), [("r", 1), ("other", 2)])
async def test_what_cannot_be_dunned_is_refused(ledger: Ledger, run: str, attempt: int) -> None:
    """A run that is not there, or a first attempt."""
    await decline(ledger, {"1": "51"})

    with pytest.raises(InvalidRequest):
        await ledger.dunning(run, attempt=attempt)
