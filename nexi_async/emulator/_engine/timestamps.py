"""Instants as the API writes and reads them; inside the emulator an instant is POSIX seconds."""

from datetime import UTC, datetime, timedelta, timezone

DAY = 86400.0
HOUR = 3600.0


def render(at: float, offset_minutes: int = 0) -> str:
    """An instant with four fraction digits and a numeric offset, as recorded from the API."""
    zone = UTC if not offset_minutes else timezone(timedelta(minutes=offset_minutes))
    text = datetime.fromtimestamp(at, zone).isoformat(timespec="microseconds")
    return text[:24] + text[26:]


def render_milliseconds(at: float) -> str:
    """An instant as the Reporting API writes it: three fraction digits and `Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def render_date(at: float) -> str:
    """The UTC day of an instant, `YYYY-MM-DD`."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def parse(text: str) -> float:
    """The instant of an RFC 3339 date-time; without an offset it counts as UTC.

    Raises:
        ValueError: The text is no date-time.
    """
    if len(text) < len("2026-01-01T00:00"):
        raise ValueError(text)
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
