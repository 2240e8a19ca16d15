"""The OpenAPI document: it is valid, says what the emulator takes, and the emulator answers as it says."""

from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint
from nexi_async.emulator._engine.openapi import document
from tests.emulator.raw import Wire, hosted, item, order, webhooks

DOCUMENT = document()
CREATED = {
    "cardDetails": {"cardNumber": "4268270087374847", "expiryMonth": "12", "expiryYear": "30", "cvc": "123"},
    "paymentInfo": {"consumer": {"privatePerson": {"firstName": "A", "lastName": "B"}}},
}


def name(endpoint: Endpoint) -> str:
    """A test's name."""
    return endpoint.name


def validator(schema: Any) -> Draft202012Validator:
    """Checks documents against a schema of the document."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def closed(schema: Any) -> Any:
    """The same schema, in which an object has no other members than it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return found | (
        {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    )


def schema_of(endpoint: Endpoint, status: int) -> Any:
    """The schema of a response; None where it has no body."""
    response = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["responses"][str(status)]
    content = response.get("content")
    return None if content is None else content["application/json"]["schema"]


def body_schema(endpoint: Endpoint) -> Any:
    """The schema of the request body."""
    return DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["requestBody"]["content"]["application/json"][
        "schema"
    ]


def test_it_is_a_valid_document() -> None:
    """By the specification of OpenAPI 3.1."""
    validate(DOCUMENT)


async def test_it_is_served_without_a_key(wire: Wire) -> None:
    """It is no secret."""
    response = await wire.get("/openapi.json", Authorization="")
    assert (response.status_code, response.json()) == (200, DOCUMENT)


def test_every_call_has_a_name_of_its_own() -> None:
    """34 operations, in as many ids."""
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
def test_bodies_are_those_that_are_validated(endpoint: Endpoint, emulator: CheckoutEmulator) -> None:
    """What the document says of a body is checked before anything else; an operation without one reads none."""
    response = emulator._engine.handle(endpoint, APIRequest(path={"id": "0" * 32}, body=["x"]))
    has_body = "requestBody" in DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    assert (response.body == {"errors": {"instance": ["Must be an object"]}}) == has_body


BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("createPayment", hosted(notifications=webhooks("payment.created"))),
        ("chargePayment", {"amount": 100, "orderItems": [item(100)], "finalCharge": True}),
        ("updateMyReference", {"myReference": "mine"}),
        ("chargeSubscription", {"order": order()}),
        (
            "bulkChargeSubscriptions",
            {"externalBulkChargeId": "b", "subscriptions": [{"subscriptionId": "0" * 32, "order": order()}]},
        ),
        ("createCardPayment", {**CREATED, "order": order()}),
    ],
)
def test_good_bodies_are_valid(operation: str, body: Any) -> None:
    """What the emulator takes."""
    validator(body_schema(BY_NAME[operation])).validate(body)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("checkout"),
        lambda body: body["order"].update(currency="sek"),
        lambda body: body["order"].update(reference="a<b"),
        lambda body: body["order"].update(reference="x" * 129),
        lambda body: body["order"].update(items=[]),
        lambda body: body["order"].update(amount=1.5),
        lambda body: body["checkout"].update(returnUrl="javascript:alert(1)"),
        lambda body: body["checkout"].update(integrationType="Popup"),
        lambda body: body.update(notifications=webhooks("payment.exploded")),
        lambda body: body.update(notifications={"webHooks": [{"eventName": "payment.created"}]}),
    ],
)
async def test_bad_bodies_are_invalid_and_refused(wire: Wire, spoil: Any) -> None:
    """What the document does not allow the emulator answers with 400 of the documented shape."""
    body = deepcopy(hosted())
    spoil(body)
    assert not validator(body_schema(BY_NAME["createPayment"])).is_valid(body)
    response = await wire.post("/v1/payments", body)
    assert response.status_code == 400
    validator(schema_of(BY_NAME["createPayment"], 400)).validate(response.json())


class Checked:
    """Calls the emulator, and holds each response to its schema."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.called: set[str] = set()

    async def __call__(self, operation: str, place: str = "", body: Any = None, query: str = "", key: str = "") -> Any:
        """Call an operation; returns the body of its response."""
        endpoint = BY_NAME[operation]
        headers = {"Idempotency-Key": key} if key else {}
        url = endpoint.path.replace("{id}", place) + query
        response = await self.wire.client.request(endpoint.method, url, json=body, headers=headers)
        schema = schema_of(endpoint, response.status_code)
        self.called |= {operation} if response.is_success else set()
        if schema is None:
            assert not response.content
            return None
        found = response.json()
        Draft202012Validator({**closed(schema), "components": closed(DOCUMENT["components"])}).validate(found)
        return found


async def test_responses_are_as_it_says(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Each operation succeeds once, and no response has a member that the document lacks."""
    call = Checked(wire)
    created = await call("createPayment", body=hosted())
    payment = created["paymentId"]
    await call("updateOrder", payment, {"amount": 12500, "items": [item()]})
    await call("updateMyReference", payment, {"myReference": "mine"})
    reference = {"reference": "r", "checkoutUrl": created["hostedPaymentPageUrl"]}
    await call("updateReferenceInformation", payment, reference)
    emulator.pay(payment)
    await call("chargePayment", payment, {"amount": 99999})
    charge = (await call("chargePayment", payment, {"amount": 5000, "orderItems": [item(5000)]}, key="a"))["chargeId"]
    await call("cancelPayment", payment, {"amount": 1000, "orderItems": [item(1000)]})
    await call("retrieveCharge", charge)
    refund = (await call("refundCharge", charge, {"amount": 1000, "orderItems": [item(1000)]}))["refundId"]
    await call("retrieveRefund", refund)
    await call("cancelPendingRefund", refund)
    await call("refundPayment", payment, {"amount": 5000})
    await call("retrievePayment", payment)
    await call("terminatePayment", payment)
    await call("terminatePayment", (await call("createPayment", body=hosted()))["paymentId"])
    await call("createCardPayment", body={**CREATED, "order": order()}, key="c")
    await call("listPaymentMethods", query="?Currency=SEK")
    await subscriptions_are_as_it_says(call, emulator)
    emulator.advance(10 * 86400)
    await call("listBalances")
    day = "2027-01-"
    payouts = await call("listPayouts", query=f"?fromDate={day}01&toDate={day}31")
    await call("retrievePayout", payouts["payouts"][0]["id"])
    assert call.called == set(BY_NAME)


async def subscriptions_are_as_it_says(call: Checked, emulator: CheckoutEmulator) -> None:
    """The same for both kinds of subscriptions."""
    for kind, one, many in (
        ("scheduled", "Subscription", "subscriptions"),
        ("unscheduled", "UnscheduledSubscription", "unscheduledSubscriptions"),
    ):
        (agreement,) = emulator.sign_up(1, kind=kind, external_references=True)  # type: ignore[arg-type]  # a literal
        title = many[0].upper() + many[1:]
        await call(f"retrieve{one}", agreement)
        await call(f"find{one}", query="?externalReference=imported-1")
        await call(f"charge{one}", agreement, {"order": order()}, key="s")
        await call(f"retrieve{one}ChargeStatus", agreement, key="s")
        items = [{"externalReference": "imported-1"}, {"externalReference": "nobody"}]
        bulk = await call(f"verify{title}", body={"externalBulkVerificationId": "v", many: items})
        charged = [each | {"order": order()} for each in items]
        other = await call(f"bulkCharge{title}", body={"externalBulkChargeId": "b", many: charged})
        emulator.advance(60)
        await call(f"retrieveVerification{title}", bulk["bulkId"])
        await call(f"retrieveBulkCharge{title}", other["bulkId"])
