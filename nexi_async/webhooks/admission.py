"""Admission: from a request to the event in it, past every check, or to the reason why not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Self

import attrs
from starlette.types import Receive, Scope

from nexi_async.errors import InvalidRequest
from nexi_async.webhooks import answers, guard
from nexi_async.webhooks.answers import Refused
from nexi_async.webhooks.body import TooLarge, read_body
from nexi_async.webhooks.events import Event
from nexi_async.webhooks.guard import AuthorizationOf, Network, Networks
from nexi_async.webhooks.parsing import InvalidEvent, parse_event

__all__ = ["Admission"]

logger = logging.getLogger("nexi_async.webhooks")


@attrs.frozen(kw_only=True, repr=False)
class Admission:
    """The rules by which a receiver lets deliveries in.

    Attributes:
        networks: where they may come from; None for anywhere.
        proxies: whose word is taken for where they come from.
        accepted: the values of `Authorization` that are good, if they are the same for all payments.
        accepted_for: finds those of one payment, if they are not.
        max_body: the most bytes that a delivery may have.
    """

    networks: tuple[Network, ...] | None
    proxies: tuple[Network, ...]
    accepted: tuple[bytes, ...]
    accepted_for: AuthorizationOf | None
    max_body: int

    @classmethod
    def of(
        cls,
        *,
        authorization: str | Iterable[str] | AuthorizationOf,
        networks: Networks,
        trusted_proxies: Iterable[str | Network],
        max_body: int,
    ) -> Self:
        """Rules from a receiver's options.

        Raises:
            InvalidRequest: an option can't be used.
        """
        if max_body < 1:
            raise InvalidRequest([("max_body", f"must be 1 byte or more, is {max_body}")])
        if networks == "any":
            logger.warning("webhooks are let in from any address: only their Authorization says that they are Nexi's")
        return cls(
            networks=None if networks == "any" else guard.allowed_networks(networks),
            proxies=guard.trusted_networks(trusted_proxies),
            accepted=() if callable(authorization) else guard.accepted_authorizations(authorization),
            accepted_for=authorization if callable(authorization) else None,
            max_body=max_body,
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
            _check_authorization(authorization, self.accepted)
            return _parse(body)
        if authorization is None:
            raise _unauthorized()
        event = _parse(body)
        _check_authorization(authorization, await _values_for(event, self.accepted_for))
        return event

    def _check_address(self, scope: Scope) -> None:
        peer = scope.get("client")
        if self.networks is None or guard.address_allowed(
            peer, self.networks, headers=scope["headers"], proxies=self.proxies
        ):
            return
        logger.warning(
            "refused a webhook from %r: not an address of Nexi's, see `networks` and `trusted_proxies`", peer
        )
        raise Refused(answers.FOREIGN)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        try:
            return await read_body(scope, receive, self.max_body)
        except TooLarge:
            logger.warning("refused a webhook of more than %d bytes, see `max_body`", self.max_body)
            raise Refused(answers.TOO_LARGE) from None
        except TimeoutError:
            logger.warning("refused a webhook whose body took too long")
            raise Refused(answers.TOO_SLOW) from None


def _authorization(scope: Scope) -> bytes | None:
    """The header as it came, if it came once."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    return values[0] if len(values) == 1 else None


def _check_authorization(header: bytes | None, accepted: tuple[bytes, ...]) -> None:
    if not guard.authorized(header, accepted):
        raise _unauthorized()


def _unauthorized() -> Refused:
    logger.warning("refused a webhook: its Authorization is missing or not an accepted value")
    return Refused(answers.UNAUTHORIZED)


async def _values_for(event: Event, accepted_for: AuthorizationOf) -> tuple[bytes, ...]:
    """What the payment of an event was created with; nothing for an event without a payment."""
    if event.payment_id is None:
        return ()
    try:
        values = await accepted_for(event.payment_id)
        return guard.accepted_authorizations(values) if values else ()
    except Exception:
        logger.exception("the Authorization of payment %r can't be looked up", event.payment_id)
        raise Refused(answers.NOT_HANDLED) from None


def _parse(body: bytes) -> Event:
    try:
        return parse_event(body)
    except InvalidEvent as invalid:
        logger.error("refused a webhook that is no event: %s", invalid)
        raise Refused(answers.NOT_AN_EVENT) from None
