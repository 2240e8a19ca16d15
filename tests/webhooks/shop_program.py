"""A shop as a program of its own, to be killed: it receives into an inbox, and writes a line for each event it handles.

python -m tests.webhooks.shop_program URL_OF_INBOX PORT FILE_OF_LINES
"""

from __future__ import annotations

import os
import socket
import sys

import anyio
import uvicorn

from nexi_async.webhooks import Event, SQLInbox, WebhookReceiver
from nexi_async.webhooks import _inbox as inbox
from tests.webhooks.support import AUTHORIZATION


def main(url: str, port: int, path: str) -> None:
    """Serve until killed."""
    lines = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def handle(event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        os.write(
            lines, f"{event.id} {event.name}\n".encode()
        )  # one write, so that lines of several programs stay whole
        await anyio.lowlevel.checkpoint()

    receiver = WebhookReceiver(
        authorization=AUTHORIZATION,
        networks=["127.0.0.1"],
        fallback=handle,
        inbox=SQLInbox(url, lease=1.0, max_attempts=1000),
    )
    inbox.LEASE_MARGIN = 0.5
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    uvicorn.Server(uvicorn.Config(receiver, log_config=None, lifespan="on")).run([listener])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
