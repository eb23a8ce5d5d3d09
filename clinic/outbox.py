"""Messages that a booking still has to send, kept inside its document until the broker has them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection

from clinic import strict_json
from clinic.booking import Status
from clinic.clock import now
from clinic.database import database_errors
from clinic.logs import request_id
from clinic.messages import BookingRequested, BookingStateChanged
from clinic.outgoing import Outgoing
from clinic.topology import BOOKING_REQUESTS, BOOKING_SERVICE, EVENTS, STATE_CHANGED

BOOKING_REQUESTED = "booking_requested"
#: Bookings in one update; a larger one would stall the database for all others.
SETTLE_LIMIT = 50
REQUEST_ID_HEADER = "nameko.request_id"

#: Bookings with an entry that the broker has not taken; a request is marked once it has.
_UNSENT = {"outbox.dueAt": {"$exists": True}, "outbox.sent": {"$ne": True}}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to send; `event_id` is "<bookingId>:<version>", `type` names its route.

    It remembers the request that it began with, so that whoever handles it can log that too.
    """

    booking_id: str
    event_id: str
    type: str
    body: dict[str, Any]
    request_id: str = field(default_factory=request_id.get)

    @classmethod
    def of_request(cls, message: BookingRequested) -> Entry:
        return cls(message.booking_id, message.event_id, BOOKING_REQUESTED, message.to_body())

    @classmethod
    def of_change(cls, event: BookingStateChanged) -> Entry:
        return cls(event.booking_id, event.event_id, STATE_CHANGED, event.to_body())

    def to_document(self, due_at: datetime) -> dict[str, Any]:
        """Lay the entry out for the database; sweeps leave it alone until `dueAt`."""
        return {
            "eventId": self.event_id,
            "type": self.type,
            "body": self.body,
            "requestId": self.request_id,
            "storedAt": now(),
            "dueAt": due_at,
        }

    def to_message(self) -> Outgoing:
        body = strict_json.dumps(self.body)
        # As nameko sends its context data: handlers find it in theirs.
        headers: dict[str, Any] = {REQUEST_ID_HEADER: self.request_id} if self.request_id else {}
        if self.type == BOOKING_REQUESTED:
            return Outgoing("", BOOKING_REQUESTS.name, body, headers)
        # What nameko's EventDispatcher of booking_service would send.
        headers["nameko.call_id_stack"] = [f"{BOOKING_SERVICE}.{STATE_CHANGED}.{self.event_id}"]
        return Outgoing(EVENTS.name, STATE_CHANGED, body, headers)


class Outbox:
    """The entries of all bookings.

    An event that was sent is removed. A request that was sent is put off instead, and goes with
    the booking's decision: should the broker lose it, it is sent again after `resend_seconds`.
    """

    def __init__(
        self,
        bookings: Collection[dict[str, Any]],
        grace_seconds: float = 10,
        resend_seconds: float = 600,
    ) -> None:
        self._bookings = bookings
        self._grace = timedelta(seconds=grace_seconds)
        self._resend = timedelta(seconds=resend_seconds)

    def due_at(self) -> datetime:
        """Say from when on a sweep may send an entry that is written now."""
        return now() + self._grace

    def claim_overdue(self, limit: int) -> list[Entry]:
        """Take the overdue entries of at most `limit` bookings, so that no other sweep sends them.

        Each claim puts an entry off twice as long as the one before: what a broker refuses again
        and again must not flood whoever does take it. Raises: DatabaseUnavailable.
        """
        overdue = {"outbox.dueAt": {"$lte": now()}}
        claim = secrets.token_hex(8)
        with database_errors():
            found = list(self._bookings.find(overdue, {"outbox.tries": True}).limit(limit))
            for tries, ids in _ids_by_tries(found).items():
                marks = {"dueAt": now() + self._pause(tries), "claim": claim, "tries": tries + 1}
                self._bookings.update_many(
                    {"_id": {"$in": ids}, **overdue},
                    {"$set": {f"outbox.$[].{name}": value for name, value in marks.items()}},
                )
            mine = {"_id": {"$in": [each["_id"] for each in found]}, "outbox.claim": claim}
            claimed = list(self._bookings.find(mine, {"outbox": True})) if found else []
        return [entry for document in claimed for entry in _entries(document)]

    def _pause(self, tries: int) -> timedelta:
        doubled: timedelta = self._grace * 2 ** min(tries, 20)
        return min(doubled, self._resend)

    def backlog(self) -> int:
        """Count the bookings with something not sent yet. Raises: DatabaseUnavailable."""
        with database_errors():
            return self._bookings.count_documents(_UNSENT)

    def oldest_seconds(self) -> float:
        """Say how long the oldest entry has been waiting to be sent; 0 when there is none.

        Each sweep puts off `dueAt`, also when it finds no broker; `storedAt` stays.
        Raises: DatabaseUnavailable.
        """
        with database_errors():
            waiting = self._bookings.find(_UNSENT, {"outbox.storedAt": True})
            waiting = waiting.sort("outbox.storedAt", 1)
            first = next(waiting.limit(1), None)
        stored = [entry.get("storedAt", now()) for entry in first["outbox"]] if first else [now()]
        return max((now() - min(stored)).total_seconds(), 0.0)

    def settle_sent(self, entries: Sequence[Entry]) -> None:
        """Note that the broker has these. Raises: DatabaseUnavailable; they are sent once more."""
        requests = [entry for entry in entries if entry.type == BOOKING_REQUESTED]
        events = [entry for entry in entries if entry.type != BOOKING_REQUESTED]
        with database_errors():
            for few in _chunks(requests):
                self._put_off(few)
            for few in _chunks(events):
                self._remove(few)

    def _put_off(self, requests: Sequence[Entry]) -> None:
        # The outbox of a booking that waits for its decision holds the request and nothing else.
        waiting = {
            "_id": {"$in": [entry.booking_id for entry in requests]},
            "status": Status.PENDING.value,
            "outbox.type": BOOKING_REQUESTED,
        }
        put_off = {"outbox.0.dueAt": now() + self._resend, "outbox.0.sent": True}
        self._bookings.update_many(waiting, {"$set": put_off})

    def _remove(self, events: Sequence[Entry]) -> None:
        booking_ids = sorted({entry.booking_id for entry in events})
        event_ids = [entry.event_id for entry in events]
        self._bookings.update_many(
            {"_id": {"$in": booking_ids}},
            {"$pull": {"outbox": {"eventId": {"$in": event_ids}}}},
        )


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), SETTLE_LIMIT):
        yield entries[start : start + SETTLE_LIMIT]


def _ids_by_tries(documents: Sequence[dict[str, Any]]) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = {}
    for document in documents:
        tries = max((entry.get("tries", 0) for entry in document["outbox"]), default=0)
        groups.setdefault(tries, []).append(document["_id"])
    return groups


def _entries(document: dict[str, Any]) -> Iterator[Entry]:
    for entry in document["outbox"]:
        yield Entry(
            booking_id=document["_id"],
            event_id=entry["eventId"],
            type=entry["type"],
            body=entry["body"],
            request_id=entry.get("requestId", ""),
        )
