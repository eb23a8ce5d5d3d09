"""Parses the days in requests of staff pages, in the clinic's time zone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from marshmallow import ValidationError

from clinic.contracts.slot_queries import parse_day
from gateway.web.available_slots import today
from gateway.web.rendering import hours

#: Days further away are typing errors, and date arithmetic with them could overflow.
_MAX_DISTANCE = timedelta(days=3660)


def requested_day(text: str | None) -> date | None:
    """Parse "2026-12-01", limited to ten years from today; None for an invalid day."""
    with suppress(ValidationError):
        day = parse_day({"date": text})
        return min(max(day, today() - _MAX_DISTANCE), today() + _MAX_DISTANCE)
    return None


def midnight(day: date) -> datetime:
    """Return the start of a day at the clinic, in UTC; days may have 23 or 25 hours."""
    return datetime.combine(day, time.min, hours().zone).astimezone(UTC)
