"""The log of API calls: bounded, live, and without secrets."""

from functools import partial
from typing import Any

import anyio
import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._request_log import (
    LARGEST_BODY,
    MOST_READERS,
    QUEUE,
    SIZE,
    CallFilter,
    LoggedCall,
    RequestLog,
    TooManyReaders,
    without_secrets,
)
from tests.emulator.raw import START, Wire, hosted, webhooks

ROOT = "/emulator/portal"
CARD = "4268270087374847"


def call(**changes: Any) -> LoggedCall:
    """A call that has no number yet."""
    members: dict[str, Any] = {
        "at": START,
        "method": "GET",
        "path": "/v1/payments",
        "headers": {},
        "request": None,
        "response": None,
    }
    members |= {"request_bytes": 0, "status": 200, "milliseconds": 1.0}
    return LoggedCall(**(members | changes))


def test_the_log_is_bounded() -> None:
    """It keeps the newest calls, and counts all."""
    log = RequestLog()
    for _ in range(SIZE + 5):
        log.add(call())
    found = log.find(CallFilter())
    assert (log.count, len(found), found[0].number, found[-1].number) == (SIZE + 5, SIZE, SIZE + 5, 6)


def test_calls_are_filtered() -> None:
    """By method, a part of the path, the class of the status, and the payment."""
    log = RequestLog()
    log.add(call(method="POST", status=402, path="/v1/payments/a/charges", payment_id="a"))
    log.add(call(status=0, payment_id="b"))
    for wanted in (CallFilter("POST"), CallFilter(path="CHARGES"), CallFilter(status="4"), CallFilter(payment_id="a")):
        assert [found.number for found in log.find(wanted)] == [1], wanted
    assert [found.number for found in log.find(CallFilter(status="0"))] == [2]


async def test_a_slow_reader_misses_calls_and_holds_up_none() -> None:
    """Its queue is bounded; it gets the number of what did not fit, once."""
    log = RequestLog()
    with log.follow() as reader:
        for _ in range(QUEUE + 3):
            log.add(call())
        assert (reader.take_missed(), reader.take_missed()) == (3, 0)
        first = await reader.next(1)
        assert first is not None
        assert first.number == 1
    log.add(call())


async def test_closing_ends_readers_after_what_they_have() -> None:
    """What is in the queue can still be read, then it is over."""
    log = RequestLog()
    with log.follow() as reader:
        log.add(call())
        log.close()
        assert await reader.next(1) is not None
        with pytest.raises(anyio.EndOfStream):
            await reader.next(1)
    with log.follow() as reader:
        assert await reader.next(0.001) is None


def test_readers_are_bounded() -> None:
    """One more than allowed is refused, and admitted when another has left."""
    log = RequestLog()
    opened = [log.follow() for _ in range(MOST_READERS)]
    for each in opened:
        each.__enter__()
    with pytest.raises(TooManyReaders), log.follow():
        pass
    opened.pop().__exit__(None, None, None)
    with log.follow():
        pass
    for each in opened:
        each.__exit__(None, None, None)


def test_secrets_are_masked_wherever_they_are() -> None:
    """What authorizes, header values, card numbers and codes; the rest stays."""
    document = {
        "cardDetails": {"cardNumber": CARD, "cvc": "123", "expiryMonth": "12"},
        "notifications": {
            "webHooks": [{"Authorization": "topsecretvalue", "headers": [{"X-Key": "hidden"}], "url": "u"}]
        },
    }
    shown = without_secrets(document)
    assert not [secret for secret in (CARD, "'123'", "topsecretvalue", "hidden") if secret in str(shown)]
    assert shown["cardDetails"]["expiryMonth"] == "12"
    assert shown["notifications"]["webHooks"][0]["Authorization"] == "tops… (14 characters)"


async def test_the_page_shows_request_and_response_without_secrets(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Bodies and headers are there, the secret key and a webhook's authorization are not."""
    await wire.post("/v1/payments", hosted(notifications=webhooks("payment.created")), Idempotency_Key="key-9")
    await wire.get("/v1/payments/x", Authorization="sk_live_of_somebody_else")
    page = (await wire.get(f"{ROOT}/log")).text
    for text in ("order-77", "hostedPaymentPageUrl", "key-9", "emul… (19 characters)", "/v1/payments/x", "401"):
        assert text in page, text
    for secret in (emulator.secret_key, "q7Lw2ZtB9fKx4RdN", "sk_live_of_somebody_else"):
        assert secret not in page


async def test_large_bodies_and_broken_json_are_not_kept(wire: Wire) -> None:
    """Their size is."""
    headers = {"Content-Type": "application/json"}
    for content in (b'{"cvc": 123', b" " * LARGEST_BODY + b"{}"):
        await wire.client.post("/v1/payments", content=content, headers=headers)
        page = (await wire.get(f"{ROOT}/log?method=POST")).text
        assert f"{len(content):,} bytes that are not shown" in page


async def test_lost_responses_and_faults_are_marked(wire: Wire) -> None:
    """A broken connection has no status; the fault is named."""
    await wire.put("/emulator/faults", [{"fault": "lose_response", "times": 1}, {"fault": "status", "status": 503}])
    with pytest.raises(httpx.ReadError):
        await wire.get("/v1/payments/x")
    assert (await wire.get("/v1/payments/x")).status_code == 503
    page = (await wire.get(f"{ROOT}/log?status=0")).text
    assert "lose_response" in page
    assert "503" in (await wire.get(f"{ROOT}/log?status=5")).text


class Follower:
    """One that follows the log in process, until it is closed.

    Attributes:
        texts: The parts of the body, as they were sent.
        following: Set when what comes from now on will be sent.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.following = anyio.Event()

    async def follow(self, emulator: CheckoutEmulator, query: str, **headers: str) -> None:
        """Follow the live log of the portal."""
        with anyio.fail_after(10):
            await emulator(_live_log(query, headers), self._receive, self._send)

    @property
    def numbers(self) -> list[str]:
        """The first lines of the events of calls."""
        return [text.split("\n")[0] for text in self.texts if text.startswith("id: ")]

    async def _receive(self) -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    async def _send(self, message: Any) -> None:
        self.texts.append(message.get("body", b"").decode())
        if self.texts[-1]:
            self.following.set()


def _live_log(query: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": f"{ROOT}/log/live",
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "http_version": "1.1",
    }


async def test_new_calls_are_sent_as_they_come(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Each that is wanted is an event with its number and its HTML; the log's end ends the response."""
    follower = Follower()
    await wire.get("/v1/payments/first")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.follow, emulator, "method=GET&after=0")
        await follower.following.wait()
        await wire.post("/v1/payments", hosted())
        await wire.get("/v1/payments/second")
        emulator.close_streams()
    assert follower.numbers == ["id: 1", "id: 3"]
    second = follower.texts[-2]
    assert "/v1/payments/second" in second
    assert all(line.startswith(("id: ", "data: ")) for line in second.strip().split("\n"))


async def test_a_reconnecting_browser_gets_what_it_missed(wire: Wire, emulator: CheckoutEmulator) -> None:
    """`Last-Event-ID` wins over the address of the stream."""
    for name in ("a", "b"):
        await wire.get(f"/v1/payments/{name}")
    follower = Follower()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(follower.follow, emulator, "after=0", last_event_id="1"))
        await follower.following.wait()
        emulator.close_streams()
    assert follower.numbers == ["id: 2"]


async def test_a_cancelled_reader_leaves_nothing_behind(emulator: CheckoutEmulator) -> None:
    """Neither a reader nor a task."""
    follower = Follower()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.follow, emulator, "")
        await follower.following.wait()
        assert len(emulator._log._readers) == 1
        tasks.cancel_scope.cancel()
    assert not emulator._log._readers
