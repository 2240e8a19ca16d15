"""The portal's page of settings, injected faults, clock and reset."""

import re
from typing import Any

from attrs import Attribute, fields
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator._engine import settings
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import read_fault
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.wire import JSON, Document
from nexi_async.emulator._portal_site import ROOT, Form, PortalSite

_FAULTS = ("lose_response", "delay", "status", "cut")
_NUMBERS = {"rate": float, "times": int, "seconds": float, "status": int, "after_bytes": int}
_STEPS = ((60, "1 minute"), (3600, "1 hour"), (86400, "1 day"))


def routes(engine: Engine, site: PortalSite) -> list[Route]:
    """The routes of this page."""
    page = _SettingsPage(engine, site)
    base = f"{ROOT}/settings"
    return [
        Route(base, site.shows(page.show), methods=["GET"]),
        Route(base, site.changes(page.change), methods=["POST"]),
        Route(f"{base}/faults", site.changes(page.add_fault), methods=["POST"]),
        Route(f"{base}/faults/{{place:int}}/remove", site.changes(page.remove_fault), methods=["POST"]),
        Route(f"{base}/clock", site.changes(page.advance), methods=["POST"]),
        Route(f"{base}/reset", site.changes(page.reset), methods=["POST"]),
    ]


class _SettingsPage:
    def __init__(self, engine: Engine, site: PortalSite) -> None:
        self._engine = engine
        self._site = site

    async def show(self, request: Request) -> Response:
        return self._show(request)

    async def change(self, request: Request, form: Form) -> Response:
        try:
            changes = {name: _value(attribute, form) for name, attribute in _attributes().items()}
            self._engine.settings = settings.changed(self._engine.settings, changes)
        except ValueError as error:
            return self._show(request, str(error))
        return self._site.go_to(request, "/settings")

    async def add_fault(self, request: Request, form: Form) -> Response:
        try:
            fault = read_fault(_fault_document(form))
        except ValueError as error:
            return self._show(request, str(error))
        self._engine.set_faults([*self._engine.faults, fault])
        return self._site.go_to(request, "/settings#faults")

    async def remove_fault(self, request: Request, _: Form) -> Response:
        place = request.path_params["place"]
        faults = self._engine.faults
        self._engine.set_faults([*faults[:place], *faults[place + 1 :]])
        return self._site.go_to(request, "/settings#faults")

    async def advance(self, request: Request, form: Form) -> Response:
        try:
            self._engine.advance(float(form.get("seconds", "")))
        except ValueError as error:
            return self._show(request, str(error))
        return self._site.go_to(request, "/settings#clock")

    async def reset(self, request: Request, _: Form) -> Response:
        self._engine.reset()
        return self._site.go_to(request, "")

    def _show(self, request: Request, problem: str = "") -> Response:
        texts = _descriptions()
        current = self._engine.settings
        return self._site.page(
            request,
            "portal_settings.html",
            400 if problem else 200,
            problem=problem,
            settings=[_shown(attribute, current, texts.get(name, "")) for name, attribute in _attributes().items()],
            faults=self._engine.faults,
            fault_kinds=_FAULTS,
            steps=_STEPS,
        )


def _attributes() -> dict[str, "Attribute[Any]"]:
    return {attribute.name: attribute for attribute in fields(Settings)}


def _shown(attribute: "Attribute[Any]", current: Settings, description: str) -> Document:
    """What the form needs to know of a setting."""
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
    """What the docstring of `Settings` says of each."""
    text = " ".join((Settings.__doc__ or "").partition("Attributes:")[2].split("\n        "))
    found = re.findall(r"(?:^| )([a-z0-9_]+): (.*?)(?= [a-z0-9_]*_[a-z0-9_]*: |$)", text, re.DOTALL)
    return {name: " ".join(description.split()) for name, description in found if name in _attributes()}
