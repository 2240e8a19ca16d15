"""What log lines of this room carry for machines: the facts of an event, never a body or a secret.

The lines themselves are sentences for people, in the log "nexi_async.webhooks".
"""

from __future__ import annotations

__all__ = ["facts"]


def facts(event: str, event_id: str, payment_id: str | None) -> dict[str, str | None]:
    """The attributes that a record about an event gets, for `extra=`: `nexi_event`, `nexi_id`, `nexi_payment`."""
    return {"nexi_event": event, "nexi_id": event_id, "nexi_payment": payment_id}
