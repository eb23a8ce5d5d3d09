"""Messages that a booking still has to send, kept inside its document until the broker has them."""

from __future__ import annotations

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
REQUEST_ID_HEADER = "nameko.request_id"


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
        """Take entries of at most `limit` bookings and put them out of other sweeps' sight.

        Two sweeps at the same instant may both get an entry: consumers bear duplicates.
        Raises: DatabaseUnavailable.
        """
        overdue = {"outbox.dueAt": {"$lte": now()}}
        with database_errors():
            found = list(self._bookings.find(overdue, {"outbox": True}).limit(limit))
            if found:
                ids = [document["_id"] for document in found]
                later = {"$set": {"outbox.$[].dueAt": self.due_at()}}
                self._bookings.update_many({"_id": {"$in": ids}, **overdue}, later)
        return [entry for document in found for entry in _entries(document)]

    def backlog(self) -> int:
        """Count the bookings with something to send now or soon. Raises: DatabaseUnavailable."""
        with database_errors():
            return self._bookings.count_documents({"outbox.dueAt": {"$lte": self.due_at()}})

    def oldest_seconds(self) -> float:
        """Say how long the oldest entry has been waiting to be sent; 0 when there is none.

        Each sweep puts off `dueAt`, also when it finds no broker; `storedAt` stays.
        Raises: DatabaseUnavailable.
        """
        with database_errors():
            waiting = self._bookings.find(
                {"outbox.dueAt": {"$exists": True}}, {"outbox.storedAt": True}
            ).sort("outbox.storedAt", 1)
            first = next(waiting.limit(1), None)
        stored = [entry.get("storedAt", now()) for entry in first["outbox"]] if first else [now()]
        return max((now() - min(stored)).total_seconds(), 0.0)

    def settle_sent(self, entries: Sequence[Entry]) -> None:
        """Note that the broker has these. Raises: DatabaseUnavailable; they are sent once more."""
        requests = [entry for entry in entries if entry.type == BOOKING_REQUESTED]
        events = [entry for entry in entries if entry.type != BOOKING_REQUESTED]
        with database_errors():
            if requests:
                self._put_off(requests)
            if events:
                self._remove(events)

    def _put_off(self, requests: Sequence[Entry]) -> None:
        # The outbox of a booking that waits for its decision holds the request and nothing else.
        waiting = {
            "_id": {"$in": [entry.booking_id for entry in requests]},
            "status": Status.PENDING.value,
            "outbox.type": BOOKING_REQUESTED,
        }
        self._bookings.update_many(waiting, {"$set": {"outbox.0.dueAt": now() + self._resend}})

    def _remove(self, events: Sequence[Entry]) -> None:
        booking_ids = sorted({entry.booking_id for entry in events})
        event_ids = [entry.event_id for entry in events]
        self._bookings.update_many(
            {"_id": {"$in": booking_ids}},
            {"$pull": {"outbox": {"eventId": {"$in": event_ids}}}},
        )


def _entries(document: dict[str, Any]) -> Iterator[Entry]:
    for entry in document["outbox"]:
        yield Entry(
            booking_id=document["_id"],
            event_id=entry["eventId"],
            type=entry["type"],
            body=entry["body"],
            request_id=entry.get("requestId", ""),
        )
