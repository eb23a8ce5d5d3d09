"""Bookings in MongoDB. Every write is one operation on one document."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.bookings import documents
from clinic.bookings.indexes import INDEXES
from clinic.bookings.new_bookings import NewBookings
from clinic.bookings.reader import BookingReader
from clinic.bookings.transition_writer import TransitionWriter
from clinic.concurrency.batching import Batcher
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.domain.booking import Booking, Status, Transition, apply_transition
from clinic.domain.clock import now
from clinic.domain.manage_token import BookingCredentials
from clinic.errors import ClaimTaken, ConcurrentModification
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors
from clinic.observability.logs import request_id
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage


class BookingRepository(BookingReader):
    """Reads and writes bookings.

    The relay of this process sends the messages that a write adds to the booking's `outbox`.
    Indexes are created before the first write: without the unique one, a time could be booked
    twice. `max_open_bookings` limits the open bookings per address; None means no limit.
    """

    def __init__(
        self,
        database: Database[Document],
        outbox: Outbox,
        max_open_bookings: int | None = None,
        *,
        has_breaker: bool = False,
    ) -> None:
        super().__init__(database, has_breaker=has_breaker)
        self.outbox = outbox
        self._new_bookings = NewBookings(self._bookings, max_open_bookings)
        self._transitions = TransitionWriter(self._bookings, OPERATION_TIMEOUT_SECONDS)
        self._has_indexes = False
        self._indexing: Batcher[None, None] = Batcher(self._make_indexes)

    def insert(self, booking: Booking, access: BookingCredentials) -> None:
        """Store a new booking together with the request to decide it.

        Raises: IdempotencyKeyUsed if a stored booking has the key (see `find_by_key`),
        TooManyOpenBookings, OutboxFull.
        """
        self.outbox.pending.ensure_capacity()
        message = OutboxMessage.of_request(BookingRequested.of(booking), request_id.get())
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            self._ensure_indexes()
            with self.outbox.writing(message) as document:
                requested = {"lastRequestedAt": booking.created_at, "outbox": [document]}
                self._new_bookings.insert(
                    documents.booking_to_document(booking, access) | requested
                )

    def insert_confirmed(
        self, booking: Booking, confirmation: Transition, access: BookingCredentials
    ) -> None:
        """Store a new booking that is confirmed already, with its claims and its event.

        Raises: ClaimTaken, IdempotencyKeyUsed if a stored booking has the key, OutboxFull.
        """
        self.outbox.pending.ensure_capacity()
        event = OutboxMessage.of_change(BookingStateChanged.of(confirmation), request_id.get())
        confirmed = apply_transition(booking, confirmation)
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            self._ensure_indexes()
            with self.outbox.writing(event) as message:
                self._new_bookings.insert_confirmed(
                    documents.booking_to_document(confirmed, access)
                    | {
                        "claims": confirmation.claims,
                        "lastRequestedAt": booking.created_at,
                        "outbox": [message],
                    }
                )

    def apply(self, transition: Transition) -> None:
        """Store a transition and its event in one update.

        Raises: ConcurrentModification when the booking has changed, ClaimTaken.
        """
        self._ensure_indexes()
        message = OutboxMessage.of_change(BookingStateChanged.of(transition), request_id.get())
        with self.outbox.writing(message) as document, database_errors():
            try:
                is_applied = self._transitions.write(transition, document)
            except DuplicateKeyError as error:
                claim = (error.details or {}).get("keyValue", {}).get("claims", "")
                raise ClaimTaken(claim) from None
            if not is_applied:
                raise ConcurrentModification(f"booking {transition.booking_id} has changed")

    def flag_for_review(self, booking_id: str, code: str) -> None:
        """Flag a pending booking that could not be decided for manual review."""
        attention = {"code": code, "at": now()}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._bookings.update_one(
                {"_id": booking_id, "status": Status.PENDING.value},
                # Without the request in its outbox it is not republished; only a replay decides it.
                {"$set": {"attention": attention, "outbox": []}},
            )

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            self._indexing.submit(None)

    def _make_indexes(self, callers: Sequence[None]) -> Sequence[None]:
        if not self._has_indexes:
            with database_errors():  # no timeout: it takes long on a large collection
                self._bookings.create_indexes(INDEXES)
            self._has_indexes = True
        return callers
