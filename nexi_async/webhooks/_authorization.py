"""The `Authorization` value of a delivery: it is the one with which the payment was created."""

from __future__ import annotations

import hmac
import logging
import secrets
import string
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from nexi_async._errors import InvalidRequest
from nexi_async.webhooks import _responses as responses
from nexi_async.webhooks._deadlines import Deadlines
from nexi_async.webhooks._events import Event
from nexi_async.webhooks._responses import Refused
from nexi_async.webhooks._stats import Counters

AuthorizationOf: TypeAlias = Callable[[str], Awaitable[str | Iterable[str] | None]]
"""Finds the value, or the values, that the payment of that id was created with; None if there is no such payment."""

LOOKUP_TIMEOUT = 10.0
"""Seconds that finding them may take."""

UNAUTHORIZED = (
    "refused a webhook: its Authorization is missing or not one that payments were created with, see `authorization`"
)
NO_PAYMENT_ID = (
    "refused a webhook: its Authorization can't be looked up, since it has no readable payment id; event %r, id %r"
)
LOOKUP_FAILED = "the Authorization of payment %r can't be looked up, see `authorization`"

_ALPHABET = string.ascii_letters + string.digits
_VISIBLE = frozenset(_ALPHABET + string.punctuation)
_SHORTEST = 8  # of what the API takes; it allows letters and digits only, but is known to keep dashes too


def new_authorization() -> str:
    """A fresh secret for a payment's notifications: 32 random ASCII letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(32))


def authorized(header: bytes | None, accepted: Sequence[bytes]) -> bool:
    """Whether the `Authorization` header is one of the accepted values, in a time that does not depend on which."""
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


class AuthorizationCheck:
    """Lets deliveries in by their `Authorization` header.

    Attributes:
        depends_on_payment: whether each payment has a value of its own, so that the event has to be checked too.

    Args:
        authorization: the accepted value, or several, the same for all payments; or a function that finds those of one
            payment.
        deadlines: limits the time of that function.

    Raises:
        InvalidRequest: a value can't be used.
    """

    def __init__(
        self, authorization: str | Iterable[str] | AuthorizationOf, counters: Counters, deadlines: Deadlines
    ) -> None:
        self._look_up = authorization if callable(authorization) else None
        self._accepted = () if callable(authorization) else accepted_authorizations(authorization)
        self._counters = counters
        self._deadlines = deadlines
        self.depends_on_payment = self._look_up is not None

    def check_header(self, header: bytes | None) -> None:
        """Check what can be checked without the event.

        Raises:
            Refused: with 401, the header is missing or has another value than the accepted ones.
        """
        if header is None or not (self._look_up or authorized(header, self._accepted)):
            raise self._unauthorized()

    async def check_event(self, header: bytes | None, event: Event) -> None:
        """Check the header against the values of the event's payment.

        Raises:
            Refused: with 401, the header has none of them; with 400, the event has no payment id to look them up by;
                with 500, the lookup failed or took longer than 10 seconds.
        """
        if self._look_up is not None and not authorized(header, await self._values_of(event, self._look_up)):
            raise self._unauthorized()

    async def _values_of(self, event: Event, look_up: AuthorizationOf) -> tuple[bytes, ...]:
        """What the event's payment was created with; nothing if there is no such payment."""
        if event.payment_id is None:
            self._counters.report("authorization", NO_PAYMENT_ID, event.name, event.id, level=logging.ERROR)
            raise Refused(responses.no_payment_id())
        try:
            values = await self._deadlines.limit(LOOKUP_TIMEOUT, look_up(event.payment_id))
            return accepted_authorizations(values) if values else ()
        except Exception as error:  # noqa: BLE001 - a shop's own code may raise anything; it is logged
            self._counters.report(
                "authorization_lookup", LOOKUP_FAILED, event.payment_id, level=logging.ERROR, error=error
            )
            raise Refused(responses.not_handled()) from None

    def _unauthorized(self) -> Refused:
        self._counters.report("authorization", UNAUTHORIZED)
        return Refused(responses.unauthorized())
