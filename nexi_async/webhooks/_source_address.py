"""The check of a webhook's source address: Nexi's networks, or those that a receiver names instead."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Literal, TypeAlias

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks import _responses as responses
from nexi_async.webhooks._log_fields import logger
from nexi_async.webhooks._proxies import Headers, Network, Proxies, is_inside, is_rewritten, sender
from nexi_async.webhooks._responses import Refused
from nexi_async.webhooks._stats import Counters

Networks: TypeAlias = Iterable[str | Network] | Literal["any"]
"""Networks in their usual notation, or "any" for no check of the address."""

TrustedProxies: TypeAlias = Iterable[str | Network] | Literal["server"]
"""Networks in their usual notation, or "server" to take the peer's address from the server as it is."""

UNCHECKED = "webhooks are accepted from any address, see `networks`: only their Authorization is checked"
NOT_ALLOWED = "refused a webhook from %r: not an address of Nexi's, see `environment`, `networks` and `trusted_proxies`"
REWRITTEN_REFUSED = (
    "refused a webhook: its address %r may have been taken from a header by the server, which `trusted_proxies` does "
    "not allow. Name your proxies there, and start uvicorn with --no-proxy-headers; or set trusted_proxies='server' if "
    "the server trusts your proxies alone (never with --forwarded-allow-ips='*')"
)
REWRITTEN_ACCEPTED = (
    "the server takes addresses from forwarding headers, so that `trusted_proxies` can't tell whose they are: start "
    "uvicorn with --no-proxy-headers, or make sure that nothing but your proxies can reach it"
)


class SourceAddressCheck:
    """Lets deliveries in by the address that they come from.

    Raises:
        InvalidRequest: a network can't be used.
    """

    def __init__(self, networks: Networks, trusted_proxies: TrustedProxies, counters: Counters) -> None:
        if networks == "any":
            logger.warning(UNCHECKED)
        self._networks = None if networks == "any" else allowed_networks(networks)
        self._proxies = trusted_networks(trusted_proxies)
        self._counters = counters
        self._has_warned = False
        allowed, proxies = self._networks or (), self._proxies
        # of peers without forwarding headers: they are the same few, again and again
        self._allows_peer = functools.lru_cache(maxsize=1024)(
            lambda host: address_allowed((host, 1), allowed, proxies=proxies)
        )

    def check(self, peer: tuple[str, int] | None, forwarding: Headers) -> None:
        """Check the peer, as ASGI has it, and the forwarding headers of its request.

        Raises:
            Refused: with 403, it comes from elsewhere.
        """
        if self._networks is None:
            return
        if peer and not forwarding and all(peer[1:]) and self._allows_peer(str(peer[0])):
            return
        is_sure = self._proxies == "server" or not is_rewritten(peer, forwarding)
        if not address_allowed(peer, self._networks, headers=forwarding, proxies=self._proxies):
            self._counters.report("address", NOT_ALLOWED if is_sure else REWRITTEN_REFUSED, peer)
            raise Refused(responses.not_allowed())
        if not (is_sure or self._has_warned):
            self._has_warned = True
            logger.warning(REWRITTEN_ACCEPTED)


def address_allowed(
    client: tuple[str, int] | None,
    networks: Sequence[Network],
    *,
    headers: Headers = (),
    proxies: Proxies = (),
) -> bool:
    """Whether a request was sent from one of the networks; one whose sender has no known address was not.

    The peer is as ASGI has it; the headers name the sender if the peer is one of the trusted proxies.
    """
    address = sender(client, headers, proxies)
    return address is not None and is_inside(address, networks)


def allowed_networks(networks: Iterable[str | Network]) -> tuple[Network, ...]:
    """Networks from their usual notation, e.g. "20.31.57.60/30" or "::1".

    Raises:
        InvalidRequest: there is none, or one is not a network.
    """
    given = _networks(networks, "networks")
    if not given:
        raise InvalidRequest([("networks", "must not be empty; leave it out for Nexi's own")])
    return given


def trusted_networks(networks: TrustedProxies) -> Proxies:
    """The networks of one's own proxies, from their usual notation; there may be none. "server" stays as it is.

    Raises:
        InvalidRequest: one is not a network, or is the whole internet: then any address could be claimed.
    """
    if networks == "server":
        return "server"
    given = _networks(networks, "trusted_proxies")
    for index, network in enumerate(given):
        if network.prefixlen == 0:
            fault = "is the whole internet, from which any address could be claimed: name your proxies"
            raise InvalidRequest([(f"trusted_proxies[{index}]", fault)])
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
