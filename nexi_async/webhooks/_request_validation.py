"""Request validation: from a request to the event in it, past every check, or to the reason why not."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import NoReturn, Self

import attrs
from starlette.types import Receive, Scope

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks import _authentication as authentication
from nexi_async.webhooks import _responses as responses
from nexi_async.webhooks._authentication import AuthorizationOf, Network, Networks, TrustedProxies
from nexi_async.webhooks._body import BODY_TIMEOUT, TooLarge, read_body
from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._events import Event, UnreadableEvent
from nexi_async.webhooks._log_fields import logger
from nexi_async.webhooks._parsing import InvalidEvent, parse_event
from nexi_async.webhooks._proxies import Headers, Proxies, is_rewritten
from nexi_async.webhooks._request_headers import read_headers
from nexi_async.webhooks._responses import Refused
from nexi_async.webhooks._stats import Counters

__all__ = ["RequestValidation"]

FOREIGN_REFUSED = (
    "refused a webhook from %r: not an address of Nexi's, see `environment`, `networks` and `trusted_proxies`"
)
UNAUTHORIZED_REFUSED = (
    "refused a webhook: its Authorization is missing or not one that payments were created with, see `authorization`"
)
TOO_SLOW_REFUSED = "refused a webhook whose body took more than %d seconds: does a proxy in front hold it back?"
REWRITTEN_REFUSED = (
    "refused a webhook: its address %r may have been taken from a header by the server, which `trusted_proxies` does "
    "not allow. Name your proxies there, and start uvicorn with --no-proxy-headers; or set trusted_proxies='server' if "
    "the server believes your proxies alone (never with --forwarded-allow-ips='*')"
)
REWRITTEN_ACCEPTED = (
    "the server takes addresses from forwarding headers, so that `trusted_proxies` can't see whose they are: start "
    "uvicorn with --no-proxy-headers, or make sure that nobody but your proxies can reach it"
)


@attrs.define(kw_only=True, repr=False)
class RequestValidation:
    """What a receiver requires of a request.

    Attributes:
        networks: where they may come from; None for anywhere.
        proxies: whose word is taken for where they come from; "server" for that of the server.
        accepted: the values of `Authorization` that are good, if they are the same for all payments.
        accepted_for: finds those of one payment, if they are not.
        max_body: the most bytes that a delivery may have.
        counters: counts refusals.
        deadlines: limits the time that a sender may take over the body.
        has_warned: whether the log has been told that the server rewrites addresses.
    """

    networks: tuple[Network, ...] | None
    proxies: Proxies
    accepted: tuple[bytes, ...]
    accepted_for: AuthorizationOf | None
    max_body: int
    counters: Counters
    deadlines: Deadlines
    has_warned: bool = False
    _allows_peer: Callable[[str], bool] = attrs.field(init=False)

    @_allows_peer.default
    def _cached_check(self) -> Callable[[str], bool]:
        """Whether a peer that no header speaks of may deliver; it is the same few, again and again."""

        @functools.lru_cache(maxsize=1024)
        def allows(host: str) -> bool:
            return authentication.address_allowed((host, 1), self.networks or (), proxies=self.proxies)

        return allows

    @classmethod
    def of(
        cls,
        *,
        authorization: str | Iterable[str] | AuthorizationOf,
        networks: Networks,
        trusted_proxies: TrustedProxies,
        max_body: int,
        counters: Counters,
        deadlines: Deadlines,
    ) -> Self:
        """Rules from a receiver's options.

        Raises:
            InvalidRequest: an option can't be used.
        """
        if max_body < 1:
            raise InvalidRequest([("max_body", f"must be 1 byte or more, is {max_body}")])
        if networks == "any":
            logger.warning(
                "webhooks are let in from any address, see `networks`: only their Authorization says that they are "
                "Nexi's"
            )
        return cls(
            networks=None if networks == "any" else authentication.allowed_networks(networks),
            proxies=authentication.trusted_networks(trusted_proxies),
            accepted=() if callable(authorization) else authentication.accepted_authorizations(authorization),
            accepted_for=authorization if callable(authorization) else None,
            max_body=max_body,
            counters=counters,
            deadlines=deadlines,
        )

    async def event_of(self, scope: Scope, receive: Receive) -> Event:
        """The event of a request that passes every check, cheapest first.

        Raises:
            Refused: it does not.
            ClientDisconnected: the sender hung up.
        """
        if scope["method"] != "POST":
            raise Refused(responses.NOT_POST)
        headers = read_headers(scope["headers"])
        self._check_address(scope.get("client"), headers.forwarding)
        try:
            body = await read_body(receive, headers.content_length, self.max_body, self.deadlines)
        except (TooLarge, TimeoutError) as error:
            raise self._refused_body(error) from None
        if self.accepted_for is None:
            self._check_authorization(headers.authorization, self.accepted)
            return self._parse(body)
        if headers.authorization is None:
            self._unauthorized()
        event = self._parse(body)
        self._check_authorization(headers.authorization, await self._values_for(event, self.accepted_for))
        return event

    def _check_address(self, peer: tuple[str, int] | None, forwarding: Headers) -> None:
        if self.networks is None:
            return
        if peer and not forwarding and all(peer[1:]) and self._allows_peer(str(peer[0])):
            return
        is_sure = self.proxies == "server" or not is_rewritten(peer, forwarding)
        if authentication.address_allowed(peer, self.networks, headers=forwarding, proxies=self.proxies):
            if not (is_sure or self.has_warned):
                self.has_warned = True
                logger.warning(REWRITTEN_ACCEPTED)
        elif is_sure:
            self.counters.report("address", FOREIGN_REFUSED, peer)
            raise Refused(responses.FOREIGN)
        else:
            self.counters.report("address", REWRITTEN_REFUSED, peer)
            raise Refused(responses.FOREIGN)

    def _refused_body(self, error: Exception) -> Refused:
        if isinstance(error, TooLarge):
            self.counters.report("too_large", "refused a webhook of more than %d bytes, see `max_body`", self.max_body)
            return Refused(responses.TOO_LARGE)
        self.counters.report("too_slow", TOO_SLOW_REFUSED, BODY_TIMEOUT)
        return Refused(responses.TOO_SLOW)

    def _check_authorization(self, header: bytes | None, accepted: tuple[bytes, ...]) -> None:
        if not authentication.authorized(header, accepted):
            self._unauthorized()

    def _unauthorized(self) -> NoReturn:
        self.counters.report("authorization", UNAUTHORIZED_REFUSED)
        raise Refused(responses.UNAUTHORIZED)

    async def _values_for(self, event: Event, accepted_for: AuthorizationOf) -> tuple[bytes, ...]:
        """What the payment of an event was created with; nothing for an event without a payment."""
        if event.payment_id is None:
            return ()
        try:
            values = await accepted_for(event.payment_id)
            return authentication.accepted_authorizations(values) if values else ()
        except Exception as error:  # noqa: BLE001 - a shop's own code may raise anything; it is logged
            message = "the Authorization of payment %r can't be looked up, see `authorization`"
            self.counters.report("authorization_lookup", message, event.payment_id, level=logging.ERROR, error=error)
            raise Refused(responses.NOT_HANDLED) from None

    def _parse(self, body: bytes) -> Event:
        try:
            event = parse_event(body)
        except InvalidEvent as invalid:
            self.counters.report("not_an_event", "refused a webhook that is no event: %s", invalid, level=logging.ERROR)
            raise Refused(responses.NOT_AN_EVENT) from None
        if event.faults and not isinstance(event, UnreadableEvent):
            logger.warning("left out of %r, id %r: %s", event.name, event.id, "; ".join(map(str, event.faults)))
        return event
