"""What has been sent: one row for each event and channel, so that nobody is told twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.clock import now
from clinic.database import database_errors
from clinic.errors import LeaseHeld
from clinic.messages import BookingStateChanged
from clinic.metrics import AMBIGUOUS_NOTIFICATIONS, NOTIFICATIONS

#: Longer than any send may take; a process that died while sending is waited out this long.
LEASE_SECONDS = 60


class State(StrEnum):
    SENDING = "sending"  #: under a lease
    POSTPONED = "postponed"  #: not sent, and free for the next who tries
    SENT = "sent"
    FAILED = "failed"  #: parked; tried again only when a person replays it
    SUPERSEDED = "superseded"  #: a later step of the booking was told first


class Ledger:
    """The deliveries of one channel. Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]], channel: str) -> None:
        self._rows = database["notifications"]
        self._channel = channel
        self._has_indexes = False

    def claim(self, event: BookingStateChanged) -> bool:
        """Take the right to send; False when the event is settled already. Raises: LeaseHeld.

        A lease that ran out leaves open whether its holder has sent: the channel gives every copy
        the same reference.
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
            "state": State.SENT.value,
        }
        with database_errors():
            return self._rows.find_one(later, {"_id": True}) is not None

    def settle(self, event: BookingStateChanged, state: State) -> None:
        """Write down what became of a claim; every state but SENDING gives it back."""
        with database_errors():
            self._rows.update_one(
                {"_id": self._key(event)}, {"$set": {"state": state.value, "updatedAt": now()}}
            )
        NOTIFICATIONS.labels(self._channel, state.value).inc()

    def _claim_again(self, event: BookingStateChanged) -> bool:
        unsent = {"state": {"$in": [State.POSTPONED.value, State.FAILED.value]}}
        if self._take(event, unsent):
            return True
        if self._take(event, {"state": State.SENDING.value, "leaseUntil": {"$lte": now()}}):
            AMBIGUOUS_NOTIFICATIONS.labels(self._channel).inc()
            return True
        row = self._rows.find_one({"_id": self._key(event)}, {"state": True})
        if row and row["state"] == State.SENDING.value:
            raise LeaseHeld("another process is sending this notification")
        NOTIFICATIONS.labels(self._channel, "duplicate").inc()
        return False

    def _take(self, event: BookingStateChanged, condition: dict[str, Any]) -> bool:
        lease = {"state": State.SENDING.value, "leaseUntil": self._lease()}
        taken = self._rows.update_one(
            {"_id": self._key(event), **condition}, {"$set": lease, "$inc": {"tries": 1}}
        )
        return taken.matched_count > 0

    def _new_row(self, event: BookingStateChanged) -> dict[str, Any]:
        return {
            "_id": self._key(event),
            "bookingId": event.booking_id,
            "version": event.version,
            "channel": self._channel,
            "state": State.SENDING.value,
            "leaseUntil": self._lease(),
            "tries": 1,
            "createdAt": now(),
        }

    def _key(self, event: BookingStateChanged) -> str:
        return f"{event.event_id}:{self._channel}"

    def _lease(self) -> datetime:
        return now() + timedelta(seconds=LEASE_SECONDS)

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            self._rows.create_indexes([IndexModel([("bookingId", ASCENDING)], name="booking")])
            self._has_indexes = True
