"""Admission: from a request to the event in it, past every check, or to the reason why not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NoReturn, Self

import attrs
from starlette.types import Receive, Scope

from nexi_async.errors import InvalidRequest
from nexi_async.webhooks import answers, guard
from nexi_async.webhooks.answers import Refused
from nexi_async.webhooks.body import BODY_SECONDS, TooLarge, read_body
from nexi_async.webhooks.events import Event
from nexi_async.webhooks.guard import AuthorizationOf, Network, Networks, TrustedProxies
from nexi_async.webhooks.log import logger
from nexi_async.webhooks.parsing import InvalidEvent, parse_event
from nexi_async.webhooks.proxies import Proxies, is_rewritten
from nexi_async.webhooks.stats import Tally

__all__ = ["Admission"]

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
class Admission:
    """The rules by which a receiver lets deliveries in.

    Attributes:
        networks: where they may come from; None for anywhere.
        proxies: whose word is taken for where they come from; "server" for that of the server.
        accepted: the values of `Authorization` that are good, if they are the same for all payments.
        accepted_for: finds those of one payment, if they are not.
        max_body: the most bytes that a delivery may have.
        tally: counts refusals.
        has_warned: whether the log has been told that the server rewrites addresses.
    """

    networks: tuple[Network, ...] | None
    proxies: Proxies
    accepted: tuple[bytes, ...]
    accepted_for: AuthorizationOf | None
    max_body: int
    tally: Tally
    has_warned: bool = False

    @classmethod
    def of(
        cls,
        *,
        authorization: str | Iterable[str] | AuthorizationOf,
        networks: Networks,
        trusted_proxies: TrustedProxies,
        max_body: int,
        tally: Tally,
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
            networks=None if networks == "any" else guard.allowed_networks(networks),
            proxies=guard.trusted_networks(trusted_proxies),
            accepted=() if callable(authorization) else guard.accepted_authorizations(authorization),
            accepted_for=authorization if callable(authorization) else None,
            max_body=max_body,
            tally=tally,
        )

    async def admit(self, scope: Scope, receive: Receive) -> Event:
        """The event of a delivery that passes every check, cheapest first.

        Raises:
            Refused: it does not.
            SenderGone: the sender hung up.
        """
        if scope["method"] != "POST":
            raise Refused(answers.NOT_POST)
        self._check_address(scope)
        body = await self._read(scope, receive)
        authorization = _authorization(scope)
        if self.accepted_for is None:
            self._check_authorization(authorization, self.accepted)
            return self._parse(body)
        if authorization is None:
            self._unauthorized()
        event = self._parse(body)
        self._check_authorization(authorization, await self._values_for(event, self.accepted_for))
        return event

    def _check_address(self, scope: Scope) -> None:
        if self.networks is None:
            return
        peer, headers = scope.get("client"), scope["headers"]
        is_sure = self.proxies == "server" or not is_rewritten(peer, headers)
        if guard.address_allowed(peer, self.networks, headers=headers, proxies=self.proxies):
            if not (is_sure or self.has_warned):
                self.has_warned = True
                logger.warning(REWRITTEN_ACCEPTED)
        elif is_sure:
            self.tally.report("address", FOREIGN_REFUSED, peer)
            raise Refused(answers.FOREIGN)
        else:
            self.tally.report("address", REWRITTEN_REFUSED, peer)
            raise Refused(answers.FOREIGN)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        try:
            return await read_body(scope, receive, self.max_body)
        except TooLarge:
            self.tally.report("too_large", "refused a webhook of more than %d bytes, see `max_body`", self.max_body)
            raise Refused(answers.TOO_LARGE) from None
        except TimeoutError:
            self.tally.report("too_slow", TOO_SLOW_REFUSED, BODY_SECONDS)
            raise Refused(answers.TOO_SLOW) from None

    def _check_authorization(self, header: bytes | None, accepted: tuple[bytes, ...]) -> None:
        if not guard.authorized(header, accepted):
            self._unauthorized()

    def _unauthorized(self) -> NoReturn:
        self.tally.report("authorization", UNAUTHORIZED_REFUSED)
        raise Refused(answers.UNAUTHORIZED)

    async def _values_for(self, event: Event, accepted_for: AuthorizationOf) -> tuple[bytes, ...]:
        """What the payment of an event was created with; nothing for an event without a payment."""
        if event.payment_id is None:
            return ()
        try:
            values = await accepted_for(event.payment_id)
            return guard.accepted_authorizations(values) if values else ()
        except Exception as error:  # noqa: BLE001 - a shop's own code may raise anything; it is logged
            message = "the Authorization of payment %r can't be looked up, see `authorization`"
            self.tally.report("authorization_lookup", message, event.payment_id, level=logging.ERROR, error=error)
            raise Refused(answers.NOT_HANDLED) from None

    def _parse(self, body: bytes) -> Event:
        try:
            return parse_event(body)
        except InvalidEvent as invalid:
            self.tally.report("not_an_event", "refused a webhook that is no event: %s", invalid, level=logging.ERROR)
            raise Refused(answers.NOT_AN_EVENT) from None


def _authorization(scope: Scope) -> bytes | None:
    """The header as it came, if it came once."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    return values[0] if len(values) == 1 else None
