"""The working hours of schedules on given days, with closures and public holidays. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from clinic.catalogue.public_holidays import public_holidays
from clinic.domain.catalogue import Catalogue, Schedule, Service, Site

#: Days of schedules that are remembered: a year of thirty schedules.
_MAX_REMEMBERED = 11_000


@dataclass(frozen=True, slots=True)
class WorkingInterval:
    """Working hours at a site, from `opens` until before `closes`, in UTC."""

    site: str
    opens: datetime
    closes: datetime

    def covers(self, start: datetime, end: datetime) -> bool:
        return self.opens <= start and end <= self.closes

    def starts(self, service: Service) -> Iterator[datetime]:
        """Yield the starts of the service, in order."""
        start, step = self.opens, timedelta(minutes=service.start_every)
        while start + service.duration <= self.closes:
            yield start
            start += step

    def is_start(self, moment: datetime, service: Service) -> bool:
        """Return whether an appointment of the service can start then and ends before closing."""
        is_on_grid = not (moment - self.opens) % timedelta(minutes=service.start_every)
        return is_on_grid and self.covers(moment, moment + service.duration)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Remembers the hours that it has computed."""

    catalogue: Catalogue
    _remembered: dict[tuple[str, date], Sequence[WorkingInterval]] = field(default_factory=dict)

    def on(self, schedule: Schedule, day: date) -> Sequence[WorkingInterval]:
        """Return the intervals of a local day, at all sites."""
        key = (schedule.id, day)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = tuple(self._compute(schedule, day))
        return found

    def at(self, schedule: Schedule, moment: datetime) -> WorkingInterval | None:
        """Return the interval that contains an instant."""
        for site in self.catalogue.sites.values():
            for interval in self.on(schedule, moment.astimezone(site.zone).date()):
                if interval.site == site.id and interval.opens <= moment < interval.closes:
                    return interval
        return None

    def _compute(self, schedule: Schedule, day: date) -> Iterator[WorkingInterval]:
        for site_id, interval in schedule.intervals_on(day):
            site = self.catalogue.sites.get(site_id)
            if site is not None and not _is_closed(site, day):
                yield WorkingInterval(site_id, *interval.on(day, site.zone))


def _is_closed(site: Site, day: date) -> bool:
    return site.is_closed_by_hand(day) or day in public_holidays(site.holidays, day.year)
