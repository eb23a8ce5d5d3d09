"""Previews a change of the catalogue: the confirmed appointments that it would affect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from booking_service.scheduling.affected import AffectedAppointments, affected_to_json
from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.confirmed_appointments import ConfirmedAppointment
from clinic.bookings.reader import BookingReader
from clinic.catalogue.problems import invalid_catalogue
from clinic.catalogue.schema.catalogue_schema import ItemKind, parse_item
from clinic.domain.catalogue import Catalogue, Schedule, Site


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """The appointments from `now` on, in chronological order. Nothing is changed."""

    bookings: BookingReader
    catalogue: Catalogue
    now: datetime

    def of_schedule(self, data: Any) -> list[dict[str, str | None]]:
        """Return the appointments that a new or changed schedule would affect.

        Raises: CatalogueInvalid, DatabaseUnavailable.
        """
        schedule: Schedule = _parse(ItemKind.SCHEDULE, data)
        schedules = {**self.catalogue.schedules, schedule.id: schedule}
        affected = self._affected(replace(self.catalogue, schedules=schedules))
        return _to_json(affected.of_schedule(schedule.id, self._appointments()))

    def of_site(self, data: Any) -> list[dict[str, str | None]]:
        """Return the appointments that a new or changed site would affect.

        Raises: CatalogueInvalid, DatabaseUnavailable.
        """
        site: Site = _parse(ItemKind.SITE, data)
        affected = self._affected(
            replace(self.catalogue, sites={**self.catalogue.sites, site.id: site})
        )
        return _to_json(affected.at_site(site.id, self._appointments()))

    def _affected(self, catalogue: Catalogue) -> AffectedAppointments:
        return AffectedAppointments(WorkingHours(catalogue))

    def _appointments(self) -> Iterable[ConfirmedAppointment]:
        horizon = self.now + self.catalogue.horizon
        found = self.bookings.appointments_between(self.catalogue.clinic, self.now, horizon)
        # The read may be shared with others, and then contains more.
        return (each for each in found if self.now <= each.start)


def _parse(kind: ItemKind, data: Any) -> Any:
    """Raises: CatalogueInvalid."""
    item, problems = parse_item(kind, data)
    if item is None:
        raise invalid_catalogue(problems)
    return item


def _to_json(appointments: Iterable[ConfirmedAppointment]) -> list[dict[str, str | None]]:
    ordered = sorted(appointments, key=lambda each: (each.start, each.booking_id))
    return [affected_to_json(each) for each in ordered]
