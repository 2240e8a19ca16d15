"""Who may deliver: the source address and the `Authorization` value, as plain functions on values.

There is no signature on a webhook. What a delivery proves is where it came from, and that it knows the value which the
payment was created with.
"""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from nexi_async.errors import InvalidRequest

__all__ = [
    "Network",
    "accepted_authorizations",
    "address_allowed",
    "allowed_networks",
    "authorized",
    "new_authorization",
]

Network: TypeAlias = IPv4Network | IPv6Network

_ALPHABET = string.ascii_letters + string.digits
_VISIBLE = frozenset(_ALPHABET + string.punctuation)
_SHORTEST = 8  # of what the API takes; it allows letters and digits only, but is known to keep dashes too


def new_authorization() -> str:
    """A fresh secret for a payment's notifications: 32 random ASCII letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(32))


def address_allowed(client: tuple[str, int] | None, networks: Iterable[Network]) -> bool:
    """Whether the peer is in one of the networks; a peer without a readable address is not."""
    address = _address(client)
    return address is not None and any(address in network for network in networks)


def _address(client: tuple[str, int] | None) -> IPv4Address | IPv6Address | None:
    if not client:
        return None
    try:
        address = ip_address(str(client[0]))
    except ValueError:
        return None
    # a server that listens on [::] sees its IPv4 peers as ::ffff:a.b.c.d
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def authorized(header: bytes | None, accepted: Sequence[bytes]) -> bool:
    """Whether the `Authorization` header is one of the accepted values; the time it takes tells nothing."""
    matches = [hmac.compare_digest(header or b"", value) for value in accepted]
    return any(matches)


def accepted_authorizations(values: str | Iterable[str]) -> tuple[bytes, ...]:
    """The values that a receiver accepts, as they look in the header.

    Raises:
        InvalidRequest: there is none, or one is shorter than 8 characters or has others than visible ASCII.
    """
    given = (values,) if isinstance(values, str) else tuple(values)
    if not given:
        raise InvalidRequest([("authorization", "needs at least one value")])
    faults = [
        (f"authorization[{index}]", f"must be {_SHORTEST} or more ASCII letters and digits")
        for index, value in enumerate(given)
        if len(value) < _SHORTEST or not _VISIBLE.issuperset(value)
    ]
    if faults:
        raise InvalidRequest(faults)
    return tuple(value.encode("ascii") for value in given)


def allowed_networks(networks: Iterable[str | Network]) -> tuple[Network, ...]:
    """Networks from their usual notation, e.g. "20.31.57.60/30" or "::1".

    Raises:
        InvalidRequest: there is none, or one is not a network.
    """
    given = tuple(networks)
    if not given:
        raise InvalidRequest([("networks", "would let nobody in; leave it out for Nexi's own")])
    return tuple(_network(network, f"networks[{index}]") for index, network in enumerate(given))


def _network(network: str | Network, path: str) -> Network:
    try:
        return ip_network(network)
    except ValueError as error:
        raise InvalidRequest([(path, str(error))]) from None
