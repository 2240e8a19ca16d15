"""Forwarding events to a receiver, and explaining what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import anyio
import pytest
from starlette.types import Receive, Scope, Send

from nexi_async._cli.output import Output
from nexi_async._cli.webhook_listener import EventPrinter, ForwardingFailed, _Explained, bind, url_of
from nexi_async.webhooks import WebhookReceiver, deliveries, parse_event

SECRET = "Kq7ZtB9fRw4LmXc2"
EVENT = parse_event(deliveries.sample("payment.charge.created.v2", payment_id="p1"))


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[tuple[str | None, bytes]]]]:
    """A receiver that answers so, its address, and what it got."""
    got: list[tuple[str | None, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Authorization"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/nexi", got
        finally:
            server.shutdown()
            thread.join()


async def test_an_event_is_forwarded_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes and the same Authorization; the event is printed, the answer is a note."""
    with answering(200) as (url, got):
        await EventPrinter(Output(as_json=False), SECRET, url)(EVENT)
    assert got == [(SECRET, EVENT.raw)]
    printed = capsys.readouterr()
    assert "payment.charge.created.v2" in printed.out
    assert "800.00 SEK" in printed.out
    assert f"payment.charge.created.v2 to {url}: 200" in printed.err


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "NEXI_WEBHOOK_AUTHORIZATION"), (403, 'networks=["127.0.0.1"]'), (404, "no receiver"), (500, ": 500")],
)
async def test_another_answer_is_passed_on_with_its_cause(
    capsys: pytest.CaptureFixture[str], status: int, cause: str
) -> None:
    """So that the event is sent again, as it would be without a listener between."""
    with answering(status) as (url, _), pytest.raises(ForwardingFailed):
        await EventPrinter(Output(as_json=True), SECRET, url)(EVENT)
    printed = capsys.readouterr()
    assert printed.out == EVENT.raw.decode() + "\n"
    assert cause in printed.err
    assert SECRET not in printed.err


async def test_a_receiver_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The event is sent again."""
    with pytest.raises(ForwardingFailed):
        await EventPrinter(Output(as_json=True), SECRET, "http://127.0.0.1:1/nexi")(EVENT)
    assert "payment.charge.created.v2 to http://127.0.0.1:1/nexi: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("authorization", "peer", "explanation"),
    [
        ("wrong-value-1", "127.0.0.1", "401: the delivery's Authorization is not this listener's"),
        (
            SECRET,
            "203.0.113.9",
            "from; add --network 203.0.113.9 if it is yours or Nexi's.",
        ),
    ],
)
async def test_what_the_listener_refuses_is_explained(
    capsys: pytest.CaptureFixture[str], authorization: str, peer: str, explanation: str
) -> None:
    """With the option that changes it, and without the value."""

    async def ignore(_: object) -> None: ...

    receiver = WebhookReceiver(authorization=SECRET, networks=["127.0.0.1"], fallback=ignore)
    app = _Explained(receiver, Output(as_json=False))
    await deliveries.send(app, EVENT.raw, authorization=authorization, client=(peer, 4711))
    err = capsys.readouterr().err
    assert explanation in err
    assert authorization not in err


async def test_what_is_taken_needs_no_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    """200 is silent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    await deliveries.send(_Explained(app, Output(as_json=False)), EVENT.raw, authorization=SECRET)
    assert capsys.readouterr().err == ""


def test_an_address_that_can_not_be_had_leaves_no_socket() -> None:
    """The error is the system's."""
    with pytest.raises(OSError, match="assign"):
        bind("192.0.2.1", 0)
    with bind("127.0.0.1", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")
    assert anyio.run(anyio.sleep, 0) is None
