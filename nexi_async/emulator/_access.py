"""Access: which requests are served. A web page in a browser on this machine can reach a loopback port too.

Theory of operation. Three checks separate pages of other sites from the emulator's own pages and from programs, which
may do everything. A page whose host name resolves to this machine (DNS rebinding) sends its own name as `Host`: only
addresses of the emulator are served. A page of another site sends its `Origin`: controls and buttons accept none or
their own. A browser sends a request of another site without a preflight only with a content type of forms: controls
accept JSON only. No response depends on the value of `Host`, so no link leads to an address that a request chose.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Scope

from nexi_async.emulator._engine.addresses import DEFAULT_PORTS, host_of, is_loopback, normal_host, origin, split

READING = ("GET", "HEAD")


def read_public_url(url: str) -> str:
    """A public address without a slash at the end.

    Raises:
        ValueError: It is no http or https address of a host, or has more than a path behind it.
    """
    parts = split(url)
    usable = parts is not None and parts.scheme in DEFAULT_PORTS and parts.hostname and url.isprintable()
    if not usable or any(mark in url for mark in "?#@ "):
        msg = f"public_url must be an address such as https://pay.example:8400, not {url!r}"
        raise ValueError(msg)
    return url.rstrip("/")


def own_hosts(public_url: str | None, hosts: Iterable[str]) -> frozenset[str]:
    """The names and addresses that the emulator has besides those that it listens at."""
    named = [host_of(host) for host in hosts]
    public = split(public_url) if public_url else None
    return frozenset(normal_host(host) for host in [*named, public and public.hostname] if host)


def may_be_called(scope: Scope, hosts: frozenset[str]) -> bool:
    """Whether the request names an address of the emulator: where it came in, this machine, or one of the hosts.

    A Unix socket has no address, and no web page reaches it. In process a request comes in wherever it says.
    """
    server = scope.get("server")
    if server is None or str(server[0]).startswith("/"):
        return True
    given = next((value for name, value in scope["headers"] if name == b"host"), b"")
    host = host_of(given.decode("latin-1"))
    if host is None:
        return False
    host = normal_host(host)
    return host in hosts or host == normal_host(server[0]) or is_loopback(host)


def base_url(scope: Scope, public_url: str | None) -> str:
    """Where the emulator's pages are, without a slash at the end: `public_url`, else where the request came in."""
    if public_url is not None:
        return public_url
    host, port = scope.get("server") or ("localhost", None)
    if str(host).startswith("/"):
        host, port = "localhost", None
    return origin(scope.get("scheme", "http"), host, port) + str(scope.get("root_path", ""))


def is_own_page(request: Request) -> bool:
    """Whether a program or a page of the emulator sent the request; pages of other sites have another Origin.

    Browsers say by `Sec-Fetch-Site` too whose page it was; it counts where something is changed, since a link of
    another site may lead to a page of the emulator.
    """
    if request.method not in READING and request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    sender = request.headers.get("origin")
    if sender is None:
        return True
    parts = split(sender)
    # The host was checked, and one port does not serve two schemes.
    return (
        parts is not None
        and parts.scheme in DEFAULT_PORTS
        and parts.netloc.lower() == request.headers.get("host", "").lower()
    )


def is_local(request: Request) -> bool:
    """Whether the caller is on this machine; a Unix socket or an in-process transport has no address."""
    if request.client is None or request.client.host == "testclient":
        return True
    return is_loopback(normal_host(request.client.host))


def is_json(content_type: str) -> bool:
    """`application/json`, `text/json`, anything `+json`; with or without a charset."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")
