"""Webhooks as a request asks for them: they are set up per payment, one entry per event."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self, overload
from urllib.parse import urlsplit

import attrs

from nexi_async._environment import is_this_machine
from nexi_async._errors import InvalidRequest
from nexi_async._models.rules import SPECIAL, Text, matching, max_length, without
from nexi_async.reference.event_names import EventName, fault_of_event_name

MOST_WEBHOOKS = 32


def _secure(url: str) -> str | None:
    """Plain http reaches nothing but this machine: the emulator calls such an address, the real API refuses it."""
    try:
        address = urlsplit(url)
    except ValueError:
        return "is not an address"
    if address.scheme == "https" and address.hostname:
        return None
    if address.scheme == "http" and is_this_machine(address.hostname or ""):
        return None
    return "must be an https address"


@attrs.frozen(kw_only=True)
class WebHook:
    r"""One event to be delivered.

    Attributes:
        event_name: e.g. "payment.reservation.failed".
        url: where to, https, at most 256 characters, none of `< > ' " & \`.
        authorization: 8 to 64 ASCII letters and digits, sent along as the `Authorization` header, so that the receiver
            can authenticate the sender; older documents stop at 32. Dashes work for integrators but are not documented:
            they give a `UserWarning`. Never in a repr.
    """

    event_name: Annotated[Text, max_length(128, min_length=1)]
    url: Annotated[str, max_length(256, min_length=1), without(SPECIAL), _secure]
    authorization: Annotated[str, matching(r"[A-Za-z0-9-]{8,64}", "8 to 64 ASCII letters and digits")] = attrs.field(
        repr=False
    )

    def __attrs_post_init__(self) -> None:
        if "-" in str(self.authorization):
            warnings.warn(
                "the authorization of a webhook has dashes; the API documents letters and digits only,"
                " see new_authorization()",
                stacklevel=3,
            )


@attrs.frozen(kw_only=True)
class Notifications:
    """The webhooks of one payment, at most 32; they cannot be changed later.

    Subscribing to both generations of an event ("payment.charge.created" and "payment.charge.created.v2") brings two
    deliveries with the same id.
    """

    web_hooks: tuple[WebHook, ...] = attrs.field(converter=tuple[WebHook, ...])

    @overload
    @classmethod
    def to(cls, url: str, *, authorization: str, events: Iterable[EventName], strict: Literal[True] = True) -> Self: ...
    @overload
    @classmethod
    def to(cls, url: str, *, authorization: str, events: Iterable[str], strict: Literal[False]) -> Self: ...
    @classmethod
    def to(cls, url: str, *, authorization: str, events: Iterable[str], strict: bool = True) -> Self:
        """All of these events to one address.

        Args:
            url: the receiver, https.
            authorization: 8 to 64 ASCII letters and digits, also given to the `WebhookReceiver`.
            events: event names, e.g. "payment.charge.created.v2".
            strict: whether to refuse names that this package does not know; False for events that are newer.

        Raises:
            InvalidRequest: a name is not known; says which was probably meant.
        """
        if isinstance(events, str):
            raise InvalidRequest([("events", f"must be a list, e.g. [{events!r}]")])
        events = tuple(events)
        if strict:
            _check_names(events)
        return cls(web_hooks=[WebHook(event_name=event, url=url, authorization=authorization) for event in events])

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        if len(self.web_hooks) > MOST_WEBHOOKS:
            yield "webHooks", f"has {len(self.web_hooks)} entries, at most {MOST_WEBHOOKS} are allowed"


def _check_names(events: tuple[str, ...]) -> None:
    faults = [(f"events[{index}]", fault_of_event_name(event)) for index, event in enumerate(events)]
    found = [(path, fault) for path, fault in faults if fault is not None]
    if found:
        raise InvalidRequest(found)
