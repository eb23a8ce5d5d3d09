"""The catalogue of a clinic: its services, schedules and sites. Pure.

A schedule is what can be booked: a practitioner, a room, or a pool of equal seats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import CELL_MINUTES

#: The tenant of a deployment with one clinic.
DEFAULT_CLINIC = "default"

MAX_SERVICE_MINUTES = 480
MAX_BUFFER_MINUTES = 120
#: No appointment with its buffers is longer; `CLINIC_SLOT_MINUTES` may be a whole day.
MAX_OCCUPIED = timedelta(days=1)

_ID = re.compile(r"[a-z0-9-]{1,24}")


def is_catalogue_id(value: object) -> bool:
    """Return whether this is a valid id of a service, schedule, site or clinic."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


class ChosenIds(Protocol):
    """The ids of a choice; None leaves it to the clinic."""

    @property
    def service(self) -> str | None: ...

    @property
    def practitioner(self) -> str | None: ...

    @property
    def site(self) -> str | None: ...


class ScheduleKind(StrEnum):
    PRACTITIONER = "practitioner"
    ROOM = "room"
    POOL = "pool"  #: equal seats; an appointment may change seats while it lasts


@dataclass(frozen=True, slots=True)
class Service:
    """What patients book. It takes `minutes`; the buffers are occupied too, but may lie outside
    working hours. Appointments start every `start_every` minutes after the hours begin.

    `needs` lists one kind for each schedule that an appointment occupies, the one whose hours
    determine the starts first. `version` counts the changes of this item.
    """

    id: str
    names: Mapping[str, str]
    minutes: int
    start_every: int
    before: int = 0
    after: int = 0
    notice_minutes: int = 0
    needs: tuple[ScheduleKind, ...] = (ScheduleKind.PRACTITIONER,)
    is_default: bool = False
    is_active: bool = True
    version: int = 1

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def occupied(self, start: datetime) -> tuple[datetime, datetime]:
        """Return the interval that an appointment occupies, with its buffers."""
        end = start + timedelta(minutes=self.minutes + self.after)
        return start - timedelta(minutes=self.before), end


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Working hours at a site on a weekday (Monday = 0), optionally only from a first to a last
    day, both included."""

    site: str
    weekday: int
    intervals: tuple[OpeningInterval, ...]
    first: date | None = None
    last: date | None = None

    def applies_to(self, day: date) -> bool:
        is_valid = (self.first or day) <= day <= (self.last or day)
        return is_valid and day.weekday() == self.weekday


@dataclass(frozen=True, slots=True)
class HoursException:
    """The hours at a site on one day, instead of the weekly ones; none if `intervals` is empty."""

    site: str
    day: date
    intervals: tuple[OpeningInterval, ...] = ()


@dataclass(frozen=True, slots=True)
class Absence:
    """An interval in which a schedule is not available, such as a leave."""

    start: datetime
    end: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`capacity` is the number of seats of a pool. Staff may overbook up to `overbook` further
    seats. `weight` is the share of the appointments for which patients choose no practitioner.
    `grid_minutes` is the length of a time cell: all its appointments are multiples of it."""

    id: str
    kind: ScheduleKind
    name: str
    services: frozenset[str]
    hours: tuple[WeeklyHours, ...]
    exceptions: tuple[HoursException, ...] = ()
    absences: tuple[Absence, ...] = ()
    capacity: int = 1
    overbook: int = 0
    weight: int = 1
    is_active: bool = True
    version: int = 1
    grid_minutes: int = CELL_MINUTES

    def intervals_on(self, day: date) -> Iterator[tuple[str, OpeningInterval]]:
        """Yield (site, interval) of a local day, from its exception or else the weekly hours."""
        excepted = {item.site for item in self.exceptions if item.day == day}
        for exception in self.exceptions:
            if exception.day == day:
                yield from ((exception.site, interval) for interval in exception.intervals)
        for hours in self.hours:
            if hours.site not in excepted and hours.applies_to(day):
                yield from ((hours.site, interval) for interval in hours.intervals)

    def is_absent(self, start: datetime, end: datetime) -> bool:
        return any(absence.start < end and start < absence.end for absence in self.absences)


@dataclass(frozen=True, slots=True)
class Closure:
    """Days on which a site is closed, the first and the last included."""

    first: date
    last: date
    note: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """`holidays` is the region whose public holidays it keeps, such as "ES" or "ES-MD"; "" for
    none."""

    id: str
    names: Mapping[str, str]
    zone: ZoneInfo
    address: str = ""
    phone: str = ""
    closures: tuple[Closure, ...] = ()
    holidays: str = ""
    version: int = 1

    def is_closed_by_hand(self, day: date) -> bool:
        return any(closure.first <= day <= closure.last for closure in self.closures)


@dataclass(frozen=True, slots=True)
class ClinicProfile:
    """How the clinic presents itself. Empty values mean those of the configuration."""

    name: str = ""
    sender: str = ""
    public_url: str = ""
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that can be booked at a clinic. A catalogue with `is_configured` False is made from the
    configuration: its ids are internal, and bookings don't show them."""

    clinic: str
    services: Mapping[str, Service]
    schedules: Mapping[str, Schedule]
    sites: Mapping[str, Site]
    horizon: timedelta
    profile: ClinicProfile = field(default_factory=ClinicProfile)
    is_configured: bool = True
    version: int = 0

    @property
    def default_service(self) -> Service:
        """The service of a request that names none."""
        return next(service for service in self.services.values() if service.is_default)

    def service(self, service_id: str | None) -> Service | None:
        return self.services.get(service_id) if service_id else self.default_service

    def has(self, choice: ChosenIds) -> bool:
        """Return whether the catalogue has the items of a choice, as far as it names any."""
        service, practitioner, site = choice.service, choice.practitioner, choice.site
        if not self.is_configured:
            return service is None
        return (
            (service is None or service in self.services)
            and (practitioner is None or practitioner in self.schedules)
            and (site is None or site in self.sites)
        )

    def schedules_for(self, service: Service, kind: ScheduleKind) -> list[Schedule]:
        """List the active schedules of a kind that do the service."""
        return [
            schedule
            for schedule in self.schedules.values()
            if schedule.is_active and schedule.kind is kind and service.id in schedule.services
        ]
