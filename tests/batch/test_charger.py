"""Tests of nexi_async.batch._charger and ._worker_pool: every job is charged once, whatever fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio.lowlevel
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexi_async import (
    AsyncCheckout,
    InvalidRequest,
    Notifications,
    RetryPolicy,
    Unauthorized,
    WebHook,
    derive_key,
)
from nexi_async import (
    _codec as codec,
)
from nexi_async.batch import BatchCharger, ChargeJob, JobState, Ledger, Progress
from nexi_async.batch._ledger.ledger import job_queue_of
from nexi_async.batch._ledger.runs import Scope
from nexi_async.batch._results import JobOutcome
from nexi_async.emulator import InjectedFault, Settings
from tests.batch.support import Shop, job, no_time, open_shop, order
from tests.scripted import ScriptedAPI, answer, client

CHARGE = "/v1/*subscriptions/*/charges"
PAID = {"paymentId": "p1", "chargeId": "c1"}


async def test_every_job_is_charged_once(shop: Shop) -> None:
    """Each job of the run, with the ids of the emulator's state."""
    await shop.ledger.plan("r", shop.jobs(60))

    results = await shop.charge()

    booked = {payment["paymentId"]: payment for payment in shop.emulator.state()["payments"]}
    assert {result.reference for result in results} == {f"job-{n}" for n in range(60)}
    assert all(result.state is JobState.CHARGED for result in results)
    assert all(booked[str(r.payment_id)]["charges"][0]["chargeId"] == r.charge_id for r in results)
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(60)})


async def test_requests_travel_as_they_were_stored(shop: Shop) -> None:
    """Byte by byte, with everything in them, to the subscription of the job and with its key."""
    sent: dict[str, tuple[str, bytes]] = {}

    async def note(request: httpx.Request) -> httpx.Response:
        sent[request.headers["Idempotency-Key"]] = (request.url.path, await request.aread())
        return httpx.Response(200, json=PAID)

    hooks = Notifications(
        web_hooks=[WebHook(event_name="payment.charge.created.v2", url="https://shop.example", authorization="a" * 8)]
    )
    jobs = [
        ChargeJob(reference="1", subscription_id="s", order=order(), notifications=hooks, my_reference="æ"),
        ChargeJob(reference="2", unscheduled_subscription_id="u", order=order()),
    ]
    await shop.ledger.plan("r", jobs)
    async with AsyncCheckout("k", transport=httpx.MockTransport(note)) as checkout:
        results = [result async for result in shop.charger(checkout=checkout)]
    roots = {"1": "/v1/subscriptions/s", "2": "/v1/unscheduledsubscriptions/u"}
    assert sent == {
        derive_key("r", job.reference, 1): (f"{roots[job.reference]}/charges", codec.encode(job.request))
        for job in jobs
    }
    assert {result.payment_id for result in results} == {"p1"}


async def test_a_second_start_charges_nothing_again(shop: Shop) -> None:
    """Jobs that are charged stay as they are."""
    await shop.ledger.plan("r", shop.jobs(5))
    await shop.charge()

    assert await shop.charge() == []


async def test_another_run_charges_again(shop: Shop) -> None:
    """The next month has keys of its own."""
    jobs = shop.jobs(3)
    for run in ("2026-10", "2026-11"):
        await shop.ledger.plan(run, jobs)
        assert len(await shop.charge(run=run)) == 3

    assert set(shop.charged().values()) == {2}


@pytest.mark.parametrize(
    ("setting", "poor", "stolen"),
    [("issuer", ("51", "soft"), ("43", "never")), ("platform", ("1020", "unknown"), ("1029", "never"))],
)
async def test_a_decline_is_reported_with_its_advice(
    shop: Shop, setting: str, poor: tuple[str, str], stolen: tuple[str, str]
) -> None:
    """The code decides whether to try again, be it the issuer's or the platform's; the run goes on."""
    shop.emulator.settings = Settings(declined_charge_code=setting)
    ids = shop.emulator.sign_up(3)
    amounts = {"poor": 151, "stolen": 143, "rich": 9900}
    await shop.ledger.plan("r", [job(name, id_, amount=amounts[name]) for name, id_ in zip(amounts, ids, strict=True)])

    results = {result.reference: result for result in await shop.charge()}

    assert [(results[name].state, results[name].code, results[name].advice) for name in amounts] == [
        ("declined", *poor),
        ("declined", *stolen),
        ("charged", None, None),
    ]


async def test_an_unknown_subscription_fails_and_the_others_go_on(shop: Shop) -> None:
    """One bad id in a million does not stop the run."""
    await shop.ledger.plan("r", [job("lost", "0197f0c1a2b34c5d8e9f0a1b2c3d4e5f"), *shop.jobs(3)])

    counts = Counter(result.state for result in await shop.charge())

    assert counts == {JobState.FAILED: 1, JobState.CHARGED: 3}


@pytest.mark.parametrize("kind", ["scheduled", "unscheduled"])
async def test_external_references_are_looked_up(shop: Shop, kind: str) -> None:
    """Subscriptions of either kind that were taken over from another platform."""
    (id_,) = shop.emulator.sign_up(
        1, kind="scheduled" if kind == "scheduled" else "unscheduled", external_references=True
    )
    jobs = [
        ChargeJob(reference=name, external_reference=name, order=order(reference=name)) for name in ("imported-1", "x")
    ]
    await shop.ledger.plan("r", jobs)

    results = {result.reference: result for result in await shop.charge()}

    assert (results["imported-1"].state, results["imported-1"].subscription_id) == (JobState.CHARGED, id_)
    assert (results["x"].state, results["x"].subscription_id) == (JobState.FAILED, None)


FAULTS = [
    InjectedFault(fault="lose_response", method="POST", path=CHARGE, rate=0.2),
    InjectedFault(fault="status", method="POST", path=CHARGE, status=500, rate=0.2),
    InjectedFault(fault="status", method="POST", path=CHARGE, status=429, rate=0.1),
    InjectedFault(fault="cut", method="POST", path=CHARGE, after_bytes=10, rate=0.1),
    InjectedFault(fault="status", method="GET", status=500, rate=0.2),
]


async def test_faults_charge_no_job_twice_and_lose_none(shop: Shop) -> None:
    """Lost responses, failures, limits and broken connections: once they are over, every job is charged once."""
    await shop.ledger.plan("r", shop.jobs(80))
    shop.emulator.set_faults(FAULTS)
    await shop.charge()
    shop.emulator.set_faults([])
    await shop.charge()

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(80)})
    assert (
        await job_queue_of(shop.ledger).count_open(await job_queue_of(shop.ledger).bind("r", "individual"), Scope())
        == 0
    )


@given(seed=st.integers(0, 10_000), crashes=st.lists(st.integers(1, 30), max_size=4))
@settings(max_examples=10, deadline=None)
def test_no_sequence_of_faults_and_crashes_charges_twice(
    tmp_path_factory: pytest.TempPathFactory, seed: int, crashes: list[int]
) -> None:
    """Whatever fails, and wherever the program is interrupted: in the end emulator and ledger agree job by job."""

    async def live(url: str) -> None:
        async with open_shop(url) as shop:
            jobs = [job(f"job-{n}", id_, amount=151 if (n + seed) % 9 == 0 else 9900)
                    for n, id_ in enumerate(shop.emulator.sign_up(40))]  # fmt: skip
            await shop.ledger.plan("r", jobs)
            shop.emulator.set_faults(FAULTS)
            for results in crashes:
                await break_off(shop, after=results)
            shop.emulator.set_faults([])
            states = {result.reference: result.state for result in await shop.charge()}
            charged = {job.reference for job in jobs if job.order.amount == 9900}
            assert shop.charged() == Counter(dict.fromkeys(charged, 1))
            assert all((state is JobState.CHARGED) == (name in charged) for name, state in states.items())
            assert await shop.charge() == []

    folder: Path = tmp_path_factory.mktemp("ledger")
    anyio.run(live, f"sqlite:///{folder / 'ledger.db'}")


async def break_off(shop: Shop, *, after: int) -> None:
    """Charge, and fall over in the middle of everything."""
    with anyio.CancelScope() as scope:
        async with shop.charger() as results:
            async for _ in results:
                after -= 1
                if not after:
                    scope.cancel()


# --- resuming ------------------------------------------------------------------------------------------------------


async def left_sending(ledger: Ledger) -> None:
    """A job that a charger had claimed when it died."""
    await ledger.plan("r", [job("1")])
    queue = job_queue_of(ledger)
    await queue.claim(await queue.bind("r", "individual"), scope=Scope(), after=0, limit=1, owner="the dead")


async def resumed(ledger: Ledger, *script: httpx.Response) -> tuple[ScriptedAPI, list[str]]:
    """Resume against a scripted API; what it was asked, and the states."""
    api = ScriptedAPI(*script)
    async with client(api, retry=RetryPolicy(attempts=1)) as checkout:
        charger = BatchCharger(checkout, ledger, run="r", concurrency=1, sleep=no_time)
        states = [result.state.value async for result in charger]
    return api, states


async def test_what_may_have_been_sent_is_asked_for_first(ledger: Ledger) -> None:
    """It was charged: nothing is sent again."""
    await left_sending(ledger)

    api, states = await resumed(ledger, answer(200, PAID | {"completed": True}))

    assert api.calls == ["GET /v1/subscriptions/s/charges/status"]
    assert states == ["charged"]


@pytest.mark.parametrize("status", [answer(404), answer(200, PAID | {"completed": False})])
async def test_what_has_not_happened_is_sent_with_the_same_key(ledger: Ledger, status: httpx.Response) -> None:
    """One question, then the charge itself; both by the job's key."""
    await left_sending(ledger)

    api, states = await resumed(ledger, status, answer(200, PAID))

    assert api.calls[1] == "POST /v1/subscriptions/s/charges"
    assert api.keys[0] == api.keys[1] is not None
    assert states == ["charged"]


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_what_cannot_be_asked_for_is_not_sent(ledger: Ledger, status: int) -> None:
    """The API may have forgotten the key by now; it stays unknown until it can be looked up."""
    await left_sending(ledger)

    api, states = await resumed(ledger, *(answer(status) for _ in range(3)))

    assert {call[:4] for call in api.calls} == {"GET "}
    assert states == ["unknown"] * 3


async def test_what_may_have_been_sent_once_is_always_asked_for(ledger: Ledger) -> None:
    """Also if sending it again was put off."""
    await left_sending(ledger)

    api, states = await resumed(ledger, answer(404), answer(429), answer(404), answer(200, PAID))

    assert [call[:4] for call in api.calls] == ["GET ", "POST", "GET ", "POST"]
    assert states == ["unknown", "charged"]


async def test_what_was_refused_unread_is_sent_later(ledger: Ledger) -> None:
    """Without asking, since nothing has happened."""
    await ledger.plan("r", [job("1")])

    api, states = await resumed(ledger, answer(429), answer(200, PAID))

    assert [call[:4] for call in api.calls] == ["POST", "POST"]
    assert states == ["planned", "charged"]


GATEWAY = httpx.Response(404, text="<html>no such backend</html>")


@pytest.mark.parametrize("refusal", [GATEWAY, answer(402, {"code": "94"}), answer(402), answer(409, {"code": "1008"})])
async def test_a_refusal_that_a_charge_before_may_cause_settles_nothing(
    ledger: Ledger, refusal: httpx.Response
) -> None:
    """An issuer that speaks of a duplicate, and a gateway: were it declined or failed, it could be charged again."""
    await left_sending(ledger)
    status = answer(200, PAID | {"completed": False})

    api, states = await resumed(ledger, status, refusal, answer(200, PAID | {"completed": True}))

    assert [call[:4] for call in api.calls] == ["GET ", "POST", "GET "]
    assert states == ["unknown", "charged"]


@pytest.mark.parametrize(("refusal", "state"), [(answer(402, {"code": "51"}), "declined"), (answer(400), "failed")])
async def test_a_refusal_by_the_api_itself_settles_what_may_have_been_sent(
    ledger: Ledger, refusal: httpx.Response, state: str
) -> None:
    """It replays what it has decided for the key."""
    await left_sending(ledger)

    _, states = await resumed(ledger, answer(404), refusal)

    assert states == [state]


async def test_a_gateway_that_finds_nothing_says_nothing_of_the_key(ledger: Ledger) -> None:
    """Only the API itself knows whether it has the charge."""
    await left_sending(ledger)

    api, states = await resumed(ledger, GATEWAY, GATEWAY, GATEWAY)

    assert {call[:4] for call in api.calls} == {"GET "}
    assert states == ["unknown"] * 3


# --- a gateway before the API ---------------------------------------------------------------------------------------


async def test_what_a_gateway_does_not_find_is_sent_later(ledger: Ledger) -> None:
    """The API never got it, so the job has not failed for good."""
    await ledger.plan("r", [job("1")])

    api, states = await resumed(ledger, GATEWAY, answer(200, PAID))

    assert [call[:4] for call in api.calls] == ["POST", "POST"]
    assert states == ["planned", "charged"]


async def test_a_gateway_that_finds_no_subscription_leaves_the_kind_open(ledger: Ledger) -> None:
    """An unscheduled one with the same reference may be another customer's."""
    jobs = [ChargeJob(reference="1", external_reference="D2", order=order())]
    await ledger.plan("r", jobs)

    api, states = await resumed(ledger, GATEWAY, answer(200, {"subscriptionId": "s"}), answer(200, PAID))

    assert [call.partition("?")[0] for call in api.calls] == [
        "GET /v1/subscriptions",
        "GET /v1/subscriptions",
        "POST /v1/subscriptions/s/charges",
    ]
    assert states == ["planned", "charged"]


# --- stopping ------------------------------------------------------------------------------------------------------


async def test_a_graceful_stop_finishes_what_is_under_way(shop: Shop) -> None:
    """Jobs that were claimed and not begun are planned again, and no outcome is left unknown."""
    await shop.ledger.plan("r", shop.jobs(400))
    charger = shop.charger(concurrency=10)
    results = []
    async with charger as stream:
        async for result in stream:
            results.append(result)
            charger.stop()

    assert len(results) == shop.charged().total() < 400
    assert charger.stop_reason == "it was stopped by request"
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "individual")
    left = await queue.claim(run, scope=Scope(), after=0, limit=500, owner="x")
    assert len(left) == 400 - len(results)
    assert not any(job.may_have_been_sent for job in left)


async def test_a_refused_key_stops_the_run(shop: Shop) -> None:
    """A wrong key fails no job; with the right one all are charged."""
    await shop.ledger.plan("r", shop.jobs(100))
    transport = httpx.ASGITransport(app=shop.emulator)
    async with AsyncCheckout("wrong-key", base_url="https://emulator.test", transport=transport) as checkout:
        charger = shop.charger(checkout=checkout)
        with pytest.raises(Unauthorized):
            [result async for result in charger]
    assert "refuses the key" in str(charger.stop_reason)

    assert len(await shop.charge()) == 100


async def test_a_dead_api_stops_the_run(shop: Shop) -> None:
    """A long series of failures stops it before every job was tried."""
    await shop.ledger.plan("r", shop.jobs(300))
    shop.emulator.set_faults([InjectedFault(fault="status", status=500)])
    charger = shop.charger(concurrency=5)

    results = [result async for result in charger]

    assert 50 <= len(results) < 150
    assert "charges in a row failed" in str(charger.stop_reason)


async def test_a_short_failure_of_all_charges_under_way_does_not_stop_the_run(shop: Shop) -> None:
    """A hundred and fifty requests in a row fail at once; a second pass charges what they left open."""
    await shop.ledger.plan("r", shop.jobs(300))
    transport = FailingAtFirst(150, shop)
    async with AsyncCheckout(
        shop.emulator.secret_key, base_url="https://api.test", transport=transport, retry=RetryPolicy(attempts=1)
    ) as checkout:
        charger = shop.charger(checkout=checkout, concurrency=200)
        [result async for result in charger]

    assert charger.stop_reason is None
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(300)})


class FailingAtFirst(httpx.ASGITransport):
    """The emulator behind a gateway that is broken for so many requests."""

    def __init__(self, failures: int, shop: Shop) -> None:
        super().__init__(app=shop.emulator)
        self._failures = failures

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._failures -= 1
        return answer(502) if self._failures >= 0 else await super().handle_async_request(request)


# --- limits and progress -------------------------------------------------------------------------------------------


async def test_no_more_are_under_way_than_allowed(shop: Shop) -> None:
    """Concurrency is a limit."""
    under_way, most = 0, 0

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await anyio.sleep(0.001)
            under_way -= 1
            return answer(200, PAID)

    await shop.ledger.plan("r", shop.jobs(60))
    async with AsyncCheckout("key", base_url="https://api.test", transport=Counting()) as checkout:
        results = [result async for result in shop.charger(checkout=checkout, concurrency=7)]

    assert (len(results), most) == (60, 7)


async def test_a_slow_run_stops_soon(shop: Shop) -> None:
    """However many workers wait: after the stop none begins a charge, and none waits any longer."""
    await shop.ledger.plan("r", shop.jobs(50))
    charger = BatchCharger(shop.checkout, shop.ledger, run="r", rate=0.001)

    with anyio.fail_after(10):
        async with charger as results:
            charged = []
            async for result in results:
                charged.append(result)
                charger.stop()

    assert len(charged) == 1
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "individual")
    left = await queue.claim(run, scope=Scope(), after=0, limit=100, owner="x")
    assert {job.previous_state for job in left} == {JobState.PLANNED}


async def test_waiting_for_another_pass_ends_with_a_stop(ledger: Ledger) -> None:
    """The pause ends at once."""
    await ledger.plan("r", [job("1")])
    async with client(ScriptedAPI(answer(429)), retry=RetryPolicy(attempts=1)) as checkout:
        charger = BatchCharger(checkout, ledger, run="r", sleep=no_longer_than_a_second)
        with anyio.fail_after(10):
            async with charger as results:
                states = []
                async for result in results:
                    states.append(result.state)
                    charger.stop()

    assert states == [JobState.PLANNED]


async def no_longer_than_a_second(seconds: float) -> None:
    """A wait that never ends, unless it is short."""
    await (anyio.sleep_forever() if seconds > 1 else anyio.lowlevel.checkpoint())


async def test_nothing_is_waited_for_after_the_last_pass(ledger: Ledger) -> None:
    """Two pauses between three passes, and none after them."""
    await ledger.plan("r", [job("1")])
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with client(ScriptedAPI(*(answer(429) for _ in range(3))), retry=RetryPolicy(attempts=1)) as checkout:
        charger = BatchCharger(checkout, ledger, run="r", sleep=sleep)
        assert [result.state async for result in charger] == [JobState.PLANNED] * 3

    assert [wait for wait in waits if wait >= 1] == [2.0, 4.0]


async def test_progress_is_reported(shop: Shop) -> None:
    """Of the whole run, also when it is continued."""
    await shop.ledger.plan("r", shop.jobs(30))
    queue = job_queue_of(shop.ledger)
    run = await queue.bind("r", "individual")
    done = await queue.claim(run, scope=Scope(), after=0, limit=10, owner="x")
    await queue.record([(job, JobOutcome(state=JobState.CHARGED)) for job in done], "x")
    reported: list[Progress] = []
    charger = BatchCharger(shop.checkout, shop.ledger, run="r", on_progress=reported.append, sleep=no_time)
    [result async for result in charger]

    assert (reported[-1].total, reported[-1].done, reported[-1].counts) == (30, 30, {JobState.CHARGED: 20})


@pytest.mark.parametrize(("concurrency", "rate"), [(0, None), (1, 0.0), (1, float("nan"))])
async def test_impossible_limits_are_refused(shop: Shop, concurrency: int, rate: float | None) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequest):
        BatchCharger(shop.checkout, shop.ledger, run="r", concurrency=concurrency, rate=rate)


async def test_a_run_that_is_not_planned_is_refused(shop: Shop) -> None:
    """A misspelt name does not look like success."""
    with pytest.raises(InvalidRequest, match="r is not planned"):
        await shop.charge()
