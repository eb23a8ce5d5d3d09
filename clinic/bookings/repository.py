"""Bookings in MongoDB. Every write is one operation on one document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.bookings import documents
from clinic.bookings.appointment_queries import AppointmentQueries
from clinic.bookings.new_bookings import NewBookings
from clinic.bookings.transition_writer import TransitionWriter
from clinic.concurrency.batching import Batcher
from clinic.contracts.bookings_query import NEWEST_FIRST, BookingsQuery
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.domain.booking import Booking, Status, Transition, canonical_id
from clinic.domain.clock import now
from clinic.domain.manage_token import BookingCredentials
from clinic.errors import BookingNotFound, ConcurrentModification, IdempotencyConflict, SeatTaken
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors
from clinic.mongo.quota import quota_index
from clinic.outbox.outbox import HAS_TRANSITIONS, Outbox
from clinic.outbox.outbox_message import OutboxMessage

#: Stops double booking, and frees the seat when a booking is cancelled.
_SEAT_INDEX = IndexModel(
    [("slot", ASCENDING), ("seat", ASCENDING)],
    name="one_confirmed_booking_per_seat",
    unique=True,
    partialFilterExpression={"status": Status.CONFIRMED.value},
)
_IDEMPOTENCY_INDEX = IndexModel(
    [("access.keyFingerprint", ASCENDING)],
    name="one_booking_per_key",
    unique=True,
    sparse=True,  # and not partial: servers evaluate a filter for each document that is written
)
_INDEXES = [
    _SEAT_INDEX,
    _IDEMPOTENCY_INDEX,
    IndexModel(NEWEST_FIRST, name="newest"),
    IndexModel([("status", ASCENDING), *NEWEST_FIRST], name="newest_by_status"),
    IndexModel([("date", ASCENDING)], name="date"),
    IndexModel(
        [("updatedAt", ASCENDING)], name="last_step", partialFilterExpression=HAS_TRANSITIONS
    ),
    quota_index("one_open_booking_per_quota_unit"),
]

_WITHOUT_OUTBOX = {"outbox": False}


class BookingRepository:
    """The bookings of the clinic. Every method may raise DatabaseUnavailable.

    What is written with a booking's `outbox` leaves through the relay of this process.
    Indexes are made before the first write: without the unique one a seat could be given twice.
    `max_open_bookings` of one address are accepted; None is any number.
    """

    def __init__(
        self, database: Database[Document], outbox: Outbox, max_open_bookings: int | None = None
    ) -> None:
        self.database = database
        self._bookings = database["bookings"]
        self._new_bookings = NewBookings(self._bookings, max_open_bookings)
        self._reads: Batcher[str, Document | None] = Batcher(self._read)
        self._seat_reads: Batcher[datetime, set[int]] = Batcher(self._read_seats)
        self._steps = TransitionWriter(self._bookings, OPERATION_TIMEOUT_SECONDS)
        self._has_indexes = False
        self._indexing: Batcher[None, None] = Batcher(self._make_indexes)
        self.outbox = outbox
        self.agenda = AppointmentQueries(self._bookings)

    def ping(self) -> None:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._bookings.database.command("ping")

    def insert(self, booking: Booking, access: BookingCredentials) -> None:
        """Store a new booking together with the request to decide it.

        Raises: IdempotencyKeyUsed when the key belongs to a stored booking (see `find_by_key`),
        TooManyOpenBookings, OutboxFull.
        """
        self.outbox.pending.ensure_capacity()
        self._ensure_indexes()
        entry = OutboxMessage.of_request(BookingRequested.of(booking))
        with self.outbox.writing(entry) as outgoing, database_errors(OPERATION_TIMEOUT_SECONDS):
            asked = {"lastRequestedAt": booking.created_at, "outbox": [outgoing]}
            self._new_bookings.insert(documents.booking_to_document(booking, access) | asked)

    def find_by_key(self, access: BookingCredentials) -> tuple[Booking, BookingCredentials]:
        """Find the booking made under the same key.

        Raises: IdempotencyConflict, BookingNotFound.
        """
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            query = {"access.keyFingerprint": access.key_fingerprint}
            found = self._bookings.find_one(query, _WITHOUT_OUTBOX)
        if found is None:
            raise BookingNotFound("no booking of that key")
        stored = documents.credentials_from_document(found["access"])
        if stored.request_fingerprint != access.request_fingerprint:
            raise IdempotencyConflict("the key was used for another request")
        return documents.booking_from_document(found), stored

    def get(self, booking_id: str) -> Booking:
        """Raises: BookingNotFound."""
        return documents.booking_from_document(self._find(booking_id))

    def get_with_access(self, booking_id: str) -> tuple[Booking, BookingCredentials]:
        """Return a booking and what is stored of its secrets. Raises: BookingNotFound."""
        found = self._find(booking_id)
        return documents.booking_from_document(found), documents.credentials_from_document(
            found["access"]
        )

    def access(self, booking_id: str) -> BookingCredentials:
        """Return what is stored of a booking's secrets. Raises: BookingNotFound."""
        return documents.credentials_from_document(self._find(booking_id)["access"])

    def list(self, listing: BookingsQuery) -> list[Booking]:
        """Return one page, newest first."""
        page: list[Document] = []
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            for query in listing.to_filters():
                if room := listing.limit - len(page):
                    found = self._bookings.find(query, _WITHOUT_OUTBOX)
                    page += found.sort(NEWEST_FIRST).limit(room)
        return [documents.booking_from_document(each) for each in page]

    def taken_seats(self, slot: datetime) -> set[int]:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return self._seat_reads.submit(slot)

    def taken_seats_between(self, first: datetime, last: datetime) -> dict[datetime, set[int]]:
        """Return the taken seats of each slot, both ends included, that has one."""
        taken: dict[datetime, set[int]] = {}
        confirmed = {"slot": {"$gte": first, "$lte": last}, "status": Status.CONFIRMED.value}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            for each in self._bookings.find(confirmed, {"slot": True, "seat": True, "_id": False}):
                taken.setdefault(each["slot"], set()).add(each["seat"])
        return taken

    def apply(self, transition: Transition) -> None:
        """Store a step together with the event that tells of it.

        Raises: ConcurrentModification when the booking has changed, SeatTaken.
        """
        self._ensure_indexes()
        entry = OutboxMessage.of_change(BookingStateChanged.of(transition))
        with self.outbox.writing(entry) as outgoing, database_errors():
            try:
                is_taken = self._steps.write(transition, outgoing)
            except DuplicateKeyError:
                raise SeatTaken(f"seat {transition.seat} is taken") from None
            if not is_taken:
                raise ConcurrentModification(f"booking {transition.booking_id} has moved on")

    def mark_attention(self, booking_id: str, code: str) -> None:
        """Tell whoever reads a pending booking that a person has to look at it."""
        attention = {"code": code, "at": now()}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._bookings.update_one(
                {"_id": booking_id, "status": Status.PENDING.value},
                # Without its outbox entry no sweep asks for a decision again; a replay does.
                {"$set": {"attention": attention, "outbox": []}},
            )

    def _find(self, booking_id: str) -> Document:
        """Raises: BookingNotFound, also for what is no id at all and must not become a query."""
        known_as = canonical_id(booking_id)
        if known_as is None:
            raise BookingNotFound("that is not the id of a booking")
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._reads.submit(known_as)
        if found is None:
            raise BookingNotFound(f"no booking {known_as}")
        return found

    def _read(self, ids: Sequence[str]) -> Sequence[Document | None]:
        with database_errors():
            if len(ids) == 1:
                return [self._bookings.find_one({"_id": ids[0]})]
            found = self._bookings.find({"_id": {"$in": sorted(set(ids))}})
            by_id = {each["_id"]: each for each in found}
        return [by_id.get(each) for each in ids]

    def _read_seats(self, slots: Sequence[datetime]) -> Sequence[set[int]]:
        confirmed = {"slot": {"$in": sorted(set(slots))}, "status": Status.CONFIRMED.value}
        taken: dict[datetime, set[int]] = {}
        with database_errors():
            for each in self._bookings.find(confirmed, {"slot": True, "seat": True, "_id": False}):
                taken.setdefault(each["slot"], set()).add(each["seat"])
        return [taken.get(slot, set()) for slot in slots]

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            self._indexing.submit(None)

    def _make_indexes(self, callers: Sequence[None]) -> Sequence[None]:
        if not self._has_indexes:
            with database_errors():  # where many bookings are stored it takes its time
                self._bookings.create_indexes(_INDEXES)
            self._has_indexes = True
        return callers
