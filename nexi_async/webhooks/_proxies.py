"""The sender of a request that came through proxies, by headers that are trusted from named proxies only.

A proxy appends the address it saw to `X-Forwarded-For` or to `Forwarded` (RFC 7239). What stands further left was there
before and may be forged by the sender. So the hops are walked from right to left, as long as they are proxies of
ours; the first that is not is the sender.

A server or a middleware may have done so before us, by rules of its own: uvicorn trusts `X-Forwarded-For` from
127.0.0.1 unless configured otherwise, and takes the left-most entry with `--forwarded-allow-ips='*'`. It puts that
in the place of the peer, without a trace. An address that may have been set in this way is not taken for the peer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Literal, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Proxies: TypeAlias = Sequence[Network] | Literal["server"]
"""Whose headers are trusted; "server" leaves that to the server, whose peer address is taken as it is."""

FORWARDING = frozenset(
    {
        b"x-forwarded-for",
        b"forwarded",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-forwarded-for",
        b"x-envoy-external-address",
        b"x-azure-clientip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
    }
)
"""The headers from which servers and middleware are known to take the peer."""

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[0-9a-fA-F:.]+)\](?::[0-9]+)?")
# possessive throughout, so that no header takes more than one pass
_PAIR = re.compile(r"""\s*+([^\s=,;"]++)=("(?:[^"\\]|\\.)*+"|[^\s,;"]*+)\s*+(;|,|$)""")


def sender(client: Sequence[Any] | None, headers: Headers, proxies: Proxies) -> Address | None:
    """The address that a request came from; None if it can't be determined.

    Peer and headers are as ASGI has them: host and port, names in lower case.
    """
    address = read_address(str(client[0])) if client else None
    if client is None or address is None or proxies == "server":
        return address
    headers = tuple(headers)
    if is_inside(address, proxies):
        return _claimed_sender(headers, proxies)
    if not is_rewritten(client, headers):
        return address
    # the peer, or an address from a header: the sender in either case only if the headers of the proxies agree
    return address if proxies and _claimed_sender(headers, proxies) == address else None


def is_rewritten(client: Sequence[Any] | None, headers: Headers) -> bool:
    """Whether the peer may have been taken from a header: it has no port, or a header names it."""
    if not client:
        return False
    host = str(client[0]).encode("utf-8", "replace")
    has_port = len(client) > 1 and bool(client[1])
    return not has_port or any(name in FORWARDING and host in value for name, value in headers)


@functools.lru_cache(maxsize=1024)  # the same few senders, again and again
def read_address(text: str) -> Address | None:
    """An address from its text; IPv4 wrapped in IPv6 is the IPv4 that it stands for."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # a server that listens on [::] sees its IPv4 peers as ::ffff:a.b.c.d
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def is_inside(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks has the address, its first and its last one too."""
    return any(address in network for network in networks)


def _claimed_sender(headers: Sequence[tuple[bytes, bytes]], proxies: Sequence[Network]) -> Address | None:
    """The sender according to the headers, if they agree; a sender may add the header that the proxy does not write."""
    claimed = {_first_untrusted(hops, proxies) for hops in _claims(headers)}
    return claimed.pop() if len(claimed) == 1 else None


def _first_untrusted(hops: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    """The right-most hop that is no proxy; the left-most one if all are."""
    address: Address | None = None
    for hop in reversed(hops):
        address = read_address(_without_port(hop))
        if address is None or not is_inside(address, proxies):
            return address
    return address


def _without_port(hop: str) -> str:
    match = _WITH_PORT.fullmatch(hop)
    return hop if match is None else match["v4"] or match["v6"]


def _claims(headers: Sequence[tuple[bytes, bytes]]) -> Iterable[Sequence[str]]:
    """The hops in each of the two headers, repeated ones joined in their order."""
    x_forwarded_for, forwarded = _joined(headers, b"x-forwarded-for"), _joined(headers, b"forwarded")
    if x_forwarded_for is not None:
        yield [hop.strip() for hop in x_forwarded_for.split(",")]
    if forwarded is not None:
        yield _hops(forwarded)


def _joined(headers: Headers, name: bytes) -> str | None:
    values = [value for key, value in headers if key == name]
    return b",".join(values).decode("latin-1") if values else None


def _hops(forwarded: str) -> Sequence[str]:
    """The `for` of each element; what can't be read is a hop without an address, and ends the walk there."""
    hops, element, position = list[str](), dict[str, str](), 0
    while position < len(forwarded):
        pair = _PAIR.match(forwarded, position)
        if pair is None or pair[1].lower() in element:
            return [*hops, ""]
        element[pair[1].lower()] = _unquoted(pair[2])
        position = pair.end()
        if pair[3] != ";" or position == len(forwarded):
            hops.append(element.get("for", ""))
            element = {}
    return hops


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
