"""What the commands of `nexi-async batch` print as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nexi_async.batch import ReviewItem, Summary
from nexi_async.batch._payment_search import PaymentSearch


def summary_document(summary: Summary) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "run": summary.run,
        "totals": [
            {"state": total.state, "currency": total.currency, "jobs": total.jobs, "amount": total.amount}
            for total in summary.totals
        ],
        "reasons": [
            {"code": reason.code, "meaning": reason.meaning, "advice": reason.advice, "jobs": reason.jobs}
            for reason in summary.reasons
        ],
        "waiting": summary.waiting,
        "nextDue": timestamp(summary.next_due),
    }


def review_document(item: ReviewItem, search: PaymentSearch | None) -> dict[str, Any]:
    """A job in review, with the charges that match if they were looked for."""
    document: dict[str, Any] = {
        "reference": item.reference,
        "amount": item.amount,
        "currency": item.currency,
        "subscriptionId": item.subscription_id,
        "sentAt": timestamp(item.sent_at),
        "orderReference": item.order_reference,
        "myReference": item.my_reference,
        "idempotencyKey": item.idempotency_key,
    }
    if search is not None:
        found = search.found.get(item.reference, [])
        document["matches"] = [{"paymentId": charge.payment_id, "chargeId": charge.charge_id} for charge in found]
    return document


def timestamp(seconds: float | None) -> str | None:
    """Seconds since 1970 as in RFC 3339, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
