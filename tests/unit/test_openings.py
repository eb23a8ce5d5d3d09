"""Which free times of a service are listed, with the bookings in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from booking_service.scheduling.openings import Opening, OpeningSearch
from booking_service.scheduling.working_hours import WorkingHours
from clinic.domain.booking import Assignment, Choice
from clinic.domain.catalogue import Absence, Catalogue, ScheduleKind, Service
from clinic.domain.clock import now
from clinic.domain.time_cells import cells_of, claim_keys
from tests.bookings import requested
from tests.clinics import make_catalogue, make_schedule, make_service
from tests.fakes import FakeBookings
from tests.unit.test_allocator import ANA, ANY, NINE

HALF = timedelta(minutes=30)
PEOPLE = [make_schedule("ana"), make_schedule("luis")]


def openings(
    catalogue: Catalogue, bookings: FakeBookings | None = None, choice: Choice = ANY
) -> list[Opening]:
    fake: Any = bookings or FakeBookings()
    search = OpeningSearch(fake, WorkingHours(catalogue))
    return list(search.openings(choice, NINE.date(), 1, now()))


def held(schedule: str, start: datetime, end: datetime) -> FakeBookings:
    """Bookings of which one occupies the schedule."""
    bookings = FakeBookings()
    claims = claim_keys(schedule, 0, cells_of(start, end))
    bookings.hold(requested(date=start), Assignment(ANY, end, claims))
    return bookings


def default(**fields: Any) -> Service:
    return make_service(is_default=True, **fields)


def test_there_is_one_opening_for_each_practitioner_who_is_free() -> None:
    found = openings(make_catalogue(PEOPLE), held("ana", NINE, NINE + HALF))
    assert [each.practitioner for each in found if each.start == NINE] == ["luis"]
    assert [each.practitioner for each in found if each.start == NINE + HALF] == ["ana", "luis"]


def test_several_free_rooms_make_one_opening() -> None:
    needs = (ScheduleKind.PRACTITIONER, ScheduleKind.ROOM)
    rooms = [make_schedule(name, ScheduleKind.ROOM) for name in ("room-1", "room-2")]
    catalogue = make_catalogue([PEOPLE[0], *rooms], [default(needs=needs)])
    found = openings(catalogue, held("room-1", NINE, NINE + HALF))
    assert [each.start for each in found].count(NINE) == 1
    assert len(found) == 10


def test_a_chosen_practitioner_is_the_only_one_listed() -> None:
    found = openings(make_catalogue(PEOPLE), choice=ANA)
    assert {each.practitioner for each in found} == {"ana"}


def test_buffers_take_the_times_around_a_booking() -> None:
    catalogue = make_catalogue([PEOPLE[0]], [default(before=5, after=5, start_every=10)])
    found = openings(catalogue, held("ana", NINE + 2 * HALF, NINE + 3 * HALF))
    minutes = [(each.start - NINE) // timedelta(minutes=1) for each in found]
    assert minutes[:3] == [0, 10, 20]
    assert minutes[3] == 100


def test_a_longer_booking_of_the_day_before_takes_the_morning() -> None:
    start, end = NINE - timedelta(hours=12), NINE + timedelta(hours=1)
    found = openings(make_catalogue([PEOPLE[0]]), held("ana", start, end))
    assert found[0].start == end


def test_an_absence_takes_the_times_that_it_touches() -> None:
    away = Absence(NINE + HALF, NINE + 2 * HALF)
    found = openings(make_catalogue([make_schedule("ana", absences=(away,))]))
    assert [each.start for each in found[:2]] == [NINE, NINE + 2 * HALF]


def test_the_notice_of_the_service_is_kept() -> None:
    notice = (NINE - now()) // timedelta(minutes=1) + 45
    found = openings(make_catalogue([PEOPLE[0]], [default(notice_minutes=notice)]))
    assert found[0].start == NINE + 2 * HALF


def test_a_retired_service_has_no_openings() -> None:
    catalogue = make_catalogue(PEOPLE, [default(), make_service("old", is_active=False)])
    assert openings(catalogue, choice=Choice("old")) == []
    assert openings(catalogue, choice=Choice("never")) == []


def test_an_opening_is_shown_as_documented() -> None:
    (first, *_) = openings(make_catalogue([PEOPLE[0]]))
    stamp = f"{NINE:%Y-%m-%dT}"
    assert first.to_json() == {
        "start": f"{stamp}09:00:00Z",
        "end": f"{stamp}09:30:00Z",
        "practitioner": "ana",
        "site": "centro",
    }
