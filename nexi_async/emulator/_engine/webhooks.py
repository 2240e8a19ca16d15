"""The webhooks of a request: which events go where, with which headers."""

from typing import Any

from nexi_async.emulator._engine.addresses import is_loopback, split
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.fields import FieldErrors
from nexi_async.emulator._engine.state import WebhookSubscription, WebhookSubscriptions
from nexi_async.emulator._engine.wire import JSON


def webhooks_of(context: Context, body: dict[str, Any]) -> WebhookSubscriptions:
    """The webhooks of a request body by event name.

    Raises:
        Refusal: 400 for urls and authorizations that the settings do not allow.
    """
    errors = FieldErrors(context.settings)
    webhooks = read_webhooks(context, body, errors)
    errors.raise_any()
    return webhooks


def read_webhooks(context: Context, body: dict[str, Any], errors: FieldErrors) -> WebhookSubscriptions:
    """The webhooks of a request body by event name; urls and authorizations are judged by the settings."""
    webhooks: WebhookSubscriptions = {}
    for place, entry in enumerate(body.get("notifications", {}).get("webHooks", ())):
        path = f"notifications.webHooks[{place}]"
        if not is_webhook_url(entry["url"], plain_http=context.settings.plain_http_webhooks):
            errors.add(f"{path}.url", "Must be an https url")
        secret = entry.get("authorization", "")
        if context.settings.alphanumeric_authorization and secret and not (secret.isascii() and secret.isalnum()):
            errors.add(f"{path}.authorization", "Must be letters and digits only")
        webhook = WebhookSubscription(
            entry["eventName"], entry["url"], secret or None, _webhook_headers(entry.get("headers"))
        )
        webhooks.setdefault(webhook.event_name, []).append(webhook)
    return webhooks


def is_webhook_url(url: str, *, plain_http: bool) -> bool:
    """Whether a webhook may be sent to this url: https, or plain http to a loopback host if allowed."""
    parts = split(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (plain_http and parts.scheme == "http" and is_loopback(parts.hostname))


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
