"""Where and with whom an appointment can take place, and which of it is free. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from booking_service.scheduling.rules import leading_schedules
from booking_service.scheduling.working_hours import WorkingHours
from clinic.domain.booking import NO_CHOICE, Assignment, Choice
from clinic.domain.catalogue import Catalogue, Schedule, ScheduleKind, Service
from clinic.domain.time_cells import cells_of, claim_key, claim_keys


@dataclass(frozen=True, slots=True)
class Placement:
    """One schedule of each kind that the service needs, all at one site."""

    site: str
    schedules: tuple[Schedule, ...]

    @property
    def practitioner(self) -> str | None:
        kinds = {schedule.kind: schedule.id for schedule in self.schedules}
        return kinds.get(ScheduleKind.PRACTITIONER)


def placements(
    start: datetime, service: Service, choice: Choice, hours: WorkingHours
) -> list[Placement]:
    """List the placements whose schedules all work then. They may be occupied."""
    end = start + service.duration
    found = []
    for leading in leading_schedules(service, choice, hours):
        interval = hours.at(leading, start)
        if interval is None or choice.site not in (None, interval.site):
            continue
        if interval.is_start(start, service) and not leading.is_absent(start, end):
            others = _others(interval.site, start, service, hours)
            found += [Placement(interval.site, (leading, *rest)) for rest in product(*others)]
    return found


def _others(
    site: str, start: datetime, service: Service, hours: WorkingHours
) -> Iterator[list[Schedule]]:
    """Yield, for each further kind that the service needs, the schedules that work at the site."""
    end = start + service.duration
    for kind in service.needs[1:]:
        yield [
            schedule
            for schedule in hours.catalogue.schedules_for(service, kind)
            if _works(schedule, site, start, end, hours)
        ]


def _works(
    schedule: Schedule, site: str, start: datetime, end: datetime, hours: WorkingHours
) -> bool:
    interval = hours.at(schedule, start)
    is_there = interval is not None and interval.site == site and interval.covers(start, end)
    return is_there and not schedule.is_absent(start, end)


def free_assignment(
    placement: Placement,
    start: datetime,
    service: Service,
    catalogue: Catalogue,
    taken: Collection[str],
    *,
    may_overbook: bool = False,
) -> Assignment | None:
    """Return the assignment that occupies the placement; None if no seat of a schedule is free."""
    claims: list[str] = []
    for schedule in placement.schedules:
        cells = cells_of(*service.occupied(start), schedule.grid_minutes)
        keys = _free_keys(schedule, cells, taken, may_overbook=may_overbook)
        if keys is None:
            return None
        claims += keys
    choice = Choice(service.id, placement.practitioner, placement.site)
    return Assignment(
        choice if catalogue.is_configured else NO_CHOICE, start + service.duration, tuple(claims)
    )


def _free_keys(
    schedule: Schedule, cells: Sequence[int], taken: Collection[str], *, may_overbook: bool
) -> Sequence[str] | None:
    seats = range(schedule.capacity + (schedule.overbook if may_overbook else 0))
    for seat in seats:
        keys = claim_keys(schedule.id, seat, cells)
        if not any(key in taken for key in keys):
            return keys
    return _mixed_keys(schedule, cells, taken, seats) if len(seats) > 1 else None


def _mixed_keys(
    schedule: Schedule, cells: Sequence[int], taken: Collection[str], seats: range
) -> Sequence[str] | None:
    """Use another seat in each cell if no seat is free all the time.

    Some seat is free in every cell exactly if fewer than all are taken at every moment. With one
    seat for the whole time, two staggered appointments could refuse a third one for which there is
    room.
    """
    found = []
    for cell in cells:
        keys = (claim_key(schedule.id, seat, cell) for seat in seats)
        key = next((key for key in keys if key not in taken), None)
        if key is None:
            return None
        found.append(key)
    return found
