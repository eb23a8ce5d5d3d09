"""The current time and its wire format."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time as aware UTC in whole milliseconds, MongoDB's precision."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_wire(moment: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC with `Z`; milliseconds if there are any."""
    moment = moment.astimezone(UTC)
    timespec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
