"""From the body of a delivery to an event.

Recorded deliveries carry numbers and one merchant member; the samples of the official reference carry texts of digits,
both merchant members, and empty texts for what is not set. Either is read. Whatever has an `event`
and an `id` is an event: an unknown name never fails, and what its class can't hold is an `UnreadableEvent`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

import attrs
from cattrs import BaseConverter

from nexi_async import _best_effort as best_effort
from nexi_async._codec import Malformed, lenient, read_json, structure
from nexi_async._errors import Fault
from nexi_async._wire_names import without_none
from nexi_async.webhooks._decoders import decoder_of
from nexi_async.webhooks._event_base import UnknownEvent, UnreadableEvent
from nexi_async.webhooks._events import EVENT_CLASSES, Event

MAX_ID_LENGTH = 200
_ID_RULE = f"must be text of 1 to {MAX_ID_LENGTH} characters"


class InvalidEvent(Malformed):
    """A body that is no webhook event: it has no name or no id of an event.

    Attributes:
        faults: each place as a JSON path and what is wrong there.
    """


def parse_event(body: bytes) -> Event:
    """The event in the body of a delivery.

    Members that can't be read are left out where the event can do without, and named in its `faults`; where it can't,
    the event is an `UnreadableEvent`.

    Raises:
        InvalidEvent: a `ValueError`; it is no JSON object, or has no `event` and `id` of 1 to 200 characters. Every
            fault is named with its JSON path.
    """
    try:
        document = read_json(body)
    except Malformed as malformed:
        raise InvalidEvent(malformed.faults) from None
    event = _decode(document, body)
    return _read_leniently(_checked(document), body) if event is None else event


def _decode(document: Any, body: bytes) -> Event | None:
    """The event, if every member is of the type that Nexi is known to send."""
    try:
        event = _decoder_of(document["event"])(
            document["data"],
            id=document["id"],
            timestamp=_read_timestamp(document["timestamp"], datetime),
            merchant=document.get("merchantId") or document.get("merchantNumber"),
            raw=body,
        )
    except (LookupError, TypeError, ValueError):
        return None
    is_usual = type(event.merchant) is int and event.merchant and _is_id(event.id) and _is_id(event.payment_id)
    return event if is_usual else None


@functools.cache
def _decoder_of(event_name: str) -> Callable[..., Event]:
    return decoder_of(EVENT_CLASSES[event_name], "id", "timestamp", "merchant", "raw")


def _read_leniently(document: dict[str, Any], body: bytes) -> Event:
    """The event, however its members are spelt."""
    name, data = document["event"], document.get("data")
    faults = _faults_of_data(data)
    data = data if isinstance(data, dict) else {}
    envelope = {
        "id": document["id"],
        "timestamp": document.get("timestamp"),
        "merchant": _merchant(document),
        "raw": body,
    }
    kind = EVENT_CLASSES.get(name, UnknownEvent)
    payment_id = data.get("paymentId") if _is_id(data.get("paymentId")) else None
    members = {"name": name, "data": data} if kind is UnknownEvent else data
    try:
        event, dropped = best_effort.read(members | {"paymentId": payment_id} | envelope, kind, _reader)
    except Malformed as malformed:
        faults = _merged(faults, [_on_the_wire(fault, envelope) for fault in malformed.faults])
        return _unreadable(name, payment_id, data, envelope, faults)
    faults += tuple(_on_the_wire(fault, envelope) for fault in dropped)
    return cast("Event", attrs.evolve(event, faults=faults) if faults else event)


def _checked(document: Any) -> dict[str, Any]:
    """The document, sure to have a name and an id."""
    if not isinstance(document, dict):
        raise InvalidEvent((Fault("body", "must be an object"),))
    faults = [Fault(member, _ID_RULE) for member in ("event", "id") if not _is_id(document.get(member))]
    if faults:
        raise InvalidEvent(tuple(faults))
    return cast("dict[str, Any]", document)


def _faults_of_data(data: object) -> tuple[Fault, ...]:
    """What is wrong with the data as a whole, and with the payment's id, which a database has to keep."""
    if data is None:
        return ()
    if not isinstance(data, dict):
        return (Fault("data", "must be an object"),)
    payment_id = data.get("paymentId")
    return () if payment_id is None or _is_id(payment_id) else (Fault("data.paymentId", _ID_RULE),)


def _unreadable(
    name: str, payment_id: str | None, data: dict[str, Any], envelope: dict[str, Any], faults: tuple[Fault, ...]
) -> UnreadableEvent:
    timestamp: datetime | None = None
    with suppress(Malformed):
        timestamp = structure(envelope["timestamp"], datetime, _reader)
    known = {member: envelope[member] for member in ("id", "merchant", "raw")}
    return UnreadableEvent(name=name, payment_id=payment_id, timestamp=timestamp, data=data, faults=faults, **known)


def _merged(faults: tuple[Fault, ...], others: list[Fault]) -> tuple[Fault, ...]:
    """What was left out for a fault of its own is not named again as missing."""
    named = {fault.path for fault in faults}
    return (*faults, *(fault for fault in others if fault.path not in named and "data" not in named))


def _is_id(value: object) -> bool:
    """Whether a database can keep it and a log can show it."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and "\0" not in value


def _merchant(document: dict[str, Any]) -> int | None:
    """The first of the two that is a number other than 0; each generation of events fills another one."""
    return _number(document.get("merchantId")) or _number(document.get("merchantNumber"))


def _number(value: object) -> int | None:
    if value is None or type(value) is int:
        return value or None
    try:
        return structure(value, int, lenient) or None
    except Malformed:
        return None  # the oldest documents show an identifier with dashes: not worth losing an event for


def _on_the_wire(fault: Fault, envelope: dict[str, Any]) -> Fault:
    """Events are flat, deliveries keep what is particular to an event under `data`."""
    return fault if fault.path in envelope else Fault(f"data.{fault.path}", fault.message)


def _read_optional(kind: object, converter: BaseConverter) -> Callable[[object, object], Any]:
    """An empty text means "not set", as null and absence do."""
    inner = without_none(kind)
    read = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None or value == "" else read(value, inner)


_read_timestamp = lenient.get_structure_hook(datetime)
_reader = lenient.copy()
_reader.register_structure_hook(bytes, lambda value, _: value)
_reader.register_structure_hook_factory(lambda kind: without_none(kind) is not kind, _read_optional)
