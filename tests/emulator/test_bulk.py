"""Bulk charges and verifications over the wire."""

from typing import Any

import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.emulator.raw import Wire, order, webhooks

KINDS = [
    ("subscriptions", "subscriptionId", "subscriptions", "scheduled"),
    ("unscheduledsubscriptions", "unscheduledSubscriptionId", "unscheduledSubscriptions", "unscheduled"),
]
each_kind = pytest.mark.parametrize(("name", "id_member", "list_member", "kind"), KINDS)


async def run(wire: Wire, path: str, body: dict[str, Any]) -> str:
    """Start a run; returns its id."""
    response = await wire.post(path, body)
    assert response.status_code == 202, response.text
    return str(response.json()["bulkId"])


@each_kind
async def test_charges_progress_over_time(
    wire: Wire, emulator: CheckoutEmulator, name: str, id_member: str, list_member: str, kind: Any
) -> None:
    """All items are pending at first, half are done after half the time, in the end the run is Done."""
    ids = emulator.sign_up(4, kind=kind)
    items = [{id_member: agreement, "order": order(500)} for agreement in ids]
    path = f"/v1/{name}/charges"
    bulk_id = await run(wire, path, {"externalBulkChargeId": "run-1", list_member: items})
    first = (await wire.get(f"{path}/{bulk_id}")).json()
    assert first == {
        "page": [{id_member: agreement, "status": "Pending"} for agreement in ids],
        "more": False,
        "status": "Processing",
    }
    emulator.advance(1)
    half = (await wire.get(f"{path}/{bulk_id}")).json()
    assert [entry["status"] for entry in half["page"]] == ["Succeeded", "Succeeded", "Pending", "Pending"]
    emulator.advance(1)
    last = (await wire.get(f"{path}/{bulk_id}")).json()
    assert last["status"] == "Done"
    for entry in last["page"]:
        charge = (await wire.get(f"/v1/charges/{entry['chargeId']}")).json()
        assert charge["amount"] == 500
        assert (await wire.summary(entry["paymentId"]))["chargedAmount"] == 500


@each_kind
async def test_items_fail_one_by_one(
    wire: Wire, emulator: CheckoutEmulator, name: str, id_member: str, list_member: str, kind: Any
) -> None:
    """Declined and unknown items are Failed with code, message and source; the others succeed."""
    (agreement,) = emulator.sign_up(1, kind=kind, external_references=True)
    items = [
        {"externalReference": "imported-1", "order": order(151)},
        {"externalReference": "other", "order": order(500)},
        {id_member: agreement, "order": order(500), "myReference": "m"},
    ]
    path = f"/v1/{name}/charges"
    bulk_id = await run(wire, path, {"externalBulkChargeId": "run-1", list_member: items})
    emulator.advance(2)
    declined, unknown, charged = (await wire.get(f"{path}/{bulk_id}")).json()["page"]
    assert (declined["status"], declined["code"], declined["source"]) == ("Failed", "51", "Issuer")
    assert (declined[id_member], declined["externalReference"]) == (agreement, "imported-1")
    assert (unknown["status"], unknown["code"]) == ("Failed", "1031")
    assert charged["status"] == "Succeeded"
    assert (await wire.payment(charged["paymentId"]))["myReference"] == "m"


@each_kind
async def test_verifications(
    wire: Wire, emulator: CheckoutEmulator, name: str, id_member: str, list_member: str, kind: Any
) -> None:
    """Good cards are verified, bad ones fail with a code; no money moves."""
    (good,) = emulator.sign_up(1, kind=kind)
    (bad,) = emulator.sign_up(1, kind=kind, card="4925000000000087")
    path = f"/v1/{name}/verifications"
    body = {"externalBulkVerificationId": "v", list_member: [{id_member: good}, {id_member: bad}]}
    bulk_id = await run(wire, path, body)
    emulator.advance(2)
    assert (await wire.get(f"{path}/{bulk_id}")).json() == {
        "page": [
            {id_member: good, "status": "Succeeded"},
            {id_member: bad, "status": "Failed", "code": "05", "message": "Do not honour"},
        ],
        "more": False,
        "status": "Done",
    }
    assert emulator.state()["payments"] == []


async def test_external_id_makes_a_repeat_safe(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The same external id gets the same run, and no subscription is charged twice."""
    (agreement,) = emulator.sign_up(1)
    items = [{"subscriptionId": agreement, "order": order(500)}]
    body = {"externalBulkChargeId": "run-1", "subscriptions": items}
    first = await run(wire, "/v1/subscriptions/charges", body)
    emulator.advance(2)
    assert await run(wire, "/v1/subscriptions/charges", body) == first
    emulator.advance(2)
    assert len(emulator.state()["payments"]) == 1


async def test_runs_without_external_id_are_separate(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Unscheduled bulk charges may lack the external id; then each request is a run."""
    (agreement,) = emulator.sign_up(1, kind="unscheduled")
    body = {"unscheduledSubscriptions": [{"unscheduledSubscriptionId": agreement, "order": order(500)}]}
    path = "/v1/unscheduledsubscriptions/charges"
    assert await run(wire, path, body) != await run(wire, path, body)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"subscriptions": [{"subscriptionId": "0" * 32, "order": order()}]}, "externalBulkChargeId"),
        ({"externalBulkChargeId": "x", "subscriptions": []}, "subscriptions"),
        ({"externalBulkChargeId": "x", "subscriptions": [{"order": order()}]}, "subscriptions[0]"),
        (
            {
                "externalBulkChargeId": "x",
                "subscriptions": [{"subscriptionId": "0" * 32, "externalReference": "a", "order": order()}],
            },
            "subscriptions[0]",
        ),
        (
            {"externalBulkChargeId": "x", "subscriptions": [{"externalReference": "a", "order": order(0)}]},
            "subscriptions[0].order.amount",
        ),
        ({"externalBulkChargeId": "x" * 65, "subscriptions": []}, "externalBulkChargeId"),
    ],
)
async def test_bad_requests_name_the_place(wire: Wire, body: dict[str, Any], path: str) -> None:
    """Each error stands under its path."""
    response = await wire.post("/v1/subscriptions/charges", body)
    assert response.status_code == 400
    assert path in response.json()["errors"]


@pytest.mark.parametrize(
    ("query", "places", "more"),
    [
        ("skip=1&take=2", [1, 2], True),
        ("skip=4", [4], False),
        ("pageNumber=0&pageSize=2", [0, 1], True),
        ("pageNumber=2&pageSize=2", [4], False),
        ("PAGENUMBER=3&pagesize=2", [], False),
    ],
)
async def test_pages(wire: Wire, emulator: CheckoutEmulator, query: str, places: list[int], more: bool) -> None:
    """Pages are cut with skip and take, or with pageNumber and pageSize."""
    ids = emulator.sign_up(5)
    items = [{"subscriptionId": agreement} for agreement in ids]
    bulk_id = await run(wire, "/v1/subscriptions/verifications", {"subscriptions": items})
    response = (await wire.get(f"/v1/subscriptions/verifications/{bulk_id}?{query}")).json()
    assert [entry["subscriptionId"] for entry in response["page"]] == [ids[place] for place in places]
    assert response["more"] is more


@pytest.mark.parametrize("query", ["skip=-1", "take=0", "take=x", "pageNumber=-1", "pageSize=0"])
async def test_bad_pages_are_400(wire: Wire, emulator: CheckoutEmulator, query: str) -> None:
    """Values that are no such numbers are refused."""
    items = [{"subscriptionId": agreement} for agreement in emulator.sign_up(1)]
    bulk_id = await run(wire, "/v1/subscriptions/verifications", {"subscriptions": items})
    response = await wire.get(f"/v1/subscriptions/verifications/{bulk_id}?{query}")
    assert response.status_code == 400


async def test_page_numbers_from_one_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The number of the first page is a setting."""
    emulator.settings = Settings(bulk_first_page=1)
    items = [{"subscriptionId": agreement} for agreement in emulator.sign_up(1)]
    bulk_id = await run(wire, "/v1/subscriptions/verifications", {"subscriptions": items})
    path = f"/v1/subscriptions/verifications/{bulk_id}"
    assert len((await wire.get(f"{path}?pageNumber=1")).json()["page"]) == 1
    assert (await wire.get(f"{path}?pageNumber=0")).status_code == 400


async def test_runs_of_another_kind_are_404(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A verification is not found among the charges, nor among the other kind's."""
    items = [{"subscriptionId": agreement} for agreement in emulator.sign_up(1)]
    bulk_id = await run(wire, "/v1/subscriptions/verifications", {"subscriptions": items})
    for path in ("subscriptions/charges", "unscheduledsubscriptions/verifications"):
        assert (await wire.get(f"/v1/{path}/{bulk_id}")).status_code == 404


async def test_webhooks_of_a_bulk_run_cover_each_payment(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Each charged item has its own event with its subscription, to the urls of the bulk request."""
    ids = emulator.sign_up(2)
    items = [{"subscriptionId": agreement, "order": order(500)} for agreement in ids]
    body = {
        "externalBulkChargeId": "run-1",
        "subscriptions": items,
        "notifications": webhooks("payment.charge.created.v2"),
    }
    await run(wire, "/v1/subscriptions/charges", body)
    emulator.advance(2)
    state = emulator.state()
    charged = [event for event in state["events"] if event["event"] == "payment.charge.created.v2"]
    assert [event["data"]["subscriptionId"] for event in charged] == ids
    assert len(state["deliveries"]) == 2


@pytest.mark.parametrize(
    ("name", "kind"), [("subscriptions", "scheduled"), ("unscheduledsubscriptions", "unscheduled")]
)
async def test_find_by_external_reference(wire: Wire, emulator: CheckoutEmulator, name: str, kind: Any) -> None:
    """Imported agreements are found by their reference, as a single object."""
    _, second = emulator.sign_up(2, kind=kind, external_references=True)
    response = await wire.get(f"/v1/{name}?externalReference=imported-2")
    assert second in response.json().values()
    assert (await wire.get(f"/v1/{name}?externalreference=imported-3")).status_code == 404
    assert (await wire.get(f"/v1/{name}")).status_code == 400
