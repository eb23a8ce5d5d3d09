"""The nameko services: one answers RPC, the other works through the requests.

They are two, each with its own pool of workers: in one, a backlog of checks would make RPC wait.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marshmallow import ValidationError

from booking_service.calendar import Calendar
from booking_service.changes import Changes
from booking_service.decision import Decider
from booking_service.providers import ClinicCalendar, Decisions
from booking_service.seats import Seats
from booking_service.settings import booking_settings
from clinic.clock import now, to_wire
from clinic.consumer import work
from clinic.errors import ClinicError, InvalidBooking
from clinic.listing import read_listing
from clinic.manage_token import issue
from clinic.messages import BookingRequested
from clinic.monitor import Monitor
from clinic.providers import Bookings, MessageFlag, RequestId
from clinic.reasons import CANCELLED_BY_CLINIC, DEFAULT_LANGUAGE
from clinic.rpc_entrypoint import rpc
from clinic.schema import new_booking, read_days, read_rescheduling, view
from clinic.store import BookingStore
from clinic.topology import BOOKING_REQUESTS, BOOKING_SERVICE

logger = logging.getLogger(__name__)


@contextmanager
def _invalid_booking() -> Iterator[None]:
    """Name the fields at fault in an error that survives the way to the caller."""
    try:
        yield
    except ValidationError as error:
        raise InvalidBooking(str(error.normalized_messages())) from None


class BookingService:
    """`n.rpc.booking_service...`: for other services, and for people in `nameko shell`."""

    name = BOOKING_SERVICE
    read_settings = staticmethod(booking_settings)

    bookings: BookingStore = Bookings()
    calendar: Calendar = ClinicCalendar()
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
            booking = new_booking(payload, language=language, by="rpc")
        token, access = issue()
        self.bookings.insert(booking, access)
        logger.info("booking accepted", extra={"booking_id": booking.id})
        return view(booking) | {"manageToken": token}

    @rpc(expected_exceptions=ClinicError)
    def get_booking(self, booking_id: str) -> dict[str, Any]:
        """Return the object of `GET /booking/{id}`.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        return view(self.bookings.get(booking_id))

    @rpc(expected_exceptions=ClinicError)
    def list_bookings(self, **query: Any) -> list[dict[str, Any]]:
        """Return one page, newest first. Takes the parameters of `GET /bookings/`; `from` is a
        word of Python, so write `list_bookings(**{"from": ...})`.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            listing = read_listing(query)
        return [view(booking) for booking in self.bookings.list(listing)]

    @rpc(expected_exceptions=ClinicError)
    def list_free_slots(self, date: str, days: int = 1) -> list[str]:
        """Return the free starts of a day of the clinic, "2026-12-01", or of so many from that day
        on, in UTC and in order.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            first, count = read_days({"date": date, "days": days})
        return [to_wire(start) for start in self._seats().free_starts(first, now(), count)]

    @rpc(expected_exceptions=ClinicError)
    def cancel_booking(
        self,
        booking_id: str,
        reason: str = CANCELLED_BY_CLINIC,
        by: str = "rpc",
        key_id: str | None = None,
    ) -> dict[str, Any]:
        """Call a booking off and return it; again by the same, it is returned as it is. `key_id`
        tells which staff key it is done with.

        Raises: BookingNotFound, IllegalTransition, StaleBooking, InvalidBooking,
        DatabaseUnavailable.
        """
        return view(Changes(self._seats(), by, key_id).cancel(booking_id, reason))

    @rpc(expected_exceptions=ClinicError)
    def reschedule_booking(
        self, booking_id: str, date: str, by: str = "rpc", key_id: str | None = None
    ) -> dict[str, Any]:
        """Move a confirmed booking to another date and return it; at that date, as it is. `key_id`
        tells which staff key it is done with.

        Raises: BookingNotFound, IllegalTransition, DateNotAvailable (the message is the reason's
        code), StaleBooking, InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            start = read_rescheduling({"date": date})
        return view(Changes(self._seats(), by, key_id).reschedule(booking_id, start))

    def _seats(self) -> Seats:
        return Seats(self.bookings, self.calendar)


class BookingWorker:
    """Decides the bookings that `booking_requests` asks for."""

    name = "booking_worker"
    read_settings = staticmethod(booking_settings)

    decider: Decider = Decisions()
    is_repeated: bool = MessageFlag("is_repeated")
    request_id = RequestId()
    monitor = Monitor()

    @work(
        BOOKING_REQUESTS,
        read=BookingRequested.from_body,
        policy=lambda settings: settings.booking_retry,
        on_parked="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_requested(self, request: BookingRequested) -> None:
        self.decider.decide(request, is_repeated=self.is_repeated)

    def give_up(self, request: BookingRequested, code: str) -> None:
        """Mark the booking for a person's attention; its message is in `booking_dead_letter`."""
        self.decider.give_up(request.booking_id, code)
