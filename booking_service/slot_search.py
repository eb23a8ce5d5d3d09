"""Finds the free slots of given days, or those nearest to a requested time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from booking_service.calendar import Calendar
from clinic.bookings.reader import BookingReader

#: How far before and after a requested time alternatives are searched.
_NEAR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SlotSearch:
    bookings: BookingReader
    calendar: Calendar

    def free_slots(self, first: date, now: datetime, days: int = 1) -> list[datetime]:
        """List the free slots after `now` of `days` local days, in UTC, in chronological order."""
        slots = [
            slot
            for day in self._bookable_days(first, now, days)
            for slot in self.calendar.slot_starts(day)
            if now < slot <= now + self.calendar.horizon
        ]
        if not slots:
            return []
        taken = self.bookings.taken_seats_between(slots[0], slots[-1])
        seats = set(range(self.calendar.seats_per_slot))
        return [slot for slot in slots if seats - taken.get(slot, set())]

    def nearest(self, wanted: datetime, now: datetime, count: int) -> list[datetime]:
        """List the free slots after `now` nearest to `wanted`, in chronological order."""
        wanted = max(wanted, now)
        day = wanted.astimezone(self.calendar.zone).date()
        free = self.free_slots(day - _NEAR, now, 2 * _NEAR.days + 1)
        return sorted(sorted(free, key=lambda slot: abs(slot - wanted))[:count])

    def _bookable_days(self, first: date, now: datetime, days: int) -> Iterator[date]:
        """Skip days in the past or beyond the booking window."""
        today = now.astimezone(self.calendar.zone).date()
        begin, end = (day.toordinal() for day in (today, today + self.calendar.horizon))
        requested = range(first.toordinal(), first.toordinal() + days)
        for ordinal in range(max(begin, requested.start), min(end + 1, requested.stop)):
            yield date.fromordinal(ordinal)
