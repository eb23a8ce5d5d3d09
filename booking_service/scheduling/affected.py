"""Finds the confirmed appointments that a changed catalogue leaves without working time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.confirmed_appointments import ConfirmedAppointment
from clinic.domain.catalogue import Schedule
from clinic.domain.clock import to_wire
from clinic.domain.time_cells import schedule_of


@dataclass(frozen=True, slots=True)
class AffectedAppointments:
    """Compares appointments with the working hours as they would become. Buffers may lie outside
    working hours, so only the appointment itself counts."""

    hours: WorkingHours

    def of_schedule(
        self, schedule_id: str, appointments: Iterable[ConfirmedAppointment]
    ) -> Iterator[ConfirmedAppointment]:
        """Yield the appointments of a schedule during which it does not work or is absent."""
        schedule = self.hours.catalogue.schedules[schedule_id]
        for appointment in appointments:
            is_claimed = schedule_id in _claimed(appointment)
            if is_claimed and not self._works(schedule, appointment):
                yield appointment

    def at_site(
        self, site_id: str, appointments: Iterable[ConfirmedAppointment]
    ) -> Iterator[ConfirmedAppointment]:
        """Yield the appointments at a site during which it is closed, or which have other reasons
        not to take place there."""
        for appointment in appointments:
            if appointment.site == site_id and not self._takes_place(appointment):
                yield appointment

    def _takes_place(self, appointment: ConfirmedAppointment) -> bool:
        schedules = self.hours.catalogue.schedules
        claimed = (schedules.get(each) for each in _claimed(appointment))
        return all(schedule and self._works(schedule, appointment) for schedule in claimed)

    def _works(self, schedule: Schedule, appointment: ConfirmedAppointment) -> bool:
        start, end = appointment.start, appointment.end
        interval = self.hours.at(schedule, start)
        return (
            schedule.is_active
            and interval is not None
            and interval.covers(start, end)
            and appointment.site in (None, interval.site)
            and not schedule.is_absent(start, end)
        )


def affected_to_json(appointment: ConfirmedAppointment) -> dict[str, str | None]:
    return {
        "id": appointment.booking_id,
        "date": to_wire(appointment.start),
        "service": appointment.service,
        "practitioner": appointment.practitioner,
        "site": appointment.site,
    }


def _claimed(appointment: ConfirmedAppointment) -> set[str]:
    """Return the ids of the schedules that the appointment occupies."""
    return {schedule_of(claim) for claim in appointment.claims}
