"""Addresses of proxies; a user and a password in one are sent to the proxy only, and never shown."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from nexi_async._errors import InvalidRequest
from nexi_async._transport.origin import Origin

_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


def proxy_of_environment(origin: Origin) -> str | None:
    """The proxy that HTTPS_PROXY, ALL_PROXY and NO_PROXY name for an address; theirs often lack a scheme."""
    if proxy_bypass(origin.host) or proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    proxies = getproxies()
    found = proxies.get(origin.scheme) or proxies.get("all")
    return found if found is None or "://" in found else f"http://{found}"


def check_proxy(address: str) -> None:
    """Refuse what is no proxy's address, in words that repeat nothing of it: it may hold a password.

    Raises:
        InvalidRequest: no scheme, a bad port, or a password with characters that have to be quoted, as %2F.
    """
    if not _is_address(address):
        raise InvalidRequest(
            [("proxy", "is not an address such as http://user:password@proxy.example:3128; quote /, ?, # and @ in it")]
        )


def _is_address(address: str) -> bool:
    try:
        parts, port = urlsplit(address), urlsplit(address).port
        host = httpx.URL(address).host
    except (ValueError, httpx.InvalidURL):
        return False
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts.scheme in _SCHEMES and bool(host) and port != 0 and is_bare and parts.netloc.count("@") <= 1
