"""Who sent a request that came through proxies, told by headers that only named proxies are believed.

A proxy appends the address it saw to `X-Forwarded-For` or to `Forwarded` (RFC 7239). What stands further left was there
before and may be the sender's own invention. So the hops are walked from right to left, as long as they are proxies of
ours; the first that is not is the sender.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

__all__ = ["Address", "Headers", "Network", "is_inside", "read_address", "sender"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[0-9a-fA-F:.]+)\](?::[0-9]+)?")
# possessive throughout, so that no header takes more than one pass
_PAIR = re.compile(r"""\s*+([^\s=,;"]++)=("(?:[^"\\]|\\.)*+"|[^\s,;"]*+)\s*+(;|,|$)""")


def sender(peer: str, headers: Headers, proxies: Sequence[Network]) -> Address | None:
    """The address that a request came from; None if it can't be told.

    Args:
        peer: who is at the other end of the connection.
        headers: as ASGI has them, names in lower case.
        proxies: whose headers are believed.
    """
    address = read_address(peer)
    if address is None or not proxies or not is_inside(address, proxies):
        return address
    told = {_first_stranger(address, hops, proxies) for hops in _told(headers)}
    # a sender may add the header that the proxy does not write: then the two disagree
    return told.pop() if len(told) == 1 else None


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


def _first_stranger(proxy: Address, hops: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    for hop in reversed(hops):
        address = read_address(_without_port(hop))
        if address is None or not is_inside(address, proxies):
            return address
        proxy = address
    return proxy


def _without_port(hop: str) -> str:
    match = _WITH_PORT.fullmatch(hop)
    return hop if match is None else match["v4"] or match["v6"]


def _told(headers: Headers) -> Iterable[Sequence[str]]:
    """What each of the two headers tells, repeated ones joined in their order."""
    headers = tuple(headers)
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
