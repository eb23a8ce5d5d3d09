"""The nameko services: two serve RPC calls, about bookings and about the catalogue, and one decides
requested bookings.

Each has its own worker pool. In a shared one, RPC calls would wait behind slow checks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from types import MappingProxyType
from typing import Any

from marshmallow import ValidationError

from booking_service.availability_check import AvailabilityCheck
from booking_service.catalogue_service import CatalogueService
from booking_service.change import BookingChanges
from booking_service.change_preview import ChangePreview
from booking_service.decide import Decider
from booking_service.dependencies import AllocatorProvider, AvailabilityCheckProvider
from booking_service.phone_booking import PhoneBookings
from booking_service.scheduling.allocator import AllocatorOf
from booking_service.scheduling.openings import OpeningSearch
from booking_service.settings import booking_settings
from clinic.bookings.repository import BookingRepository
from clinic.contracts.booking_json import booking_to_json
from clinic.contracts.bookings_query import parse_bookings_query
from clinic.contracts.messages import BookingRequested, Dispatch
from clinic.contracts.schemas import (
    parse_booking,
    parse_choice,
    parse_phone_booking,
    parse_rescheduling,
)
from clinic.contracts.slot_queries import MAX_OPENINGS, parse_nearest, parse_openings, read_days
from clinic.contracts.strict_json import dumps
from clinic.domain.booking import Choice
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue, is_catalogue_id
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

#: `nameko run booking_service.service` runs the services of this module.
__all__ = ["BookingService", "BookingWorker", "CatalogueService"]

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
    allocator_of: AllocatorOf = AllocatorProvider()
    dispatch: Dispatch = OutboxEventDispatcher()
    request_id = RequestId()

    @rpc(expected_exceptions=ClinicError)
    def create_booking(
        self,
        patientName: str,
        patientEmail: str,
        date: str,
        language: str = DEFAULT_LANGUAGE,
        service: str | None = None,
        practitioner: str | None = None,
        site: str | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> dict[str, Any]:
        """Store a pending booking as `POST /book` does, and return it with its `manageToken`.

        Raises: InvalidBooking, TooManyOpenBookings, DatabaseUnavailable.
        """
        payload = {"patientName": patientName, "patientEmail": patientEmail, "date": date}
        choice = {"service": service, "practitioner": practitioner, "site": site}
        payload |= {name: value for name, value in choice.items() if value is not None}
        with _invalid_booking():
            booking = parse_booking(
                payload, language=language, by="rpc", catalogue=self._catalogue(clinic, choice)
            )
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
    def list_free_slots(
        self,
        date: str,
        days: int = 1,
        service: str | None = None,
        practitioner: str | None = None,
        site: str | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> list[str]:
        """Return the free starts of a service, by default the default one, on `days` local days
        from `date` ("2026-12-01") on, in UTC, in chronological order.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            first, count = read_days({"date": date, "days": days})
            choice = self._choice(clinic, service, practitioner, site)
        found = self._openings(clinic).free_starts(choice, first, count, now())
        return [to_wire(start) for start in found]

    @rpc(expected_exceptions=ClinicError)
    def list_openings(
        self, clinic: str = DEFAULT_CLINIC, limit: int = MAX_OPENINGS, **query: Any
    ) -> list[dict[str, Any]]:
        """Return the openings {"start", "end", "practitioner", "site"} in chronological order, at
        most `limit`. Takes the parameters of `GET /openings`. `from` is a Python keyword, so write
        `list_openings(**{"from": "2026-12-01", "to": "2026-12-07"})`.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            wanted = parse_openings(query, self._catalogue(clinic, query))
        found = self._openings(clinic).openings(wanted.choice, wanted.first, wanted.days, now())
        page = (each for each in found if wanted.after is None or each.start > wanted.after)
        return [opening.to_json() for opening in islice(page, max(limit, 0))]

    @rpc(expected_exceptions=ClinicError)
    def list_nearest_slots(
        self,
        date: str,
        count: int = 3,
        notice_minutes: int = 0,
        service: str | None = None,
        practitioner: str | None = None,
        site: str | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> list[str]:
        """Return the free starts of a service nearest to a date, in UTC, in chronological order.
        All are at least `notice_minutes` from now.

        Raises: InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            query = parse_nearest({"date": date, "count": count, "notice_minutes": notice_minutes})
            choice = self._choice(clinic, service, practitioner, site)
        earliest = now() + query["notice"]
        search = self._openings(clinic)
        return [
            to_wire(start)
            for start in search.nearest(choice, query["date"], earliest, query["count"])
        ]

    @rpc(expected_exceptions=ClinicError)
    def book_by_phone(
        self,
        booking: dict[str, Any],
        language: str = DEFAULT_LANGUAGE,
        by: str = "rpc",
        key_id: str | None = None,
        overbook: bool = False,
        idempotency_key: str | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> dict[str, Any]:
        """Book for a patient, confirm at once and return the booking. `booking` has "patientName",
        "date", "patientEmail" or "patientPhone", and optionally "service", "practitioner" and
        "site". With `overbook`, the seats that schedules have for overbooking are used as well.
        Repeating the call with the same key returns the same booking.

        Raises: InvalidBooking, SlotUnavailable (its message is the reason code),
        IdempotencyConflict, AppointmentsContested, DatabaseUnavailable.
        """
        with _invalid_booking():
            requested = parse_phone_booking(
                booking, language=language, by=by, catalogue=self._catalogue(clinic, booking)
            )
        _, access = create_credentials(idempotency_key, dumps(booking) if idempotency_key else b"")
        bookings = PhoneBookings(self.bookings, self.allocator_of, by, key_id)
        return booking_to_json(bookings.book(requested, access, may_overbook=overbook))

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
        self,
        booking_id: str,
        date: str,
        practitioner: str | None = None,
        by: str = "rpc",
        key_id: str | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> dict[str, Any]:
        """Move a confirmed booking to another date, with another practitioner if one is given, and
        return it. Repeating the call returns it unchanged. `key_id` identifies the staff key.

        Raises: BookingNotFound, IllegalTransition, SlotUnavailable (its message is the reason
        code), ConcurrentModification, InvalidBooking, DatabaseUnavailable.
        """
        with _invalid_booking():
            wanted = parse_rescheduling(
                {"date": date, "practitioner": practitioner},
                self._catalogue(clinic, {"practitioner": practitioner}),
            )
        changes = self._changes(by, key_id)
        return booking_to_json(changes.reschedule(booking_id, wanted.date, wanted.practitioner))

    @rpc(expected_exceptions=ClinicError)
    def preview_schedule(
        self, schedule: dict[str, Any], clinic: str = DEFAULT_CLINIC
    ) -> list[dict[str, Any]]:
        """Return the confirmed appointments from now on that a new or changed schedule would
        affect: {"id", "date", "service", "practitioner", "site"}, in chronological order.

        Raises: CatalogueInvalid, DatabaseUnavailable.
        """
        return self._preview(clinic).of_schedule(schedule)

    @rpc(expected_exceptions=ClinicError)
    def preview_site(
        self, site: dict[str, Any], clinic: str = DEFAULT_CLINIC
    ) -> list[dict[str, Any]]:
        """Like `preview_schedule`, for a new or changed site.

        Raises: CatalogueInvalid, DatabaseUnavailable.
        """
        return self._preview(clinic).of_site(site)

    def _preview(self, clinic: str) -> ChangePreview:
        return ChangePreview(self.bookings, self._catalogue(clinic), now())

    def _changes(self, by: str, key_id: str | None) -> BookingChanges:
        return BookingChanges(self.bookings, self.allocator_of, self.dispatch, by, key_id)

    def _catalogue(self, clinic: str, ids: Mapping[str, Any] = MappingProxyType({})) -> Catalogue:
        """Return the catalogue, read again if it lacks one of the ids, which are untrusted."""
        names = ("service", "practitioner", "site")
        known = {name: ids[name] for name in names if is_catalogue_id(ids.get(name))}
        return self.allocator_of(clinic, Choice(**known)).hours.catalogue

    def _choice(
        self, clinic: str, service: str | None, practitioner: str | None, site: str | None
    ) -> Choice:
        ids = {"service": service, "practitioner": practitioner, "site": site}
        return parse_choice(ids, self._catalogue(clinic, ids))

    def _openings(self, clinic: str) -> OpeningSearch:
        return OpeningSearch(self.bookings, self.allocator_of(clinic).hours)


class BookingWorker:
    """Decides the bookings requested through the queue `booking_requests`."""

    name = "booking_worker"
    read_settings = staticmethod(booking_settings)

    bookings: BookingRepository = BookingRepositoryProvider()
    allocator_of: AllocatorOf = AllocatorProvider()
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
        return Decider(self.bookings, self.allocator_of, self.check, self.dispatch, self.name)
