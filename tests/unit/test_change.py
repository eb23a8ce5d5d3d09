"""How a booking is cancelled and rescheduled, with everything around the use case in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nameko.testing.services import worker_factory

from booking_service.service import BookingService
from clinic.domain.booking import Assignment, Booking, Choice, Status, apply_transition
from clinic.domain.catalogue import Catalogue, ScheduleKind, Site, WeeklyHours
from clinic.domain.clock import now, to_wire
from clinic.domain.time_cells import cells_of, claim_keys
from clinic.errors import (
    BookingNotFound,
    ConcurrentModification,
    IllegalTransition,
    InvalidBooking,
    SlotUnavailable,
)
from tests.clinics import (
    WEEK_HOURS,
    allocator_of,
    confirm_seat,
    in_seat,
    make_catalogue,
    make_schedule,
    make_service,
    taken_seats,
)
from tests.fakes import FakeBookings
from tests.unit.test_allocator import NINE
from tests.unit.test_decide import CALENDAR, SLOT, pending

LATER = SLOT + timedelta(hours=2)
HALF = timedelta(minutes=30)


def service(bookings: FakeBookings) -> Any:
    return worker_factory(
        BookingService,
        bookings=bookings,
        allocator_of=allocator_of(bookings, CALENDAR),
        dispatch=bookings.dispatch,
    )


def confirmed(seat: int = 0, **fields: Any) -> Booking:
    booking = pending(**fields)
    return apply_transition(booking, confirm_seat(booking, seat, at=now(), by="test"))


def test_cancelling_tells_it_once_however_often_it_is_called() -> None:
    booking = confirmed()
    bookings = FakeBookings(booking)
    answers = [service(bookings).cancel_booking(booking.id) for _ in range(3)]
    assert [answer["status"] for answer in answers] == ["cancelled"] * 3
    assert [event.reason for event in bookings.events] == ["cancelled_by_clinic"]


def test_a_cancelled_booking_can_not_be_cancelled_for_another_reason() -> None:
    booking = confirmed()
    bookings = FakeBookings(booking)
    service(bookings).cancel_booking(booking.id)
    with pytest.raises(IllegalTransition):
        service(bookings).cancel_booking(booking.id, reason="clinic_closed")


def test_rescheduling_moves_the_booking_and_frees_its_seat() -> None:
    booking, other = confirmed(), pending()
    bookings = FakeBookings(booking, other)
    answer = service(bookings).reschedule_booking(booking.id, to_wire(LATER))
    assert (answer["date"], answer["version"]) == (to_wire(LATER), 3)
    assert taken_seats(bookings, SLOT) == set()
    assert taken_seats(bookings, LATER) == {0}


def test_rescheduling_to_the_same_date_changes_nothing() -> None:
    booking = confirmed()
    bookings = FakeBookings(booking)
    assert service(bookings).reschedule_booking(booking.id, to_wire(SLOT))["version"] == 2
    assert bookings.events == []


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        (now() - timedelta(hours=1), "past"),
        (SLOT + timedelta(days=500), "too_far"),
        (LATER + timedelta(minutes=1), "not_a_slot_start"),
        (LATER, "slot_full"),
    ],
)
def test_a_slot_that_is_not_available_leaves_the_booking_as_it_is(date: Any, reason: str) -> None:
    booking = confirmed()
    bookings = FakeBookings(booking, confirmed(date=LATER))
    with pytest.raises(SlotUnavailable, match=f"^{reason}$"):
        service(bookings).reschedule_booking(booking.id, to_wire(date))
    assert bookings.by_id[booking.id] == booking


def test_only_a_confirmed_booking_is_rescheduled_whatever_the_date() -> None:
    booking = pending()
    with pytest.raises(IllegalTransition):
        service(FakeBookings(booking)).reschedule_booking(booking.id, "2020-01-01T10:00:00Z")


def test_one_conflict_is_retried_and_a_second_one_is_raised() -> None:
    booking = confirmed()

    class Contended(FakeBookings):
        conflicts = 1

        def dispatch(self, event_type: str, event_data: Any) -> None:
            if self.conflicts:
                self.conflicts -= 1
                raise ConcurrentModification("somebody was first")
            super().dispatch(event_type, event_data)

    bookings = Contended(booking)
    assert service(bookings).cancel_booking(booking.id)["status"] == "cancelled"
    bookings = Contended(booking)
    bookings.conflicts = 2
    with pytest.raises(ConcurrentModification):
        service(bookings).cancel_booking(booking.id)
    assert len(bookings.reads) == 2


@pytest.mark.parametrize(
    "arguments",
    [{"by": "worker"}, {"by": ""}, {"key_id": "00ff00ff"}, {"by": "staff", "key_id": "x"}],
)
def test_unknown_actors_and_keys_are_refused(arguments: dict[str, Any]) -> None:
    booking = confirmed()
    with pytest.raises(InvalidBooking):
        service(FakeBookings(booking)).cancel_booking(booking.id, **arguments)


def test_an_unknown_booking_is_not_found() -> None:
    with pytest.raises(BookingNotFound):
        service(FakeBookings()).cancel_booking(pending().id)


def test_the_nearest_free_slots_surround_the_wanted_one() -> None:
    taken = [confirmed(date=SLOT + timedelta(days=2, minutes=30 * number)) for number in (0, 1)]
    bookings = FakeBookings(*taken)
    wanted = SLOT + timedelta(days=2)
    found = service(bookings).list_nearest_slots(to_wire(wanted), count=3)
    expected = [wanted + timedelta(minutes=minutes) for minutes in (-60, -30, 60)]
    assert found == [to_wire(each) for each in expected]


def test_nearest_slots_of_the_past_are_the_next_ones_after_the_notice() -> None:
    found = service(FakeBookings()).list_nearest_slots("2020-01-01T10:00:00Z", 2, 90)
    assert len(found) == 2
    assert all(each >= to_wire(now() + timedelta(minutes=89)) for each in found)


def test_nearest_slots_end_at_the_horizon() -> None:
    assert service(FakeBookings()).list_nearest_slots("9999-12-01T10:00:00Z") == []


def test_a_reader_sees_no_free_slot_where_all_seats_are_taken() -> None:
    bookings = FakeBookings()
    bookings.hold(pending(), in_seat(SLOT, seat=7))
    free = service(bookings).list_free_slots(str(SLOT.date()))
    assert to_wire(SLOT) in free  # a seat that the calendar no longer has takes no other
    bookings.hold(pending(), in_seat(SLOT))
    assert to_wire(SLOT) not in service(bookings).list_free_slots(str(SLOT.date()))


def test_a_rejected_booking_stays_rejected() -> None:
    booking = replace(confirmed(), status=Status.REJECTED)
    with pytest.raises(IllegalTransition):
        service(FakeBookings(booking)).cancel_booking(booking.id)


def chosen(bookings: FakeBookings, choice: Choice, schedule: str) -> Booking:
    """Store a confirmed booking that occupies a schedule at nine."""
    booking = pending(date=NINE, choice=choice)
    end = NINE + HALF
    claims = claim_keys(schedule, 0, cells_of(NINE, end))
    bookings.hold(booking, Assignment(choice, end, claims))
    return bookings.by_id[booking.id]


def practice(bookings: FakeBookings, catalogue: Catalogue) -> Any:
    return worker_factory(
        BookingService,
        bookings=bookings,
        allocator_of=allocator_of(bookings, catalogue),
        dispatch=bookings.dispatch,
    )


def test_the_same_time_with_another_practitioner_is_another_appointment() -> None:
    bookings = FakeBookings()
    booking = chosen(bookings, Choice("visit", "ana", "centro"), "ana")
    clinic = practice(bookings, make_catalogue([make_schedule("ana"), make_schedule("luis")]))
    moved = clinic.reschedule_booking(booking.id, to_wire(NINE), practitioner="luis")
    assert (moved["practitioner"], moved["version"]) == ("luis", 3)
    again = clinic.reschedule_booking(booking.id, to_wire(NINE), practitioner="luis")
    assert again["version"] == 3


def test_without_a_practitioner_the_site_is_kept() -> None:
    norte = Site("norte", {"es": "Norte", "en": "North"}, ZoneInfo("UTC"))
    pools = [
        make_schedule(name, ScheduleKind.POOL, hours=hours_at(site))
        for name, site in (("a-norte", "norte"), ("b-centro", "centro"))
    ]
    centro = make_catalogue([]).sites["centro"]
    service = make_service(needs=(ScheduleKind.POOL,), is_default=True)
    bookings = FakeBookings()
    booking = chosen(bookings, Choice("visit", None, "centro"), "b-centro")
    clinic = practice(bookings, make_catalogue(pools, [service], [norte, centro]))
    assert clinic.reschedule_booking(booking.id, to_wire(NINE + HALF))["site"] == "centro"
    chosen(bookings, Choice("visit", None, "centro"), "b-centro")
    with pytest.raises(SlotUnavailable, match=r"^slot_full$"):  # the other site has room
        clinic.reschedule_booking(booking.id, to_wire(NINE))


def hours_at(site: str) -> tuple[WeeklyHours, ...]:
    return tuple(replace(hours, site=site) for hours in WEEK_HOURS)
