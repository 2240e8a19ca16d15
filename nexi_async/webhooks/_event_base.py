"""What all events share, and the events that this package has no class for, or can't read as one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from nexi_async._errors import Fault


@attrs.frozen(kw_only=True)
class _Envelope:
    """The members of every delivery besides the data of its event.

    Attributes:
        id: the occurrence; it is unique only together with the event's name.
        timestamp: when it happened, with a time zone.
        merchant: the merchant number, if the delivery has one.
        raw: the body as it came.
        faults: members that were there and could not be read, each with its JSON path; they read as if left out.
    """

    id: str
    timestamp: datetime
    merchant: int | None = None
    raw: bytes = attrs.field(repr=False, eq=False)
    faults: tuple[Fault, ...] = attrs.field(default=(), eq=False, metadata={"wire": None})


@attrs.frozen(kw_only=True)
class PaymentEvent(_Envelope):
    """What the 15 events share: `id`, `timestamp`, `merchant`, `payment_id` and the `raw` body."""

    name: ClassVar[str]
    payment_id: str


@attrs.frozen(kw_only=True)
class UnknownEvent(_Envelope):
    """An event that this package has no class for; nothing of it is lost.

    Attributes:
        name: the event's name as it came.
        payment_id: the payment, if the event is about one.
        data: the event's own members as they came, never in a repr.
    """

    name: str
    payment_id: str | None = None
    data: Mapping[str, Any] = attrs.field(repr=False, hash=False)


@attrs.frozen(kw_only=True)
class UnreadableEvent:
    """An authentic event that its class can't hold: what the class requires is missing or unreadable.

    It goes to the handler registered for `UnreadableEvent`, else to the fallback, never to the handler of its name.

    Attributes:
        name: the event's name as it came.
        id: the occurrence.
        faults: what is wrong, each with its JSON path; values are never repeated.
        payment_id: the payment, if that could be read.
        timestamp: when it happened, if that could be read.
        merchant: the merchant number, if the delivery has one.
        data: the event's own members as they came, never in a repr; empty if they were no object.
        raw: the body as it came.
    """

    name: str
    id: str
    faults: tuple[Fault, ...]
    payment_id: str | None = None
    timestamp: datetime | None = None
    merchant: int | None = None
    data: Mapping[str, Any] = attrs.field(repr=False, hash=False)
    raw: bytes = attrs.field(repr=False, eq=False)
