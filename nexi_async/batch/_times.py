"""Points in time, as reports and messages print them."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(seconds: float) -> str:
    """Seconds since 1970 as date and time in UTC: "2026-10-31 09:30:00 UTC"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_date(seconds: float) -> str:
    """Seconds since 1970 as a date in UTC: "2026-10-31"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
