"""Which confirmed appointments a change of the catalogue affects."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from booking_service.scheduling.affected import AffectedAppointments
from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.confirmed_appointments import ConfirmedAppointment
from clinic.domain.catalogue import Absence, Catalogue, Closure, HoursException, WeeklyHours
from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import cells_of, claim_keys
from tests.health_centre import (
    ANA,
    CENTRO,
    NORTE,
    REVIEW,
    ROOM,
    TOMORROW,
    VISIT,
    daily,
    health_centre,
    moment,
)


def appointment(
    time: str = "10:00", minutes: int = 30, *, with_room: bool = False, before: int = 0
) -> ConfirmedAppointment:
    """An appointment of Ana tomorrow in the centre, occupied `before` minutes earlier."""
    start = moment(TOMORROW, time)
    end = start + timedelta(minutes=minutes)
    cells = cells_of(start - timedelta(minutes=before), end)
    schedules = (ANA, ROOM) if with_room else (ANA,)
    claims = tuple(claim for each in schedules for claim in claim_keys(each, 0, cells))
    service = REVIEW if with_room else VISIT
    return ConfirmedAppointment(f"at {time}", start, end, ANA, claims, service, CENTRO)


def of_schedule(schedule_id: str, *appointments: ConfirmedAppointment, **changes: Any) -> list[str]:
    catalogue = health_centre({schedule_id: changes})
    found = AffectedAppointments(WorkingHours(catalogue)).of_schedule(schedule_id, appointments)
    return [each.booking_id for each in found]


def at_site(site_id: str, *appointments: ConfirmedAppointment, **changes: Any) -> list[str]:
    catalogue = health_centre(sites={site_id: changes})
    found = AffectedAppointments(WorkingHours(catalogue)).at_site(site_id, appointments)
    return [each.booking_id for each in found]


def at(time: str) -> datetime:
    return moment(TOMORROW, time)


def test_an_unchanged_schedule_affects_nobody() -> None:
    assert of_schedule(ANA, appointment("09:00"), appointment("12:30")) == []


@pytest.mark.parametrize(
    ("hours", "affected"),
    [
        (daily(CENTRO, "09:00-13:00"), []),
        (daily(CENTRO, "10:00-10:30"), []),
        (daily(CENTRO, "10:05-13:00"), ["at 10:00"]),
        (daily(CENTRO, "09:00-10:25"), ["at 10:00"]),
        (daily(CENTRO, "09:00-10:00", "10:30-13:00"), ["at 10:00"]),
        (daily(NORTE, "00:00-24:00"), ["at 10:00"]),
        ((), ["at 10:00"]),
    ],
)
def test_new_hours_affect_appointments_outside_them(
    hours: tuple[WeeklyHours, ...], affected: list[str]
) -> None:
    assert of_schedule(ANA, appointment(), hours=hours) == affected


def test_hours_of_other_dates_do_not_count() -> None:
    later = tuple(
        replace(row, first=TOMORROW + timedelta(days=1)) for row in daily(CENTRO, "09:00-13:00")
    )
    assert of_schedule(ANA, appointment(), hours=later) == ["at 10:00"]


@pytest.mark.parametrize(
    ("start", "end", "affected"),
    [
        ("09:00", "10:00", []),
        ("10:30", "12:00", []),
        ("09:00", "10:05", ["at 10:00"]),
        ("10:10", "10:20", ["at 10:00"]),
    ],
)
def test_an_absence_affects_appointments_that_it_overlaps(
    start: str, end: str, affected: list[str]
) -> None:
    absence = Absence(at(start), at(end))
    assert of_schedule(ANA, appointment(), absences=(absence,)) == affected


def test_an_exception_replaces_the_weekly_hours() -> None:
    afternoon = HoursException(CENTRO, TOMORROW, (OpeningInterval.parse("15:00-17:00"),))
    appointments = (appointment("10:00"), appointment("15:00"))
    assert of_schedule(ANA, *appointments, exceptions=(afternoon,)) == ["at 10:00"]


def test_buffers_may_lie_outside_working_hours() -> None:
    assert of_schedule(ANA, appointment("09:00", before=30)) == []


def test_a_schedule_that_is_no_longer_active_affects_all_its_appointments() -> None:
    assert of_schedule(ANA, appointment(), is_active=False) == ["at 10:00"]


def test_a_room_affects_only_the_appointments_that_need_it() -> None:
    appointments = (appointment("10:00"), appointment("11:00", 20, with_room=True))
    assert of_schedule(ROOM, *appointments, hours=()) == ["at 11:00"]
    assert of_schedule(ANA, *appointments, hours=()) == ["at 10:00", "at 11:00"]


@pytest.mark.parametrize(
    ("closure", "affected"),
    [
        (Closure(TOMORROW, TOMORROW), ["at 10:00"]),
        (Closure(TOMORROW - timedelta(days=9), TOMORROW), ["at 10:00"]),
        (Closure(TOMORROW + timedelta(days=1), TOMORROW + timedelta(days=9)), []),
    ],
)
def test_a_closure_affects_the_appointments_of_its_days(
    closure: Closure, affected: list[str]
) -> None:
    assert at_site(CENTRO, appointment(), closures=(closure,)) == affected


def test_a_closure_elsewhere_affects_nobody() -> None:
    assert at_site(NORTE, appointment(), closures=(Closure(TOMORROW, TOMORROW),)) == []


def test_a_deleted_schedule_can_not_take_place() -> None:
    catalogue: Catalogue = health_centre()
    without_ana = {name: each for name, each in catalogue.schedules.items() if name != ANA}
    hours = WorkingHours(replace(catalogue, schedules=without_ana))
    found = AffectedAppointments(hours).at_site(CENTRO, [appointment()])
    assert [each.booking_id for each in found] == ["at 10:00"]
