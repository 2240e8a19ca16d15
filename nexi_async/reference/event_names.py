"""The names of the 15 webhook events, as a payment's notifications ask for them and as deliveries carry them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal, get_args

__all__ = ["EVENT_NAMES", "EventName", "fault_of_event_name", "nearest_event_name"]

EventName = Literal[
    "payment.created",
    "payment.checkout.completed",
    "payment.reservation.created",
    "payment.reservation.created.v2",
    "payment.reservation.failed",
    "payment.charge.created",
    "payment.charge.created.v2",
    "payment.charge.failed",
    "payment.charge.failed.v2",
    "payment.refund.initiated",
    "payment.refund.initiated.v2",
    "payment.refund.completed",
    "payment.refund.failed",
    "payment.cancel.created",
    "payment.cancel.failed",
]
"""The names of events, for type checkers."""

EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)


def nearest_event_name(name: str) -> str | None:
    """The event that a misspelt name was probably meant to be, if there is one like it."""
    nearest = get_close_matches(name.strip().lower(), EVENT_NAMES, n=1, cutoff=0.6)
    return nearest[0] if nearest else None


def fault_of_event_name(name: object) -> str | None:
    """What is wrong with what is not the name of one of the 15, with the name that was probably meant; else None."""
    if name in EVENT_NAMES:
        return None
    if not isinstance(name, str):
        return f"must be the name of an event, e.g. {getattr(name, 'name', EVENT_NAMES[0])!r}"
    nearest = nearest_event_name(name)
    meant = f"did you mean {nearest!r}?" if nearest else f"known are {', '.join(EVENT_NAMES)}."
    return f"no event is called {name!r}, {meant} strict=False takes events that are newer than this package"
