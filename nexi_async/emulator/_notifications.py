"""The webhooks of a request: which events go where, with which headers."""

from typing import Any

from nexi_async.emulator import _validation as validation
from nexi_async.emulator._context import Moment
from nexi_async.emulator._fields import Faults, note
from nexi_async.emulator._responses import invalid
from nexi_async.emulator._state import Hook, Hooks
from nexi_async.emulator._wire import JSON


def hooks_of(moment: Moment, body: dict[str, Any]) -> Hooks:
    """The webhooks of a request body by event name.

    Raises:
        Refusal: 400 for urls and authorizations that the settings do not allow.
    """
    faults = Faults(moment.settings)
    hooks = read_hooks(moment, body, faults)
    if faults:
        raise invalid(faults.by_path)
    return hooks


def read_hooks(moment: Moment, body: dict[str, Any], faults: Faults) -> Hooks:
    """The webhooks of a request body by event name; urls and authorizations are judged by the settings."""
    hooks: Hooks = {}
    for place, entry in enumerate(body.get("notifications", {}).get("webHooks", ())):
        path = f"notifications.webHooks[{place}]"
        if not validation.is_webhook_url(entry["url"], plain_http=moment.settings.plain_http_webhooks):
            note(faults, f"{path}.url", "Must be an https url")
        secret = entry.get("authorization", "")
        if moment.settings.alphanumeric_authorization and secret and not _is_alphanumeric(secret):
            note(faults, f"{path}.authorization", "Must be letters and digits only")
        hook = Hook(entry["eventName"], entry["url"], secret or None, _hook_headers(entry.get("headers")))
        hooks.setdefault(hook.event_name, []).append(hook)
    return hooks


def _is_alphanumeric(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _hook_headers(headers: JSON) -> tuple[tuple[str, str], ...]:
    """Custom headers in any of the shapes that clients send; their official shape is not published."""
    if isinstance(headers, dict):
        headers = [{name: value} for name, value in headers.items()]
    pairs = [_header_pair(entry) for entry in headers or () if isinstance(entry, dict)]
    return tuple((name, value) for name, value in pairs if _is_header(name, value))


def _header_pair(entry: dict[str, Any]) -> tuple[Any, Any]:
    folded = {name.lower(): value for name, value in entry.items()}
    if "value" in folded:
        return folded.get("name", folded.get("key")), folded["value"]
    return next(iter(entry.items()), ("", ""))


def _is_header(name: JSON, value: JSON) -> bool:
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return bool(name) and name.replace("-", "").isalnum() and name.isascii() and value.isprintable()
