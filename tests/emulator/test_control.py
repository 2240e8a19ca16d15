"""The control endpoints."""

from typing import Any

import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator
from tests.emulator.raw import START, Wire, webhooks


async def test_shopper_over_http(wire: Wire) -> None:
    """Pay, decline and cancel respond with the outcome."""
    payment_id = await wire.create()
    path = f"/emulator/payments/{payment_id}"
    response = await wire.post(f"{path}/cancel")
    assert response.json() == {"paymentId": payment_id, "result": "cancelled", "redirect": "https://shop.test/no"}
    response = await wire.post(f"{path}/decline", {"code": "51"})
    assert response.json() == {"paymentId": payment_id, "result": "declined", "code": "51"}
    response = await wire.post(f"{path}/pay", {"card": "4925000000000004", "method": None})
    assert response.json()["result"] == "completed"
    assert (await wire.post(f"{path}/pay")).status_code == 409
    assert (await wire.post(f"/emulator/payments/{'0' * 32}/pay")).status_code == 404


async def test_the_issuers_challenge_over_http(wire: Wire) -> None:
    """3-D Secure is answered without a browser; the answer defaults to approval, and an unknown one is explained."""
    payment_id = await wire.create()
    path = f"/emulator/payments/{payment_id}"
    paid = await wire.post(f"{path}/pay", {"card": "4925000000000095"})
    assert paid.json() == {"paymentId": payment_id, "result": "challenged"}
    unknown = await wire.post(f"{path}/challenge", {"result": "maybe"})
    assert (unknown.status_code, "approved, refused" in unknown.json()["message"]) == (400, True)
    assert (await wire.post(f"{path}/challenge")).json()["result"] == "completed"
    assert (await wire.post(f"{path}/challenge")).status_code == 409


async def test_controls_need_no_key(wire: Wire) -> None:
    """The secret key is for the API only."""
    wire.client.headers.pop("Authorization")
    assert (await wire.get("/emulator/state")).status_code == 200


@pytest.mark.parametrize(
    ("client", "status"),
    [
        (("127.0.0.1", 1), 200),
        (("::1", 1), 200),
        (("::ffff:127.0.0.1", 1), 200),
        (("testclient", 1), 200),
        (("203.0.113.9", 1), 403),
        (("::ffff:203.0.113.9", 1), 403),
        (("host", 1), 403),
    ],
)
async def test_controls_are_for_this_machine(client: tuple[str, int], status: int) -> None:
    """Other machines get 403, from the portal too."""
    transport = httpx.ASGITransport(app=CheckoutEmulator(), client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator.test") as outsider:
        assert (await outsider.get("/emulator/state")).status_code == status
        assert (await outsider.get("/emulator/portal")).status_code == status


async def test_sign_up_many(wire: Wire) -> None:
    """Many subscriptions are signed up at once and their ids returned."""
    wishes = {"count": 3, "kind": "unscheduled", "card": "5213199803453465", "external_references": True}
    ids = (await wire.post("/emulator/subscriptions", wishes)).json()["ids"]
    assert len(set(ids)) == 3
    found = (await wire.get("/v1/unscheduledsubscriptions?externalReference=imported-3")).json()
    assert found["unscheduledSubscriptionId"] == ids[2]
    assert found["paymentDetails"]["paymentMethod"] == "MasterCard"


async def test_faults_over_http(wire: Wire) -> None:
    """A list of faults replaces the last one."""
    fault = {"fault": "status", "method": "GET", "path": "/v1/*", "status": 503, "times": None}
    assert (await wire.put("/emulator/faults", [fault])).json() == {"faults": 1}
    assert (await wire.get(f"/v1/payments/{'0' * 32}")).status_code == 503
    await wire.put("/emulator/faults", [])
    assert (await wire.get(f"/v1/payments/{'0' * 32}")).status_code == 404


async def test_settings_over_http(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Settings are changed one by one and shown whole."""
    changes = {"refund_seconds": 60, "low_balance": True, "delivery_retry_delays": [1, 2]}
    shown = (await wire.put("/emulator/settings", changes)).json()
    assert shown["refund_seconds"] == emulator.settings.refund_seconds == 60
    assert emulator.settings.delivery_retry_delays == (1.0, 2.0)
    assert (await wire.put("/emulator/settings", {"bulk_seconds": 1})).json()["low_balance"] is True
    assert (await wire.get("/emulator/settings")).json()["bulk_seconds"] == 1


async def test_clock_over_http(wire: Wire) -> None:
    """The clock is moved forward, never back."""
    assert (await wire.post("/emulator/clock", {"advance": 60})).json() == {"now": START + 60}
    assert (await wire.post("/emulator/clock", {})).json() == {"now": START + 60}
    assert (await wire.post("/emulator/clock", {"advance": -1})).status_code == 400


async def test_the_state_is_complete_and_has_no_secret(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The state has payments with their operations, agreements, runs, payouts, events and deliveries, no secret."""
    _, charge_id = await wire.charged(notifications=webhooks("payment.created"))
    await wire.post(f"/v1/charges/{charge_id}/refunds", {"amount": 12500})
    other = await wire.reserved()
    await wire.post(f"/v1/payments/{other}/cancels", {"amount": 12500})
    (agreement,) = emulator.sign_up(1, external_references=True)
    items = [{"subscriptionId": agreement}]
    await wire.post("/v1/subscriptions/verifications", {"externalBulkVerificationId": "v", "subscriptions": items})
    response = await wire.get("/emulator/state")
    state = response.json()
    first, second = state["payments"]
    assert (len(first["charges"]), len(first["refunds"]), len(second["cancels"])) == (1, 1, 1)
    assert state["subscriptions"][0]["externalReference"] == "imported-1"
    assert state["bulkRuns"][0]["externalId"] == "v"
    assert state["payouts"][0]["chargedAmount"] == 12500
    assert [event["event"] for event in state["events"]][:2] == ["payment.created", "payment.reservation.created"]
    assert state["deliveries"][0]["due"] == state["now"]
    assert "q7Lw2ZtB9fKx4RdN" not in response.text


async def test_reset_discards_everything(wire: Wire, emulator: CheckoutEmulator) -> None:
    """After a reset state, faults and settings are as at the start."""
    fresh = emulator.state()
    await wire.charged()
    await wire.put("/emulator/settings", {"refund_seconds": 60})
    await wire.put("/emulator/faults", [{"fault": "status"}])
    await wire.post("/emulator/reset")
    assert emulator.state() == fresh
    assert emulator.settings.refund_seconds == 2
    await wire.create()


@pytest.mark.parametrize(
    ("method", "path", "body", "word"),
    [
        ("POST", "/emulator/subscriptions", {"count": -1}, "count"),
        ("POST", "/emulator/subscriptions", {"count": True}, "count"),
        ("POST", "/emulator/subscriptions", {"kind": "weekly"}, "kind"),
        ("POST", "/emulator/subscriptions", {"card": "1"}, "card number"),
        ("POST", "/emulator/subscriptions", {"number": 1}, "number"),
        ("POST", "/emulator/subscriptions", [1], "count (a whole number)"),
        ("PUT", "/emulator/faults", {}, "list"),
        ("PUT", "/emulator/faults", [5], "object"),
        ("PUT", "/emulator/faults", [{"fault": "delay", "when": 1}], "when"),
        ("PUT", "/emulator/faults", [{}], "fault"),
        ("PUT", "/emulator/settings", [1], "refund_seconds"),
        ("PUT", "/emulator/settings", {"speed": 1}, "speed"),
        ("PUT", "/emulator/settings", {"low_balance": "no"}, "low_balance"),
        ("PUT", "/emulator/settings", {"refund_seconds": "soon"}, "refund_seconds"),
        ("PUT", "/emulator/settings", {"event_drop_rate": 2}, "event_drop_rate"),
        ("PUT", "/emulator/settings", {"surcharge_rate": 1.5}, "surcharge_rate"),
        ("PUT", "/emulator/settings", {"event_shape": "odd"}, "event_shape"),
        ("PUT", "/emulator/settings", {"delivery_retry_delays": 5}, "iterable"),
        ("PUT", "/emulator/settings", {"delivery_retry_delays": [-1]}, "delivery_retry_delays"),
        ("PUT", "/emulator/settings", {"payout_days": 10**6}, "payout_days"),
        ("PUT", "/emulator/settings", {"refund_seconds": 1e300}, "refund_seconds"),
        ("POST", "/emulator/clock", {"advance": "1"}, "advance"),
    ],
)
async def test_bad_controls_say_why(wire: Wire, method: str, path: str, body: Any, word: str) -> None:
    """What cannot be done is a 400 that names it."""
    response = await wire.client.request(method, path, json=body)
    assert response.status_code == 400
    assert word in response.json()["message"]


async def test_broken_json_is_400(wire: Wire) -> None:
    """A body that is no JSON is refused."""
    headers = {"Content-Type": "application/json"}
    assert (await wire.client.post("/emulator/clock", content=b"{", headers=headers)).status_code == 400
