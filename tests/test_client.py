"""Tests of nexi_async._client."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import anyio
import httpx
import pytest

from nexi_async import (
    AsyncCheckout,
    InvalidRequest,
    NotFound,
    Order,
    OrderItem,
    Outcome,
    RetryPolicy,
    ServerError,
    Unauthorized,
)
from tests.scripted import KEY, SWIFT, ScriptedAPI, answer, client

FOUND = answer(200, {"chargeId": "c1", "amount": 100})
VARIABLES = ("NEXI_SECRET_KEY", "NEXI_ENVIRONMENT", "NEXI_BASE_URL")


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own settings gets into a test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def checkout(secret_key: str | None = KEY, **settings: Any) -> AsyncCheckout:
    """A client that sends nothing anywhere."""
    return AsyncCheckout(secret_key, **{"transport": ScriptedAPI(), **settings})


def refused(**settings: Any) -> InvalidRequest:
    """Why a client is not made."""
    with pytest.raises(InvalidRequest) as caught:
        checkout(**settings)
    return caught.value


def paths(error: InvalidRequest) -> list[str]:
    """Where the faults are."""
    return [fault.path for fault in error.faults]


async def address_of(**settings: Any) -> str:
    """What a client calls."""
    api = ScriptedAPI(FOUND)
    async with checkout(transport=api, **settings) as client:
        await client.charges.retrieve("c1")
    return str(api.requests[0].url)


# --- the secret key ---------------------------------------------------------------------------------------------------


async def test_key_travels_as_it_is() -> None:
    """The raw key is the Authorization header, without a scheme before it."""
    api = ScriptedAPI(FOUND)
    async with client(api) as checkout:
        await checkout.charges.retrieve("c1")
    assert api.requests[0].headers["authorization"] == KEY


@pytest.mark.parametrize("given", [f" {KEY}", f"{KEY}\n", f"\t{KEY}\r\n"])
async def test_white_space_around_the_key_is_dropped(given: str) -> None:
    """A key read from a file works with the newline at its end."""
    api = ScriptedAPI(FOUND)
    async with checkout(given, transport=api) as client:
        await client.charges.retrieve("c1")
    assert api.requests[0].headers["authorization"] == KEY


async def test_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """NEXI_SECRET_KEY is the key when none is given."""
    monkeypatch.setenv("NEXI_SECRET_KEY", "key-of-the-machine")
    api = ScriptedAPI(FOUND)
    async with checkout(None, transport=api) as client:
        await client.charges.retrieve("c1")
    assert api.requests[0].headers["authorization"] == "key-of-the-machine"


@pytest.mark.parametrize("given", [None, "", " ", "\n"])
def test_missing_key(given: str | None) -> None:
    """Without a key there is no client, and the error says where keys come from."""
    error = refused(secret_key=given)
    assert paths(error) == ["secret_key"]
    assert "NEXI_SECRET_KEY" in str(error)
    assert error.outcome is Outcome.NOT_SENT


def test_blank_key_does_not_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was given and is empty is a mistake, not a wish for another key."""
    monkeypatch.setenv("NEXI_SECRET_KEY", "key-of-the-machine")
    assert paths(refused(secret_key="")) == ["secret_key"]


@pytest.mark.parametrize(
    "given", ["live\nsecret", "live secret", "live\tsecret", "live\0secret", "livesécret", "a\x7fb"]
)
def test_key_that_cannot_be_one_is_not_repeated(given: str) -> None:
    """A key that would break the header is refused, and stays out of the error."""
    error = refused(secret_key=given)
    assert paths(error) == ["secret_key"]
    assert given not in str(error)
    assert "live" not in "".join(traceback.format_exception_only(error))


async def test_wrong_key() -> None:
    """The API's 401 raises `Unauthorized`, after one attempt."""
    api = ScriptedAPI(answer(401))
    async with client(api) as checkout:
        with pytest.raises(Unauthorized) as caught:
            await checkout.charges.retrieve("c1")
    assert caught.value.outcome is Outcome.REJECTED
    assert KEY not in str(caught.value)
    assert len(api.requests) == 1


def test_repr_shows_no_key() -> None:
    """A client says where it talks to, and not with what."""
    assert repr(checkout()) == "AsyncCheckout(environment='test', base_url='https://test.api.dibspayment.eu')"


# --- where to ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "https://test.api.dibspayment.eu/v1/charges/c1"),
        ({"environment": "test"}, "https://test.api.dibspayment.eu/v1/charges/c1"),
        ({"environment": "live"}, "https://api.dibspayment.eu/v1/charges/c1"),
        ({"base_url": "https://proxy.shop.test"}, "https://proxy.shop.test/v1/charges/c1"),
        ({"base_url": "https://proxy.shop.test/"}, "https://proxy.shop.test/v1/charges/c1"),
        ({"base_url": "https://proxy.shop.test/nexi/"}, "https://proxy.shop.test/nexi/v1/charges/c1"),
        ({"base_url": "http://127.0.0.1:8400"}, "http://127.0.0.1:8400/v1/charges/c1"),
        ({"base_url": "http://localhost:8400"}, "http://localhost:8400/v1/charges/c1"),
        ({"base_url": "http://[::1]:8400"}, "http://[::1]:8400/v1/charges/c1"),
    ],
)
async def test_addresses(settings: dict[str, Any], expected: str) -> None:
    """The environment has its address, and a given one replaces it."""
    assert await address_of(**settings) == expected


async def test_environment_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """NEXI_ENVIRONMENT chooses when nothing is said."""
    monkeypatch.setenv("NEXI_ENVIRONMENT", "live")
    assert await address_of() == "https://api.dibspayment.eu/v1/charges/c1"
    assert await address_of(environment="test") == "https://test.api.dibspayment.eu/v1/charges/c1"


async def test_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """NEXI_BASE_URL is the address when none is given."""
    monkeypatch.setenv("NEXI_BASE_URL", "http://127.0.0.1:8400")
    assert await address_of() == "http://127.0.0.1:8400/v1/charges/c1"
    assert await address_of(base_url="https://proxy.shop.test") == "https://proxy.shop.test/v1/charges/c1"


def test_unknown_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt environment is not taken for the default one."""
    assert paths(refused(environment="production")) == ["environment"]
    monkeypatch.setenv("NEXI_ENVIRONMENT", "Live")
    assert paths(refused()) == ["environment"]


@pytest.mark.parametrize(
    "address",
    ["http://api.dibspayment.eu", "http://10.0.0.1", "http://localhost.shop.test", "http://127.0.0.1.shop.test"],
)
def test_key_does_not_travel_in_the_open(address: str) -> None:
    """Plain http leaves this machine under no circumstances."""
    error = refused(base_url=address)
    assert paths(error) == ["base_url"]
    assert "must be https" in str(error)


@pytest.mark.parametrize(
    "address",
    [
        "api.dibspayment.eu",
        "ftp://api.dibspayment.eu",
        "https://",
        "https:///v1",
        "https://api.test?a=b",
        "https://api.test#a",
        "https://api.test/?",
        "https://api.test/#",
        "https://api.test:port",
        "https://api.test:99999",
        "https://[::1",
        "https://api test",
        "https://api.test\n",
        "https://api.test\\elsewhere.test",
    ],
)
def test_address_that_is_none(address: str) -> None:
    """What is no address is refused when the client is made, not when it is used."""
    assert paths(refused(base_url=address)) == ["base_url"]


def test_password_in_an_address_is_not_repeated() -> None:
    """An address takes no user, and what stands there stays out of the error."""
    error = refused(base_url="https://user:password@api.test")
    assert paths(error) == ["base_url"]
    assert "password" not in str(error)


async def test_blank_setting_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing is not set."""
    monkeypatch.setenv("NEXI_ENVIRONMENT", "")
    monkeypatch.setenv("NEXI_BASE_URL", "")
    assert await address_of() == "https://test.api.dibspayment.eu/v1/charges/c1"


# --- other settings ---------------------------------------------------------------------------------------------------


async def test_headers_of_every_call() -> None:
    """A call says what it takes and who sends it, in ASCII."""
    api = ScriptedAPI(FOUND)
    async with client(api) as checkout:
        await checkout.charges.retrieve("c1")
    headers = api.requests[0].headers
    assert headers["accept"] == "application/json"
    assert headers["user-agent"].startswith(f"nexi-async/{version('nexi-async')} python/3.")
    assert headers["user-agent"].isascii()
    assert "commerceplatformtag" not in headers


async def test_platform_tag() -> None:
    """The platform's name goes with every call."""
    api = ScriptedAPI(FOUND)
    async with checkout(transport=api, platform_tag="Acme 2.1") as client:
        await client.charges.retrieve("c1")
    assert api.requests[0].headers["commerceplatformtag"] == "Acme 2.1"


async def test_white_space_around_the_platform_tag_is_dropped() -> None:
    """Blanks around a header's value are forbidden, and every call would fail by them."""
    api = ScriptedAPI(FOUND)
    async with checkout(transport=api, platform_tag=" Acme 2.1 ") as client:
        await client.charges.retrieve("c1")
    assert api.requests[0].headers["commerceplatformtag"] == "Acme 2.1"


@pytest.mark.parametrize("tag", ["", " ", "Åcme", "Acme\n2.1", "Acme\t2.1"])
def test_platform_tag_that_is_no_header(tag: str) -> None:
    """A tag that would break every call is refused at once."""
    assert paths(refused(platform_tag=tag)) == ["platform_tag"]


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf")])
def test_senseless_timeout(timeout: float) -> None:
    """A time limit leaves time, and ends."""
    assert paths(refused(timeout=timeout)) == ["timeout"]


@pytest.mark.parametrize("count", [0, -1])
def test_senseless_number_of_connections(count: int) -> None:
    """A client without connections could send nothing."""
    assert paths(refused(max_connections=count)) == ["max_connections"]


@pytest.mark.parametrize("number", ["", "12a", " 12", "١٢", "9" * 19])
def test_senseless_merchant_number(number: str) -> None:
    """A merchant number is digits."""
    assert paths(refused(merchant_number=number)) == ["merchant_number"]


async def test_retry_policy_is_kept() -> None:
    """The client makes as many attempts as its policy allows."""
    api = ScriptedAPI(*[answer(500)] * 9)
    async with client(api, retry=RetryPolicy(attempts=2, first_delay=0.0)) as checkout:
        with pytest.raises(ServerError) as caught:
            await checkout.charges.retrieve("c1")
    assert (caught.value.attempts, len(api.requests)) == (2, 2)


# --- life -------------------------------------------------------------------------------------------------------------


async def test_use_before_opening() -> None:
    """A client that is not open says how to open it."""
    with pytest.raises(RuntimeError, match="async with AsyncCheckout"):
        await client(ScriptedAPI(FOUND)).charges.retrieve("c1")


async def test_use_after_closing() -> None:
    """A closed client closes its transport and says that it is closed."""
    api = ScriptedAPI(FOUND)
    async with client(api) as checkout:
        pass
    assert api.closed
    with pytest.raises(RuntimeError, match="is closed"):
        await checkout.charges.retrieve("c1")
    assert not api.requests


async def test_opening_twice() -> None:
    """A client has one life."""
    checkout = client(ScriptedAPI())
    async with checkout:
        with pytest.raises(RuntimeError, match="was opened before"):
            async with checkout:
                pass
    with pytest.raises(RuntimeError, match="was opened before"):
        async with checkout:
            pass


def test_another_event_loop() -> None:
    """A client is not carried from one event loop to the next."""
    checkout = client(ScriptedAPI(FOUND))

    async def open_it() -> None:
        await checkout.__aenter__()

    async def use_it() -> None:
        await checkout.charges.retrieve("c1")

    anyio.run(open_it)
    with pytest.raises(RuntimeError, match="another event loop"):
        anyio.run(use_it)


async def test_an_error_inside_closes_too() -> None:
    """Whatever ends the block, the connections are closed."""
    api = ScriptedAPI(answer(404))
    with pytest.raises(NotFound):
        async with client(api) as checkout:
            await checkout.charges.retrieve("c1")
    assert api.closed


def test_making_a_client_opens_nothing() -> None:
    """A client that is made and forgotten leaves no connection behind."""
    assert "https://api.dibspayment.eu" in repr(
        AsyncCheckout(KEY, environment="live", ssl_context=ssl.create_default_context())
    )


# --- copies -----------------------------------------------------------------------------------------------------------


async def test_copies_share_the_connections() -> None:
    """A platform serves many merchants through one client: each copy has its own key and number."""
    api = ScriptedAPI(FOUND, FOUND, FOUND)
    async with client(api) as checkout:
        other = checkout.with_options(secret_key=" key-of-another \n", merchant_number="4711")
        for each in (checkout, other, checkout):
            await each.charges.retrieve("c1")
    assert [request.headers["authorization"] for request in api.requests] == [KEY, "key-of-another", KEY]
    assert "key-of-another" not in repr(other)


async def test_copies_keep_what_is_not_changed() -> None:
    """Only the named options differ."""
    api = ScriptedAPI(answer(500), FOUND)
    async with checkout(transport=api, platform_tag="Acme", retry=SWIFT) as original:
        await original.with_options(timeout=1.0).charges.retrieve("c1")
    assert api.requests[1].headers["commerceplatformtag"] == "Acme"
    assert api.requests[1].extensions["timeout"]["read"] == 1.0


async def test_copies_retry_by_their_own_policy() -> None:
    """A copy with one attempt does not retry."""
    api = ScriptedAPI(answer(500), FOUND)
    async with client(api) as checkout:
        with pytest.raises(ServerError):
            await checkout.with_options(retry=RetryPolicy(attempts=1)).charges.retrieve("c1")


async def test_copies_live_as_long_as_the_original() -> None:
    """A copy of a closed client is closed."""
    async with client(ScriptedAPI()) as checkout:
        copy = checkout.with_options(timeout=1.0)
    with pytest.raises(RuntimeError, match="is closed"):
        await copy.charges.retrieve("c1")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"timeout": 0}, "timeout"),
        ({"secret_key": ""}, "secret_key"),
        ({"secret_key": "a\nb"}, "secret_key"),
        ({"merchant_number": "x"}, "merchant_number"),
    ],
)
def test_senseless_options(options: dict[str, Any], path: str) -> None:
    """A copy is checked as the original is."""
    with pytest.raises(InvalidRequest) as caught:
        checkout().with_options(**options)
    assert paths(caught.value) == [path]


# --- keys of the caller's own -----------------------------------------------------------------------------------------

ITEM = OrderItem.of(reference="s", name="Socks", unit_price=100, tax_rate=0)
ORDER = Order.of(currency="NOK", items=[ITEM])

MOVES_MONEY: dict[str, Callable[[AsyncCheckout, str | None], Awaitable[object]]] = {
    "charge": lambda api, key: api.payments.charge("p1", amount=100, idempotency_key=key),
    "refund": lambda api, key: api.payments.refund("p1", amount=100, idempotency_key=key),
    "refund of a charge": lambda api, key: api.charges.refund("c1", amount=100, idempotency_key=key),
    "subscription": lambda api, key: api.subscriptions.charge("s1", order=ORDER, idempotency_key=key),
    "unscheduled": lambda api, key: api.unscheduled_subscriptions.charge("s1", order=ORDER, idempotency_key=key),
    "raw charge": lambda api, key: api.request("post", "/v1/payments/p1/charges", idempotency_key=key),
    "raw refund": lambda api, key: api.request("POST", "/v1/charges/c1/refunds", idempotency_key=key),
    "raw card payment": lambda api, key: api.request("POST", "/v1/cardpayments", idempotency_key=key),
    "raw, otherwise spelt": lambda api, key: api.request("POST", "/V1/Payments/p1/Charges/?a=b", idempotency_key=key),
}


@pytest.mark.parametrize("call", MOVES_MONEY.values(), ids=MOVES_MONEY)
async def test_keys_that_are_required(call: Callable[[AsyncCheckout, str | None], Awaitable[object]]) -> None:
    """A client that requires keys refuses calls that move money without one of the caller's, and says which to use."""
    api = ScriptedAPI(answer(201, {"chargeId": "c1", "paymentId": "p1", "refundId": "r1"}))
    async with checkout(transport=api, require_idempotency_keys=True) as original:
        strict = original.with_options(secret_key="of-another")
        with pytest.raises(InvalidRequest, match=r"require_idempotency_keys=True: pass derive_key\(") as caught:
            await call(strict, None)
        assert (paths(caught.value), api.requests) == (["idempotency_key"], [])
        await call(strict, "k1")
    assert api.keys == ["k1"]


@pytest.mark.parametrize("call", MOVES_MONEY.values(), ids=MOVES_MONEY)
async def test_keys_are_made_by_default(call: Callable[[AsyncCheckout, str | None], Awaitable[object]]) -> None:
    """Without the option a key of one's own is no must."""
    api = ScriptedAPI(answer(201, {"chargeId": "c1", "paymentId": "p1", "refundId": "r1"}))
    async with checkout(transport=api) as client:
        await call(client, None)
    assert len(api.requests) == 1


async def test_what_needs_no_key() -> None:
    """What moves no money, or has a name of its own, goes without a key also where keys are required."""
    api = ScriptedAPI(answer(204), answer(202, {"bulkId": "b1"}), answer(200, {}), FOUND)
    async with checkout(transport=api, require_idempotency_keys=True) as client:
        await client.payments.cancel("p1", amount=100)
        await client.request("POST", "/v1/subscriptions/charges", json={})
        await client.request("POST", "/v1/payments", json={})
        await client.charges.retrieve("c1")
    assert len(api.requests) == 4


# --- any request of the API -------------------------------------------------------------------------------------------


async def test_raw_call() -> None:
    """Any call can be made, with the same headers, errors and repetitions as the others."""
    api = ScriptedAPI(answer(500), answer(200, {"a": [1]}, [("X-Request-Id", "r1")]))
    async with client(api) as checkout:
        found = await checkout.request("post", "/v1/new", json={"b": 2}, query={"c": "d e"}, idempotency_key="k1")
    assert (found.status, found.json(), found.header("x-request-id"), found.attempts) == (200, {"a": [1]}, "r1", 2)
    assert api.calls == ["POST /v1/new?c=d+e"] * 2
    assert api.bodies == [{"b": 2}] * 2
    assert api.keys == ["k1"] * 2
    assert api.requests[0].headers["authorization"] == KEY


async def test_raw_call_with_parameters_in_both_places() -> None:
    """Those in the path and those given apart are all sent."""
    api = ScriptedAPI(answer(200, []))
    async with client(api) as checkout:
        await checkout.request("GET", "/v1/paymentmethods?Currency=SEK", query={"Enabled": "true"})
    assert api.calls == ["GET /v1/paymentmethods?Currency=SEK&Enabled=true"]


async def test_raw_call_without_a_body() -> None:
    """Nothing is sent where nothing is given, and nothing read where nothing came."""
    api = ScriptedAPI(answer(204))
    async with client(api) as checkout:
        assert (await checkout.request("PUT", "/v1/payments/p1/terminate")).json() is None
    assert api.bodies == [None]


async def test_raw_post_without_a_key_is_not_repeated() -> None:
    """`request` validates as the other methods do."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(200))
    async with client(api) as checkout:
        with pytest.raises(Exception, match="lost its connection"):
            await checkout.request("POST", "/v1/new", json={})
    assert len(api.requests) == 1


async def test_raw_call_by_another_method_is_not_repeated() -> None:
    """The API knows keys of POST only, so that a key makes no other method safe to repeat."""
    api = ScriptedAPI(httpx.ReadError("x"), answer(200))
    async with client(api) as checkout:
        with pytest.raises(Exception, match="lost its connection"):
            await checkout.request("DELETE", "/v1/new", idempotency_key="k1")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "path", ["", "v1/payments", "https://elsewhere.test/", "/v1/a b", "/v1/å", "/v1/a\nb", "/v1/a#b/charges"]
)
async def test_raw_call_to_no_path(path: str) -> None:
    """What is no path of the API is not called."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await checkout.request("GET", path)
    assert paths(caught.value) == ["path"]


async def test_raw_call_with_a_senseless_key() -> None:
    """A key that the API would refuse is refused here."""
    async with client(ScriptedAPI()) as checkout:
        with pytest.raises(InvalidRequest):
            await checkout.request("POST", "/v1/new", idempotency_key="")
