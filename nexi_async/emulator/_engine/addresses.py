"""Addresses: URLs, their origins, and hosts, which have several notations."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def origin(scheme: str, host: str, port: int | None) -> str:
    """An origin as browsers write it, without the scheme's own port."""
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in (None, DEFAULT_PORTS.get(scheme)) else f":{port}"
    return f"{scheme}://{shown}{suffix}"


def origin_of(url: str) -> str | None:
    """The origin of an http or https URL; None for any other."""
    parts = split(url)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname or not parts.hostname.isascii():
        return None
    return origin(parts.scheme, parts.hostname, parts.port)


def host_of(authority: str) -> str | None:
    """The host of `host:port`; None if it is no such thing."""
    parts = split(f"//{authority}")
    if parts is None or "@" in authority or parts.netloc != authority:
        return None
    return parts.hostname


def normal_host(host: object) -> str:
    """A host in one notation, so that two of the same can be compared."""
    text = str(host).lower().rstrip(".")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_webhook_url(url: str, *, plain_http: bool) -> bool:
    """Whether a webhook may be sent to this url: https, or plain http to a loopback host if allowed."""
    parts = split(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (plain_http and parts.scheme == "http" and is_loopback(parts.hostname))
