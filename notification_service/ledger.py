"""What has been sent: one row for each event and channel, so that nobody is told twice."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.clock import now
from clinic.database import database_errors
from clinic.errors import LeaseHeld
from clinic.messages import BookingStateChanged

#: Longer than any send may take; a process that died while sending is waited out this long.
LEASE_SECONDS = 60


class Outcome(StrEnum):
    SENDING = "sending"  #: under a lease
    SENT = "sent"
    FAILED = "failed"  #: refused for good
    SUPERSEDED = "superseded"  #: a later step of the booking was told first


class Ledger:
    """The deliveries of one channel. Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]], channel: str) -> None:
        self._rows = database["notifications"]
        self._channel = channel
        self._has_indexes = False

    def claim(self, event: BookingStateChanged) -> bool:
        """Take the right to send; False when the event is settled already. Raises: LeaseHeld.

        A lease that ran out leaves open whether its holder has sent: the channel must give every
        copy the same reference.
        """
        with database_errors():
            self._ensure_indexes()
            try:
                self._rows.insert_one(self._new_row(event))
            except DuplicateKeyError:
                return self._claim_again(event)
        return True

    def is_superseded(self, event: BookingStateChanged) -> bool:
        """Whether the patient has been told of a later step already."""
        later = {
            "bookingId": event.booking_id,
            "channel": self._channel,
            "version": {"$gt": event.version},
            "state": Outcome.SENT.value,
        }
        with database_errors():
            return self._rows.find_one(later, {"_id": True}) is not None

    def settle(self, event: BookingStateChanged, outcome: Outcome) -> None:
        self._set(event, {"state": outcome.value, "updatedAt": now()})

    def release(self, event: BookingStateChanged) -> None:
        """Give the right to send back after a failure that sent nothing."""
        self._set(event, {"leaseUntil": now()})

    def _claim_again(self, event: BookingStateChanged) -> bool:
        free = {
            "_id": self._key(event),
            "state": Outcome.SENDING.value,
            "leaseUntil": {"$lte": now()},
        }
        renewal = {"$set": {"leaseUntil": self._lease()}, "$inc": {"tries": 1}}
        if self._rows.update_one(free, renewal).matched_count:
            return True
        row = self._rows.find_one({"_id": self._key(event)}, {"state": True})
        if row and row["state"] == Outcome.SENDING.value:
            raise LeaseHeld("another process is sending this notification")
        return False

    def _new_row(self, event: BookingStateChanged) -> dict[str, Any]:
        return {
            "_id": self._key(event),
            "bookingId": event.booking_id,
            "version": event.version,
            "channel": self._channel,
            "state": Outcome.SENDING.value,
            "leaseUntil": self._lease(),
            "tries": 1,
            "createdAt": now(),
        }

    def _set(self, event: BookingStateChanged, fields: dict[str, Any]) -> None:
        with database_errors():
            self._rows.update_one({"_id": self._key(event)}, {"$set": fields})

    def _key(self, event: BookingStateChanged) -> str:
        return f"{event.event_id}:{self._channel}"

    def _lease(self) -> Any:
        return now() + timedelta(seconds=LEASE_SECONDS)

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            self._rows.create_indexes([IndexModel([("bookingId", ASCENDING)], name="booking")])
            self._has_indexes = True
