"""The state over a restart. Money over any sequence of operations and restarts: see `test_invariants`."""

from typing import Any

import pytest
from attrs import evolve

from nexi_async.emulator import Clock, InjectedFault, Settings
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.persistence import StoredDocument, UnreadableDocument
from nexi_async.emulator._engine.responses import APIResponse
from tests.emulator.raw import START, hosted, order, webhooks
from tests.emulator.stores import MemoryStore

BY_PATH = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


def start(store: MemoryStore, settings: Settings | None = None) -> Engine:
    """An engine on a clock that stands still."""
    return Engine(settings or Settings(), clock=Clock(time_scale=0, start=START), seed=1, store=store)


def call(engine: Engine, method: str, path: str, body: Any, place: str = "", key: str | None = None) -> APIResponse:
    """Call the API."""
    return engine.handle(BY_PATH[method, path], APIRequest(path={"id": place}, body=body, key=key))


def test_a_key_is_replayed_after_a_restart(store: MemoryStore) -> None:
    """The same idempotency key gives the same charge, and takes no money."""
    engine = start(store)
    (agreement,) = engine.sign_up(1)
    path = "/v1/subscriptions/{id}/charges"
    first = call(engine, "POST", path, {"order": order()}, agreement, "key-1")
    engine = start(store)
    assert call(engine, "POST", path, {"order": order()}, agreement, "key-1") == first
    assert len(engine.state()["payments"]) == 1
    assert call(engine, "POST", path, {"order": order()}, agreement, "key-2").status == 200


def test_the_order_survives(store: MemoryStore) -> None:
    """What was made in one operation is listed in the same order after a restart."""
    ids = start(store).sign_up(50)
    assert [each["subscriptionId"] for each in start(store).state()["subscriptions"]] == ids


def test_bulk_runs_go_on(store: MemoryStore) -> None:
    """A run that was under way ends, each item once."""
    engine = start(store, Settings(bulk_seconds=10))
    ids = engine.sign_up(5, external_references=True)
    items = [{"subscriptionId": each, "order": order()} for each in ids]
    body = {"externalBulkChargeId": "run", "subscriptions": items}
    call(engine, "POST", "/v1/subscriptions/charges", body)
    engine.advance(5)
    assert [item["status"] for item in engine.state()["bulkRuns"][0]["items"]].count("Succeeded") == 2
    engine = start(store, Settings(bulk_seconds=10))
    engine.advance(5)
    (run,) = engine.state()["bulkRuns"]
    assert (run["status"], len(engine.state()["payments"])) == ("Done", 5)
    assert call(engine, "POST", "/v1/subscriptions/charges", body).body == {"bulkId": run["bulkId"]}


def test_pending_deliveries_come_again_when_due(store: MemoryStore) -> None:
    """A delivery that was pending, or under way, is pending, with its attempts and its authorization."""
    engine = start(store)
    body = hosted(notifications=webhooks("payment.created"))
    payment_id = call(engine, "POST", "/v1/payments", body).body["paymentId"]
    engine.pay(payment_id)
    _, sent = engine.context().state.pending_deliveries.take()
    state = start(store).context().state
    assert state.undelivered == 1
    _, delivery = state.pending_deliveries.take()
    assert (delivery.body, delivery.webhook) == (sent.body, sent.webhook)


def test_a_challenge_still_waits(store: MemoryStore) -> None:
    """3-D Secure that was asked for can be answered after a restart, and its time is over when it would have been."""
    engine = start(store)
    ids = [call(engine, "POST", "/v1/payments", hosted()).body["paymentId"] for _ in range(2)]
    for payment_id in ids:
        engine.pay(payment_id, card="4925000000000095")
    engine = start(store)
    assert engine.answer_challenge(ids[0]).result == "completed"
    engine.advance(300)
    failed = [event["data"]["paymentId"] for event in start(store).state()["events"] if "failed" in event["event"]]
    assert failed == [ids[1]]


def test_the_clock_goes_on(store: MemoryStore) -> None:
    """Moved time stays moved; while nothing ran, real time passed."""
    start(store).advance(1000)
    assert start(store).clock.now() == START + 1000
    clock = Clock(start=START)
    clock.resume(START + 1000, 60)
    assert clock.now() == pytest.approx(START + 1060, abs=1)


def test_ids_of_a_seed_do_not_come_again(store: MemoryStore) -> None:
    """After each restart a seed makes other ids, the same in every repetition."""
    ids = [start(store).sign_up(1)[0] for _ in range(3)]
    again = MemoryStore()
    assert len(set(ids)) == 3
    assert [start(again).sign_up(1)[0] for _ in range(3)] == ids


def test_settings_and_faults_survive(store: MemoryStore) -> None:
    """As they were changed at run time, with what is left of the faults, until it starts with other settings."""
    engine = start(store)
    engine.settings = evolve(engine.settings, refund_seconds=7)
    engine.set_faults([InjectedFault(fault="status", times=2)])
    assert engine.match_fault("GET", "/") is not None
    engine = start(store)
    assert engine.settings.refund_seconds == 7
    assert engine.match_fault("GET", "/") is not None
    assert start(store).match_fault("GET", "/") is None
    assert start(store, Settings(low_balance=True)).settings == Settings(low_balance=True)


def test_a_reset_is_kept(store: MemoryStore) -> None:
    """What was discarded does not come back."""
    engine = start(store)
    engine.sign_up(3)
    engine.reset()
    assert start(store).state()["subscriptions"] == []


def test_a_commit_is_as_large_as_the_change(store: MemoryStore) -> None:
    """Whatever the size of the state, only what was touched is saved."""
    engine = start(store)
    ids = engine.sign_up(100)
    call(engine, "POST", "/v1/subscriptions/{id}/charges", {"order": order()}, ids[7], "k")
    kinds = sorted(document.kind for document in store.saved)
    assert kinds == ["agreement", "event", "event", "idempotency record", "payment", "payout", "session"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"id": 5}'])
@pytest.mark.parametrize("kind", ["payment", "agreement", "session", "delivery"])
def test_damaged_documents_are_named(store: MemoryStore, kind: str, body: bytes) -> None:
    """A document that cannot be read is an error that names it; nothing is made up."""
    store.documents[kind, "x"] = StoredDocument(kind, "x", body)
    with pytest.raises(UnreadableDocument, match=f"{kind} x"):
        start(store)
