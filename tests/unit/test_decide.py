"""How a booking is decided, with everything around the use case in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from booking_service.availability_check import AvailabilityCheck
from booking_service.service import BookingWorker
from clinic.catalogue.from_configuration import CalendarSettings
from clinic.contracts.messages import BookingRequested
from clinic.domain.booking import Booking, Status, cancel
from clinic.domain.clock import now
from clinic.errors import BookingNotFound, CheckUnavailable
from tests.bookings import requested
from tests.clinics import allocator_of, in_seat, make_calendar
from tests.fakes import FakeBookings

#: The first slot of tomorrow, in a clinic that is open day and night.
SLOT = (now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
CALENDAR = make_calendar()


def worker(
    bookings: FakeBookings,
    *,
    calendar: CalendarSettings = CALENDAR,
    check: AvailabilityCheck | None = None,
    is_repeated: bool = False,
) -> Any:
    return worker_factory(
        BookingWorker,
        bookings=bookings,
        allocator_of=allocator_of(bookings, calendar),
        check=check or AvailabilityCheck(0, 0),
        dispatch=bookings.dispatch,
        is_repeated=is_repeated,
    )


def pending(**fields: Any) -> Booking:
    return requested(**{"date": SLOT} | fields)


def test_a_free_slot_is_confirmed_with_its_first_seat() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    worker(bookings).handle_booking_requested(BookingRequested.of(booking))
    decided = bookings.by_id[booking.id]
    assert (decided.status, bookings.claims[booking.id], decided.version) == (
        Status.CONFIRMED,
        in_seat(SLOT).claims,
        2,
    )
    assert decided.history[-1].by == "booking_worker"
    assert [event.status for event in bookings.events] == [Status.CONFIRMED]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        (now() - timedelta(minutes=1), "past"),
        (SLOT + timedelta(days=400), "too_far"),
        (SLOT + timedelta(minutes=7), "not_a_slot_start"),
    ],
)
def test_a_date_that_can_not_be_booked_is_rejected(date: datetime, reason: str) -> None:
    booking = pending(date=date)
    bookings = FakeBookings(booking)
    worker(bookings).handle_booking_requested(BookingRequested.of(booking))
    decided = bookings.by_id[booking.id]
    assert (decided.status, decided.reason) == (Status.REJECTED, reason)


def test_a_day_on_which_the_clinic_is_closed_is_rejected() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    closed = replace(CALENDAR, closed_days=frozenset({SLOT.astimezone(UTC).date()}))
    worker(bookings, calendar=closed).handle_booking_requested(BookingRequested.of(booking))
    assert bookings.by_id[booking.id].reason == "closed"


def test_as_many_are_confirmed_as_there_are_seats() -> None:
    requests = [pending() for _ in range(5)]
    bookings = FakeBookings(*requests)
    deciding = worker(bookings, calendar=replace(CALENDAR, seats_per_slot=3))
    for booking in requests:
        deciding.handle_booking_requested(BookingRequested.of(booking))
    taken = [in_seat(SLOT, seat).claims for seat in range(3)]
    assert sorted(filter(None, bookings.claims.values())) == taken
    assert [each.reason for each in bookings.by_id.values()].count("slot_full") == 2


def test_a_first_delivery_is_decided_without_a_read() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    worker(bookings).handle_booking_requested(BookingRequested.of(booking))
    assert bookings.reads == []


def test_a_duplicate_changes_nothing() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    for is_repeated in (False, True, False):
        deciding = worker(bookings, is_repeated=is_repeated)
        deciding.handle_booking_requested(BookingRequested.of(booking))
    assert len(bookings.events) == 1


def test_a_duplicate_is_read_before_the_slow_check() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    worker(bookings).handle_booking_requested(BookingRequested.of(booking))
    fails = AvailabilityCheck(0, 0, failure_rate=1)
    worker(bookings, check=fails, is_repeated=True).handle_booking_requested(
        BookingRequested.of(booking)
    )
    assert len(bookings.events) == 1


def test_a_request_with_another_date_than_its_booking_decides_nothing_by_it() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    forged = replace(BookingRequested.of(booking), date=SLOT + timedelta(hours=1))
    worker(bookings).handle_booking_requested(forged)
    assert bookings.by_id[booking.id].date == SLOT
    assert bookings.by_id[booking.id].status is Status.CONFIRMED  # read, and decided as it is


def test_a_booking_that_is_cancelled_during_the_check_stays_cancelled() -> None:
    booking = pending()
    bookings = FakeBookings(booking)

    class Slow(AvailabilityCheck):
        def run(self) -> None:
            reason = "cancelled_by_patient"
            cancelled = cancel(booking, reason=reason, at=now(), by="patient")
            bookings.dispatch("booking_state_changed", cancelled)

    worker(bookings, check=Slow(0, 0)).handle_booking_requested(BookingRequested.of(booking))
    assert [event.status for event in bookings.events] == [Status.CANCELLED]


def test_a_failed_check_is_raised_and_decides_nothing() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    fails = AvailabilityCheck(0, 0, failure_rate=1)
    with pytest.raises(CheckUnavailable):
        worker(bookings, check=fails).handle_booking_requested(BookingRequested.of(booking))
    assert bookings.by_id[booking.id] == booking


def test_an_unknown_booking_is_an_error() -> None:
    with pytest.raises(BookingNotFound):
        worker(FakeBookings()).handle_booking_requested(BookingRequested.of(pending()))


def test_a_request_that_is_dead_lettered_asks_for_manual_review() -> None:
    booking = pending()
    bookings = FakeBookings(booking)
    worker(bookings).give_up(BookingRequested.of(booking), "check_unavailable")
    assert bookings.flagged == {booking.id: "check_unavailable"}
