"""Reads bookings, without an outbox: for processes that only read, such as the notifier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo.database import Database

from clinic.bookings import documents
from clinic.bookings.appointment_queries import AppointmentQueries
from clinic.bookings.confirmed_appointments import ConfirmedAppointment, ConfirmedAppointments
from clinic.bookings.read_windows import page_filters
from clinic.concurrency.batching import Batcher
from clinic.contracts.bookings_query import NEWEST_FIRST, BookingsQuery
from clinic.domain.booking import Booking, canonical_id
from clinic.domain.manage_token import BookingCredentials
from clinic.errors import BookingNotFound, IdempotencyConflict
from clinic.mongo.circuit_breaker import protection
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors

_WITHOUT_OUTBOX = {"outbox": False}


class BookingReader:
    """Reads bookings. Every method may raise DatabaseUnavailable.

    With `has_breaker`, calls fail at once while the database is down. Lists and searches have
    their own circuit breakers: a slow search must not block operations on single bookings.
    """

    def __init__(self, database: Database[Document], *, has_breaker: bool = False) -> None:
        self.database = database
        self._protect = protection(has_breaker)
        self._protect_list = protection(has_breaker)
        self._bookings = database["bookings"]
        self._reads: Batcher[str, Document | None] = Batcher(self._read)
        self._appointments = ConfirmedAppointments(self._bookings)
        self.agenda = AppointmentQueries(self._bookings, protection(has_breaker))

    def ping(self) -> None:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._bookings.database.command("ping")

    def find_by_key(self, access: BookingCredentials) -> tuple[Booking, BookingCredentials]:
        """Find the booking created with the same idempotency key.

        Raises: IdempotencyConflict, BookingNotFound.
        """
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            query = {"access.keyFingerprint": access.key_fingerprint}
            found = self._bookings.find_one(query, _WITHOUT_OUTBOX)
        if found is None:
            raise BookingNotFound("no booking with this key")
        stored = documents.credentials_from_document(found["access"])
        if stored.request_fingerprint != access.request_fingerprint:
            raise IdempotencyConflict("the key was used for another request")
        return documents.booking_from_document(found), stored

    def get(self, booking_id: str) -> Booking:
        """Raises: BookingNotFound."""
        return documents.booking_from_document(self._find(booking_id))

    def get_with_access(self, booking_id: str) -> tuple[Booking, BookingCredentials]:
        """Return a booking and its stored credentials. Raises: BookingNotFound."""
        found = self._find(booking_id)
        return documents.booking_from_document(found), documents.credentials_from_document(
            found["access"]
        )

    def access(self, booking_id: str) -> BookingCredentials:
        """Return a booking's stored credentials. Raises: BookingNotFound."""
        return documents.credentials_from_document(self._find(booking_id)["access"])

    def list(self, listing: BookingsQuery) -> list[Booking]:
        """Return one page, newest first."""
        page: list[Document] = []
        with self._protect_list(), database_errors(OPERATION_TIMEOUT_SECONDS):
            for queries in page_filters(listing):
                if remaining := listing.limit - len(page):
                    page += self._newest(queries, remaining)
        return [documents.booking_from_document(document) for document in page]

    def appointments_between(
        self, clinic: str, first: datetime, last: datetime
    ) -> Sequence[ConfirmedAppointment]:
        """Return the confirmed appointments that start from `first` until before `last`; others
        may be among them."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return self._appointments.between(clinic, first, last)

    def _newest(self, queries: Sequence[Document], limit: int) -> Sequence[Document]:
        found: list[Document] = []
        for query in queries:
            matches = self._bookings.find(query, _WITHOUT_OUTBOX)
            found += matches.sort(NEWEST_FIRST).limit(limit)
        found.sort(key=lambda each: (each["createdAt"], each["_id"]), reverse=True)
        return found[:limit]

    def _find(self, booking_id: str) -> Document:
        """Raises: BookingNotFound, also for an invalid id, which must not become a query."""
        canonical = canonical_id(booking_id)
        if canonical is None:
            raise BookingNotFound("not a booking id")
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._reads.submit(canonical)
        if found is None:
            raise BookingNotFound(f"no booking {canonical}")
        return found

    def _read(self, ids: Sequence[str]) -> Sequence[Document | None]:
        with database_errors():
            if len(ids) == 1:
                return [self._bookings.find_one({"_id": ids[0]})]
            found = self._bookings.find({"_id": {"$in": sorted(set(ids))}})
            by_id = {document["_id"]: document for document in found}
        return [by_id.get(booking_id) for booking_id in ids]
