"""No header makes a sender Nexi, on real servers, whether they read such headers themselves or not.

Each trick is written to the socket byte by byte. The sender is 127.0.0.1, which uvicorn trusts by default.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from hypercorn.middleware import ProxyFixMiddleware
from starlette.types import ASGIApp

from nexi_async.webhooks import Event, WebhookReceiver, deliveries
from tests.webhooks.servers import SERVERS, Serving, uvicorn_serving
from tests.webhooks.support import AUTHORIZATION

NEXI = b"20.31.57.61"
OTHER = b"203.0.113.9"

TRICKS: dict[str, bytes] = {
    "the address of Nexi": b"X-Forwarded-For: 20.31.57.61",
    "with a port": b"X-Forwarded-For: 20.31.57.61:41532",
    "mapped into IPv6": b"X-Forwarded-For: ::ffff:20.31.57.61",
    "mapped, in brackets, with a port": b"X-Forwarded-For: [::ffff:20.31.57.61]:41532",
    "mapped, in hexadecimal": b"X-Forwarded-For: ::FFFF:141f:393d",
    "in brackets": b"X-Forwarded-For: [20.31.57.61]:443",
    "amid white space": b"X-Forwarded-For: \t 20.31.57.61 \t ",
    "in mixed case": b"x-FORWARDED-foR: 20.31.57.61",
    "folded onto a second line": b"X-Forwarded-For:\r\n 20.31.57.61",
    "with an underscore": b"X_Forwarded_For: 20.31.57.61",
    "with a space before the colon": b"X-Forwarded-For : 20.31.57.61",
    "a list of Nexi alone": b"X-Forwarded-For: 20.31.57.61, 20.31.57.60",
    "a list with this machine": b"X-Forwarded-For: 20.31.57.61, 127.0.0.1",
    "a list with empty entries": b"X-Forwarded-For: 20.31.57.61, ,",
    "a list that begins empty": b"X-Forwarded-For: , 20.31.57.61",
    "twice": b"X-Forwarded-For: 20.31.57.61\r\nX-Forwarded-For: 20.31.57.61",
    "twice, empty second": b"X-Forwarded-For: 20.31.57.61\r\nX-Forwarded-For:",
    "the standard header": b"Forwarded: for=20.31.57.61",
    "the standard header, quoted": b'Forwarded: For="20.31.57.61:41532";proto=https',
    "the standard header, a list": b"Forwarded: for=20.31.57.61, for=127.0.0.1",
    "both headers": b"X-Forwarded-For: 20.31.57.61\r\nForwarded: for=20.31.57.61",
    "nginx's header": b"X-Real-IP: 20.31.57.61",
    "a content network's headers": b"CF-Connecting-IP: 20.31.57.61\r\nTrue-Client-IP: 20.31.57.61",
    "the PROXY protocol in a header": b"Via: PROXY TCP4 20.31.57.61 127.0.0.1 41532 443",
}


async def take(event: Event) -> None:
    """Let anybody in who got so far."""


def fixed(app: ASGIApp, mode: str) -> ASGIApp:
    """Hypercorn's middleware that trusts one proxy in front, at any address."""
    return cast("ASGIApp", ProxyFixMiddleware(cast("Any", app), mode=cast("Any", mode)))


@functools.cache
def behind(serving: Serving, mode: str) -> Serving:
    """A server with that middleware."""
    return lambda app: serving(fixed(app, mode))


PLACES: dict[str, Serving] = {
    **SERVERS,
    "uvicorn that trusts all": functools.partial(uvicorn_serving, trusting="*"),
    "uvicorn that trusts none": functools.partial(uvicorn_serving, trusting=None),
    "hypercorn with ProxyFix": behind(SERVERS["hypercorn on asyncio"], "legacy"),
    "hypercorn with modern ProxyFix": behind(SERVERS["hypercorn on trio"], "modern"),
}


def status(address: Any, headers: bytes) -> int:
    """What a delivery with these lines of headers is answered."""
    body = deliveries.sample("payment.created")
    lines = b"POST / HTTP/1.1\r\nHost: shop.test\r\nAuthorization: %s\r\n%s\r\nContent-Length: %d\r\nConnection: close"
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(lines % (AUTHORIZATION.encode(), headers, len(body)) + b"\r\n\r\n" + body)
        return int(connection.recv(1000).split()[1])


def where(url: str) -> tuple[str, int]:
    """The address in a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def refused(address: Any, before: bytes = b"", after: bytes = b"") -> dict[str, int]:
    """The tricks that are not refused, as they are or among other headers; none, it is hoped."""
    answers = {name: status(address, before + trick + after) for name, trick in TRICKS.items()}
    return {name: answer for name, answer in answers.items() if answer not in (400, 403)}


@pytest.mark.parametrize("place", PLACES)
def test_no_trick_gets_in(place: str) -> None:
    """Without `trusted_proxies` no header makes another sender Nexi, however the server treats it."""
    with PLACES[place](WebhookReceiver(authorization=AUTHORIZATION, fallback=take)) as url:
        assert refused(where(url)) == {}


@pytest.mark.parametrize("place", PLACES)
def test_no_trick_gets_past_a_proxy(place: str) -> None:
    """A proxy of ours appends whom it saw: then what a sender wrote before it counts for nothing."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, trusted_proxies=["127.0.0.1"])
    with PLACES[place](receiver) as url:
        assert refused(where(url), after=b"\r\nX-Forwarded-For: " + OTHER) == {}


@pytest.mark.parametrize("place", PLACES)
def test_nexi_gets_past_a_proxy(place: str) -> None:
    """What a named proxy appends is trusted, on every server, also behind an entry that a sender made up."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, trusted_proxies=["127.0.0.1"])
    with PLACES[place](receiver) as url:
        assert status(where(url), b"X-Forwarded-For: " + NEXI) == 200
        forged = b"X-Forwarded-For: 198.51.100.7, " + NEXI
        assert status(where(url), forged) == (403 if place == "uvicorn that trusts all" else 200)


def test_the_server_may_be_believed(caplog: pytest.LogCaptureFixture) -> None:
    """With "server" the peer is the one that the server names, and there is no warning."""
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, trusted_proxies="server")
    with uvicorn_serving(receiver) as url:
        assert status(where(url), b"X-Forwarded-For: " + NEXI) == 200
        assert status(where(url), b"X-Forwarded-For: %s, %s" % (NEXI, OTHER)) == 403
    assert "taken from a header" not in caplog.text


def test_a_rewritten_peer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """For a refusal the log names cause and option; for one accepted through a named proxy it warns once."""
    with uvicorn_serving(WebhookReceiver(authorization=AUTHORIZATION, fallback=take)) as url:
        status(where(url), b"X-Forwarded-For: " + NEXI)
    assert "may have been taken from a header by the server" in caplog.text
    assert "--no-proxy-headers" in caplog.text
    assert "trusted_proxies='server'" in caplog.text
    caplog.clear()
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take, trusted_proxies=["127.0.0.1"])
    with uvicorn_serving(receiver) as url:
        for _ in range(3):
            assert status(where(url), b"X-Forwarded-For: " + NEXI) == 200
    assert caplog.text.count("the server takes addresses from forwarding headers") == 1


@pytest.fixture(params=["127.0.0.1", "*", None], ids=["default", "trusts all", "trusts none"])
def unix_socket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Uvicorn on a Unix socket, where a peer has no address at all."""
    path = str(tmp_path / "shop.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    receiver = WebhookReceiver(authorization=AUTHORIZATION, fallback=take)
    with uvicorn_serving(receiver, trusting=request.param, listener=listener):
        yield path


def test_no_trick_gets_in_by_a_unix_socket(unix_socket: str) -> None:
    """There the server may even have nothing else than the header."""
    assert refused(unix_socket) == {}
