"""The use cases of the booking service on a repository, without nameko around them."""

from __future__ import annotations

from booking_service.availability_check import AvailabilityCheck
from booking_service.change import BookingChanges
from booking_service.decide import Decider
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.from_configuration import CalendarSettings
from clinic.contracts.messages import Dispatch
from clinic.domain.booking import Transition
from clinic.domain.catalogue import Catalogue
from clinic.messaging.topology import STATE_CHANGED
from tests.clinics import allocator_of


def dispatch_to(bookings: BookingRepository) -> Dispatch:
    def dispatch(event_type: str, event_data: Transition) -> None:
        assert event_type == STATE_CHANGED
        bookings.apply(event_data)

    return dispatch


def decider_of(
    bookings: BookingRepository,
    catalogue: Catalogue | CalendarSettings,
    check: AvailabilityCheck,
    name: str = "test",
) -> Decider:
    allocator = allocator_of(bookings, catalogue)
    return Decider(bookings, allocator, check, dispatch_to(bookings), name)


def changes_of(
    bookings: BookingRepository, catalogue: Catalogue | CalendarSettings, by: str = "rpc"
) -> BookingChanges:
    return BookingChanges(bookings, allocator_of(bookings, catalogue), dispatch_to(bookings), by)
