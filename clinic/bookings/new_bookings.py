"""Inserts new bookings within the quota of open bookings per e-mail address."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from clinic.domain.booking import Status
from clinic.domain.clock import now
from clinic.errors import ClaimTaken, IdempotencyKeyUsed, TooManyOpenBookings
from clinic.mongo.batch_insert import BatchInserter
from clinic.mongo.client import Document
from clinic.mongo.quota import QUOTA_KEY, address_hash, free_key, held_by, random_key

_HELD_FIELDS = {QUOTA_KEY: True, "status": True, "date": True}


class NewBookings:
    """A booking holds a unit of its address's quota until it is rejected or cancelled. The unit of
    a past appointment is released when another booking needs it. With `max_open=None` there is no
    quota, nor for a patient without an address.
    """

    def __init__(self, bookings: Collection[Document], max_open: int | None) -> None:
        self._bookings = bookings
        self._inserts = BatchInserter(bookings)
        self._max_open = max_open

    def insert(self, booking: Document) -> None:
        """Raises: IdempotencyKeyUsed, TooManyOpenBookings, DatabaseUnavailable."""
        if self._max_open is None or booking["patientEmail"] is None:
            self._insert(booking)
            return
        holder = address_hash(booking["patientEmail"])
        key = random_key(holder, self._max_open)
        # Each retry means that others have taken units meanwhile; the caller's timeout bounds it.
        while not self._insert(booking | {QUOTA_KEY: key}):
            held = self._held(holder)
            if booking["_id"] in {document["_id"] for document in held}:
                return  # an earlier attempt of the driver succeeded
            key = self._another_key(booking, held, holder, self._max_open)

    def insert_confirmed(self, booking: Document) -> None:
        """Insert a booking with claims, outside the quota: staff book for anybody.

        Raises: ClaimTaken, IdempotencyKeyUsed, DatabaseUnavailable.
        """
        try:
            self._insert(booking)
        except ClaimTaken:
            # The claims may be our own: an earlier attempt of the driver may have succeeded.
            if self._bookings.find_one({"_id": booking["_id"]}, {"_id": True}) is None:
                raise

    def _insert(self, booking: Document) -> bool:
        """Return False if another booking holds its quota unit.

        Raises: IdempotencyKeyUsed, ClaimTaken.
        """
        try:
            self._inserts.insert(booking)
        except DuplicateKeyError as error:
            details = error.details or {}
            clash = details.get("keyPattern", {})
            if QUOTA_KEY in clash:
                return False
            if "claims" in clash:
                raise ClaimTaken(details.get("keyValue", {}).get("claims", "")) from None
            # Otherwise our random id exists: an earlier attempt of the driver succeeded.
            if "keyFingerprint" in booking["access"] and "_id" not in clash:
                raise IdempotencyKeyUsed("a booking with this key exists") from None
        return True

    def _held(self, holder: str) -> list[Document]:
        return list(self._bookings.find(held_by(holder), _HELD_FIELDS))

    def _another_key(
        self, booking: Document, held: Sequence[Document], holder: str, max_open: int
    ) -> str:
        """Raises: TooManyOpenBookings, IdempotencyKeyUsed."""
        over = [document["_id"] for document in held if _is_over(document)]
        if over:
            self._release(over)
        taken = {document[QUOTA_KEY] for document in held if document["_id"] not in over}
        key = free_key(holder, max_open, taken)
        if key is None:
            self._require_new_key(booking)
            raise TooManyOpenBookings("the address has reached its limit of open bookings")
        return key

    def _release(self, over: Sequence[str]) -> None:
        """Release the units of past appointments, unless they were rescheduled meanwhile."""
        still_over = {
            "_id": {"$in": over},
            "status": Status.CONFIRMED.value,
            "date": {"$lte": now()},
        }
        self._bookings.update_many(still_over, {"$unset": {QUOTA_KEY: ""}})

    def _require_new_key(self, booking: Document) -> None:
        """Let a repeated request get its booking even when the quota is used up.

        Raises: IdempotencyKeyUsed.
        """
        used = booking["access"].get("keyFingerprint")
        if used and self._bookings.find_one({"access.keyFingerprint": used}, {"_id": True}):
            raise IdempotencyKeyUsed("a booking with this key exists")


def _is_over(booking: Document) -> bool:
    is_over: bool = booking["date"] <= now()
    return is_over and booking["status"] == Status.CONFIRMED.value
