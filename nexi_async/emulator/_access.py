"""Access: which requests are served. A web page in a browser on this machine can reach a loopback port too.

Theory of operation. Three checks separate pages of other sites from the emulator's own pages and from programs, which
may do everything. A page whose name was pointed at this machine (DNS rebinding) sends its own name as `Host`: only
addresses of the emulator are served. A page of another site sends its `Origin`: controls and buttons want none or their
own. What a browser sends without asking first has a type that forms can have: controls take JSON only. No answer
depends on what `Host` says, so no link leads to an address that a request made up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen
from starlette.requests import Request
from starlette.types import Scope

READING = ("GET", "HEAD")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@frozen
class Access:
    """What a request must show, and where the emulator can be reached.

    Attributes:
        secret_key: The `Authorization` of API requests.
        public_url: Where shoppers reach the pages, without a slash at the end; None for where a request came in.
        hosts: The names and addresses of the emulator besides those that it listens at.
    """

    secret_key: str
    public_url: str | None
    hosts: frozenset[str]


def read_public_url(url: str) -> str:
    """A public address without a slash at the end.

    Raises:
        ValueError: It is no http or https address of a host, or has more than a path behind it.
    """
    parts = _split(url)
    usable = parts is not None and parts.scheme in _DEFAULT_PORTS and parts.hostname and url.isprintable()
    if not usable or any(mark in url for mark in "?#@ "):
        msg = f"public_url must be an address such as https://pay.example:8400, not {url!r}"
        raise ValueError(msg)
    return url.rstrip("/")


def own_hosts(public_url: str | None, hosts: Iterable[str]) -> frozenset[str]:
    """The names and addresses that the emulator has besides those that it listens at."""
    named = [_host_of(host) for host in hosts]
    public = _split(public_url) if public_url else None
    return frozenset(_normal(host) for host in [*named, public and public.hostname] if host)


def may_be_called(scope: Scope, hosts: frozenset[str]) -> bool:
    """Whether the request names an address of the emulator: where it came in, this machine, or one of the hosts.

    A Unix socket has no address, and no web page reaches it. In process a request comes in wherever it says.
    """
    server = scope.get("server")
    if server is None or str(server[0]).startswith("/"):
        return True
    given = next((value for name, value in scope["headers"] if name == b"host"), b"")
    host = _host_of(given.decode("latin-1"))
    if host is None:
        return False
    host = _normal(host)
    return host in hosts or host == _normal(server[0]) or _is_loopback(host)


def base_url(scope: Scope, public_url: str | None) -> str:
    """Where the emulator's pages are, without a slash at the end: `public_url`, else where the request came in."""
    if public_url is not None:
        return public_url
    host, port = scope.get("server") or ("localhost", None)
    if str(host).startswith("/"):
        host, port = "localhost", None
    scheme = scope.get("scheme", "http")
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in (None, _DEFAULT_PORTS.get(scheme)) else f":{port}"
    return f"{scheme}://{shown}{suffix}{scope.get('root_path', '')}"


def is_own_page(request: Request) -> bool:
    """Whether a program or a page of the emulator sent the request; pages of other sites have another Origin.

    Browsers say by `Sec-Fetch-Site` too whose page it was; it counts where something is changed, since a link of
    another site may lead to a page of the emulator.
    """
    if request.method not in READING and request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    parts = _split(origin)
    # The host was checked, and one port does not serve two schemes.
    return parts is not None and parts.scheme in _DEFAULT_PORTS and parts.netloc.lower() == _authority(request)


def is_local(request: Request) -> bool:
    """Whether the caller is on this machine; a Unix socket or an in-process transport has no address."""
    if request.client is None or request.client.host == "testclient":
        return True
    return _is_loopback(_normal(request.client.host))


def is_json(content_type: str) -> bool:
    """`application/json`, `text/json`, anything `+json`; with or without a charset."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _authority(request: Request) -> str:
    return request.headers.get("host", "").lower()


def _host_of(authority: str) -> str | None:
    """The host of `host:port`; None if it is no such thing."""
    parts = _split(f"//{authority}")
    if parts is None or "@" in authority or parts.netloc != authority:
        return None
    return parts.hostname


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _normal(host: Any) -> str:
    """A host in one notation, so that two of the same can be compared."""
    text = str(host).lower().rstrip(".")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
