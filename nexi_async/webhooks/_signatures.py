"""Checks of a handler's signature: whether it can be called with an event, and with which."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from nexi_async.webhooks._event_base import UnknownEvent, UnreadableEvent
from nexi_async.webhooks._events import EVENT_CLASSES, UNREADABLE, Event

AnyFunction: TypeAlias = Callable[..., object]

_EVENTS: tuple[type, ...] = get_args(Event)


def check_handler(handler: AnyFunction, event: str | None) -> None:
    """Refuse what could not handle the event of that name, or, without a name, any event.

    Annotations that can't be evaluated at run time, e.g. of names imported for type checkers only, are not looked at.

    Raises:
        TypeError: it is not an `async def`, can't be called with an event, or is annotated for another one.
    """
    # a plain function would do its work, fail to be awaited, and be called again ten times over
    call = getattr(handler, "__call__", handler)  # noqa: B004 - for objects that can be called
    if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)):
        raise TypeError(f"{handler!r} must be an async def that takes an event")
    most = 1 if event is None else 2
    if not any(_can_take(handler, number) for number in range(1, most + 1)):
        wanted = "the event" if event is None else "the event, and perhaps the payment"
        raise TypeError(f"{handler!r} can't be called: it must take {wanted}, and need nothing else")
    _check_annotation(handler, event)


def takes_payment(handler: AnyFunction) -> bool:
    """Whether the handler can't be called without a second argument."""
    return not _can_take(handler, 1)


def _can_take(handler: AnyFunction, arguments: int) -> bool:
    try:
        inspect.signature(handler).bind(*[None] * arguments)
    except TypeError:
        return False
    return True


def _check_annotation(handler: AnyFunction, event: str | None) -> None:
    annotation = _first_annotation(handler)
    kinds = _EVENTS if event is None else (_class_of(event),)
    for kind in kinds:
        if not _accepts(annotation, kind):
            given = f"{event} arrives as" if event else "a fallback gets every event that has no handler, e.g."
            raise TypeError(f"{handler!r} is annotated for {_display_name(annotation)}, but {given} {kind.__name__}")


def _class_of(event: str) -> type:
    return UnreadableEvent if event == UNREADABLE else EVENT_CLASSES.get(event, UnknownEvent)


def _first_annotation(handler: AnyFunction) -> Any:
    """The annotation of the parameter that gets the event; Any if there is none, or none that can be evaluated."""
    try:
        parameters: Sequence[inspect.Parameter] = [*inspect.signature(handler, eval_str=True).parameters.values()]
    except Exception:  # noqa: BLE001 - an annotation may be any expression, and raise anything
        return Any
    annotation = parameters[0].annotation
    return Any if annotation is inspect.Parameter.empty else annotation


def _accepts(annotation: Any, kind: type) -> bool:
    """Whether an event of that class fits; what is neither a class nor a union of them is left to type checkers."""
    if get_origin(annotation) in (Union, UnionType):
        return any(_accepts(part, kind) for part in get_args(annotation))
    try:
        return annotation is Any or not isinstance(annotation, type) or issubclass(kind, annotation)
    except TypeError:  # a protocol
        return True


def _display_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
