"""Who may deliver: the source address and the `Authorization` value, as plain functions on values.

There is no signature on a webhook. What a delivery proves is where it came from, and that it knows the value which the
payment was created with.
"""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Literal, TypeAlias

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks._proxies import Headers, Network, Proxies, is_inside, sender

__all__ = [
    "AuthorizationOf",
    "Network",
    "Networks",
    "TrustedProxies",
    "accepted_authorizations",
    "address_allowed",
    "allowed_networks",
    "authorized",
    "new_authorization",
    "trusted_networks",
]

Networks: TypeAlias = Iterable[str | Network] | Literal["any"]
"""Networks in their usual notation, or "any" for no check of the address."""

TrustedProxies: TypeAlias = Iterable[str | Network] | Literal["server"]
"""Networks in their usual notation, or "server" to take the peer as the server tells it."""

AuthorizationOf: TypeAlias = Callable[[str], Awaitable[str | Iterable[str] | None]]
"""Finds the value, or the values, that the payment of that id was created with; None if there is no such payment."""

_ALPHABET = string.ascii_letters + string.digits
_VISIBLE = frozenset(_ALPHABET + string.punctuation)
_SHORTEST = 8  # of what the API takes; it allows letters and digits only, but is known to keep dashes too


def new_authorization() -> str:
    """A fresh secret for a payment's notifications: 32 random ASCII letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(32))


def address_allowed(
    client: tuple[str, int] | None,
    networks: Sequence[Network],
    *,
    headers: Headers = (),
    proxies: Proxies = (),
) -> bool:
    """Whether who sent the request is in one of the networks; somebody whose address can't be told is not.

    Args:
        client: the peer, as ASGI has it.
        networks: who is let in.
        headers: of the request; they are asked who the sender is if the peer is one of the proxies.
        proxies: whose word is taken for that.
    """
    address = sender(client, headers, proxies)
    return address is not None and is_inside(address, networks)


def authorized(header: bytes | None, accepted: Sequence[bytes]) -> bool:
    """Whether the `Authorization` header is one of the accepted values; the time it takes tells nothing."""
    is_accepted = False
    for value in accepted:  # all of them, whichever it is
        is_accepted |= hmac.compare_digest(header or b"", value)
    return is_accepted


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
    given = _networks(networks, "networks")
    if not given:
        raise InvalidRequest([("networks", "would let nobody in; leave it out for Nexi's own")])
    return given


def trusted_networks(networks: TrustedProxies) -> Proxies:
    """The networks of one's own proxies, from their usual notation; there may be none. "server" stays as it is.

    Raises:
        InvalidRequest: one is not a network, or is the whole internet: then anybody could claim any address.
    """
    if networks == "server":
        return "server"
    given = _networks(networks, "trusted_proxies")
    for index, network in enumerate(given):
        if network.prefixlen == 0:
            raise InvalidRequest(
                [(f"trusted_proxies[{index}]", "would let anybody claim to be Nexi, name your proxies")]
            )
    return given


def _networks(networks: Iterable[str | Network], option: str) -> tuple[Network, ...]:
    if isinstance(networks, str):
        raise InvalidRequest([(option, f"must be a list, e.g. [{networks!r}]")])
    return tuple(_network(network, f"{option}[{index}]") for index, network in enumerate(networks))


def _network(network: str | Network, path: str) -> Network:
    try:
        return ip_network(network)
    except ValueError as error:
        raise InvalidRequest([(path, str(error))]) from None
