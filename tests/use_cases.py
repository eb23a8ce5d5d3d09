"""The use cases of the booking service on a repository, without nameko around them."""

from __future__ import annotations

from booking_service.availability_check import AvailabilityCheck
from booking_service.calendar import Calendar
from booking_service.change import BookingChanges
from booking_service.decide import Decider
from booking_service.seat_allocation import SeatAllocator
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import Dispatch
from clinic.domain.booking import Transition
from clinic.messaging.topology import STATE_CHANGED


def dispatch_to(bookings: BookingRepository) -> Dispatch:
    def dispatch(event_type: str, event_data: Transition) -> None:
        assert event_type == STATE_CHANGED
        bookings.apply(event_data)

    return dispatch


def decider_of(
    bookings: BookingRepository, calendar: Calendar, check: AvailabilityCheck, name: str = "test"
) -> Decider:
    return Decider(bookings, SeatAllocator(bookings, calendar), check, dispatch_to(bookings), name)


def changes_of(
    bookings: BookingRepository, seats: SeatAllocator, by: str = "rpc"
) -> BookingChanges:
    return BookingChanges(bookings, seats, dispatch_to(bookings), by)
