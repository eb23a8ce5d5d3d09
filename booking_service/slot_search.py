"""Finds free slots: those of some days, and those nearest to a requested time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from booking_service.calendar import Calendar
from clinic.bookings.reader import BookingReader

#: How far from a requested time alternatives are looked for.
_NEAR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SlotSearch:
    bookings: BookingReader
    calendar: Calendar

    def free_slots(self, first: date, now: datetime, days: int = 1) -> list[datetime]:
        """List the free slots after `now` of some days of the clinic, in UTC and in order."""
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
        """List the free slots after `now` that are nearest to `wanted`, in order of time."""
        wanted = max(wanted, now)
        day = wanted.astimezone(self.calendar.zone).date()
        free = self.free_slots(day - _NEAR, now, 2 * _NEAR.days + 1)
        return sorted(sorted(free, key=lambda slot: abs(slot - wanted))[:count])

    def _bookable_days(self, first: date, now: datetime, days: int) -> Iterator[date]:
        """Leave out days in the past or beyond the horizon."""
        today = now.astimezone(self.calendar.zone).date()
        begin, end = (day.toordinal() for day in (today, today + self.calendar.horizon))
        asked = range(first.toordinal(), first.toordinal() + days)
        for number in range(max(begin, asked.start), min(end + 1, asked.stop)):
            yield date.fromordinal(number)
