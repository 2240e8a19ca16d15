"""The portal's page of settings, injected faults, clock and reset."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, fields_dict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator._engine import settings
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import FAULTS, read_fault
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.wire import JSON, Document
from nexi_async.emulator._forms import Form
from nexi_async.emulator._portal_page import ROOT, Endpoint, changes, go_to, page, shows
from nexi_async.emulator._site import engine_of

_SETTINGS: Mapping[str, "Attribute[Any]"] = fields_dict(Settings)
_NUMBERS = ("rate", "times", "seconds", "status", "after_bytes")
_STEPS = ((60, "1 minute"), (3600, "1 hour"), (86400, "1 day"))


def routes() -> list[Route]:
    base = f"{ROOT}/settings"
    return [
        Route(base, _show, methods=["GET"]),
        Route(base, _applies(_change), methods=["POST"]),
        Route(f"{base}/faults", _applies(_add_fault, "#faults"), methods=["POST"]),
        Route(f"{base}/faults/{{place:int}}/remove", _applies(_remove_fault, "#faults"), methods=["POST"]),
        Route(f"{base}/clock", _applies(_advance, "#clock"), methods=["POST"]),
        Route(f"{base}/reset", _reset, methods=["POST"]),
    ]


@shows
async def _show(request: Request) -> Response:
    return _settings_page(request)


@changes
async def _reset(request: Request, _: Form) -> Response:
    engine_of(request).reset()
    return go_to(request, "")


def _applies(change: Callable[..., None], part: str = "") -> Endpoint:
    """An endpoint that changes the engine as a form says, and then shows a part of the page, or the problem."""

    @changes
    async def endpoint(request: Request, form: Form) -> Response:
        try:
            change(engine_of(request), form, **request.path_params)
        except ValueError as error:
            return _settings_page(request, str(error))
        return go_to(request, f"/settings{part}")

    return endpoint


def _change(engine: Engine, form: Form) -> None:
    given = {name: _value(attribute, form) for name, attribute in _SETTINGS.items()}
    engine.settings = settings.changed(engine.settings, given)


def _add_fault(engine: Engine, form: Form) -> None:
    engine.set_faults([*engine.faults, read_fault(_fault_document(form))])


def _remove_fault(engine: Engine, _: Form, place: int) -> None:
    engine.set_faults([*engine.faults[:place], *engine.faults[place + 1 :]])


def _advance(engine: Engine, form: Form) -> None:
    engine.advance(float(form.get("seconds", "")))


def _settings_page(request: Request, problem: str = "") -> Response:
    engine, texts = engine_of(request), _descriptions()
    return page(
        request,
        "portal_settings.html",
        400 if problem else 200,
        problem=problem,
        settings=[_shown(attribute, engine.settings, texts.get(name, "")) for name, attribute in _SETTINGS.items()],
        faults=engine.faults,
        fault_kinds=FAULTS,
        steps=_STEPS,
    )


def _shown(attribute: "Attribute[Any]", current: Settings, description: str) -> Document:
    value = getattr(current, attribute.name)
    text = ", ".join(map(_part, value)) if _is_list(attribute) else value
    return {
        "name": attribute.name,
        "value": "" if text is None else text,
        "is_switch": attribute.type is bool,
        "choices": getattr(attribute.validator, "options", ()),
        "description": description,
        "is_changed": value != attribute.default,
    }


def _value(attribute: "Attribute[Any]", form: Form) -> JSON:
    """The value of a setting in the form, as JSON has it.

    Raises:
        ValueError: It is no number where one is needed.
    """
    text = form.get(attribute.name, "").strip()
    kind: Any = attribute.type
    if kind is bool:
        return attribute.name in form
    if _is_list(attribute):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return parts if "str" in str(attribute.type) else [_number(attribute.name, part) for part in parts]
    if kind is str:
        return text
    return None if text == "" else _number(attribute.name, text)


def _part(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _is_list(attribute: "Attribute[Any]") -> bool:
    return "tuple" in str(attribute.type)


def _number(name: str, text: str) -> int | float:
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        msg = f"{name} must be a number, not {text!r}"
        raise ValueError(msg) from None


def _fault_document(form: Form) -> Document:
    texts = {name: form[name].strip() for name in ("fault", "method", "path") if form.get(name, "").strip()}
    numbers = {name: _number(name, form[name]) for name in _NUMBERS if form.get(name, "").strip()}
    return {**texts, **numbers}


def _descriptions() -> dict[str, str]:
    """The description of each setting, from the docstring of `Settings`."""
    text = " ".join((Settings.__doc__ or "").partition("Attributes:")[2].split("\n        "))
    found = re.findall(r"(?:^| )([a-z0-9_]+): (.*?)(?= [a-z0-9_]*_[a-z0-9_]*: |$)", text, re.DOTALL)
    return {name: " ".join(description.split()) for name, description in found if name in _SETTINGS}
