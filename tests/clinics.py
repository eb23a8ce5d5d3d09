"""Clinics for tests: calendars, their allocators, and the claims of single appointments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from booking_service.scheduling.allocator import Allocator, AllocatorOf
from booking_service.scheduling.openings import OpeningSearch
from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.reader import BookingReader
from clinic.catalogue.from_configuration import POOL, CalendarSettings
from clinic.domain.booking import (
    NO_CHOICE,
    Assignment,
    Booking,
    Transition,
    confirm,
    reschedule,
)
from clinic.domain.catalogue import (
    Catalogue,
    Schedule,
    ScheduleKind,
    Service,
    Site,
    WeeklyHours,
)
from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import cells_of, claim_keys

HALF_AN_HOUR = timedelta(minutes=30)
ALWAYS = {weekday: (OpeningInterval.parse("00:00-24:00"),) for weekday in range(7)}


def make_calendar(**fields: Any) -> CalendarSettings:
    """A clinic that is open day and night and has one seat for half an hour."""
    usual: dict[str, Any] = {
        "zone": ZoneInfo("UTC"),
        "hours": ALWAYS,
        "slot": HALF_AN_HOUR,
        "seats_per_slot": 1,
        "closed_days": frozenset(),
        "horizon": timedelta(days=365),
    }
    return CalendarSettings(**usual | fields)


def in_seat(start: datetime, seat: int = 0) -> Assignment:
    """Half an hour in a seat of the pool of a clinic without a catalogue."""
    end = start + HALF_AN_HOUR
    return Assignment(NO_CHOICE, end, claim_keys(POOL, seat, cells_of(start, end, 30)))


def taken_seats(bookings: BookingReader, start: datetime) -> set[int]:
    """The seats of the pool that are taken at an instant."""
    found = bookings.appointments_between("default", start - HALF_AN_HOUR, start + HALF_AN_HOUR)
    claims = {claim for each in found for claim in each.claims}
    cells = set(cells_of(start, start + HALF_AN_HOUR, 30))
    keys = (claim.split("/") for claim in claims)
    return {int(seat) for _pool, seat, number in keys if int(number) in cells}


def allocator_of(bookings: Any, catalogue: Catalogue | CalendarSettings) -> AllocatorOf:
    """One allocator for every clinic."""
    if isinstance(catalogue, CalendarSettings):
        catalogue = catalogue.to_catalogue()
    allocator = Allocator(cast(BookingReader, bookings), WorkingHours(catalogue))
    return lambda _clinic, _choice=NO_CHOICE: allocator


def openings_of(bookings: Any, calendar: CalendarSettings) -> OpeningSearch:
    return OpeningSearch(bookings, WorkingHours(calendar.to_catalogue()))


class Timetable:
    """The slots of a clinic without a catalogue."""

    def __init__(self, **fields: Any) -> None:
        self.calendar = make_calendar(**fields)
        catalogue = self.calendar.to_catalogue()
        self._pool, self._service = catalogue.schedules[POOL], catalogue.default_service
        self.hours = WorkingHours(catalogue)

    def is_open(self, moment: datetime) -> bool:
        return self.hours.at(self._pool, moment) is not None

    def is_slot_start(self, moment: datetime) -> bool:
        interval = self.hours.at(self._pool, moment)
        return interval is not None and interval.is_start(moment, self._service)

    def slot_starts(self, day: date) -> list[datetime]:
        return [
            start.astimezone(UTC)
            for interval in self.hours.on(self._pool, day)
            for start in interval.starts(self._service)
        ]


def confirm_seat(booking: Booking, seat: int = 0, **fields: Any) -> Transition:
    """Confirm a booking of half an hour; `fields` are those of `confirm`."""
    return confirm(booking, assignment=in_seat(booking.date, seat), **fields)


def move_to(booking: Booking, date: datetime, seat: int = 0, **fields: Any) -> Transition:
    """Reschedule a booking of half an hour; `fields` are those of `reschedule`."""
    return reschedule(booking, date=date, assignment=in_seat(date, seat), **fields)


def seats_of(bookings: BookingReader, *ids: str) -> list[int | None]:
    """The seat of the pool that each booking holds; None for those that hold none."""
    found = {each["_id"]: each for each in bookings.database["bookings"].find()}
    claims = [found[booking_id].get("claims") for booking_id in ids]
    return [int(keys[0].split("/")[1]) if keys else None for keys in claims]


WEEK_HOURS = tuple(
    WeeklyHours("centro", day, (OpeningInterval.parse("09:00-14:00"),)) for day in range(7)
)


def make_service(service_id: str = "visit", minutes: int = 30, **fields: Any) -> Service:
    usual: dict[str, Any] = {"start_every": minutes, "names": {"es": "Visita", "en": "Visit"}}
    return Service(service_id, minutes=minutes, **usual | fields)


def make_schedule(
    schedule_id: str,
    kind: ScheduleKind = ScheduleKind.PRACTITIONER,
    services: Iterable[str] = ("visit",),
    **fields: Any,
) -> Schedule:
    """Works from 09:00 to 14:00 every day at the site `centro`."""
    usual: dict[str, Any] = {"name": schedule_id.title(), "hours": WEEK_HOURS}
    return Schedule(schedule_id, kind, services=frozenset(services), **usual | fields)


def make_catalogue(
    schedules: Iterable[Schedule],
    services: Iterable[Service] = (),
    sites: Iterable[Site] = (),
    **fields: Any,
) -> Catalogue:
    """By default one service for half an hour with a practitioner, and one site in UTC."""
    offered = list(services) or [make_service(is_default=True)]
    places = list(sites) or [
        Site("centro", {"es": "Centro", "en": "Centre"}, ZoneInfo("UTC"), "Calle Mayor 1", "910")
    ]
    return Catalogue(
        "default",
        {service.id: service for service in offered},
        {schedule.id: schedule for schedule in schedules},
        {site.id: site for site in places},
        **{"horizon": timedelta(days=365)} | fields,
    )
