"""Ports of servers that run in a process of their own."""

from __future__ import annotations

import random
import socket
import subprocess
import time

TIMEOUT_SECONDS = 30.0
NEVER_GIVEN = range(10_000, 32_768)
"""What a system gives to those that ask for any port starts at 32768 on Linux and at 49152 elsewhere."""


def free_port() -> int:
    """A loopback port that no test of another process gets before its server listens on it."""
    for port in random.SystemRandom().sample(NEVER_GIVEN, 100):  # not the seed that a test may have set
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("there is no free port")


def wait_until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait for the port to open, or say that the server died."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < ends:
        assert server.poll() is None, "the server died"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not listen in time")
