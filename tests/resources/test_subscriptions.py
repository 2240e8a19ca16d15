"""Tests of nexi_async._resources.subscriptions; those of both kinds run for each."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, TypeAlias

import attrs
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    ChargeDeclined,
    Conflict,
    InvalidRequest,
    NotFound,
    Notifications,
    Order,
    OrderItem,
    Outcome,
    PaymentType,
    Poll,
    ServerError,
    Subscription,
    SubscriptionToCharge,
    SubscriptionToVerify,
    TimedOut,
    UnexpectedResponse,
    UnscheduledSubscription,
)
from nexi_async._resources.subscriptions import Subscriptions
from tests.scripted import ScriptedAPI, answer, client

ORDER = Order.of(items=[OrderItem.of(reference="abo", name="Abo", unit_price=9900)], currency="NOK")
FREE = Order.of(items=[OrderItem.of(reference="abo", name="Abo", unit_price=0)], currency="NOK")
CHARGED = answer(200, {"paymentId": "p1", "chargeId": "c1"})
CARD = {"paymentType": "CARD", "paymentMethod": "Visa", "cardDetails": {"expiryDate": "1233", "maskedPan": "4925"}}

Group: TypeAlias = Subscriptions[Subscription] | Subscriptions[UnscheduledSubscription]


@attrs.frozen
class Words:
    """How one kind is spelled, in Python and on the wire."""

    group: str
    root: str
    id: str
    list: str

    def of(self, checkout: AsyncCheckout) -> Group:
        found: Group = getattr(checkout, self.group)
        return found


SCHEDULED = Words("subscriptions", "/v1/subscriptions", "subscriptionId", "subscriptions")
UNSCHEDULED = Words(
    "unscheduled_subscriptions",
    "/v1/unscheduledsubscriptions",
    "unscheduledSubscriptionId",
    "unscheduledSubscriptions",
)


@pytest.fixture(params=[SCHEDULED, UNSCHEDULED], ids=["scheduled", "unscheduled"])
def words(request: pytest.FixtureRequest) -> Words:
    """Both kinds."""
    assert isinstance(request.param, Words)
    return request.param


# --- retrieving -------------------------------------------------------------------------------------------------------


async def test_retrieve_a_scheduled_one() -> None:
    """It tells its card, its interval and its end."""
    body = {"subscriptionId": "s1", "interval": 30, "endDate": "2027-01-01T00:00:00Z", "paymentDetails": CARD}
    api = ScriptedAPI(answer(200, body))
    async with client(api) as checkout:
        found = await checkout.subscriptions.retrieve("s1")
    assert api.calls == ["GET /v1/subscriptions/s1"]
    assert (found.subscription_id, found.interval, found.end_date) == ("s1", 30, datetime(2027, 1, 1, tzinfo=UTC))
    assert found.payment_details.payment_type is PaymentType.CARD


async def test_retrieve_an_imported_one() -> None:
    """It tells why it could not be taken over; end and interval may be missing."""
    fault = {"importStepsResponseCode": "1", "importStepsResponseSource": "x", "importStepsResponseText": "no"}
    async with client(ScriptedAPI(answer(200, {"subscriptionId": "s1", "importError": fault}))) as checkout:
        found = await checkout.subscriptions.retrieve("s1")
    assert found.import_error is not None
    assert found.import_error.import_steps_response_text == "no"
    assert (found.interval, found.end_date) == (None, None)


async def test_retrieve_an_unscheduled_one() -> None:
    """It tells its card."""
    api = ScriptedAPI(answer(200, {"unscheduledSubscriptionId": "u1", "paymentDetails": CARD}))
    async with client(api) as checkout:
        found = await checkout.unscheduled_subscriptions.retrieve("u1")
    assert api.calls == ["GET /v1/unscheduledsubscriptions/u1"]
    assert found.unscheduled_subscription_id == "u1"
    assert found.payment_details.card_details is not None
    assert found.payment_details.card_details.expiry_date == "1233"


async def test_retrieved_another_one(words: Words) -> None:
    """An answer that belongs to another request is not taken for this one."""
    async with client(ScriptedAPI(answer(200, {words.id: "s2"}))) as checkout:
        with pytest.raises(UnexpectedResponse, match="not with what was asked for"):
            await words.of(checkout).retrieve("s1")


async def test_find(words: Words) -> None:
    """One that was taken over is found by its reference, whatever stands in that."""
    api = ScriptedAPI(answer(200, {words.id: "s1"}))
    async with client(api) as checkout:
        await words.of(checkout).find(external_reference="D2 4711&x=1")
    assert api.requests[0].url.path == words.root
    assert dict(api.requests[0].url.params) == {"externalReference": "D2 4711&x=1"}


async def test_find_nothing_in_particular(words: Words) -> None:
    """An empty reference would ask for something else."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest):
            await words.of(checkout).find(external_reference="")
    assert not api.requests


# --- charging ---------------------------------------------------------------------------------------------------------


async def test_charge(words: Words) -> None:
    """A charge carries a key, and the receipt tells it with the new payment."""
    api = ScriptedAPI(CHARGED)
    async with client(api) as checkout:
        receipt = await words.of(checkout).charge("s1", order=ORDER)
    assert api.calls == [f"POST {words.root}/s1/charges"]
    assert set(api.bodies[0]) == {"order"}
    assert (receipt.payment_id, receipt.charge_id) == ("p1", "c1")
    assert api.keys == [receipt.idempotency_key]


async def test_charge_with_everything(words: Words) -> None:
    """Every option has its place in the request."""
    hooks = Notifications.to("https://shop.test/hook", authorization="a" * 16, events=["payment.charge.created.v2"])
    api = ScriptedAPI(httpx.ReadTimeout("x"), CHARGED)
    async with client(api) as checkout:
        receipt = await words.of(checkout).charge(
            "s1", order=ORDER, notifications=hooks, my_reference="october", idempotency_key="2026-10-s1"
        )
    assert set(api.bodies[0]) == {"order", "notifications", "myReference"}
    assert api.keys == ["2026-10-s1"] * 2
    assert receipt.idempotency_key == "2026-10-s1"


async def test_declined_charge(words: Words) -> None:
    """A decline says whether the card may be tried again."""
    api = ScriptedAPI(answer(402, {"code": "51", "message": "Insufficient funds", "source": "Issuer"}))
    async with client(api) as checkout:
        with pytest.raises(ChargeDeclined) as caught:
            await words.of(checkout).charge("s1", order=ORDER)
    assert caught.value.outcome is Outcome.REJECTED
    assert caught.value.decline.may_retry


async def test_declined_charge_without_a_body(words: Words) -> None:
    """The documents give no schema for this 402, so it may be empty."""
    async with client(ScriptedAPI(answer(402))) as checkout:
        with pytest.raises(ChargeDeclined) as caught:
            await words.of(checkout).charge("s1", order=ORDER)
    assert (caught.value.code, caught.value.outcome) == (None, Outcome.REJECTED)


async def test_charge_that_is_being_worked_on(words: Words) -> None:
    """As long as the API is at it, nothing is known."""
    api = ScriptedAPI(*[answer(409)] * 4)
    async with client(api) as checkout:
        with pytest.raises(Conflict) as caught:
            await words.of(checkout).charge("s1", order=ORDER)
    assert (caught.value.outcome, caught.value.attempts) == (Outcome.UNKNOWN, 4)
    assert set(api.keys) == {caught.value.idempotency_key}


async def test_charge_status(words: Words) -> None:
    """A charge is asked for by its key, as often as need be."""
    api = ScriptedAPI(answer(500), answer(200, {"paymentId": "p1", "chargeId": "c1", "completed": True}))
    async with client(api) as checkout:
        status = await words.of(checkout).charge_status("s1", idempotency_key="k1")
    assert api.calls == [f"GET {words.root}/s1/charges/status"] * 2
    assert (api.bodies, api.keys) == ([None] * 2, ["k1"] * 2)
    assert (status.payment_id, status.charge_id, status.completed) == ("p1", "c1", True)


async def test_charge_status_of_an_unknown_key(words: Words) -> None:
    """That the API never got such a charge is certain, also if it took a second attempt to learn it."""
    async with client(ScriptedAPI(httpx.ReadError("x"), answer(404))) as checkout:
        with pytest.raises(NotFound) as caught:
            await words.of(checkout).charge_status("s1", idempotency_key="k1")
    assert caught.value.outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"order": FREE}, "order.amount"),
        ({"order": attrs.evolve(ORDER, amount=1)}, "order.amount"),
        ({"my_reference": "x" * 37}, "myReference"),
        ({"idempotency_key": ""}, "Idempotency-Key"),
        ({"subscription_id": ""}, "subscription_id"),
    ],
    ids=["free", "wrong sum", "long reference", "empty key", "empty id"],
)
async def test_bad_charges_are_never_sent(words: Words, arguments: dict[str, Any], path: str) -> None:
    """What the API would refuse is refused here, with its place."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await words.of(checkout).charge(**{"subscription_id": "s1", "order": ORDER, **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]
    assert not api.requests


async def test_status_without_a_key_is_never_asked_for(words: Words) -> None:
    """The key is what is asked about."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest):
            await words.of(checkout).charge_status("s1", idempotency_key="")
    assert not api.requests


# --- partners ---------------------------------------------------------------------------------------------------------


async def test_merchant_number_of_verifications(words: Words) -> None:
    """The header is documented for charges, not for verifications."""
    api = ScriptedAPI(answer(202, {"bulkId": "b1"}), answer(200, {"page": [], "more": False, "status": "Done"}))
    async with client(api) as checkout:
        group = words.of(checkout.with_options(merchant_number="4711"))
        await group.verify_bulk(subscriptions=[SubscriptionToVerify(subscription_id="s1")])
        assert [item async for item in group.bulk_verifications("b1")] == []
    assert [request.headers.get("merchantnumber") for request in api.requests] == [None] * 2


@pytest.mark.parametrize(("kind", "sent"), [(SCHEDULED, "4711"), (UNSCHEDULED, None)], ids=["scheduled", "unscheduled"])
async def test_merchant_number(kind: Words, sent: str | None) -> None:
    """The header is documented for scheduled subscriptions only."""
    status = answer(200, {"paymentId": "p1", "chargeId": "c1", "completed": True})
    page = answer(200, {"page": [], "more": False, "status": "Done"})
    api = ScriptedAPI(answer(200, {kind.id: "s1"}), answer(200, {kind.id: "s1"}), CHARGED, status, page)
    async with client(api) as checkout:
        group = kind.of(checkout.with_options(merchant_number="4711"))
        await group.retrieve("s1")
        await group.find(external_reference="x")
        await group.charge("s1", order=ORDER)
        await group.charge_status("s1", idempotency_key="k1")
        assert [item async for item in group.bulk_charges("b1")] == []
    assert [request.headers.get("merchantnumber") for request in api.requests] == [sent] * 5


# --- bulk runs --------------------------------------------------------------------------------------------------------


async def test_charge_bulk(words: Words) -> None:
    """A run names each subscription in the words of its kind, and is known by the caller's own id."""
    api = ScriptedAPI(answer(202, {"bulkId": "b1"}))
    async with client(api) as checkout:
        receipt = await words.of(checkout).charge_bulk(
            subscriptions=(
                SubscriptionToCharge(order=ORDER, **{which: "s1"}, my_reference="mine")
                for which in ("subscription_id", "external_reference")
            ),
            external_bulk_charge_id="2026-10",
        )
    assert receipt.bulk_id == "b1"
    assert api.calls == [f"POST {words.root}/charges"]
    assert api.keys == [None]
    (body,) = api.bodies
    assert set(body) == {"externalBulkChargeId", words.list}
    first, second = body[words.list]
    assert (first[words.id], second["externalReference"]) == ("s1", "s1")
    assert set(first) == {words.id, "order", "myReference"}


async def test_charge_bulk_is_repeated(words: Words) -> None:
    """The API knows a run by its external id, so that sending it again starts no second one."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(500), answer(202, {"bulkId": "b1"}))
    run = [SubscriptionToCharge(order=ORDER, subscription_id="s1")]
    async with client(api) as checkout:
        await words.of(checkout).charge_bulk(subscriptions=run, external_bulk_charge_id="2026-10")
    assert len({request.content for request in api.requests}) == 1


async def test_verify_bulk(words: Words) -> None:
    """Cards are verified without an amount."""
    api = ScriptedAPI(answer(500), answer(202, {"bulkId": "b1"}))
    async with client(api) as checkout:
        await words.of(checkout).verify_bulk(
            subscriptions=[SubscriptionToVerify(subscription_id="s1")], external_bulk_verification_id="v1"
        )
    assert api.calls == [f"POST {words.root}/verifications"] * 2
    assert api.bodies[0] == {"externalBulkVerificationId": "v1", words.list: [{words.id: "s1"}]}


async def test_verify_bulk_without_an_id_is_not_repeated(words: Words) -> None:
    """Without a name of its own a second request would be a second run."""
    api = ScriptedAPI(answer(500), answer(202, {"bulkId": "b1"}))
    async with client(api) as checkout:
        with pytest.raises(ServerError):
            await words.of(checkout).verify_bulk(subscriptions=[SubscriptionToVerify(subscription_id="s1")])
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"subscriptions": []}, "subscriptions"),
        ({"external_bulk_charge_id": ""}, "externalBulkChargeId"),
        ({"external_bulk_charge_id": "x" * 64}, "externalBulkChargeId"),
        ({"subscriptions": [SubscriptionToCharge(order=ORDER)]}, "subscriptions[0].subscriptionId"),
        (
            {"subscriptions": [SubscriptionToCharge(order=ORDER, subscription_id="a", external_reference="b")]},
            "subscriptions[0].subscriptionId",
        ),
        ({"subscriptions": [SubscriptionToCharge(order=FREE, subscription_id="a")]}, "subscriptions[0].order.amount"),
    ],
    ids=["nobody", "no id", "long id", "neither", "both", "free"],
)
async def test_bad_runs_are_never_sent(words: Words, arguments: dict[str, Any], path: str) -> None:
    """What the API would refuse is refused here, with its place."""
    api = ScriptedAPI()
    good = {"subscriptions": [SubscriptionToCharge(order=ORDER, subscription_id="s1")], "external_bulk_charge_id": "x"}
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await words.of(checkout).charge_bulk(**{**good, **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]
    assert not api.requests


def page(words: Words, *items: str, status: str = "Done", more: bool = False) -> httpx.Response:
    """A page of a run; each item is a subscription and its state, as in `s1 Failed`."""
    entries = []
    for item in items:
        name, _, state = item.partition(" ")
        entries.append({words.id: name, "status": state or "Succeeded", "code": "51" if state == "Failed" else None})
    return answer(200, {"page": entries, "more": more, "status": status})


async def listed(items: AsyncIterator[Any]) -> list[str]:
    """What a run yields, in the words of `page`."""
    return [f"{item.subscription_id} {item.status}" async for item in items]


@pytest.mark.parametrize(("what", "call"), [("charges", "bulk_charges"), ("verifications", "bulk_verifications")])
async def test_items_of_a_run(words: Words, what: str, call: str) -> None:
    """Pages follow one another until there are no more."""
    api = ScriptedAPI(
        page(words, "s1", "s2 Failed", status="Processing", more=True), page(words, "s3 Pending", status="Processing")
    )
    async with client(api) as checkout:
        found = await listed(getattr(words.of(checkout), call)("b1", page_size=2))
    assert found == ["s1 Succeeded", "s2 Failed", "s3 Pending"]
    assert api.calls == [f"GET {words.root}/{what}/b1?skip={skip}&take=2" for skip in (0, 2)]


async def test_items_tell_what_became_of_them(words: Words) -> None:
    """A failed one has a code, and one that went through its payment."""
    entries = [
        {words.id: "s1", "status": "Succeeded", "paymentId": "p1", "chargeId": "c1", "externalReference": "x"},
        {words.id: "s2", "status": "Failed", "code": "51", "message": "no", "source": "Issuer"},
    ]
    api = ScriptedAPI(answer(200, {"page": entries, "more": False, "status": "Done"}))
    async with client(api) as checkout:
        paid, failed = [item async for item in words.of(checkout).bulk_charges("b1")]
    assert (paid.payment_id, paid.charge_id, paid.external_reference) == ("p1", "c1", "x")
    assert (failed.code, failed.message, failed.source, failed.payment_id) == ("51", "no", "Issuer", None)


async def test_item_of_an_unknown_reference(words: Words) -> None:
    """One reference that names no subscription does not keep the others from being read."""
    entries = [
        {"externalReference": "x", "status": "Failed", "code": "1031", "message": "no", "source": "internal"},
        {words.id: "s2", "status": "Succeeded", "paymentId": "p2", "chargeId": "c2"},
    ]
    async with client(ScriptedAPI(answer(200, {"page": entries, "more": False, "status": "Done"}))) as checkout:
        unknown, paid = [item async for item in words.of(checkout).bulk_charges("b1")]
    assert (unknown.subscription_id, unknown.external_reference, unknown.code) == (None, "x", "1031")
    assert paid.subscription_id == "s2"


async def test_pages_are_fetched_when_they_are_needed(words: Words) -> None:
    """Nothing is asked for before somebody looks."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        words.of(checkout).bulk_charges("b1")
    assert not api.requests


@pytest.mark.parametrize("poll", [None, Poll()], ids=["as it stands", "until the end"])
async def test_leaving_a_run_early(words: Words, poll: Poll | None) -> None:
    """Who has seen enough closes the iterator, and nothing stays behind."""
    api = ScriptedAPI(page(words, "s1", "s2", more=True))
    async with client(api) as checkout, aclosing(words.of(checkout).bulk_charges("b1", poll=poll)) as items:
        async for item in items:
            assert item.subscription_id == "s1"
            break
    gc.collect(1)  # the young objects alone: among them is whatever this test has left behind
    assert len(api.requests) == 1


SOON = Poll(first_delay=0.001, longest_delay=0.001)


async def test_waiting_for_the_end_of_a_run(words: Words) -> None:
    """Each item comes once, when it is final, in the order in which that happens."""
    api = ScriptedAPI(
        page(words, "s1 Pending", "s2 Failed", "s3 Pending", status="Processing"),
        page(words, "s1 Pending", "s2 Failed", "s3", status="Processing"),
        page(words, "s1", "s2 Failed", "s3"),
    )
    async with client(api) as checkout:
        found = await listed(words.of(checkout).bulk_charges("b1", poll=SOON))
    assert found == ["s2 Failed", "s3 Succeeded", "s1 Succeeded"]


async def test_a_subscription_may_stand_in_a_run_twice(words: Words) -> None:
    """Two charges of one subscription are two items."""
    api = ScriptedAPI(page(words, "s1", "s1 Pending", status="Processing"), page(words, "s1", "s1 Failed"))
    async with client(api) as checkout:
        found = await listed(words.of(checkout).bulk_charges("b1", poll=SOON))
    assert found == ["s1 Succeeded", "s1 Failed"]


async def test_the_second_of_two_may_end_first(words: Words) -> None:
    """Neither of two charges of one subscription is taken for the other."""
    api = ScriptedAPI(page(words, "s1 Pending", "s1 Failed", status="Processing"), page(words, "s1", "s1 Failed"))
    async with client(api) as checkout:
        found = await listed(words.of(checkout).bulk_charges("b1", poll=SOON))
    assert found == ["s1 Failed", "s1 Succeeded"]


async def test_an_unknown_status(words: Words) -> None:
    """It may change while the run continues; the last one is yielded."""
    api = ScriptedAPI(
        page(words, "s1 Queued", "s2 Queued", status="Processing"),
        page(words, "s1", "s2 Skipped"),
    )
    async with client(api) as checkout:
        found = await listed(words.of(checkout).bulk_charges("b1", poll=SOON))
    assert found == ["s1 Succeeded", "s2 Skipped"]


async def test_waiting_goes_on_to_the_deadline(words: Words) -> None:
    """A delay that reaches beyond the deadline is cut short, and the run is asked for once more."""
    api = ScriptedAPI(page(words, "s1 Pending", status="Processing"), page(words, "s1"))
    async with client(api) as checkout:
        found = await listed(words.of(checkout).bulk_charges("b1", poll=Poll(first_delay=60.0, deadline=0.05)))
    assert found == ["s1 Succeeded"]


async def test_waiting_ends(words: Words) -> None:
    """A run that takes longer than the caller waits goes on at Nexi."""
    api = ScriptedAPI(*[page(words, "s1 Pending", status="Processing")] * 99)
    async with client(api) as checkout:
        with pytest.raises(TimedOut) as caught:
            await listed(words.of(checkout).bulk_charges("b1", poll=attrs.evolve(SOON, deadline=0.02)))
    assert caught.value.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"page": [{"subscriptionId": "s1"}, 7]}, ["page[0].status", "page[1]"]),
        ({"page": {}}, ["page"]),
        ([], ["body"]),
    ],
)
async def test_a_page_that_cannot_be_read(words: Words, body: object, paths: list[str]) -> None:
    """The faults name their places."""
    async with client(ScriptedAPI(answer(200, body))) as checkout:
        with pytest.raises(UnexpectedResponse) as caught:
            await listed(words.of(checkout).bulk_charges("b1"))
    assert [fault.path for fault in caught.value.faults] == paths


@pytest.mark.parametrize(("bulk_id", "page_size"), [("", 10), ("b1", 0)])
async def test_senseless_questions_are_never_asked(words: Words, bulk_id: str, page_size: int) -> None:
    """Without a run or a size there is no page."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest):
            await listed(words.of(checkout).bulk_charges(bulk_id, page_size=page_size))
    assert not api.requests
