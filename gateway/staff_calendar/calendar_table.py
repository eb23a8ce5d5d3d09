"""The table of a calendar: a column for each practitioner, a row for each hour or day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from clinic.bookings.appointment_queries import Appointment
from clinic.catalogue.public_holidays import public_holidays
from clinic.domain.catalogue import Catalogue, Schedule, Site
from clinic.domain.opening_hours import OpeningInterval
from gateway.staff_calendar.calendar_query import CalendarQuery, CalendarView
from gateway.web.catalogue_view import practitioners_of

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Event:
    """An appointment, and when it begins in the zone of its site."""

    appointment: Appointment
    start: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """`practitioner` is None for bookings without one. `hours` are the working hours of the day
    that is shown; None for a week."""

    practitioner: str | None
    hours: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    events: tuple[Event, ...]
    is_working: bool


@dataclass(frozen=True, slots=True)
class Row:
    """`hour` is None for the row of a whole day."""

    day: date
    hour: int | None
    cells: tuple[Cell, ...]

    @property
    def is_empty(self) -> bool:
        return not any(cell.events for cell in self.cells)


@dataclass(frozen=True, slots=True)
class CalendarTable:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def is_empty(self) -> bool:
        return all(row.is_empty for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Working:
    """Working time of a practitioner, in wall-clock time."""

    interval: OpeningInterval
    start: datetime
    end: datetime

    def covers(self, start: datetime) -> bool:
        return self.start < start + _HOUR and start < self.end


@dataclass(frozen=True, slots=True)
class CalendarBuilder:
    catalogue: Catalogue
    query: CalendarQuery

    def build(self, appointments: Sequence[Appointment]) -> CalendarTable:
        events = [Event(each, self.query.local(each, self.catalogue)) for each in appointments]
        columns = tuple(self._columns(events))
        if self.query.view is CalendarView.WEEK:
            rows = [self._row(day, None, columns, events) for day in self.query.days]
        else:
            rows = [
                self._row(self.query.day, hour, columns, events)
                for hour in self._hours(columns, events)
            ]
        return CalendarTable(columns, tuple(rows))

    def _columns(self, events: Sequence[Event]) -> Iterator[Column]:
        """Yield the practitioners of the filters, others with appointments, and nobody."""
        query = self.query
        ids = [
            schedule.id
            for schedule in practitioners_of(
                self.catalogue, query.service or None, query.site or None
            )
        ]
        booked = dict.fromkeys(event.appointment.choice.practitioner for event in events)
        ids += [each for each in booked if each and each not in ids]
        for practitioner in ids:
            yield Column(practitioner, self._hours_text(practitioner))
        if None in booked:
            yield Column(None)

    def _hours_text(self, practitioner: str) -> tuple[str, ...] | None:
        if self.query.view is CalendarView.WEEK:
            return None
        working = self._working(practitioner, self.query.day)
        return tuple(str(each.interval).replace("-", "–") for each in working)

    def _hours(self, columns: Sequence[Column], events: Sequence[Event]) -> range:
        """Return the hours from the first to the last that somebody works or has a booking."""
        hours = [event.start.hour for event in events]
        for column in columns:
            for each in self._working(column.practitioner, self.query.day):
                closes = each.interval.closes
                last = 23 if closes is None else closes.hour - (closes.minute == 0)
                hours += [each.interval.opens.hour, last]
        return range(min(hours), max(hours) + 1) if hours else range(0)

    def _row(
        self, day: date, hour: int | None, columns: Sequence[Column], events: Sequence[Event]
    ) -> Row:
        here = [
            event
            for event in events
            if event.start.date() == day and hour in (None, event.start.hour)
        ]
        cells = (
            Cell(
                column,
                tuple(
                    event
                    for event in here
                    if event.appointment.choice.practitioner == column.practitioner
                ),
                self._is_working(column.practitioner, day, hour),
            )
            for column in columns
        )
        return Row(day, hour, tuple(cells))

    def _is_working(self, practitioner: str | None, day: date, hour: int | None) -> bool:
        working = self._working(practitioner, day)
        if hour is None:
            return bool(working)
        return any(
            each.covers(datetime.combine(day, time(hour), each.start.tzinfo)) for each in working
        )

    def _working(self, practitioner: str | None, day: date) -> list[_Working]:
        """List the working hours of a day at the sites of the filter, without whole absences."""
        schedule = self.catalogue.schedules.get(practitioner or "")
        return (
            sorted(self._intervals(schedule, day), key=lambda each: each.start) if schedule else []
        )

    def _intervals(self, schedule: Schedule, day: date) -> Iterator[_Working]:
        for site_id, interval in schedule.intervals_on(day):
            site = self.catalogue.sites.get(site_id)
            if site is None or self.query.site not in ("", site_id) or _is_closed(site, day):
                continue
            opens, closes = interval.on(day, site.zone)
            if not _is_absent(schedule, opens, closes):
                yield _Working(interval, opens.astimezone(site.zone), closes.astimezone(site.zone))


def _is_closed(site: Site, day: date) -> bool:
    return site.is_closed_by_hand(day) or day in public_holidays(site.holidays, day.year)


def _is_absent(schedule: Schedule, start: datetime, end: datetime) -> bool:
    """Return whether an absence covers the whole time."""
    return any(each.start <= start and end <= each.end for each in schedule.absences)
