"""Days on the clinic's clocks, as the staff's pages are asked for them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from marshmallow import ValidationError

from clinic.contracts.schemas import parse_day
from gateway.web.available_slots import today
from gateway.web.rendering import hours

#: Whoever asks for a day further off has mistyped it, and no arithmetic may overflow.
_FAR = timedelta(days=3660)


def day_asked_for(text: str | None) -> date | None:
    """Read "2026-12-01"; what is no day at all asks for none."""
    with suppress(ValidationError):
        day = parse_day({"date": text})
        return min(max(day, today() - _FAR), today() + _FAR)
    return None


def midnight(day: date) -> datetime:
    """Return when the day begins at the clinic, which is not always 24 hours before the next."""
    return datetime.combine(day, time.min, hours().zone).astimezone(UTC)
