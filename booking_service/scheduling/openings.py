"""Finds the free times of a service: on given days, or nearest to a requested time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from booking_service.scheduling.placements import free_assignment, placements
from booking_service.scheduling.rules import leading_schedules
from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.reader import BookingReader
from clinic.domain.booking import Assignment, Choice
from clinic.domain.catalogue import MAX_BUFFER_MINUTES, MAX_OCCUPIED, Service
from clinic.domain.clock import to_wire

#: How far before and after a requested time alternatives are searched.
_NEAR = timedelta(days=7)
_BUFFER = timedelta(minutes=MAX_BUFFER_MINUTES)


@dataclass(frozen=True, slots=True)
class Opening:
    """A free time. Without a catalogue, `practitioner` and `site` are None."""

    start: datetime
    end: datetime
    practitioner: str | None
    site: str | None

    @classmethod
    def of(cls, start: datetime, assignment: Assignment) -> Opening:
        choice = assignment.choice
        return cls(start, assignment.end, choice.practitioner, choice.site)

    def to_json(self) -> dict[str, str | None]:
        return {
            "start": to_wire(self.start),
            "end": to_wire(self.end),
            "practitioner": self.practitioner,
            "site": self.site,
        }


@dataclass(frozen=True, slots=True)
class OpeningSearch:
    bookings: BookingReader
    hours: WorkingHours

    def openings(self, choice: Choice, first: date, days: int, now: datetime) -> Iterator[Opening]:
        """Yield the openings after `now` of `days` local days, in chronological order; several at
        the same start if several practitioners are free."""
        service = self.hours.catalogue.service(choice.service)
        if service is None or not service.is_active:
            return
        earliest = now + timedelta(minutes=service.notice_minutes)
        latest = now + self.hours.catalogue.horizon
        starts = [
            start
            for start in self._starts(service, choice, self._bookable_days(first, days, now))
            if now < start and earliest <= start <= latest
        ]
        if starts:
            taken = self._taken(service, starts[0], starts[-1])
            for start in starts:
                yield from self._at(start, service, choice, taken)

    def free_starts(self, choice: Choice, first: date, days: int, now: datetime) -> list[datetime]:
        """List the starts of openings, in UTC, in chronological order."""
        found = self.openings(choice, first, days, now)
        return [start for start, _ in groupby(found, key=lambda opening: opening.start)]

    def nearest(
        self, choice: Choice, wanted: datetime, now: datetime, count: int
    ) -> list[datetime]:
        """List the free starts after `now` nearest to `wanted`, in chronological order."""
        wanted = max(wanted, now)
        first = self._local_days(wanted)[0] - _NEAR
        free = self.free_starts(choice, first, 2 * _NEAR.days + 1, now)
        return sorted(sorted(free, key=lambda start: abs(start - wanted))[:count])

    def _bookable_days(self, first: date, count: int, now: datetime) -> list[date]:
        """List the days that may have openings, in the zone of some site."""
        latest = now + self.hours.catalogue.horizon
        begin = max(first.toordinal(), self._local_days(now)[0].toordinal())
        end = min(first.toordinal() + count - 1, self._local_days(latest)[-1].toordinal())
        return [date.fromordinal(ordinal) for ordinal in range(begin, end + 1)]

    def _starts(self, service: Service, choice: Choice, days: Sequence[date]) -> list[datetime]:
        """List the starts of the service, in order, as if everything were free."""
        return sorted(
            {
                start
                for schedule in leading_schedules(service, choice, self.hours)
                for day in days
                for interval in self.hours.on(schedule, day)
                if choice.site in (None, interval.site)
                for start in interval.starts(service)
            }
        )

    def _taken(self, service: Service, first: datetime, last: datetime) -> set[str]:
        begin, end = service.occupied(first)[0] - MAX_OCCUPIED, service.occupied(last)[1] + _BUFFER
        clinic = self.hours.catalogue.clinic
        found = self.bookings.appointments_between(clinic, begin, end)
        return {claim for appointment in found for claim in appointment.claims}

    def _at(
        self, start: datetime, service: Service, choice: Choice, taken: set[str]
    ) -> Iterator[Opening]:
        """Yield one opening for each practitioner and site that is free then."""
        seen: set[tuple[str | None, str]] = set()
        for placement in placements(start, service, choice, self.hours):
            key = (placement.practitioner, placement.site)
            if key in seen:
                continue
            assignment = free_assignment(placement, start, service, self.hours.catalogue, taken)
            if assignment is not None:
                seen.add(key)
                yield Opening.of(start, assignment)

    def _local_days(self, moment: datetime) -> list[date]:
        """Return the local days of the sites at an instant, the earliest first."""
        zones = (site.zone for site in self.hours.catalogue.sites.values())
        return sorted({moment.astimezone(zone).date() for zone in zones})
