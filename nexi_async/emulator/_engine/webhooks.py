"""The webhooks of a request: which events go where, with which headers."""

from typing import Any

from nexi_async.emulator._engine.state import WebhookSubscription, WebhookSubscriptions
from nexi_async.emulator._engine.wire import JSON


def webhooks_of(body: dict[str, Any]) -> WebhookSubscriptions:
    """The webhooks of a request body by event name."""
    webhooks: WebhookSubscriptions = {}
    for entry in body.get("notifications", {}).get("webHooks", ()):
        headers = _webhook_headers(entry.get("headers"))
        webhook = WebhookSubscription(entry["eventName"], entry["url"], entry.get("authorization") or None, headers)
        webhooks.setdefault(webhook.event_name, []).append(webhook)
    return webhooks


def _webhook_headers(headers: JSON) -> tuple[tuple[str, str], ...]:
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
