"""Request validation: from a request to the event in it, past every check, or to the reason why not."""

from __future__ import annotations

import logging

import attrs
from starlette.types import Receive, Scope

from nexi_async.webhooks import _responses as responses
from nexi_async.webhooks._authorization import AuthorizationCheck
from nexi_async.webhooks._body import BODY_TIMEOUT, TooLarge, read_body
from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._event_base import UnreadableEvent
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._log_fields import logger
from nexi_async.webhooks._parsing import InvalidEvent, parse_event
from nexi_async.webhooks._request_headers import read_headers
from nexi_async.webhooks._responses import Refused
from nexi_async.webhooks._source_address import SourceAddressCheck
from nexi_async.webhooks._stats import Counters

TOO_LARGE = "refused a webhook of more than %d bytes, see `max_body`"
TOO_SLOW = "refused a webhook whose body took more than %d seconds: does a proxy in front of the server delay it?"
NOT_AN_EVENT = "refused a webhook that is no event: %s"
MEMBERS_LEFT_OUT = "left out of %r, id %r: %s"


@attrs.frozen
class RequestValidation:
    """What a receiver requires of a request.

    Args:
        max_body: the most bytes that its body may have.
        deadlines: limits the time that a sender may take over the body.
    """

    _address: SourceAddressCheck
    _authorization: AuthorizationCheck
    _max_body: int
    _counters: Counters
    _deadlines: Deadlines

    async def event_of(self, scope: Scope, receive: Receive) -> Event:
        """The event of a request that passes every check, cheapest first.

        Raises:
            Refused: it does not.
            ClientDisconnected: the sender closed the connection.
        """
        if scope["method"] != "POST":
            raise Refused(responses.not_post())
        headers = read_headers(scope["headers"])
        self._address.check(scope.get("client"), headers.forwarding)
        try:
            body = await read_body(receive, headers.content_length, self._max_body, self._deadlines)
        except (TooLarge, TimeoutError) as error:
            raise self._refused_body(error) from None
        self._authorization.check_header(headers.authorization)
        event = self._parse(body)
        if self._authorization.depends_on_payment:
            await self._authorization.check_event(headers.authorization, event)
        return event

    def _refused_body(self, error: Exception) -> Refused:
        if isinstance(error, TooLarge):
            self._counters.report("too_large", TOO_LARGE, self._max_body)
            return Refused(responses.too_large())
        self._counters.report("too_slow", TOO_SLOW, BODY_TIMEOUT)
        return Refused(responses.too_slow())

    def _parse(self, body: bytes) -> Event:
        try:
            event = parse_event(body)
        except InvalidEvent as invalid:
            self._counters.report("not_an_event", NOT_AN_EVENT, invalid, level=logging.ERROR)
            raise Refused(responses.not_an_event()) from None
        if event.faults and not isinstance(event, UnreadableEvent):
            logger.warning(MEMBERS_LEFT_OUT, event.name, event.id, "; ".join(map(str, event.faults)))
        return event
