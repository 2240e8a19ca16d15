"""`nexi-async logs tail`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from nexi_async._cli import logs
from nexi_async.emulator import CheckoutEmulator
from tests.cli.conftest import CommandLine

STREAM = b"""retry: 1000

: keep-alive

id: 1
data: {"number": 1, "at": 1790000000.0, "method": "POST", "path": "/v1/payments", "status": 201, "milliseconds": 3.2}

event: missed
data: 7

id: 9
data: {"number": 9, "at": 1790000001.5, "method": "GET", "path": "/v1/payments/p1", "status": 0, "milliseconds": 1,
data: "fault": "lose_response"}

data: what is not complete is left out"""


@pytest.fixture
def asked(line: CommandLine) -> list[httpx.URL]:
    """What is asked of an emulator that sends some calls and stops."""
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, content=STREAM)

    line.transport = httpx.MockTransport(answer)
    return asked


def test_calls_are_printed_as_they_come(line: CommandLine, asked: list[httpx.URL]) -> None:
    """One a line, with what is wanted of them; when the emulator stops, the status says so."""
    result = line.run("logs", "tail", "--method", "post", "--status", "4", "--payment", "p1")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [
        "14:13:20  201  POST /v1/payments  3 ms",
        "14:13:21  ---  GET  /v1/payments/p1  1 ms  injected lose_response",
    ]
    assert "7 calls came faster" in result.stderr
    assert "The emulator has stopped." in result.stderr
    assert dict(asked[0].params) == {"method": "POST", "status": "4", "payment": "p1"}


@pytest.mark.usefixtures("asked")
def test_calls_are_documents_for_programs(line: CommandLine) -> None:
    """As the emulator sends them."""
    result = line.run("logs", "tail", "--json")
    assert [json.loads(text)["number"] for text in result.stdout.replace(",\n", ",").splitlines()] == [1, 9]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (httpx.Response(404), "has no log of calls (it answers 404): is it an emulator?"),
        (httpx.Response(200, content=b"data: nonsense\n\n"), "is not JSON"),
    ],
)
def test_what_is_no_log_is_a_problem(line: CommandLine, answer: httpx.Response, text: str) -> None:
    """Named in a line."""
    line.transport = httpx.MockTransport(lambda _: answer)
    result = line.run("logs", "tail")
    assert result.exit_code == 4
    assert text in result.stderr


async def test_the_emulator_sends_what_is_read() -> None:
    """Its events, read by the same code: calls without secrets, each on a line of its own."""
    emulator = CheckoutEmulator(seed=1, time_scale=0)
    headers = {"Authorization": emulator.secret_key}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url="http://127.0.0.1") as client:
        await client.get("/v1/payments/nothing\u2028here", headers=headers)
        await client.get("/v1/payments/other", headers=headers)
    emulator._log.close()
    sent: list[bytes] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"} if sent and b"other" in b"".join(sent) else {"type": "http.request"}

    async def lines() -> AsyncIterator[str]:
        for text in b"".join(sent).decode().split("\n"):
            yield text

    async def send(message: dict[str, object]) -> None:
        sent.append(bytes(message.get("body", b"")))  # type: ignore[call-overload]

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/emulator/log",
        "raw_path": b"/emulator/log",
        "query_string": b"after=0",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    await emulator(scope, receive, send)  # type: ignore[arg-type]
    found = [json.loads(data) async for _, data in logs._events(lines())]
    assert [call["status"] for call in found] == [404, 404]
    assert found[1]["path"] == "/v1/payments/other"
    assert emulator.secret_key not in json.dumps(found)
