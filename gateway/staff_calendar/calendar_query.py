"""What a calendar page shows: the days, and the filters that its links keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from clinic.bookings.appointment_queries import Appointment
from clinic.domain.booking import Status
from clinic.domain.catalogue import Catalogue
from clinic.domain.clock import now
from gateway.auth.staff_sessions import HOME
from gateway.staff_pages.date_parameters import requested_day
from gateway.web.catalogue_view import site_zone

ALL = "all"

_DAY = timedelta(days=1)


class CalendarView(StrEnum):
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class CalendarQuery:
    """An empty filter matches everything."""

    view: CalendarView
    day: date
    status: str
    site: str
    service: str

    @classmethod
    def of(cls, parameters: Mapping[str, str], catalogue: Catalogue) -> CalendarQuery:
        """Parse the parameters; an invalid one counts as missing."""
        view, site = parameters.get("view", ""), _known(parameters.get("site"), catalogue.sites)
        return cls(
            CalendarView(view) if view in list(CalendarView) else CalendarView.DAY,
            requested_day(parameters.get("day")) or today_in(site_zone(catalogue, site)),
            requested_status(parameters.get("status")),
            site,
            _known(parameters.get("service"), catalogue.services),
        )

    @property
    def days(self) -> tuple[date, ...]:
        """The requested day, or its week from Monday on."""
        if self.view is CalendarView.DAY:
            return (self.day,)
        monday = self.day - self.day.weekday() * _DAY
        return tuple(monday + number * _DAY for number in range(7))

    @property
    def step(self) -> timedelta:
        return len(self.days) * _DAY

    def address(self, **changes: object) -> str:
        """Return the address of this page, or of the one that shows something else."""
        parameters = {name: str(value) for name, value in (asdict(self) | changes).items()}
        return f"{HOME}?{urlencode({name: value for name, value in parameters.items() if value})}"

    def period(self, catalogue: Catalogue) -> tuple[datetime, datetime]:
        """Return the instants between which the days begin and end, in the zone of any site."""
        zones = self._zones(catalogue)
        first, end = self.days[0], self.days[-1] + _DAY
        begins = [datetime.combine(first, time.min, zone).astimezone(UTC) for zone in zones]
        ends = [datetime.combine(end, time.min, zone).astimezone(UTC) for zone in zones]
        return min(begins), max(ends)

    def select(self, found: Iterable[Appointment], catalogue: Catalogue) -> list[Appointment]:
        """Return the appointments of these days and filters, of every status. A booking without
        a site may still be assigned to any."""
        return [
            appointment
            for appointment in found
            if appointment.choice.site in (None, self.site or appointment.choice.site)
            and self.service in ("", appointment.choice.service)
            and self.local(appointment, catalogue).date() in self.days
        ]

    def local(self, appointment: Appointment, catalogue: Catalogue) -> datetime:
        """Return when an appointment begins, in the zone of its site."""
        zone = site_zone(catalogue, appointment.choice.site or self.site)
        return appointment.date.astimezone(zone)

    def _zones(self, catalogue: Catalogue) -> list[ZoneInfo]:
        if self.site:
            return [catalogue.sites[self.site].zone]
        return [site.zone for site in catalogue.sites.values()]


def requested_status(text: str | None) -> str:
    """Return the status to filter by, or `ALL`; by default, confirmed appointments."""
    return text if text and text in (*Status, ALL) else Status.CONFIRMED.value


def today_in(zone: ZoneInfo) -> date:
    return now().astimezone(zone).date()


def _known(item_id: str | None, items: Mapping[str, object]) -> str:
    return item_id if item_id and item_id in items else ""
