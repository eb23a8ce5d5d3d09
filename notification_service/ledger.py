"""What has been sent: one row for each event and channel, so that nobody is told twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.clock import now
from clinic.database import database_errors
from clinic.errors import LeaseHeld
from clinic.messages import BookingStateChanged
from clinic.metrics import AMBIGUOUS_NOTIFICATIONS, NOTIFICATIONS


class State(StrEnum):
    SENDING = "sending"  #: under a lease
    POSTPONED = "postponed"  #: not sent, and free for the next who tries
    SENT = "sent"
    FAILED = "failed"  #: parked; tried again only when a person replays it
    SUPERSEDED = "superseded"  #: a later step of the booking was told first


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send; `tries` counts them, and only the latest may write down an outcome."""

    event: BookingStateChanged
    tries: int


class Ledger:
    """The deliveries of one channel. Every method may raise DatabaseUnavailable.

    `lease_seconds` is longer than a send may take: a process that died while it sent is waited
    out this long.
    """

    def __init__(
        self, database: Database[dict[str, Any]], channel: str, lease_seconds: float
    ) -> None:
        self._rows = database["notifications"]
        self._channel = channel
        self._lease = timedelta(seconds=lease_seconds)
        self._has_indexes = False

    def claim(self, event: BookingStateChanged, *, is_replay: bool = False) -> Claim | None:
        """Take the right to send; None when the event is settled. Raises: LeaseHeld.

        A letter that was refused for good is tried again when a person replays its event.
        """
        with database_errors():
            self._ensure_indexes()
            try:
                self._rows.insert_one(self._new_row(event))
            except DuplicateKeyError:
                return self._claim_again(event, is_replay)
        return Claim(event, tries=1)

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

    def settle(self, claim: Claim, state: State) -> None:
        """Write down what became of a claim, unless its lease ran out and another has taken it."""
        mine = {
            "_id": self._key(claim.event),
            "state": State.SENDING.value,
            "tries": claim.tries,
        }
        with database_errors():
            self._rows.update_one(mine, {"$set": {"state": state.value, "updatedAt": now()}})
        NOTIFICATIONS.labels(self._channel, state.value).inc()

    def _claim_again(self, event: BookingStateChanged, is_replay: bool) -> Claim | None:
        unsent = [State.POSTPONED.value, *([State.FAILED.value] if is_replay else [])]
        if claim := self._take(event, {"state": {"$in": unsent}}):
            return claim
        expired = {"state": State.SENDING.value, "leaseUntil": {"$lte": now()}}
        if claim := self._take(event, expired):
            # Its holder may have sent. The channel gives every copy the same reference.
            AMBIGUOUS_NOTIFICATIONS.labels(self._channel).inc()
            return claim
        row = self._rows.find_one({"_id": self._key(event)}, {"state": True})
        if row and row["state"] == State.SENDING.value:
            raise LeaseHeld("another process is sending this notification")
        NOTIFICATIONS.labels(self._channel, "duplicate").inc()
        return None

    def _take(self, event: BookingStateChanged, condition: dict[str, Any]) -> Claim | None:
        lease = {"state": State.SENDING.value, "leaseUntil": now() + self._lease}
        row = self._rows.find_one_and_update(
            {"_id": self._key(event), **condition},
            {"$set": lease, "$inc": {"tries": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return Claim(event, row["tries"]) if row else None

    def _new_row(self, event: BookingStateChanged) -> dict[str, Any]:
        return {
            "_id": self._key(event),
            "bookingId": event.booking_id,
            "version": event.version,
            "channel": self._channel,
            "state": State.SENDING.value,
            "leaseUntil": now() + self._lease,
            "tries": 1,
            "createdAt": now(),
        }

    def _key(self, event: BookingStateChanged) -> str:
        return f"{event.event_id}:{self._channel}"

    def _ensure_indexes(self) -> None:
        if not self._has_indexes:
            self._rows.create_indexes([IndexModel([("bookingId", ASCENDING)], name="booking")])
            self._has_indexes = True
