"""The rules that a requested date must pass before a seat is allocated. Pure."""

from __future__ import annotations

from datetime import datetime

from booking_service.calendar import Calendar
from clinic.domain import reasons


def rejection_reason(date: datetime, calendar: Calendar, now: datetime) -> str | None:
    """Return the code of the first rule that the date breaks, or None."""
    if date <= now:
        return reasons.PAST
    if date > now + calendar.horizon:
        return reasons.TOO_FAR
    if calendar.is_slot_start(date):
        return None
    return reasons.NOT_A_SLOT_START if calendar.is_open(date) else reasons.CLOSED
