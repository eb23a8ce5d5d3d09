"""The nameko services: one serves RPC calls, the other decides requested bookings.

Each has its own worker pool. In a shared one, RPC calls would wait behind slow checks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marshmallow import ValidationError

from booking_service.availability_check import AvailabilityCheck
from booking_service.change import BookingChanges
from booking_service.decide import Decider
from booking_service.dependencies import AvailabilityCheckProvider, SeatAllocatorProvider
from booking_service.seat_allocation import SeatAllocator
from booking_service.settings import booking_settings
from booking_service.slot_search import SlotSearch
from clinic.bookings.repository import BookingRepository
from clinic.contracts.bookings_query import parse_bookings_query
from clinic.contracts.messages import BookingRequested, Dispatch
from clinic.contracts.schemas import (
    booking_to_json,
    parse_booking,
    parse_nearest,
    parse_rescheduling,
    read_days,
)
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials
from clinic.domain.reasons import CANCELLED_BY_CLINIC, DEFAULT_LANGUAGE
from clinic.errors import ClinicError, InvalidBooking
from clinic.messaging.topology import BOOKING_REQUESTS, BOOKING_SERVICE
from clinic.nameko_extensions.dependency_providers import (
    BookingRepositoryProvider,
    ContextFlag,
    RequestId,
)
from clinic.nameko_extensions.event_dispatcher import OutboxEventDispatcher
from clinic.nameko_extensions.health_server import HealthServer
from clinic.nameko_extensions.retrying_consumer import consume_with_retry
from clinic.nameko_extensions.rpc_entrypoint import rpc

logger = logging.getLogger(__name__)


@contextmanager
def _invalid_booking() -> Iterator[None]:
    """Convert a ValidationError to an InvalidBooking, which RPC can serialize."""
    try:
        yield
    except ValidationError as error:
        raise InvalidBooking(str(error.normalized_messages())) from None


class BookingService:
    """`n.rpc.booking_service...`: for other services, and for people in `nameko shell`."""

    name = BOOKING_SERVICE
    read_settings = staticmethod(booking_settings)

    bookings: BookingRepository = BookingRepositoryProvider()
    seats: SeatAllocator = SeatAllocatorProvider()
    dispatch: Dispatch = OutboxEventDispatcher()
    request_id = RequestId()

    @rpc(expected_exceptions=ClinicError)
    def create_booking(
        self, patientName: str, patientEmail: str, date: str, language: str = DEFAULT_LANGUAGE
    ) -> dict[str, Any]:
        """Store a pending booking as `POST /book` does, and return it with its `manageToken`.

        Raises: InvalidBooking, TooManyOpenBookings, DatabaseUnavailable.
        """
        payload = {"patientName": patientName, "patientEmail": patientEmail, "date": date}
        with _invalid_booking():
            booking = parse_booking(payload, language=language, by="rpc")
        token, access = create_credentials()
        self.bookings.insert(booking, access)
        logger.info("booking accepted", extra={"booking_id": booking.id})
        return booking_to_json(booking) | {"manageToken": token}

    @rpc(expected_exceptions=ClinicError)
    def get_booking(self, booking_id: str) -> dict[str, Any]:
        """Return the object of `GET /booking/{id}`.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        return booking_to_json(self.bookings.get(booking_id))

    @rpc(expected_exceptions=ClinicError)
    def list_bookings(self, **query: Any) -> list[dict[str, Any]]:
        """Return one page, newest first. Takes the parameters of `GET /bookings/`. `from` is a
        Python keyword, so write `list_bookings(**{"from": ...})`.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            listing = parse_bookings_query(query)
        return [booking_to_json(booking) for booking in self.bookings.list(listing)]

    @rpc(expected_exceptions=ClinicError)
    def list_free_slots(self, date: str, days: int = 1) -> list[str]:
        """Return the free slots of `days` local days from `date` ("2026-12-01") on, in UTC, in
        chronological order.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            first, count = read_days({"date": date, "days": days})
        return [to_wire(slot) for slot in self._slots().free_slots(first, now(), count)]

    @rpc(expected_exceptions=ClinicError)
    def list_nearest_slots(self, date: str, count: int = 3, notice_minutes: int = 0) -> list[str]:
        """Return the free slots nearest to a date, in UTC, in chronological order. All are at least
        `notice_minutes` from now.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            query = parse_nearest({"date": date, "count": count, "notice_minutes": notice_minutes})
        earliest = now() + query["notice"]
        slots = self._slots().nearest(query["date"], earliest, query["count"])
        return [to_wire(slot) for slot in slots]

    @rpc(expected_exceptions=ClinicError)
    def cancel_booking(
        self,
        booking_id: str,
        reason: str = CANCELLED_BY_CLINIC,
        by: str = "rpc",
        key_id: str | None = None,
    ) -> dict[str, Any]:
        """Cancel a booking and return it. Repeating the call returns it unchanged. `key_id`
        identifies the staff key.

        Raises: BookingNotFound, IllegalTransition, ConcurrentModification, InvalidBooking,
        DatabaseUnavailable.
        """
        return booking_to_json(self._changes(by, key_id).cancel(booking_id, reason))

    @rpc(expected_exceptions=ClinicError)
    def reschedule_booking(
        self, booking_id: str, date: str, by: str = "rpc", key_id: str | None = None
    ) -> dict[str, Any]:
        """Move a confirmed booking to another date and return it. Repeating the call returns it
        unchanged. `key_id` identifies the staff key.

        Raises: BookingNotFound, IllegalTransition, SlotUnavailable (its message is the reason
        code), ConcurrentModification, InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            start = parse_rescheduling({"date": date})
        return booking_to_json(self._changes(by, key_id).reschedule(booking_id, start))

    def _changes(self, by: str, key_id: str | None) -> BookingChanges:
        return BookingChanges(self.bookings, self.seats, self.dispatch, by, key_id)

    def _slots(self) -> SlotSearch:
        return SlotSearch(self.bookings, self.seats.calendar)


class BookingWorker:
    """Decides the bookings requested through the queue `booking_requests`."""

    name = "booking_worker"
    read_settings = staticmethod(booking_settings)

    bookings: BookingRepository = BookingRepositoryProvider()
    seats: SeatAllocator = SeatAllocatorProvider()
    check: AvailabilityCheck = AvailabilityCheckProvider()
    dispatch: Dispatch = OutboxEventDispatcher()
    is_repeated: bool = ContextFlag("is_repeated")
    request_id = RequestId()
    monitor = HealthServer()

    @consume_with_retry(
        BOOKING_REQUESTS,
        decode=BookingRequested.from_body,
        policy=lambda settings: settings.booking_retry,
        on_dead_letter="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_requested(self, request: BookingRequested) -> None:
        self._decider().decide(request, is_repeated=self.is_repeated)

    def give_up(self, request: BookingRequested, code: str) -> None:
        """Flag a booking for review; its message was moved to `booking_dead_letter`."""
        self._decider().give_up(request.booking_id, code)

    def _decider(self) -> Decider:
        return Decider(self.bookings, self.seats, self.check, self.dispatch, self.name)
