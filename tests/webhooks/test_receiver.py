"""The receiver answers 200 for what was handled, and for nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from nexi_async._errors import InvalidRequest
from nexi_async._models.payment import Payment
from nexi_async.webhooks import (
    EVENT_NAMES,
    Event,
    PaymentCreated,
    UnknownEvent,
    WebhookReceiver,
    deliveries,
)
from nexi_async.webhooks import _body as body_module
from tests.webhooks.support import AUTHORIZATION, NEXI, a_payment, converse, deliver, http_scope, in_chunks


class Shop:
    """A merchant's side: a receiver whose fallback records everything."""

    def __init__(self, **options: Any) -> None:
        self.seen: list[Event] = []
        self.broken = False
        settled: dict[str, Any] = {"authorization": AUTHORIZATION, "fallback": self.take} | options
        self.receiver = WebhookReceiver(**settled)

    async def take(self, event: Event) -> None:
        """Handle an event, or fail while broken."""
        self.seen.append(event)
        if self.broken:
            raise RuntimeError("the warehouse does not answer")


@pytest.fixture
def shop() -> Shop:
    """A shop in working order, on the test environment."""
    return Shop()


# --- handled -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENT_NAMES)
async def test_every_event_is_handled(shop: Shop, name: str) -> None:
    """A delivery of each event reaches the handler and is answered 200."""
    body = deliveries.sample(name)
    assert (await deliver(shop.receiver, body)).status == 200
    assert [event.raw for event in shop.seen] == [body]


async def test_a_handler_gets_its_events_only(shop: Shop) -> None:
    """A registered handler takes its event, the fallback the others, known or not."""
    created: list[PaymentCreated] = []

    @shop.receiver.on("payment.created")
    async def remember(event: PaymentCreated) -> None:
        created.append(event)

    for name in ("payment.created", "payment.cancel.created", "payment.paused"):
        assert (await deliver(shop.receiver, deliveries.sample(name))).status == 200
    assert [event.name for event in created] == ["payment.created"]
    assert [event.name for event in shop.seen] == ["payment.cancel.created", "payment.paused"]
    assert isinstance(shop.seen[1], UnknownEvent)


async def test_a_body_may_come_in_pieces(shop: Shop) -> None:
    """Chunks are put together, empty ones too."""
    body = deliveries.sample("payment.created")
    assert (await deliver(shop.receiver, body[:100], b"", body[100:])).status == 200


async def test_the_previous_authorization_is_still_good() -> None:
    """Payments keep the value they were created with."""
    shop = Shop(authorization=["new-value-1", AUTHORIZATION])
    for value in (b"new-value-1", AUTHORIZATION.encode()):
        answer = await deliver(shop.receiver, deliveries.sample("payment.created"), authorization=value)
        assert answer.status == 200


async def test_live_deliveries_come_from_elsewhere() -> None:
    """The environment decides who may deliver."""
    receiver = Shop(environment="live").receiver
    body = deliveries.sample("payment.created")
    assert (await deliver(receiver, body, client=("20.103.218.107", 5))).status == 200
    assert (await deliver(receiver, body, client=NEXI)).status == 403


async def test_networks_replace_those_of_the_environment() -> None:
    """The emulator delivers from this machine; then Nexi does not."""
    receiver = Shop(networks=["127.0.0.1"]).receiver
    body = deliveries.sample("payment.created")
    assert (await deliver(receiver, body, client=("127.0.0.1", 5))).status == 200
    assert (await deliver(receiver, body, client=NEXI)).status == 403


# --- duplicates ----------------------------------------------------------------------------------------------------


async def test_a_repeated_delivery_is_answered_without_the_handler(shop: Shop) -> None:
    """A lost answer brings the event again; it is handled already."""
    body = deliveries.sample("payment.created")
    assert [(await deliver(shop.receiver, body)).status for _ in range(3)] == [200, 200, 200]
    assert len(shop.seen) == 1


async def test_both_generations_of_one_occurrence_are_handled(shop: Shop) -> None:
    """They share the id, and are deliveries of their own."""
    for name in ("payment.charge.created", "payment.charge.created.v2"):
        assert (await deliver(shop.receiver, deliveries.sample(name, id="aa01"))).status == 200
    assert len(shop.seen) == 2


async def test_parallel_deliveries_run_the_handler_once() -> None:
    """The second of two simultaneous deliveries waits for the first and gets the same answer."""
    release, running, statuses = anyio.Event(), list[Event](), list[int]()

    async def slow(event: Event) -> None:
        running.append(event)
        await release.wait()

    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=slow)
    body = deliveries.sample("payment.created")

    async def send() -> None:
        statuses.append((await deliver(receiver, body)).status)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert not statuses
        release.set()
    assert (len(running), statuses) == (1, [200, 200, 200])


# --- not handled ---------------------------------------------------------------------------------------------------


async def test_a_failed_handler_is_run_again(shop: Shop) -> None:
    """500 makes Nexi send again; the handler gets another chance each time."""
    body = deliveries.sample("payment.created")
    shop.broken = True
    assert [(await deliver(shop.receiver, body)).status for _ in range(2)] == [500, 500]
    shop.broken = False
    assert (await deliver(shop.receiver, body)).status == 200
    assert len(shop.seen) == 3


async def test_a_failed_handler_is_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Event, ids and exception are in the log; the shopper and the secret are not, nor in the answer."""
    shop.broken = True
    answer = await deliver(shop.receiver, deliveries.sample("payment.checkout.completed", id="aa01", payment_id="bb02"))
    for part in ("payment.checkout.completed", "aa01", "bb02", "the warehouse does not answer"):
        assert part in caplog.text
    for part in ("Maja", "203.0.113.40", AUTHORIZATION):
        assert part not in caplog.text
    assert "warehouse" not in answer.text


async def test_an_event_without_a_handler_is_kept_coming(caplog: pytest.LogCaptureFixture) -> None:
    """Without handler and fallback nothing is lost: Nexi sends again, and the log says what is missing."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION)
    assert (await deliver(receiver, deliveries.sample("payment.created"))).status == 500
    assert "no handler for 'payment.created'" in caplog.text


async def test_a_cancelled_delivery_is_handled_again(shop: Shop) -> None:
    """A server that cancels the app when the sender hangs up loses no event."""

    @shop.receiver.on("payment.created")
    async def stuck(event: PaymentCreated) -> None:
        shop.seen.append(event)
        if len(shop.seen) == 1:
            await anyio.sleep_forever()

    body = deliveries.sample("payment.created")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver, shop.receiver, body)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert (await deliver(shop.receiver, body)).status == 200
    assert len(shop.seen) == 2


# --- refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_post_is_a_delivery(shop: Shop, method: str) -> None:
    """Browsers and probes get 405, wherever they come from."""
    answer = await deliver(shop.receiver, method=method, client=None)
    assert (answer.status, answer.headers[b"allow"]) == (405, b"POST")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-forwarded-for", b"20.31.57.60")],
        [(b"x-real-ip", b"20.31.57.60"), (b"forwarded", b"for=20.31.57.60")],
        [(b"x-forwarded-for", b"203.0.113.9, 20.31.57.60"), (b"x-forwarded-for", b"20.31.57.61")],
    ],
)
async def test_a_claimed_address_is_not_believed(shop: Shop, headers: list[tuple[bytes, bytes]]) -> None:
    """No header makes another sender Nexi; the secret does not help."""
    answer = await deliver(
        shop.receiver, deliveries.sample("payment.created"), client=("203.0.113.9", 5), headers=headers
    )
    assert answer.status == 403
    assert not shop.seen


@pytest.mark.parametrize("client", [None, ("testclient", 50000)])
async def test_a_peer_without_an_address_is_refused(
    shop: Shop, client: tuple[str, int] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """In doubt the sender is refused, and the log names its address and the option."""
    answer = await deliver(shop.receiver, deliveries.sample("payment.created"), client=client)
    assert answer.status == 403
    assert repr(client) in caplog.text
    assert "`networks`" in caplog.text


@pytest.mark.parametrize("authorization", [None, b"", b"wrong-value", b"\xe5\xe4\xf6", b"Bearer Kq7ZtB9fRw4LmXc2"])
async def test_a_wrong_authorization_is_refused(
    shop: Shop, authorization: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, wrong or not even text: 401, and the value stays out of the log."""
    answer = await deliver(shop.receiver, deliveries.sample("payment.created"), authorization=authorization)
    assert answer.status == 401
    assert not shop.seen
    assert "wrong-value" not in caplog.text


async def test_two_authorizations_are_refused(shop: Shop) -> None:
    """A second value slipped in does not win."""
    extra = [(b"authorization", b"wrong-value")]
    assert (await deliver(shop.receiver, deliveries.sample("payment.created"), headers=extra)).status == 401


@pytest.mark.parametrize(
    "body",
    [b"", b"{", deliveries.sample("payment.created")[:-5], b'{"event": "payment.created"}'],
    ids=["empty", "opened", "cut off", "no id"],
)
async def test_what_is_no_event_is_refused(shop: Shop, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Truncated or foreign bodies get 400, and the log says what is wrong with them."""
    answer = await deliver(shop.receiver, body)
    assert (answer.status, answer.text) == (400, "not an event")
    assert "refused a webhook that is no event: " in caplog.text


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        ([(b"content-length", b"65537")], [b"{}"]),
        ([(b"content-length", b"9" * 6_000)], [b"{}"]),
        ([(b"content-length", b"2")], [b"x" * 65_537]),
        ([], [b"x" * 40_000, b"x" * 40_000]),
        ([(b"content-length", "²".encode("latin-1"))], [b"x" * 65_537]),
    ],
)
async def test_a_large_body_is_refused(shop: Shop, headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> None:
    """What is announced as too large is not read, what turns out to be is not kept."""
    assert (await deliver(shop.receiver, *chunks, headers=headers)).status == 413


async def test_the_limit_is_the_last_size_that_fits() -> None:
    """`max_body` bytes are fine, one more is not."""
    body = deliveries.sample("payment.created")
    assert (await deliver(Shop(max_body=len(body)).receiver, body)).status == 200
    assert (await deliver(Shop(max_body=len(body) - 1).receiver, body)).status == 413


async def test_a_slow_body_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that trickles or stalls does not hold the connection for ever."""
    monkeypatch.setattr(body_module, "BODY_TIMEOUT", 0.01)
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    await shop.receiver(http_scope(), anyio.sleep_forever, send)  # type: ignore[arg-type]
    assert said[0]["status"] == 408


async def test_a_sender_that_hangs_up_is_not_answered(shop: Shop) -> None:
    """Half a body is no delivery, even if it could be read as one."""
    half: Message = {"type": "http.request", "body": deliveries.sample("payment.created"), "more_body": True}
    assert await converse(shop.receiver, http_scope(), [half]) == []
    assert not shop.seen


async def test_checks_come_in_order(shop: Shop) -> None:
    """Method, address, size, authorization, event: the first that fails answers."""
    other: dict[str, Any] = {"client": None, "authorization": None}
    large = b"x" * 70_000
    assert (await deliver(shop.receiver, large, method="GET", **other)).status == 405
    assert (await deliver(shop.receiver, large, **other)).status == 403
    assert (await deliver(shop.receiver, large, authorization=None)).status == 413
    assert (await deliver(shop.receiver, b"x", authorization=None)).status == 401
    assert (await deliver(shop.receiver, b"x")).status == 400


HEADERS = st.tuples(
    st.sampled_from([b"authorization", b"content-length", b"x-forwarded-for", b"forwarded", b"x"]),
    st.binary(max_size=30)
    | st.sampled_from([b"20.31.57.61", b"for=20.31.57.61", b'for="[::1]:5"', b"10.0.0.1, 10.0.0.2"]),
)


@given(
    body=st.binary(max_size=200),
    headers=st.lists(HEADERS),
    authorization=st.none() | st.just(AUTHORIZATION.encode()),
    host=st.sampled_from(["20.31.57.61", "10.0.0.1", "unix:", ""]) | st.text(max_size=20),
)
@settings(deadline=None)
async def test_no_request_breaks_the_receiver(
    body: bytes, headers: list[tuple[bytes, bytes]], authorization: bytes | None, host: str
) -> None:
    """Any peer, any headers and any body get an answer, and never 200."""
    receiver = Shop(trusted_proxies=["10.0.0.0/8"]).receiver
    answer = await deliver(receiver, body, headers=headers, authorization=authorization, client=(host, 5))
    assert answer.status in {400, 401, 403, 413}


@given(header=HEADERS, where=st.integers(0, 2000), byte=st.integers(0, 255))
@settings(deadline=None)
async def test_a_bit_of_damage_never_makes_another_event(header: tuple[bytes, bytes], where: int, byte: int) -> None:
    """A delivery with one byte changed is refused, or is what it says it is; the server never sees an exception."""
    shop = Shop(trusted_proxies=["10.0.0.0/8"])
    body = bytearray(deliveries.sample("payment.checkout.completed"))
    body[where % len(body)] = byte
    answer = await deliver(shop.receiver, bytes(body), headers=[header])
    assert answer.status in {200, 400, 401, 403, 413}
    assert [event.raw for event in shop.seen] == [bytes(body)] * (answer.status == 200)


# --- who may deliver -----------------------------------------------------------------------------------------------


async def test_a_proxy_of_ours_says_who_it_is() -> None:
    """Behind a named proxy Nexi gets in and others do not; a proxy that is not named is not asked."""
    receiver = Shop(trusted_proxies=["10.0.0.0/8"]).receiver
    for client, claimed, status in [
        ("10.0.0.1", b"20.31.57.61", 200),
        ("10.0.0.1", b"20.31.57.61, 203.0.113.9", 403),
        ("192.168.0.1", b"20.31.57.61", 403),
        ("20.31.57.61", b"203.0.113.9", 200),
    ]:
        body, headers = deliveries.sample("payment.created"), [(b"x-forwarded-for", claimed)]
        assert (await deliver(receiver, body, client=(client, 5), headers=headers)).status == status


async def test_a_known_peer_is_checked_again_when_headers_speak_of_it() -> None:
    """What is remembered of a peer is for requests without forwarding headers, as the server may have read them."""
    receiver = Shop(networks=["20.31.57.60/30"]).receiver
    for headers, client, status in [
        ([], NEXI, 200),
        ([(b"x-forwarded-for", NEXI[0].encode())], NEXI, 403),
        ([], (NEXI[0], 0), 403),
        ([], (NEXI[0], None), 403),
        ([], [*NEXI], 200),
    ]:
        answer = await deliver(receiver, deliveries.sample("payment.created"), client=client, headers=headers)
        assert answer.status == status


async def test_a_proxy_alone_is_no_sender() -> None:
    """A proxy that names no sender is refused each time, even if its own network is allowed."""
    receiver = Shop(networks=["10.0.0.0/8"], trusted_proxies=["10.0.0.0/8"]).receiver
    for _ in range(2):
        assert (await deliver(receiver, deliveries.sample("payment.created"), client=("10.0.0.1", 5))).status == 403


@pytest.mark.parametrize("client", [None, ("testclient", 50000), ("203.0.113.9", 5)])
async def test_authorization_alone_can_decide(client: tuple[str, int] | None, caplog: pytest.LogCaptureFixture) -> None:
    """With networks="any" every sender is allowed that has the value, and the log warns at start."""
    receiver = Shop(networks="any").receiver
    assert "only their Authorization is checked" in caplog.text
    body = deliveries.sample("payment.created")
    assert (await deliver(receiver, body, client=client)).status == 200
    assert (await deliver(receiver, body, client=client, authorization=None)).status == 401


async def value_of(payment_id: str) -> str | list[str] | None:
    """Payments have values of their own; one has two, one is broken."""
    known: dict[str, Any] = {"bb02": "value-of-bb02", "cc03": ["value-of-cc03", "older-of-cc03"], "dd04": "short"}
    return known.get(payment_id)


@pytest.mark.parametrize(
    ("payment_id", "authorization", "status"),
    [
        ("bb02", b"value-of-bb02", 200),
        ("cc03", b"value-of-cc03", 200),
        ("cc03", b"older-of-cc03", 200),
        ("cc03", b"value-of-bb02", 401),
        ("bb02", b"", 401),
        ("bb02", None, 401),
        ("ee05", b"value-of-bb02", 401),
        ("dd04", b"short", 500),
    ],
)
async def test_each_payment_may_have_its_own_value(payment_id: str, authorization: bytes | None, status: int) -> None:
    """A function finds it; a payment that it does not know has none, one that can't be right is an error of ours."""
    shop = Shop(authorization=value_of)
    body = deliveries.sample("payment.created", payment_id=payment_id)
    assert (await deliver(shop.receiver, body, authorization=authorization)).status == status
    assert len(shop.seen) == (status == 200)


@pytest.mark.parametrize("payment_id", [None, 17, ""])
async def test_an_event_without_a_payment_id_has_no_value(payment_id: object, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to look up: it is refused with the cause, and not as if its value were wrong."""
    body = json.dumps({"event": "partner.onboarded", "id": "ab01", "data": {"paymentId": payment_id}}).encode()
    shop = Shop(authorization=value_of)
    answer = await deliver(shop.receiver, body, authorization=b"value-of-bb02")
    assert (answer.status, answer.text) == (400, "no payment id to look up the authorization by")
    assert (await deliver(shop.receiver, body, authorization=None)).status == 401
    assert not shop.seen
    assert "no readable payment id; event 'partner.onboarded', id 'ab01'" in caplog.text


async def test_without_an_event_there_is_no_value_either() -> None:
    """What can't be read is refused as such."""
    assert (await deliver(Shop(authorization=value_of).receiver, b"{")).status == 400


async def test_trouble_in_looking_up_is_not_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """When the shop's own database is away, Nexi is to send again."""

    async def fail(payment_id: str) -> str:
        raise ConnectionError(payment_id)

    body = deliveries.sample("payment.created", payment_id="bb02")
    assert (await deliver(Shop(authorization=fail).receiver, body)).status == 500
    assert "the Authorization of payment 'bb02' can't be looked up" in caplog.text


async def test_looking_up_is_limited_in_time(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A lookup that hangs holds no request for ever: it is answered as one that failed."""
    monkeypatch.setattr("nexi_async.webhooks._authorization.LOOKUP_TIMEOUT", 0.01)

    async def hang(_: str) -> str:
        await anyio.sleep_forever()
        return AUTHORIZATION

    with anyio.fail_after(5):
        assert (await deliver(Shop(authorization=hang).receiver, deliveries.sample("payment.created"))).status == 500
    assert "took longer than 0.01 seconds" in caplog.text


# --- the payment ---------------------------------------------------------------------------------------------------


async def test_a_handler_may_ask_for_the_payment() -> None:
    """It is fetched for the handler that wants it, and for no other."""
    asked: list[str] = []
    payments: list[Payment] = []

    async def retrieve(payment_id: str) -> Payment:
        asked.append(payment_id)
        return a_payment(payment_id)

    shop = Shop(refetch=retrieve)

    @shop.receiver.on("payment.created")
    async def created(event: PaymentCreated, payment: Payment) -> None:
        assert payment.payment_id == event.payment_id
        payments.append(payment)

    for name in ("payment.created", "payment.cancel.created"):
        assert (await deliver(shop.receiver, deliveries.sample(name, payment_id="bb02"))).status == 200
    assert (asked, len(payments), len(shop.seen)) == (["bb02"], 1, 1)


async def test_a_payment_that_can_not_be_fetched_is_fetched_later() -> None:
    """The handler is not called without it; Nexi sends the event again."""

    async def retrieve(payment_id: str) -> Payment:
        raise ConnectionError(payment_id)

    shop = Shop(refetch=retrieve)

    @shop.receiver.on("payment.created")
    async def created(_: PaymentCreated, __: Payment) -> None:
        pytest.fail("called without the payment")

    assert (await deliver(shop.receiver, deliveries.sample("payment.created"))).status == 500


# --- other protocols, and set-up -----------------------------------------------------------------------------------


async def test_it_lives_by_itself(shop: Shop) -> None:
    """The messages of the lifespan protocol are answered."""
    said = await converse(
        shop.receiver, {"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    )
    assert [message["type"] for message in said] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_closed(shop: Shop) -> None:
    """Nothing but HTTP is spoken here."""
    said = await converse(shop.receiver, {"type": "websocket"}, in_chunks(b""))
    assert [message["type"] for message in said] == ["websocket.close"]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"environment": "production"}, "environment"),
        ({"authorization": ""}, "authorization[0]"),
        ({"authorization": []}, "authorization"),
        ({"networks": ["nexi"]}, "networks[0]"),
        ({"networks": []}, "networks"),
        ({"trusted_proxies": ["nginx"]}, "trusted_proxies[0]"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies[0]"),
        ({"max_body": 0}, "max_body"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], path: str) -> None:
    """A receiver that could not work is not made."""
    with pytest.raises(InvalidRequest, match="^" + re.escape(path)):
        Shop(**options)


def test_the_secret_is_not_shown(shop: Shop) -> None:
    """A receiver can be printed."""
    assert AUTHORIZATION not in repr(shop.receiver)
