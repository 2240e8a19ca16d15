"""A server that costs next to nothing: answers every request with the same bytes, over TLS, in its own process.

Run as a program it prints its port and then serves until its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httptools
import trustme

CHARGED = b'{"paymentId":"0197f0c1a2b34c5d8e9f0a1b2c3d4e5f","chargeId":"0197f0c1a2b34c5d8e9f0a1b2c3d4e60"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b" % (
    len(CHARGED),
    CHARGED,
)


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


@contextmanager
def running(*, latency: float = 0.0) -> Iterator[tuple[str, Path]]:
    """A stub in a process of its own: its address and the file of its CA."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.stub", "--folder", folder, "--latency", str(latency)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            port = int(server.stdout.readline())
            try:
                yield f"https://localhost:{port}", Path(folder, "ca.pem")
            finally:
                server.stdin.close()


async def serve(folder: Path, latency: float) -> None:
    """Serve until nobody holds the other end of standard input."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(latency), "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Read the options and serve."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--latency", type=float, default=0.0)
    given = options.parse_args()
    asyncio.run(serve(given.folder, given.latency))


if __name__ == "__main__":
    main()
