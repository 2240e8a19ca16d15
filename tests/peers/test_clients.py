"""What other clients send in production is accepted by default; strict settings refuse what the reference forbids."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from nexi_async import Address, InvalidRequest
from nexi_async._models import rules
from nexi_async._models.notifications import WebHook
from nexi_async.emulator import CheckoutEmulator, Settings
from nexi_async.emulator._engine.settings import STRICT
from tests.emulator.raw import Wire, hosted
from tests.peers.requests import ADDRESS, CREATES, Request, line, order

STRANGE_ID = "c4d81f6ab0574a13927e5d0ce8f1b263"


def a_wire(emulator: CheckoutEmulator) -> Wire:
    """A bare HTTP client of an emulator."""
    headers = {"Authorization": emulator.secret_key}
    return Wire(
        httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url="http://localhost", headers=headers)
    )


@pytest.fixture
def emulator() -> CheckoutEmulator:
    """An emulator with its defaults, whose clock stands still."""
    return CheckoutEmulator(seed=1, time_scale=0)


@pytest.fixture
async def wire(emulator: CheckoutEmulator) -> AsyncIterator[Wire]:
    """A bare HTTP client of it."""
    wire = a_wire(emulator)
    async with wire.client:
        yield wire


@pytest.fixture
async def strict_wire() -> AsyncIterator[Wire]:
    """A bare HTTP client of an emulator with strict settings."""
    wire = a_wire(CheckoutEmulator(seed=1, time_scale=0, strict=True))
    async with wire.client:
        yield wire


def source_of(request: Request) -> str:
    """What a test is called after."""
    return request.source


@pytest.mark.parametrize("request_", CREATES, ids=source_of)
async def test_payments_of_other_clients_are_created(wire: Wire, request_: Request) -> None:
    """As in production: 201, and the order in whole numbers whatever the request's were."""
    answer = await wire.post("/v1/payments", request_.body)
    assert answer.status_code == 201, answer.text
    payment = await wire.payment(answer.json()["paymentId"])
    assert payment["orderDetails"]["amount"] == int(request_.body["order"]["amount"])


@pytest.mark.parametrize("request_", CREATES, ids=source_of)
async def test_strict_settings_refuse_what_the_reference_refuses(strict_wire: Wire, request_: Request) -> None:
    """Only what no lenience is needed for passes."""
    answer = await strict_wire.post("/v1/payments", request_.body)
    assert answer.status_code == (400 if request_.needs else 201)


@pytest.mark.parametrize("request_", [request for request in CREATES if request.needs], ids=source_of)
async def test_each_lenience_is_a_setting_of_its_own(wire: Wire, emulator: CheckoutEmulator, request_: Request) -> None:
    """With the one that it needs switched, and no other, the request is refused."""
    emulator.settings = Settings(**{name: STRICT[name] for name in request_.needs})
    assert (await wire.post("/v1/payments", request_.body)).status_code == 400


@pytest.mark.parametrize("value", ["", " 1", "1e3", "0x10", "1,5", "one", "١"])
async def test_only_digits_are_numbers(wire: Wire, value: str) -> None:
    """A text that is not plainly a number is refused; nothing is guessed."""
    answer = await wire.post("/v1/payments", {"order": order(line(quantity=value)), "checkout": hosted()["checkout"]})
    assert list(answer.json()["errors"]) == ["order.items[0].quantity"]


async def test_an_amount_with_a_fraction_is_none(wire: Wire) -> None:
    """Minor units are whole, as text too."""
    body = {"order": order(amount="12500.0"), "checkout": hosted()["checkout"]}
    assert (await wire.post("/v1/payments", body)).status_code == 400


async def test_norway_has_postal_codes(wire: Wire) -> None:
    """Empty is for countries that have none."""
    consumer = {"shippingAddress": ADDRESS | {"country": "NOR", "postalCode": ""}}
    answer = await wire.post("/v1/payments", hosted(checkout_consumer=consumer))
    assert list(answer.json()["errors"]) == ["checkout.consumer.shippingAddress.postalCode"]


# --- subscriptions of the PHP SDK ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["charges", "verifications"])
async def test_bulks_of_the_php_sdk(wire: Wire, emulator: CheckoutEmulator, what: str) -> None:
    """It writes both members that name a subscription, one of them empty."""
    (agreement,) = emulator.sign_up(1)
    entry = {"subscriptionId": agreement, "externalReference": "", "order": order()}
    external = {"externalBulkChargeId": "a", "externalBulkVerificationId": "a"}
    answer = await wire.post(f"/v1/subscriptions/{what}", external | {"subscriptions": [entry]})
    assert answer.status_code == 202
    emulator.advance(10)
    page = (await wire.get(f"/v1/subscriptions/{what}/{answer.json()['bulkId']}")).json()["page"]
    assert [(item["subscriptionId"], item["status"]) for item in page] == [(agreement, "Succeeded")]
    assert "externalReference" not in page[0]


@pytest.mark.parametrize(
    "entry", [{"subscriptionId": "", "externalReference": ""}, {"subscriptionId": STRANGE_ID, "externalReference": "x"}]
)
async def test_a_subscription_is_named_once(wire: Wire, entry: dict[str, str]) -> None:
    """Neither none nor two."""
    body = {"externalBulkChargeId": "a", "subscriptions": [entry | {"order": order()}]}
    assert (await wire.post("/v1/subscriptions/charges", body)).status_code == 400


async def test_empty_references_are_refused_by_strict_settings(strict_wire: Wire) -> None:
    """The reference asks for 1 to 64 characters."""
    body = {"subscriptions": [{"subscriptionId": STRANGE_ID, "externalReference": ""}]}
    assert (await strict_wire.post("/v1/subscriptions/verifications", body)).status_code == 400


async def test_every_item_of_a_bulk_has_an_id(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The reference requires it; where no subscription was found it is all zeros, or missing if so set."""
    body = {"subscriptions": [{"externalReference": "unheard-of"}]}
    bulk_id = (await wire.post("/v1/subscriptions/verifications", body)).json()["bulkId"]
    emulator.advance(10)
    for setting, expected in ((True, "0" * 32), (False, None)):
        emulator.settings = Settings(bulk_items_have_ids=setting)
        (item,) = (await wire.get(f"/v1/subscriptions/verifications/{bulk_id}")).json()["page"]
        assert (item.get("subscriptionId"), item["status"]) == (expected, "Failed")


async def test_retrieving_by_reference_heeds_it(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The PHP SDK asks for an id and a reference at once; both must be the subscription's."""
    (agreement,) = emulator.sign_up(1, external_references=True)
    path = f"/v1/subscriptions/{agreement}"
    assert (await wire.get(f"{path}?externalReference=imported-1")).status_code == 200
    assert (await wire.get(f"{path}?externalReference=imported-2")).status_code == 404
    emulator.settings = Settings(retrieve_checks_reference=False)
    assert (await wire.get(f"{path}?externalReference=imported-2")).status_code == 200


# --- the shopper and Swish -----------------------------------------------------------------------------------------


async def test_the_shopper_leaves_their_details(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Where the merchant sends none, payment and events carry name, email and address."""
    payment_id = await wire.reserved()
    consumer = (await wire.payment(payment_id))["consumer"]
    assert consumer["privatePerson"]["email"] == "shopper@example.com"
    assert consumer["privatePerson"]["firstName"] == "Alva"
    assert consumer["shippingAddress"]["city"] == "Stockholm"
    events = {event["event"]: event["data"] for event in emulator.state()["events"]}
    for name in ("payment.checkout.completed", "payment.reservation.created"):
        told = events[name]["consumer"]
        assert (told["email"], told["shippingAddress"]["postcode"]) == ("shopper@example.com", "11122")


async def test_the_shopper_may_be_somebody_else(wire: Wire) -> None:
    """What the tester types counts, what the merchant sent stays, and the rest is made up."""
    payment_id = await wire.create(checkout_consumer={"email": "known@example.com"})
    typed = {"privatePerson": {"firstName": "Bo"}, "email": "typed@example.com"}
    assert (await wire.post(f"/emulator/payments/{payment_id}/pay", {"consumer": typed})).status_code == 200
    person = (await wire.payment(payment_id))["consumer"]["privatePerson"]
    assert (person["firstName"], person["email"]) == ("Bo", "known@example.com")


async def test_a_shopper_that_breaks_the_rules_is_refused(wire: Wire) -> None:
    """The form has the limits of the API."""
    payment_id = await wire.create()
    answer = await wire.post(f"/emulator/payments/{payment_id}/pay", {"consumer": {"email": "nobody"}})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["email"])


@pytest.mark.parametrize("changes", [{"checkout_merchantHandlesConsumerData": True}, {"settings": False}])
async def test_the_shopper_leaves_no_data_where_none_is_asked_for(
    wire: Wire, emulator: CheckoutEmulator, changes: dict[str, Any]
) -> None:
    """The merchant handles consumer data, or the setting is off: recorded bodies then have an address of IP alone."""
    changes = dict(changes)
    emulator.settings = Settings(shopper_gives_details=changes.pop("settings", True))
    await wire.reserved(**changes)
    (completed,) = [event for event in emulator.state()["events"] if event["event"] == "payment.checkout.completed"]
    assert completed["data"]["consumer"] == {"ip": "198.51.100.23"}


async def test_the_page_asks_the_shopper(wire: Wire) -> None:
    """The hosted page has the fields, filled in, and what is typed there is kept."""
    created = (await wire.post("/v1/payments", hosted())).json()
    page = created["hostedPaymentPageUrl"]
    asked = re.search(r'<input[^>]*name="email"[^>]*>', (await wire.get(page)).text)
    assert asked is not None
    assert 'value="shopper@example.com"' in asked[0]
    form = {"method": "card", "email": "typed@example.com", "firstName": "Bo", "lastName": "Ek", "country": "SWE"}
    form |= {"addressLine1": "Gatan 2", "postalCode": "27143", "city": "Ystad"}
    assert (await wire.client.post(page, data=form)).status_code == 303
    consumer = (await wire.payment(created["paymentId"]))["consumer"]
    assert consumer["privatePerson"]["email"] == "typed@example.com"
    assert consumer["shippingAddress"]["city"] == "Ystad"


@pytest.mark.parametrize(("kind", "listed"), [("A2A", "A2A"), ("WALLET", "Wallet")])
async def test_swish_is_of_the_type_that_is_set(wire: Wire, emulator: CheckoutEmulator, kind: str, listed: str) -> None:
    """Its official page says A2A, so a white list of A2A lets it through."""
    emulator.settings = Settings(swish_type=kind)
    payment_id = await wire.reserved(
        pay={"method": "Swish"}, paymentMethodsConfiguration=[{"name": listed, "enabled": True}]
    )
    assert (await wire.payment(payment_id))["paymentDetails"]["paymentType"] == kind
    methods = (await wire.get("/v1/paymentmethods")).json()
    assert {entry["paymentType"] for entry in methods if entry["name"] == "Swish"} == {kind}
    both = hosted(paymentMethodsConfiguration=[{"name": listed}, {"name": "Swish"}])
    assert (await wire.post("/v1/payments", both)).status_code == 400


# --- answers -------------------------------------------------------------------------------------------------------


async def test_the_expiry_is_a_setting(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Official code knows answers with it and without."""
    assert "expiresAt" in (await wire.post("/v1/payments", hosted())).json()
    emulator.settings = Settings(show_expiry_on_create=False)
    assert set((await wire.post("/v1/payments", hosted())).json()) == {"paymentId", "hostedPaymentPageUrl"}


@pytest.mark.parametrize(("setting", "path"), [("full", "order.amount"), ("short", "amount")])
async def test_the_paths_of_errors_are_a_setting(
    wire: Wire, emulator: CheckoutEmulator, setting: str, path: str
) -> None:
    """Plugin code of 2018 reads `amount`; nobody recorded what is written today."""
    emulator.settings = Settings(create_error_paths=setting)
    answer = await wire.post("/v1/payments", {"order": order(amount=1), "checkout": hosted()["checkout"]})
    assert list(answer.json()["errors"]) == [path]


async def test_strict_wins_over_settings() -> None:
    """`strict` is what it says, also after a reset."""
    emulator = CheckoutEmulator(settings=Settings(numbers_as_text=True, refund_seconds=7), strict=True)
    emulator.reset()
    assert (emulator.settings.numbers_as_text, emulator.settings.refund_seconds) == (False, 7)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"", b" "])
async def test_controls_take_an_empty_object_in_any_spelling(wire: Wire, body: bytes) -> None:
    """PHP writes an object without members as an empty list."""
    payment_id = await wire.create()
    answer = await wire.client.post(
        f"/emulator/payments/{payment_id}/pay", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"card": 5}', "card must be a text, not 5"),
        (b'{"crad": "x"}', "unknown members: crad; there is card (a text), method (a text), consumer (an object)"),
        (b"[1]", "must be an object with card (a text), method (a text), consumer (an object), not [1]"),
        (b"{", "not JSON"),
    ],
)
async def test_controls_say_what_they_want(wire: Wire, body: bytes, words: str) -> None:
    """A refusal names the member, what is there and what may be."""
    answer = await wire.client.post(
        f"/emulator/payments/{STRANGE_ID}/pay", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert words in answer.json()["message"]


# --- the SDK -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {"address_line1": "1 Bay", "city": "Dubai", "country": "ARE", "postal_code": ""},
        {"address_line1": "Gatan 1", "address_line2": "", "postal_code": "11122", "city": "Ystad", "country": "SWE"},
        {"country": "SWE"},
    ],
)
def test_the_sdk_sends_what_official_clients_send(members: dict[str, str]) -> None:
    """A country without postal codes, an empty second line, the country alone."""
    assert rules.faults(Address(**members)) == []


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"country": "SWE", "city": "Ystad"}, "addressLine1"),
        ({"country": "NOR", "address_line1": "A", "city": "B", "postal_code": ""}, "postalCode"),
        ({"country": "ARE", "address_line1": "", "city": "B", "postal_code": ""}, "addressLine1"),
        ({"country": "ARE", "address_line1": "A", "city": "B"}, "postalCode"),
    ],
)
def test_the_sdk_refuses_what_no_client_sends(members: dict[str, str], path: str) -> None:
    """Half an address is a mistake, and is named."""
    with pytest.raises(InvalidRequest) as caught:
        rules.check(Address(**members))
    assert caught.value.faults[0].path == path


def test_dashes_in_an_authorization_give_a_warning() -> None:
    """They work for integrators, but are not documented."""
    with pytest.warns(UserWarning, match="new_authorization"):
        hook = WebHook(event_name="payment.created", url="https://a.example", authorization="6f8b9c1e-2d3f-4a5b")
    assert rules.faults(hook) == []
    assert "6f8b9c1e" not in json.dumps(repr(hook))
