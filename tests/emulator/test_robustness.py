"""Any input gets a documented status, and every response is JSON."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from nexi_async.emulator import Clock, Settings
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint
from nexi_async.emulator._engine.engine import Engine
from tests.emulator.raw import START, hosted, item, order, webhooks

PARTIAL = {"amount": 500, "orderItems": [item(500)], "finalCharge": True, "myReference": "m"}
CARD = {"cardNumber": "4268270087374847", "expiryMonth": "12", "expiryYear": "33", "cvc": "123"}
ENTRIES = [{"externalReference": "imported-1", "order": order()}]
BODIES: list[Any] = [
    hosted(notifications=webhooks("payment.created", headers=[{"X-A": "b"}]), subscription={"interval": 0}),
    {"order": order(), "notifications": webhooks("payment.charge.created.v2"), "myReference": "m"},
    {"order": order(), "paymentInfo": {"charge": True}, "cardDetails": CARD},
    {"externalBulkChargeId": "b", "subscriptions": ENTRIES, "unscheduledSubscriptions": ENTRIES},
    {"checkoutUrl": "https://emulator.test/x", "reference": "r"},
    {"items": [item(500)], "shipping": {"costSpecified": True}} | PARTIAL,
    PARTIAL,
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
queries = st.dictionaries(
    st.sampled_from(["skip", "take", "pagenumber", "pagesize", "fromdate", "todate", "currency", "enabled"])
    | st.just("externalreference"),
    st.sampled_from(["0", "1", "-1", "2027-01-01", "2027-12-31", "true", "imported-1", "SEK"]) | st.text(max_size=5),
)


def changed(data: st.DataObject, body: Any) -> Any:
    """The body with one value somewhere in it replaced."""
    whole = orjson.loads(orjson.dumps(body))
    place = whole
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            return whole
        place = inner


def prepared() -> tuple[Engine, list[str]]:
    """An emulator with something of everything, and the ids in it."""
    engine = Engine(Settings(), seed=1, clock=Clock(time_scale=0, start=START))
    calls = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}

    def call(path: str, place: str = "", body: Any = None) -> Any:
        return engine.handle(calls["POST", path], APIRequest(path={"id": place}, body=body)).body

    open_payment = call("/v1/payments", body=hosted())["paymentId"]
    payment = call("/v1/payments", body=hosted())["paymentId"]
    engine.pay(payment)
    charge = call("/v1/payments/{id}/charges", payment, {"amount": 5000, "orderItems": [item(5000)]})["chargeId"]
    refund = call("/v1/charges/{id}/refunds", charge, {"amount": 1000, "orderItems": [item(1000)]})["refundId"]
    scheduled = engine.sign_up(1, external_references=True)
    unscheduled = engine.sign_up(1, kind="unscheduled", external_references=True)
    run = call("/v1/subscriptions/charges", body=BODIES[3])["bulkId"]
    return engine, [open_payment, payment, charge, refund, *scheduled, *unscheduled, run, "0" * 32, "x"]


@settings(max_examples=3 * settings().max_examples)  # of profiles, see conftest.py
@given(st.data(), st.sampled_from(ENDPOINTS), queries, st.sampled_from([None, "k", "", "x" * 65]))
def test_no_call_ever_crashes(data: st.DataObject, endpoint: Endpoint, query: dict[str, str], key: str | None) -> None:
    """Any call with any id and a broken body has a status of the reference, and leaves a state that can be shown."""
    engine, ids = prepared()
    body = data.draw(st.sampled_from(BODIES))
    if data.draw(st.booleans()):
        body = changed(data, body)
    request = APIRequest(path={"id": data.draw(st.sampled_from(ids))}, query=query, body=body, key=key)
    for _ in range(2):
        response = engine.handle(endpoint, request)
        assert response.status in {200, 201, 202, 204, 400, 402, 404, 409, 429}
        orjson.dumps(response.body)
        engine.advance(7 * 86400)
    orjson.dumps(engine.state())
