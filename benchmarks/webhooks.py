"""What a received webhook costs: a bare route that reads JSON, and the receiver with all it does, side by side.

Every contender is served by uvicorn in a process of its own, kept on one core; the load comes from this process over
loopback, on keep-alive connections. Rounds are interleaved, so that a busy moment of the machine hits all contenders.
The CPU time is that of the serving process, all of its threads, until the last event is handled; that of the PostgreSQL
server comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast
from uuid import uuid4

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nexi_async.webhooks import Event, SQLInbox, WebhookReceiver, deliveries

AUTHORIZATION = "Kq7ZtB9fRw4LmXc2"
EVENT = "payment.charge.created.v2"
TIMEOUT = 60.0

BARE = "bare Starlette route, JSON"
CONTENDERS: Mapping[str, str] = {
    BARE: "",
    "receiver, mounted": "",
    "receiver, by itself": "",
    "receiver, SQLite inbox": "sqlite",
    "receiver, PostgreSQL inbox": "postgresql",
}


class Result(NamedTuple):
    """One round of one contender."""

    events_per_second: float
    cpu_microseconds: float


# --- serving -------------------------------------------------------------------------------------------------------


async def bare(request: Request) -> JSONResponse:
    """The least that a webhook takes."""
    await request.json()
    return JSONResponse({"received": True})


async def handle(_: Event) -> None:
    """Nothing: the receiver is measured, not the shop."""


def build(name: str, url: str) -> ASGIApp:
    """The app of a contender."""
    if name == BARE:
        return Starlette(routes=[Route("/nexi/webhooks", bare, methods=["POST"])])
    inbox = SQLInbox(url) if url else None
    receiver = WebhookReceiver(authorization=AUTHORIZATION, networks=["127.0.0.1"], fallback=handle, inbox=inbox)
    if name == "receiver, by itself":
        return receiver
    return Starlette(
        routes=[Mount("/nexi", receiver), Route("/waiting", waiting_in(receiver))], lifespan=receiver.lifespan
    )


def waiting_in(receiver: WebhookReceiver) -> Callable[[Request], Awaitable[JSONResponse]]:
    """An endpoint that returns how many events wait."""

    async def waiting(_: Request) -> JSONResponse:
        inbox = (await receiver.stats()).inbox
        return JSONResponse(inbox.waiting if inbox else 0)

    return waiting


def with_clock(app: ASGIApp) -> ASGIApp:
    """The same app, with the process's CPU time at /cpu."""

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/cpu":
            await JSONResponse(time.process_time())(scope, receive, send)
        else:
            await app(scope, receive, send)

    return timed


def serve(name: str, url: str, port: int) -> None:
    """Serve a contender until killed, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    uvicorn.run(with_clock(build(name, url)), port=port, log_level="warning", access_log=False)


@contextlib.contextmanager
def serving(name: str, url: str) -> Iterator[int]:
    """A contender in a process of its own; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.webhooks", "--serve", name, "--url", url, "--port", str(port)]
    with subprocess.Popen(command) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()


def wait_for(port: int) -> None:
    """Wait until the server accepts connections."""
    ends = time.monotonic() + TIMEOUT
    while time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server did not start")


# --- load ----------------------------------------------------------------------------------------------------------


class Sender(asyncio.Protocol):
    """One connection that sends the next delivery when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Go on after each head of an answer; the short body comes with it, or with the next."""
        answers = data.count(b"HTTP/1.1 ")
        if answers > data.count(b"HTTP/1.1 200 ") and not self.done.done():
            self.done.set_exception(RuntimeError(data.decode()))
        for _ in range(answers):
            self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)


def requests(count: int) -> list[bytes]:
    """Deliveries that differ in their event and payment, as the bytes that travel."""
    body = deliveries.sample(EVENT, id="0" * 32, charge_id="0" * 32, payment_id="1" * 32)
    head = f"POST /nexi/webhooks HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    whole = head.encode() + body
    return [
        whole.replace(b"0" * 32, uuid4().hex.encode()).replace(b"1" * 32, uuid4().hex.encode()) for _ in range(count)
    ]


async def send_all(port: int, wanted: list[bytes], connections: int) -> float:
    """Send everything; returns the seconds until the last answer."""
    loop, queue = asyncio.get_running_loop(), iter(wanted)
    began = time.perf_counter()
    senders = [Sender(queue, loop.create_future()) for _ in range(connections)]
    for sender in senders:
        await loop.create_connection(functools.partial(_itself, sender), "127.0.0.1", port)
    await asyncio.wait_for(asyncio.gather(*(sender.done for sender in senders)), TIMEOUT)
    return time.perf_counter() - began


def _itself(sender: Sender) -> Sender:
    return sender


async def run_round(port: int, *, events: int, connections: int, has_inbox: bool) -> Result:
    """One round of one contender."""
    wanted = requests(events)
    control = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    async with control, asyncio.timeout(TIMEOUT):
        before = float((await control.get("/cpu")).text)
        seconds = await send_all(port, wanted, connections)
        while has_inbox and (await control.get("/waiting")).json():  # noqa: ASYNC110 - another process handles them
            await asyncio.sleep(0.2)
        cpu = float((await control.get("/cpu")).text) - before
    return Result(events / seconds, cpu / events * 1e6)


# --- the table -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def databases(*, postgres: bool) -> Iterator[dict[str, str]]:
    """An empty database of each kind."""
    from tests.postgres import DURABLE, fresh_database, running_server

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"": "", "sqlite": f"sqlite:///{Path(folder) / 'inbox.db'}"}
        if postgres:
            server = stack.enter_context(running_server(DURABLE))
            urls["postgresql"] = stack.enter_context(fresh_database(server))
        yield urls


def measure(names: list[str], *, events: int, rounds: int, connections: int) -> dict[str, list[Result]]:
    """All rounds of the contenders."""
    results: dict[str, list[Result]] = {name: [] for name in names}
    kinds = {name: CONTENDERS[name] for name in names}
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(databases(postgres="postgresql" in kinds.values()))
        ports = {name: stack.enter_context(serving(name, urls[kind])) for name, kind in kinds.items()}
        for round_number in range(rounds + 1):
            for name, port in ports.items():
                result = asyncio.run(
                    run_round(port, events=events, connections=connections, has_inbox=bool(kinds[name]))
                )
                if round_number:  # the first one warms up
                    results[name].append(result)
    return results


def show(results: Mapping[str, list[Result]]) -> None:
    """Print medians, in brackets the least and the most; the ratio is that of the CPU times of the same round."""
    line = "{:<28} {:>24} {:>22} {:>18}\n"
    sys.stdout.write(line.format("", "events/s", "CPU µs/event", "ratio"))
    base = [result.cpu_microseconds for result in results[BARE]]
    for name, rounds in results.items():
        rates = [result.events_per_second for result in rounds]
        costs = [result.cpu_microseconds for result in rounds]
        ratios = [cost / bare_cost for cost, bare_cost in zip(costs, base, strict=True)]
        sys.stdout.write(line.format(name, spread(rates), spread(costs), spread(ratios, digits=2)))


def spread(values: list[float], digits: int = 0) -> str:
    """The median, and how far the rounds differ."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} [{least}–{most}]"


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, or serve a contender for it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks webhooks", description=__doc__)
    parser.add_argument("--events", type=int, default=4000, help="deliveries in each round (default 4000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default 7), after one to warm up")
    parser.add_argument("--connections", type=int, default=50, help="connections of the sender (default 50)")
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="measure these only, and the bare route")
    parser.add_argument("--serve", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.serve, options.url, options.port)
        return
    names = [name for name in CONTENDERS if not options.only or name == BARE or name in options.only]
    show(measure(names, events=options.events, rounds=options.rounds, connections=options.connections))


if __name__ == "__main__":
    main()
