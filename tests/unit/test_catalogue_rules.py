"""Why an appointment of a catalogue's service is rejected, in the documented order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking_service.scheduling.placements import placements
from booking_service.scheduling.rules import rejection_reason
from booking_service.scheduling.working_hours import WorkingHours
from clinic.domain import reasons
from clinic.domain.booking import Choice
from clinic.domain.catalogue import (
    Absence,
    Catalogue,
    Closure,
    HoursException,
    ScheduleKind,
    Site,
    WeeklyHours,
)
from clinic.domain.opening_hours import OpeningInterval
from tests.clinics import make_catalogue, make_schedule, make_service

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)  # a Monday
MADRID = ZoneInfo("Europe/Madrid")
CLOSURE = Closure(date(2027, 1, 12), date(2027, 1, 13))
SITES = [
    Site("centro", {"es": "Centro"}, MADRID, holidays="ES-MD"),
    Site(
        "norte", {"es": "Norte"}, MADRID, closures=(Closure(date(2027, 1, 12), date(2027, 1, 13)),)
    ),
]


def weekly(site: str, *days: int, hours: str = "09:00-13:00") -> tuple[WeeklyHours, ...]:
    return tuple(WeeklyHours(site, day, (OpeningInterval.parse(hours),)) for day in days)


#: Ana works on Mondays and Wednesdays in the centre, and on Tuesdays in the north.
ANA = make_schedule(
    "ana",
    services=["visit", "retired"],
    hours=(*weekly("centro", 0, 2), *weekly("norte", 1)),
    absences=(Absence(datetime(2027, 1, 18, tzinfo=UTC), datetime(2027, 1, 19, tzinfo=UTC)),),
    exceptions=(
        HoursException("centro", date(2027, 1, 13)),
        HoursException("centro", date(2027, 1, 16), (OpeningInterval.parse("10:00-11:00"),)),
    ),
)
LUIS = make_schedule("luis", services=["long"], hours=weekly("centro", 0, 1, 2, 3, 4))
SERVICES = [
    make_service(is_default=True, start_every=15, notice_minutes=24 * 60),
    make_service("long", 60),
    make_service("retired", is_active=False),
]
CATALOGUE = make_catalogue([ANA, LUIS], SERVICES, SITES, horizon=timedelta(days=60))


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2027, month, day, hour, minute, tzinfo=MADRID).astimezone(UTC)


VISIT = Choice("visit")


def reason(
    moment: datetime, choice: Choice = VISIT, catalogue: Catalogue = CATALOGUE
) -> str | None:
    return rejection_reason(moment, choice, WorkingHours(catalogue), NOW)


@pytest.mark.parametrize(
    ("moment", "choice", "expected"),
    [
        pytest.param(at(11, 9), Choice("visit"), None, id="the first of the day"),
        pytest.param(at(11, 12, 30), Choice("visit"), None, id="the last of the day"),
        pytest.param(at(4, 8), Choice("visit"), reasons.PAST, id="past"),
        pytest.param(at(5, 8), Choice("visit"), reasons.TOO_SOON, id="less than a day ahead"),
        pytest.param(at(5, 9), Choice("long"), None, id="no notice is needed"),
        pytest.param(at(15, 9, month=3), Choice("visit"), reasons.TOO_FAR, id="too far"),
        pytest.param(at(11, 9), Choice("gone"), reasons.NOT_OFFERED, id="no such service"),
        pytest.param(at(11, 9), Choice("retired"), reasons.NOT_OFFERED, id="retired"),
        pytest.param(at(11, 9), Choice("visit", "luis"), reasons.NOT_OFFERED, id="not by him"),
        pytest.param(at(12, 9), Choice("long", None, "norte"), reasons.NOT_OFFERED, id="not there"),
        pytest.param(at(11, 9), Choice("visit", "ana", "norte"), reasons.CLOSED, id="elsewhere"),
        pytest.param(at(14, 9), Choice("visit"), reasons.CLOSED, id="nobody works on Thursdays"),
        pytest.param(at(6, 9), Choice("visit"), reasons.CLOSED, id="a public holiday"),
        pytest.param(at(12, 9), Choice("visit"), reasons.CLOSED, id="the site is closed"),
        pytest.param(at(13, 9), Choice("visit"), reasons.CLOSED, id="an exception without hours"),
        pytest.param(at(16, 10), Choice("visit"), None, id="an exception with hours"),
        pytest.param(at(16, 11), Choice("visit"), reasons.CLOSED, id="after its hours"),
        pytest.param(at(18, 9), Choice("visit"), reasons.PRACTITIONER_AWAY, id="absent"),
        pytest.param(at(18, 9, 5), Choice("visit"), reasons.PRACTITIONER_AWAY, id="and off grid"),
        pytest.param(at(11, 9, 5), Choice("visit"), reasons.NOT_A_SLOT_START, id="off the grid"),
        pytest.param(at(11, 12, 45), Choice("visit"), reasons.NOT_A_SLOT_START, id="too late"),
        pytest.param(at(11, 9, 30), Choice("long"), reasons.NOT_A_SLOT_START, id="hourly"),
    ],
)
def test_a_request_meets_the_first_rule_that_it_breaks(
    moment: datetime, choice: Choice, expected: str | None
) -> None:
    assert reason(moment, choice) == expected


def test_without_a_service_the_default_one_is_meant() -> None:
    assert reason(at(11, 9, 15), Choice()) is None


def test_the_zone_of_each_site_is_its_own() -> None:
    azores = Site("azores", {"es": "Azores"}, ZoneInfo("Atlantic/Azores"))
    far = make_schedule("ana", hours=weekly("azores", 0))
    catalogue = make_catalogue([far], sites=[azores])
    assert reason(datetime(2027, 1, 11, 9, tzinfo=UTC), catalogue=catalogue) == reasons.CLOSED
    assert reason(datetime(2027, 1, 11, 10, tzinfo=UTC), catalogue=catalogue) is None


def test_hours_are_valid_from_their_first_to_their_last_day() -> None:
    (monday,) = weekly("centro", 0)
    limited = replace(monday, first=date(2027, 1, 11), last=date(2027, 1, 18))
    catalogue = make_catalogue([make_schedule("ana", hours=(limited,))], sites=SITES)
    found = [reason(at(day, 9), catalogue=catalogue) for day in (11, 18, 25)]
    assert found == [None, None, reasons.CLOSED]


def test_a_room_must_be_open_at_the_same_site() -> None:
    both = make_service(needs=(ScheduleKind.PRACTITIONER, ScheduleKind.ROOM), is_default=True)
    ana = make_schedule("ana", hours=(*weekly("centro", 0), *weekly("norte", 1)))
    rooms = [
        make_schedule("room-1", ScheduleKind.ROOM, hours=weekly("centro", *range(7))),
        make_schedule("room-2", ScheduleKind.ROOM, hours=weekly("norte", 1, hours="09:00-10:00")),
    ]
    hours = WorkingHours(make_catalogue([ana, *rooms], [both], SITES))

    def found(moment: datetime) -> list[list[str]]:
        possible = placements(moment, both, Choice("visit"), hours)
        return [[schedule.id for schedule in each.schedules] for each in possible]

    assert found(at(11, 9)) == [["ana", "room-1"]]
    assert found(at(19, 9)) == [["ana", "room-2"]]
    assert found(at(19, 10)) == []  # the room closes first


@pytest.mark.parametrize("is_active", [True, False])
def test_a_retired_schedule_takes_nobody(is_active: bool) -> None:
    catalogue = make_catalogue([replace(ANA, is_active=is_active)], sites=SITES)
    assert reason(at(11, 9), catalogue=catalogue) == (None if is_active else reasons.NOT_OFFERED)


def test_who_is_absent_or_does_not_begin_then_has_no_placement() -> None:
    needs = (ScheduleKind.PRACTITIONER, ScheduleKind.ROOM)
    both = make_service(needs=needs, is_default=True)
    away = Absence(at(18, 9), at(18, 10))
    people = [make_schedule(name, hours=weekly("centro", 0)) for name in ("ana", "luis")]
    rooms = [
        make_schedule(name, ScheduleKind.ROOM, hours=weekly("centro", 0))
        for name in ("room-1", "room-2")
    ]
    absent = [replace(people[0], absences=(away,)), replace(rooms[0], absences=(away,))]
    hours = WorkingHours(make_catalogue([*absent, people[1], rooms[1]], [both], SITES))

    def found(moment: datetime) -> list[list[str]]:
        possible = placements(moment, both, VISIT, hours)
        return [[schedule.id for schedule in each.schedules] for each in possible]

    assert found(at(18, 9)) == [["luis", "room-2"]]
    assert len(found(at(18, 10))) == 4
    assert found(at(18, 10, 5)) == []


def test_an_appointment_may_end_when_an_absence_begins_and_begin_when_it_ends() -> None:
    away = Absence(at(18, 10), at(18, 11))
    catalogue = make_catalogue(
        [make_schedule("ana", hours=weekly("centro", 0), absences=(away,))], sites=SITES
    )
    found = [reason(at(18, hour, minute), catalogue=catalogue) for hour, minute in EDGES]
    assert found == [None, reasons.PRACTITIONER_AWAY, None]


EDGES = [(9, 30), (10, 30), (11, 0)]
