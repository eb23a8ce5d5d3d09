"""The rules that a requested appointment must pass before its time is claimed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from booking_service.scheduling.working_hours import WorkingHours, WorkingInterval
from clinic.domain import reasons
from clinic.domain.booking import Choice
from clinic.domain.catalogue import Schedule, ScheduleKind, Service


def rejection_reason(
    date: datetime, choice: Choice, hours: WorkingHours, now: datetime
) -> str | None:
    """Return the code of the first rule that the request breaks, or None."""
    service = hours.catalogue.service(choice.service)
    if date <= now:
        return reasons.PAST
    if service and date < now + timedelta(minutes=service.notice_minutes):
        return reasons.TOO_SOON
    if date > now + hours.catalogue.horizon:
        return reasons.TOO_FAR
    if service is None or not service.is_active:
        return reasons.NOT_OFFERED
    return _schedule_reason(date, service, choice, hours)


def leading_schedules(service: Service, choice: Choice, hours: WorkingHours) -> list[Schedule]:
    """List the schedules whose hours determine the starts: of the first kind that the service
    needs, as far as the choice allows them."""
    schedules = hours.catalogue.schedules_for(service, service.needs[0])
    if choice.practitioner and ScheduleKind.PRACTITIONER is not service.needs[0]:
        return []
    return [
        schedule
        for schedule in schedules
        if choice.practitioner in (None, schedule.id) and _works_at(schedule, choice.site)
    ]


def _works_at(schedule: Schedule, site: str | None) -> bool:
    sites = [hours.site for hours in schedule.hours]
    return site is None or site in [*sites, *(item.site for item in schedule.exceptions)]


def _schedule_reason(
    date: datetime, service: Service, choice: Choice, hours: WorkingHours
) -> str | None:
    leading = leading_schedules(service, choice, hours)
    if not leading:
        return reasons.NOT_OFFERED
    working = list(_working(leading, choice, hours, date))
    if not working:
        return reasons.CLOSED
    end = date + service.duration
    present = [interval for schedule, interval in working if not schedule.is_absent(date, end)]
    if not present:
        is_person = service.needs[0] is ScheduleKind.PRACTITIONER
        return reasons.PRACTITIONER_AWAY if is_person else reasons.CLOSED
    is_start = any(interval.is_start(date, service) for interval in present)
    return None if is_start else reasons.NOT_A_SLOT_START


def _working(
    schedules: list[Schedule], choice: Choice, hours: WorkingHours, date: datetime
) -> Iterator[tuple[Schedule, WorkingInterval]]:
    for schedule in schedules:
        interval = hours.at(schedule, date)
        if interval is not None and choice.site in (None, interval.site):
            yield schedule, interval
